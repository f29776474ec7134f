"""The same inputs and seed give the bits of the command line."""

import json
import os
import struct
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import fokker
from fokker import transport

random = np.random.default_rng(0)
X = random.normal(size=(2000, 3)) @ np.array([[1.0, 0.5, 0.0], [0.0, 0.8, 0.2], [0.0, 0.0, 2.0]])
Y = random.normal(size=(400, 3)) + 1


def test_fits_densities_scores_and_samples(command):
    np.save(command.folder / "x.npy", X)
    command("spectral", "fit", "x.npy", "-o", "fit.safetensors")
    command("--seed", 7, "spectral", "sample", "fit.safetensors", "-n", 500, "-o", "samples.npy")
    command("spectral", "density", "fit.safetensors", "x.npy", "-o", "logp.npy")
    command("spectral", "score", "fit.safetensors", "x.npy", "--at", 0.1, "-o", "score.npy")
    density = fokker.SpectralDensity().fit(X)
    assert density.to_bytes() == (command.folder / "fit.safetensors").read_bytes()
    assert np.array_equal(density.sample(500, random_state=7), np.load(command.folder / "samples.npy"))
    assert np.array_equal(density.score_samples(X), np.load(command.folder / "logp.npy"))
    assert np.array_equal(density.score_function(X, 0.1), np.load(command.folder / "score.npy"))
    command("spectral", "density", "fit.safetensors", "x.npy", "--density", "energy", "-o", "energy.npy")
    density.set_params(density="energy")
    assert np.array_equal(density.score_samples(X), np.load(command.folder / "energy.npy"))


@pytest.mark.parametrize("reference", ["hermite", "hermite-whitened", "cosine", "cosine-box"])
def test_samples_of_every_reference(command, reference):
    np.save(command.folder / "x.npy", X[:500])
    command("spectral", "fit", "x.npy", "--reference", reference, "-o", "fit.safetensors")
    command("--seed", 3, "spectral", "sample", "fit.safetensors", "-n", 300, "-o", "samples.npy")
    density = fokker.SpectralDensity(reference=reference).fit(X[:500])
    assert density.to_bytes() == (command.folder / "fit.safetensors").read_bytes()
    # Cosines were Metropolis-adjusted on the command line alone.
    assert np.array_equal(density.sample(300, random_state=3), np.load(command.folder / "samples.npy"))


def test_errors_of_samplers(command):
    np.save(command.folder / "data.npy", X)
    options = ["--scheme", "dpmpp-2m,heun", "--steps", "20", "--grid", "log-snr", "--stop", "1e-3"]
    cells = json.loads(command("--json", "audit", "errors", "--data", "data.npy", *options))["cells"]
    cells = [cell for cell in cells if cell["steps"]]
    assert len(cells) == 2
    for cell in cells:
        found = fokker.audit.errors(data=X, scheme=cell["scheme"], steps=20, grid="log-snr", stop=1e-3)
        for key in ("w2", "initialisation", "truncation", "discretisation", "score", "evaluations"):
            assert getattr(found, key) == cell[key], (cell["scheme"], key)


def test_tuned_grids(command):
    printed = command("--json", "audit", "tune", "--spectrum", "natural:8x8x1", "--nfe", 8, "--scheme", "ddim")
    result = json.loads(printed)["results"][0]
    tuned = fokker.audit.tune(spectrum="natural:8x8x1", nfe=8, scheme="ddim")
    assert tuned.w2 == result["w2"] and tuned.times.tolist() == result["t"]
    assert tuned.sigmas.tolist() == result["sigmas"]


@pytest.mark.parametrize("robust", ["average", "worst"])
def test_robust_grids(command, robust):
    options = ["--spectrum", "natural:8x8x1", "--nfe", 6, "--scheme", "ddim", "--robust", robust]
    result = json.loads(command("--json", "--seed", 5, "audit", "tune", *options))["results"][0]
    tuned = fokker.audit.tune(spectrum="natural:8x8x1", nfe=6, scheme="ddim", robust=robust, seed=5)
    assert tuned.w2 == result["w2"] and tuned.times.tolist() == result["t"]


def test_textures(command):
    pixels = np.random.default_rng(3).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    (command.folder / "image.png").write_bytes(png(pixels))
    found = json.loads(command("--json", "audit", "texture", "image.png"))
    texture = fokker.audit.Texture(pixels / 127.5 - 1)
    assert texture.shape == (found["height"], found["width"], found["channels"])
    # The command line has its own rounding from bytes to [−1, 1].
    assert texture.eigenvalues.max() == pytest.approx(found["largest_eigenvalue"], rel=1e-12)
    assert texture.eigenvalues.sum() == pytest.approx(found["trace"], rel=1e-12)
    errors = json.loads(command("--json", "audit", "errors", "--texture", "image.png", "--scheme", "ddim"))
    expected = next(cell["w2"] for cell in errors["cells"] if cell["steps"])
    assert fokker.audit.errors(texture.eigenvalues, scheme="ddim").w2 == pytest.approx(expected, rel=1e-9)


def png(pixels):
    """The smallest PNG of bytes [M, N, 3]: rows without a filter."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width, _ = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_findings(command):
    printed = command("--json", "audit", "lint", "preset:stable-diffusion-xl", "--spectrum", "natural:8x8x1")
    found = fokker.audit.lint("preset:stable-diffusion-xl", spectrum="natural:8x8x1")
    assert [vars(finding) for finding in found] == json.loads(printed)["findings"]


def test_distances_and_couplings(command):
    np.save(command.folder / "a.npy", X[:500])
    np.save(command.folder / "b.npy", Y)
    for metric, p in (("w1", 1), ("w2", 2)):
        printed = command("--json", "transport", "distance", "a.npy", "b.npy", "--metric", metric)
        assert json.loads(printed)["value"] == fokker.transport.wasserstein(X[:500], Y, p=p)
    printed = command("--json", "transport", "couple", "a.npy", "b.npy", "-o", "plan.npz")
    plan, saved = fokker.transport.exact(X[:500], Y), np.load(command.folder / "plan.npz")
    assert (plan.cost, plan.gap) == (json.loads(printed)["cost"], json.loads(printed)["gap"])
    for key in ("source", "target", "mass", "dual_source", "dual_target"):
        assert np.array_equal(getattr(plan, key), saved[key]), key


def mmd_of(bandwidth):
    return partial(transport.kernel_discrepancy, bandwidth=bandwidth)


def divergence(x, y, **options):
    return transport.sinkhorn_divergence(x, y, **options).value


@pytest.mark.parametrize(
    "metric, options, distance",
    [
        ("w1", [], partial(transport.wasserstein, p=1)),
        ("w2", [], transport.wasserstein),
        ("sliced-w2", ["--directions", 40], partial(transport.sliced_wasserstein2, directions=40, seed=9)),
        ("energy", [], transport.energy_distance),
        ("mmd", [], transport.kernel_discrepancy),
        ("mmd", ["--bandwidth", 0.7], mmd_of(0.7)),
        ("sinkhorn", ["--relative-epsilon", 0.5], partial(divergence, relative_epsilon=0.5)),
    ],
    ids=["w1", "w2", "sliced", "energy", "mmd", "mmd-bandwidth", "sinkhorn"],
)
def test_distances_and_their_floors(command, metric, options, distance):
    a, b = np.arange(300.0) + 725, 1024 - np.arange(400.0)
    for name, array in (("a.npy", X[:300]), ("b.npy", Y), ("wa.npy", a), ("wb.npy", b)):
        np.save(command.folder / name, array)
    words = ["transport", "distance", "a.npy", "b.npy", "--metric", metric, *options, "--floor", "--repeats", 4, "--permutations", 5]
    for weights in ([], ["--weights", "wa.npy,wb.npy"]):
        printed = json.loads(command("--json", "--seed", 9, *words, *weights))
        given = {"source_weights": a, "target_weights": b} if weights else {}
        assert distance(X[:300], Y, **given) == printed["value"]
        halves = distance
        if distance is transport.kernel_discrepancy:
            halves = mmd_of(transport.median_distance(X[:300], Y, **given))
        if metric == "sinkhorn":
            # The floor is at the ε of the distance, not at one for the median of each pair of halves.
            epsilon = transport.sinkhorn_divergence(X[:300], Y, relative_epsilon=0.5, **given).epsilon
            halves = partial(divergence, epsilon=epsilon)
        floor = transport.floor(X[:300], distance=halves, repeats=4, seed=9, weights=a if weights else None)
        assert vars(floor) == printed["floor"]
        options = {"source_weights": a, "target_weights": b} if weights else {}
        p = transport.permutation_test(X[:300], Y, distance=halves, permutations=5, seed=9, **options)
        assert p == printed["p_value"]


def test_the_gap_of_a_distance(command):
    np.save(command.folder / "a.npy", X[:300])
    np.save(command.folder / "b.npy", Y)
    printed = json.loads(command("--json", "transport", "distance", "a.npy", "b.npy"))
    found = transport.exact_distance(X[:300], Y)
    assert (found.value, found.gap) == (printed["value"], printed["gap"])


def test_energies_and_predictions(command):
    clouds = [X[:200] * 0.8**k for k in range(3)]
    x, time = np.vstack(clouds), np.repeat([0.0, 0.5, 1.0], 200)
    np.savez(command.folder / "cells.npz", x=x, time=time)
    command("population", "fit", "cells.npz", "--potential", "poly:2", "-o", "energy.safetensors")
    energy = fokker.PopulationEnergy(potential_features="poly:2").fit(x, time)
    assert energy.to_bytes() == (command.folder / "energy.safetensors").read_bytes()
    again = fokker.PopulationEnergy.from_bytes(energy.to_bytes())
    assert np.array_equal(again.velocity(X), energy.velocity(X))


def test_absolute_ridges(command):
    x, time = np.vstack([X[:200], X[:200] * 0.8]), np.repeat([0.0, 0.5], 200)
    np.savez(command.folder / "pair.npz", x=x, time=time)
    options = ["--potential", "poly:2", "--scheme", "explicit", "--ridge-absolute", 0.3]
    command("population", "fit", "pair.npz", *options, "-o", "absolute.safetensors")
    options = {"potential_features": "poly:2", "scheme": "explicit", "ridge_absolute": 0.3}
    energy = fokker.PopulationEnergy(**options).fit(x, time)
    assert energy.to_bytes() == (command.folder / "absolute.safetensors").read_bytes()
    assert energy.report_["chosen"]["ridge"] == "absolute:0.3"


def validated(command, *arguments):
    """What the command line prints, without the seconds and what is named by the kind of ridge."""
    printed = json.loads(command("--json", "population", "validate", *arguments))
    del printed["seconds"]
    return printed


def cells_of(dim=2):
    clouds = [random.normal(size=(60, dim)) * 0.8**k + 0.3 * k for k in range(3)]
    return np.vstack(clouds), np.repeat([7.5, 8.0, 10.0], 60)


def test_validation_with_no_options_gives_the_same_bits(command):
    x, time = cells_of()
    labels = [f"E{t:g}" for t in time]
    np.savez(command.folder / "v.npz", x=x, time=time)
    np.save(command.folder / "v.npy", x)
    (command.folder / "v.txt").write_text("\n".join(labels))
    lines = [",".join([*(repr(float(e)) for e in row), label]) for row, label in zip(x, labels, strict=True)]
    (command.folder / "v.csv").write_text("\n".join(["a,b,time", *lines]))
    found = fokker.PopulationEnergy().validate(x, time)
    assert found["chosen"][0]["time_varying"] == "interval"
    for words in (["v.npz"], ["v.npy", "--labels", "v.txt"], ["v.csv"]):
        assert validated(command, *words) == found, words
    assert fokker.PopulationEnergy().validate(x, labels) == found
    one = fokker.PopulationEnergy().validate(x, time, seeds=1)
    assert one["sd"] is None and validated(command, "v.npz", "--seeds", 1) == one


def test_fits_with_no_options_give_the_same_bits(command):
    x, time = cells_of()
    np.savez(command.folder / "f.npz", x=x, time=time)
    command("population", "fit", "f.npz", "-o", "f.safetensors")
    assert fokker.PopulationEnergy().fit(x, time).to_bytes() == (command.folder / "f.safetensors").read_bytes()


def test_categories_with_an_order_keep_it_on_both_sides(command):
    anndata, pandas = pytest.importorskip("anndata"), pytest.importorskip("pandas")
    x, time = cells_of()
    stages = pandas.Categorical.from_codes(np.repeat([2, 0, 1], 60), ["young", "middle", "old"], ordered=True)
    obs = pandas.DataFrame({"time": stages}, index=[str(i) for i in range(len(x))])
    anndata.AnnData(X=x, obs=obs, obsm={"X_pca": x}).write_h5ad(command.folder / "v.h5ad")
    expected = fokker.PopulationEnergy().validate(x, np.repeat([2.0, 0.0, 1.0], 60))
    assert validated(command, "v.h5ad") == expected
    for times in (stages, obs["time"]):
        with pytest.warns(UserWarning, match="young is time 0, middle is time 1, old is time 2"):
            assert fokker.PopulationEnergy().validate(x, times) == expected
    with pytest.raises(ValueError, match="neither a number"):
        fokker.PopulationEnergy().fit(x, pandas.Categorical(list(stages)))
    days = pandas.Series(pandas.Categorical([f"D{t:g}" for t in time]))
    assert fokker.PopulationEnergy().fit(x, days).times_.tolist() == [7.5, 8.0, 10.0]


@pytest.mark.skipif("FOKKER_DATA" not in os.environ, reason="FOKKER_DATA does not name the shared data")
def test_embryoid_bodies_give_the_same_bits(command):
    folder = Path(os.environ["FOKKER_DATA"])
    x, labels = np.load(folder / "embryoid_pca5.npy")[::4], np.load(folder / "embryoid_labels.npy")[::4]
    np.save(command.folder / "quarter.npy", x)
    np.save(command.folder / "labels.npy", labels)
    found = fokker.PopulationEnergy().validate(x, labels)
    assert validated(command, "quarter.npy", "--labels", "labels.npy") == found


def test_predictions_beyond_the_snapshots_say_so():
    x, time = cells_of()
    energy = fokker.PopulationEnergy(potential_features="poly:1", time="none", scheme="explicit", ridge=1e-6)
    energy.fit(x, time)
    with pytest.warns(UserWarning, match="time 11 is outside the snapshots, 7.5 to 10"):
        energy.predict(x, 11.0)
