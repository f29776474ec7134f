"""What a new user does in the first hour: either it works, or one sentence says what is wrong."""

import inspect

import numpy as np
import pytest

import fokker
from fokker import _fokker

X = np.random.default_rng(0).normal(size=(60, 2))


class Table:
    """A data frame as far as we look at one."""

    def __init__(self, values, columns):
        self.values, self.columns = np.asarray(values), columns

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


def strided(x):
    wide = np.empty((len(x), 5))
    wide[:, ::4] = x
    return wide[:, ::4]


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


@pytest.mark.parametrize(
    "change",
    [np.asfortranarray, strided, read_only, np.ndarray.tolist, lambda x: x.astype(">f8"),
     lambda x: Table(x, ["a", "b"]), lambda x: x.astype(object)],
)
def test_arrays_of_any_layout_give_the_same_bits(change):
    expected = fokker.transport.wasserstein(X, X + 1)
    assert fokker.transport.wasserstein(change(X), X + 1) == expected


def test_single_precision_is_its_own_numbers():
    small = X.astype(np.float32)
    assert fokker.transport.wasserstein(small, X) == fokker.transport.wasserstein(small.astype(float), X)


def test_float64_in_c_order_is_not_copied():
    assert _fokker.as_matrix(X, "X").ctypes.data == X.ctypes.data
    assert _fokker.as_matrix(read_only(X), "X").base is None
    assert _fokker.as_matrix(X.astype(np.float32), "X").dtype == np.float64


def nan(x):
    x = x.copy()
    x[3, 1] = np.nan
    return x


MISTAKES = [
    ([[1.0, 2.0], [3.0]], r"X must be a 2-D array \[n, d\] of numbers, but its entries have different lengths"),
    ([["a", 1], ["b", 2]], "X must hold numbers, found .*'a'.* at row 0, column 0"),
    (Table(np.array([[1.0, "x"]], dtype=object), ["age", "name"]), "found 'x' at row 0, column \"name\""),
    (np.array([["2021-01-01"]], dtype="datetime64[D]"), "X must hold numbers, found entries of type datetime64"),
    (nan(X), "data has the non-finite value NaN at row 3, column 1"),
    (X[:, 0], r"X must be a 2-D array \[n, d\] of numbers, found a 1-D array of 60 numbers"),
    (X[0, 0], "X must be a 2-D array .* found a single number"),
    (X[None], "X must be a 2-D array .* found an array of 3 dimensions"),
    (X + 1j, "Complex data not supported"),
    (X[:0], r"X has 0 sample\(s\)"),
    ([[None, 1.0]], "found None at row 0, column 0"),
]


@pytest.mark.parametrize("wrong, sentence", MISTAKES)
def test_a_mistake_is_one_sentence(wrong, sentence):
    for fit in (
        lambda: fokker.SpectralDensity().fit(wrong),
        lambda: fokker.PopulationEnergy().fit(wrong, np.zeros(len(np.atleast_1d(X)))),
    ):
        with pytest.raises(ValueError, match=sentence) as caught:
            fit()
        assert "\n" not in str(caught.value)


def test_the_wrong_number_of_columns():
    density = fokker.SpectralDensity(degree=2, reference="hermite").fit(X)
    with pytest.raises(ValueError, match="X has 3 features, but SpectralDensity is expecting 2 features"):
        density.score_samples(np.zeros((1, 3)))


def test_an_unfitted_estimator():
    for call in (
        lambda: fokker.SpectralDensity().sample(3),
        lambda: fokker.SpectralDensity().score_samples(X),
        lambda: fokker.PopulationEnergy().velocity(X),
        lambda: fokker.PopulationEnergy().interaction([1.0]),
    ):
        with pytest.raises(ValueError, match="is not fitted yet: call 'fit'"):
            call()


def test_names_of_columns_are_remembered():
    density = fokker.SpectralDensity(degree=2, reference="hermite").fit(Table(X, ["a", "b"]))
    assert list(density.feature_names_in_) == ["a", "b"]
    with pytest.raises(ValueError, match="feature names should match"):
        density.score_samples(Table(X, ["b", "a"]))


def test_everything_public_is_documented():
    for module in (fokker, fokker.audit, fokker.transport):
        assert module.__doc__
        for name in module.__all__:
            item = getattr(module, name)
            assert item.__doc__, name
            if inspect.isclass(item):
                for method, value in vars(item).items():
                    if inspect.isfunction(value) and not method.startswith("_"):
                        assert value.__doc__, f"{name}.{method}"
