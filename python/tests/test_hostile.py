"""Wrong objects and extreme numbers: every function answers with numbers, or one sentence, at once."""

import re
import time

import numpy as np
import pytest

import fokker
from fokker import audit, transport

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(30, 2))
TIMES = np.repeat([0.0, 1.0], 15)
DENSITY = fokker.SpectralDensity(reference="hermite", degree=2).fit(RANDOM.normal(size=(300, 2)))
COSINES = fokker.SpectralDensity(reference="cosine", degree=2).fit(RANDOM.normal(size=(300, 2)))
ENERGY = fokker.PopulationEnergy(potential_features="poly:2", scheme="explicit", ridge=1e-6).fit(X, TIMES)


def spectral(x, **other):
    return fokker.SpectralDensity(reference="hermite", degree=2).fit(x, **other)


def population(x, times):
    return fokker.PopulationEnergy(potential_features="poly:2", scheme="explicit", ridge=1e-6).fit(x, times)


#: Functions of one array, and whether it is rows of particles.
CALLS = {
    "errors of data": lambda x: audit.errors(data=x, steps=3),
    "score_errors": lambda x: audit.score_errors(lambda y, t: -y, x, draws=50, particles=50, steps=2),
    "exact": lambda x: transport.exact(x, X),
    "sinkhorn": lambda x: transport.sinkhorn(X, x),
    "wasserstein": lambda x: transport.wasserstein(x, X),
    "sliced": lambda x: transport.sliced_wasserstein2(x, X, directions=4),
    "energy_distance": lambda x: transport.energy_distance(x, X),
    "kernel": lambda x: transport.kernel_discrepancy(x, X),
    "median": lambda x: transport.median_distance(x, X),
    "divergence": lambda x: transport.sinkhorn_divergence(x, X),
    "floor": lambda x: transport.floor(x, repeats=2),
    "interpolate": lambda x: transport.interpolate(x, X, 0.5),
    "density": spectral,
    "log-density": DENSITY.score_samples,
    "log-density of cosines": COSINES.score_samples,
    "score": lambda x: DENSITY.score_function(x, 0.1),
    "partial_fit": lambda x: spectral(X).partial_fit(x),
    "energy": lambda x: population(x, TIMES),
    "predict": ENERGY.predict,
    "potential": ENERGY.potential,
}
LISTS = {
    "errors": lambda x: audit.errors(x, steps=3),
    "times": lambda x: audit.errors([1.0], times=x),
    "sigmas": lambda x: audit.lint(x, spectrum="natural:4x4x1"),
    "export": lambda x: audit.export(x, "t"),
    "betas": lambda x: audit.errors([1.0], steps=3, schedule=x),
    "line": lambda x: transport.wasserstein_line(x, [1.0]),
    "weights": lambda x: transport.wasserstein(X, X, source_weights=x),
    "sample_weight": lambda x: spectral(X, sample_weight=x),
    "times of cells": lambda x: population(X, x),
    "times to predict": lambda x: ENERGY.predict(X, x),
    "distances": ENERGY.interaction,
}


def broken(value, at=(3, 1)):
    x = X.copy()
    x[at] = value
    return x


def objects():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": ["u"] * 30, "b": X[:, 0]})
    return {
        "None": None,
        "text": "abc",
        "bytes": b"abc",
        "list of text": ["a", "b"],
        "ragged": [[1.0, 2.0], [3.0]],
        "dictionary": {"a": 1.0},
        "set": {1.0, 2.0},
        "generator": (i for i in range(3)),
        "object": object(),
        "function": np.sin,
        "three axes": np.zeros((4, 3, 2)),
        "no rows": np.zeros((0, 2)),
        "complex": X + 1j,
        "dates": np.array(["2020-01-01"], dtype="M8[D]"),
        "records": np.zeros(3, dtype=[("a", "f8")]),
        "NaN": broken(np.nan),
        "infinite": broken(np.inf),
        "beyond doubles": [[10**400, 1], [2, 3]],
        "masked": np.ma.array(X, mask=X > 1),
        "list of masked": [np.ma.array(row, mask=row > 1) for row in X],
        "frame of text": frame,
        "missing": pandas.DataFrame({"a": [1, None, 3], "b": [1, 2, 3]}, dtype="Int64"),
    }


@pytest.mark.parametrize("name", [*CALLS, *LISTS])
def test_wrong_objects_are_refused_in_a_sentence(name):
    optional = name in ("times", "weights", "sample_weight", "times to predict")
    for kind, thing in objects().items():
        if thing is None and optional:
            continue
        begin = time.perf_counter()
        with pytest.raises((ValueError, TypeError)) as raised:
            (CALLS | LISTS)[name](thing)
        message = str(raised.value)
        assert 8 < len(message) < 400 and "failed to extract" not in message, (kind, message)
        assert time.perf_counter() - begin < 2.0, kind


@pytest.mark.parametrize("name", CALLS)
def test_other_kinds_of_numbers_are_numbers(name):
    readonly = X.copy()
    readonly.flags.writeable = False
    pandas = pytest.importorskip("pandas")
    for same in [
        np.asfortranarray(X),
        readonly,
        X.tolist(),
        X.astype(object),
        np.ma.array(X, mask=False),
        np.repeat(X, 2, axis=0)[::2],
        pandas.DataFrame(X, index=RANDOM.permutation(30)),
    ]:
        # Printed with all digits: fits are compared by what they say of some rows.
        assert answer(name, same) == answer(name, X)


def answer(name, x):
    found = CALLS[name](x)
    if isinstance(found, fokker.SpectralDensity):
        found = found.score_samples(X)
    if isinstance(found, fokker.PopulationEnergy):
        found = found.potential(X)
    with np.printoptions(floatmode="unique", threshold=10**6):
        return repr(found)


@pytest.mark.parametrize("name", CALLS)
def test_no_answer_is_nan(name):
    for x in [broken(1e308), -np.abs(X) * 1e200, X * 1e-300, X[:1], np.ones((30, 2)), (X > 0), (X * 9).astype(np.int8)]:
        try:
            found = CALLS[name](x)
        except (ValueError, ArithmeticError) as error:
            assert 10 < len(str(error)) < 400, error
            # Whose fault it is: the row that no answer can be given for.
            assert name != "log-density" or re.search(r"at row \d+, column \d", str(error)), error
        else:
            assert all(np.isfinite(value) for value in numbers(found)), (name, x[:4])


def numbers(found):
    if isinstance(found, (float, np.ndarray)):
        yield from np.ravel(found).tolist()
    elif isinstance(found, (list, tuple)):
        for value in found:
            yield from numbers(value)
    elif hasattr(found, "__dataclass_fields__"):
        for field in found.__dataclass_fields__:
            yield from numbers(getattr(found, field))


def test_bytes_are_pixels_as_from_files():
    pixels = RANDOM.integers(0, 256, size=(40, 3), dtype=np.uint8)
    scaled = pixels / 127.5 - 1.0
    pandas = pytest.importorskip("pandas")
    assert transport.wasserstein(pixels, scaled) == 0.0
    assert audit.errors(data=pixels, steps=3).w2 == audit.errors(data=scaled, steps=3).w2
    density = spectral(scaled)
    assert np.array_equal(spectral(pixels).score_samples(pixels), density.score_samples(scaled))
    assert np.array_equal(audit.Texture(pixels).eigenvalues, audit.Texture(scaled).eigenvalues)
    # Columns of a data frame, costs and covariances are no pixels.
    assert transport.wasserstein(pandas.DataFrame(pixels), pixels.astype(float)) == 0.0
    costs = np.array([[1, 9], [9, 1]], dtype=np.uint8)
    assert transport.exact(costs=costs).cost == 1.0
    covariance = np.array([[4, 0], [0, 1]], dtype=np.uint8)
    assert audit.errors(covariance=covariance, steps=3).w2 == audit.errors([4.0, 1.0], steps=3).w2


def test_what_to_pass_instead_is_said():
    anndata = pytest.importorskip("anndata")
    sparse = pytest.importorskip("scipy.sparse")
    cells = anndata.AnnData(RANDOM.normal(size=(3000, 50)).astype(np.float32))
    cells.obsm["X_umap"], cells.obsm["X_pca"] = np.zeros((3000, 2)), np.zeros((3000, 2))
    cells.obs["day"] = 0.0
    begin = time.perf_counter()
    for call, wanted in [
        (lambda: population(cells, TIMES), r"data\.X or data\.obsm\[\"X_pca\"\] \(also \"X_umap\"\)"),
        (lambda: population(X, cells), r"data\.obs\[\"day\"\]"),
        (lambda: ENERGY.predict(X, cells), r"data\.obs\[\"day\"\]"),
        (lambda: transport.wasserstein(cells, X), r"data\.obsm"),
        (lambda: spectral(sparse.csr_matrix(X)), r"pass X\.toarray\(\)"),
        (lambda: spectral(np.zeros((10, 4, 3))), r"X\.reshape\(10, -1\)"),
        (lambda: spectral(np.ma.array(X, mask=X > 1)), r"X\.filled\(value\)"),
        (lambda: spectral(None), "X must be a 2-D array .* found None"),
        (lambda: transport.wasserstein(X, [[1.0, "a"]]), "y must hold numbers, found 'a' at row 0, column 1"),
        (lambda: audit.errors(np.zeros((3, 1))), r"eigenvalues\.ravel\(\)"),
    ]:
        with pytest.raises(ValueError, match=wanted):
            call()
    assert time.perf_counter() - begin < 2.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fokker.SpectralDensity(degree="four").fit(X), "degree must be a whole number from 0, found"),
        (lambda: fokker.SpectralDensity(degree=2.5).fit(X), "degree must be a whole number from 0"),
        (lambda: fokker.SpectralDensity(degree=-1).fit(X), "degree must be a whole number from 0"),
        (lambda: fokker.SpectralDensity(hold_out="x").fit(X), "hold_out must be a number"),
        (lambda: fokker.PopulationEnergy(scheme=3).fit(X, TIMES), "unknown scheme \"3\"; known: explicit"),
        (lambda: fokker.PopulationEnergy(internal=10**400).fit(X, TIMES), "more than 20 digits"),
        (lambda: DENSITY.sample("many"), "samples must be a whole number from 0"),
        (lambda: DENSITY.sample(10, steps=1.5), "steps must be a whole number"),
        (lambda: DENSITY.score_function(X, t="x"), "at must be a number"),
        (lambda: audit.errors([1.0], steps="x"), "steps must be a whole number or a list of them or None, found 'x'"),
        (lambda: audit.errors([1.0], stop=[1.0]), "stop must be at least 0 and below the schedule's horizon 1"),
        (lambda: audit.errors([1.0], scheme=3), "scheme must be text or a function or a Scheme or a list of them, found 3"),
        (lambda: audit.errors([1.0], along_time="yes"), "along_time must be True or False"),
        (lambda: audit.tune([1.0], nfe=-3), "nfe must be a whole number from 0"),
        (lambda: transport.wasserstein(X, X, p="2"), "p must be a whole number"),
        (lambda: transport.sinkhorn(X, X, epsilon="x"), "epsilon must be a number or None"),
    ],
)
def test_wrong_types_name_the_argument(call, message):
    with pytest.raises((TypeError, ValueError)) as raised:
        call()
    assert str(raised.value).startswith(message) or message in str(raised.value)


def test_millions_of_columns_are_refused_before_memory_is_taken():
    x = np.zeros((3, 3_000_000), dtype=np.float32)
    with pytest.raises(fokker.InputError, match="at most 1000000 for 3000000 columns"):
        fokker.SpectralDensity().fit(x)
