"""Both estimators by scikit-learn's own conventions."""

import copy
import pickle

import numpy as np
import pytest

import fokker

sklearn = pytest.importorskip("sklearn")
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

#: The checks call fit(X, y) with y of few values, or one for each row: as times these are no snapshots
#: that anything can be held out of, so the choices that need it are made here.
ENERGY = fokker.PopulationEnergy(potential_features="poly:1", scheme="explicit", ridge=1e-6)


@parametrize_with_checks([fokker.SpectralDensity(), ENERGY], expected_failed_checks=lambda estimator: {})
def test_conventions(estimator, check):
    check(estimator)


random = np.random.default_rng(0)
X = random.normal(size=(3000, 2)) @ np.array([[1.0, 0.5], [0.0, 0.8]]) + 3
PARTICLES = random.normal(size=(200, 2))
SNAPSHOTS = np.vstack([PARTICLES * 0.8**k for k in range(4)])
TIMES = np.repeat([0.0, 0.1, 0.2, 0.3], 200)


def test_the_density_of_a_gaussian():
    density = fokker.SpectralDensity(reference="hermite", degree=2).fit(X)
    points = X[:50]
    precision = np.linalg.inv(np.cov(X.T))
    exact = -(points - X.mean(0)) @ precision
    # Hermite of degree 2 is exact for Gaussians; one fit of 3000 rows errs by about √(5/6000).
    assert abs(density.score_function(points, 1e-3) - exact).max() < 0.15
    normal = -0.5 * (((points - X.mean(0)) @ precision) * (points - X.mean(0))).sum(1)
    normal += 0.5 * np.linalg.slogdet(precision)[1] - np.log(2 * np.pi)
    assert abs(density.score_samples(points) - normal).max() < 0.15
    drawn = density.sample(5000, random_state=1)
    assert abs(np.cov(drawn.T) - np.cov(X.T)).max() < 0.15
    assert density.score(points) == pytest.approx(density.score_samples(points).mean())


def test_weights_count_as_repetitions():
    weights = random.integers(0, 3, len(X))
    options = {"reference": "hermite", "degree": 2, "hold_out": 0.0, "ridge": 1e-6}
    weighted = fokker.SpectralDensity(**options).fit(X, sample_weight=weights)
    repeated = fokker.SpectralDensity(**options).fit(np.repeat(X, weights, axis=0))
    assert np.allclose(weighted.score_samples(X[:20]), repeated.score_samples(X[:20]), atol=1e-6)


def test_shards_merge_to_the_whole():
    options = {"reference": "hermite", "degree": 3, "hold_out": 0.0, "ridge": 1e-6}
    whole = fokker.SpectralDensity(**options).fit(X[:1000])
    whole.partial_fit(X[1000:2000]).partial_fit(X[2000:])
    parts = fokker.SpectralDensity(**options).fit(X[:1000])
    second, third = parts.shard(X[1000:2000]), parts.shard(X[2000:])
    parts.merge(second).merge(third)
    assert whole.n_samples_seen_ == parts.n_samples_seen_ == 3000
    assert np.allclose(whole.score_samples(X), parts.score_samples(X), atol=1e-10)
    with pytest.raises(ValueError, match="different coordinates"):
        parts.merge(fokker.SpectralDensity(**options).fit(X[:500]))
    with pytest.raises(ValueError, match="holds no moments"):
        pickle.loads(pickle.dumps(whole)).partial_fit(X)
    with pytest.raises(ValueError, match="holds no moments"):
        pickle.loads(pickle.dumps(whole)).merge(whole)
    with pytest.raises(ValueError, match="holds no moments"):
        pickle.loads(pickle.dumps(whole)).shard(X)


def test_draws_follow_the_seed():
    density = fokker.SpectralDensity(reference="hermite", degree=2).fit(X)
    assert np.array_equal(density.sample(300, 7), density.sample(300, 7))
    assert np.array_equal(density.sample(300, 7)[:100], density.sample(100, 7))
    assert not np.array_equal(density.sample(10, None), density.sample(10, None))
    generators = [np.random.default_rng(3) for _ in range(2)]
    assert np.array_equal(*(density.sample(10, generator) for generator in generators))


def test_the_energy_of_a_known_flow():
    energy = fokker.PopulationEnergy(potential_features="poly:2", scheme="explicit", ridge=0.0)
    energy.fit(SNAPSHOTS, TIMES)
    # x ← 0.8 x in 0.1: velocity −2x, V = |x|² + constant.
    assert np.allclose(energy.velocity(PARTICLES), -2 * PARTICLES, atol=1e-6)
    rise = energy.potential(PARTICLES) - energy.potential(np.zeros((1, 2)))
    assert np.allclose(rise, (PARTICLES**2).sum(1), atol=1e-6)
    assert np.allclose(energy.predict(PARTICLES, 0.1), 0.8 * PARTICLES, atol=1e-7)
    assert np.allclose(energy.predict(PARTICLES), 0.8 * PARTICLES, atol=1e-7)
    path = energy.predict(PARTICLES, [0.1, 0.3])
    assert path.shape == (2, 200, 2) and np.allclose(path[1], 0.8**3 * PARTICLES, atol=1e-6)
    assert energy.score(SNAPSHOTS, TIMES) > -1e-6
    assert energy.temperature_ is None and np.array_equal(energy.interaction([0.5, 1.0]), [0, 0])
    assert np.array_equal(energy.times_, [0.0, 0.1, 0.2, 0.3])


def test_validation_is_honest():
    energy = fokker.PopulationEnergy(potential_features="poly:2", scheme="explicit", ridge=1e-8)
    found = energy.validate(SNAPSHOTS, TIMES, seeds=2)
    assert found["mean"]["fit"] < found["mean"]["persistence"]
    assert len(found["steps"]) == 3 and found["steps"][0]["to"] == 0.1
    assert not hasattr(energy, "times_")


def test_a_prediction_that_loses_particles_is_none():
    # x → x/10: the implicit step y = x − 9y has no fixed point that iterations reach.
    x = np.concatenate([np.arange(1.0, 41.0) * 0.1**t for t in range(3)])[:, None]
    energy = fokker.PopulationEnergy(potential_features="poly:2", scheme="implicit", ridge=1e-6)
    found = energy.validate(x, np.repeat([0, 1, 2], 40), seeds=1)
    assert found["verdict"] == "worse" and found["mean"]["fit"] is None
    assert found["mean"]["affine"] < found["mean"]["persistence"]
    assert [one["prediction"] for one in found["lost"]].count("fit") == 2
    assert found["lost"][0]["particles"] > 0 and "implicit step" in found["lost"][0]["reason"]


@pytest.mark.parametrize(
    "estimator, arguments",
    [(fokker.SpectralDensity(reference="hermite", degree=2), (X,)), (ENERGY, (SNAPSHOTS, TIMES))],
)
def test_fits_survive_pickling_and_processes(estimator, arguments):
    from joblib import Parallel, delayed

    fitted = copy.deepcopy(estimator).fit(*arguments)
    again = pickle.loads(pickle.dumps(fitted))
    assert again.to_bytes() == fitted.to_bytes()
    assert again.score(*arguments) == fitted.score(*arguments)
    # Pickles hold the same bytes, whose checksum finds a flipped bit.
    changed = bytearray(fitted.to_bytes())
    changed[-20] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        type(fitted).from_bytes(bytes(changed))
    elsewhere = Parallel(n_jobs=2)(delayed(fitted.score)(*arguments) for _ in range(2))
    assert elsewhere == [fitted.score(*arguments)] * 2


def test_an_absolute_ridge_is_added_to_the_matrix():
    def fit(**ridge):
        energy = fokker.PopulationEnergy(potential_features="poly:1", time="none", scheme="explicit", **ridge)
        return energy.fit(SNAPSHOTS[:, :1] + TIMES[:, None], TIMES).potential_coefficients_

    # One unknown: (A + ρ) c = b, so that 1/c is affine in ρ.
    inverse = [1 / fit(ridge_absolute=ridge) for ridge in (0.0, 1.0, 2.0)]
    assert inverse[0].shape == (1, 1) and inverse[1] != inverse[0]
    assert np.allclose(inverse[2] - inverse[1], inverse[1] - inverse[0], rtol=1e-9)
    assert np.allclose(1 / inverse[0], fit(ridge=0), rtol=1e-12)
    with pytest.raises(ValueError, match="ridge or ridge_absolute"):
        fit(ridge=0.1, ridge_absolute=0.1)
    with pytest.raises(ValueError, match="ridge"):
        fit(ridge_absolute=-1.0)


def test_pipelines_and_searches():
    pipeline = make_pipeline(StandardScaler(), fokker.SpectralDensity(reference="hermite", degree=2))
    assert np.isfinite(pipeline.fit(X).score(X))
    search = GridSearchCV(fokker.SpectralDensity(reference="hermite"), {"degree": [1, 2]}, cv=3)
    assert search.fit(X).best_params_ == {"degree": 2}
    search = GridSearchCV(ENERGY, {"potential_features": ["poly:1", "poly:2"]}, cv=3)
    shuffled = random.permutation(len(TIMES))
    assert search.fit(SNAPSHOTS[shuffled], TIMES[shuffled]).best_params_ == {"potential_features": "poly:2"}


def test_fits_of_the_command_line_are_read(command):
    np.save(command.folder / "x.npy", X)
    command("spectral", "fit", "x.npy", "-o", "x.safetensors")
    saved = (command.folder / "x.safetensors").read_bytes()
    density = fokker.SpectralDensity.from_bytes(saved)
    assert density.to_bytes() == saved
    assert density.score_samples(X[:3]).shape == (3,)
