"""Samples of the tables that scikit-learn ships, with default options."""

import json
import warnings

import numpy as np
import pytest

import fokker

datasets = pytest.importorskip("sklearn.datasets")

TABLES = ["iris", "wine", "breast_cancer", "diabetes", "digits"]


def table(name: str) -> np.ndarray:
    return getattr(datasets, f"load_{name}")().data


@pytest.mark.parametrize("name", TABLES)
def test_no_sample_is_beyond_twice_the_data_and_densities_are_finite(name: str) -> None:
    x = table(name)
    fit = fokker.SpectralDensity().fit(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        drawn = fit.sample(10_000, random_state=1)
    varies = x.std(0) > 0

    def standard(y: np.ndarray) -> np.ndarray:
        return np.abs((y - x.mean(0))[:, varies] / x.std(0)[varies])

    assert (standard(drawn) <= 2 * standard(x).max(0)).all(), fit.sample_report_
    assert np.isfinite(fit.score_samples(x)).all()
    assert np.isfinite(fit.score_samples(drawn[:200])).all()
    # Not far wider than the data: it was 118 to 1,040 times, and 20 times. A pixel that
    # is nearly always white may be narrower: nothing here sees its few values.
    spread = drawn.std(0)[varies] / x.std(0)[varies]
    assert (spread < 1.4).all(), spread


def test_correlated_tables_take_whitened_coordinates() -> None:
    # A Gaussian has 28.9 nats on the 57 rows held out, standardised columns 3.5.
    fit = fokker.SpectralDensity().fit(table("breast_cancer"))
    assert fit.reference_ == "hermite-whitened"
    comparison = fit.report_["comparison"]
    assert comparison["spectral"] > comparison["gaussian"] + 1
    again = fokker.SpectralDensity.from_bytes(fit.to_bytes())
    assert again.reference_ == "hermite-whitened"
    np.testing.assert_array_equal(again.sample(50, random_state=3), fit.sample(50, random_state=3))


def test_a_sample_that_is_not_of_the_data_is_a_warning() -> None:
    # Independent columns cannot follow a correlation of 0.8.
    z = np.random.default_rng(0).normal(size=(1000, 2))
    x = np.c_[z[:, 0], 0.8 * z[:, 0] + 0.6 * z[:, 1]]
    fit = fokker.SpectralDensity(reference="hermite", pairs="none").fit(x)
    with pytest.warns(UserWarning, match="correlation of columns"):
        fit.sample(2000, random_state=0)
    check = fit.sample_report_["check"]
    assert abs(check["correlation"]["value"]) > check["correlation"]["limit"]
    json.dumps(fit.sample_report_)
    good = fokker.SpectralDensity().fit(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        good.sample(2000, random_state=0)


@pytest.mark.parametrize("reference", ["hermite", "cosine", "cosine-box"])
def test_the_fit_chooses_the_corrector(reference: str) -> None:
    x = datasets.make_moons(300, noise=0.1, random_state=0)[0]
    fit = fokker.SpectralDensity(reference=reference).fit(x)
    fit.sample(100, random_state=0)
    corrector = fit.sample_report_["corrector"]
    assert corrector["metropolis"] or reference == "hermite"
    assert 0 < corrector["step"] <= 5e-3
