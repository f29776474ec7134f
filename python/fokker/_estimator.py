"""What the two estimators share: parameters, conversion, and scikit-learn's conventions where it is."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _fokker
from ._options import fields

F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:
    from typing_extensions import Self

    class Base:
        """For type checkers: scikit-learn has no stubs, and need not be there."""

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...

        def set_params(self, **params: Any) -> Any: ...

        def __getstate__(self) -> dict[str, Any]: ...

    class NotFittedError(ValueError, AttributeError):
        """An estimator is used before it is fitted."""

else:
    try:
        from sklearn.base import BaseEstimator as Base
        from sklearn.exceptions import NotFittedError
    except ImportError:

        class NotFittedError(ValueError, AttributeError):
            """An estimator is used before it is fitted."""

        class Base:
            """Parameters are the arguments of ``__init__``, as in scikit-learn."""

            @classmethod
            def _names(cls):
                return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

            def get_params(self, deep=True):
                """The parameters by name."""
                return {name: getattr(self, name) for name in self._names()}

            def set_params(self, **params):
                """Changes parameters; returns the estimator."""
                for name, value in params.items():
                    if name not in self._names():
                        raise ValueError(f"{type(self).__name__} has no parameter {name!r}")
                    setattr(self, name, value)
                return self

            def __getstate__(self):
                return dict(self.__dict__)

            def __repr__(self):
                items = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
                return f"{type(self).__name__}({items})"


def working(method: F) -> F:
    """A method whose work is done by ``n_jobs`` threads, and prints its progress when ``verbose``."""

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = _fokker.work_as(self.verbose, self.n_jobs)
        try:
            return method(self, *args, **kwargs)
        finally:
            _fokker.work_as(*before)

    return wrapper  # type: ignore[return-value]


class Estimator(Base):
    """Options, files, and checks of arguments, by the names of columns too."""

    verbose: bool
    n_jobs: int | None
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    def to_bytes(self) -> bytes:
        """The fit as the command line saves it (safetensors)."""
        raise NotImplementedError

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The fit that :meth:`to_bytes` or the command line saved."""
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the fit to a file as the command line does, in place of what is there (safetensors)."""
        Path(path).write_bytes(self.to_bytes())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The fit in a file that :meth:`save` or the command line wrote, with the options that made it."""
        return cls.from_bytes(Path(path).read_bytes())

    def _observed(self, X: Any) -> tuple[NDArray[np.float64], NDArray[np.object_] | None]:
        """X as numbers, and the names of its columns when all of them are text."""
        rows = _fokker.as_matrix(X, "X")
        if rows.shape[0] == 0 or rows.shape[1] == 0:
            empty = "sample" if rows.shape[0] == 0 else "feature"
            raise ValueError(
                f"X has 0 {empty}(s) (shape={rows.shape}) while a minimum of 1 is required by {type(self).__name__}."
            )
        return rows, _column_names(X)

    def _remember_options(
        self, keywords: str, options: Mapping[str, Any], verbose: bool, n_jobs: int | None
    ) -> None:
        """Sets every option as an attribute, unchanged, as scikit-learn asks."""
        self.verbose = verbose
        self.n_jobs = n_jobs
        known, given = fields(keywords), dict(options)
        for name, field in known.items():
            value = given.pop(name, field["default"])
            for alias, prefix in field["aliases"]:
                if (other := given.pop(alias, None)) is not None:
                    if name in options:
                        raise ValueError(f"give {name} or {alias}, not both")
                    value = f"{prefix}{other}" if prefix else other
            setattr(self, name, value)
        if given:
            found = ", ".join(map(repr, given))
            raise TypeError(f"{type(self).__name__} has no option {found}; it has: {', '.join(known)}")

    def _given(self, keywords: str) -> dict[str, Any]:
        """The options that are remembered, for the library."""
        return {name: getattr(self, name) for name in fields(keywords)}

    @staticmethod
    def _of_receipt(keywords: str, receipt: Mapping[str, Any] | None) -> dict[str, Any]:
        """The parameters of the fit that a receipt is of."""
        options = {} if receipt is None else receipt["options"]
        known = {name: field["name"] for name, field in fields(keywords).items()}
        return {name: options[own] for name, own in known.items() if own in options}

    def _remember(self, rows: NDArray[np.float64], names: NDArray[np.object_] | None) -> None:
        self.n_features_in_ = rows.shape[1]
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _asked(self, X: Any) -> NDArray[np.float64]:
        """X to evaluate a fit at."""
        self._require_fit()
        rows, names = self._observed(X)
        if rows.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {rows.shape[1]} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input"
            )
        known = getattr(self, "feature_names_in_", None)
        if names is not None and known is not None and list(names) != list(known):
            raise ValueError(
                "The feature names should match those that were passed during fit: "
                f"found {list(names)}, expected {list(known)}"
            )
        return rows

    def _require_fit(self) -> None:
        if not hasattr(self, "n_features_in_"):
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet: call 'fit' before using it."
            )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")


def _column_names(X: Any) -> NDArray[np.object_] | None:
    columns = getattr(X, "columns", None)
    if columns is None:
        return None
    names = list(columns)
    if not names or not all(isinstance(name, str) for name in names):
        return None
    return np.array(names, dtype=object)


def seed_of(random_state: Any) -> int:
    """The seed of a ``random_state``: a number as it is; None or a generator gives one at random."""
    if random_state is None:
        return int(np.random.default_rng().integers(2**63))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, (int, np.integer)) and random_state >= 0:
        return int(random_state)
    raise ValueError(f"random_state must be a non-negative integer, a generator or None, found {random_state!r}")


def weights_of(sample_weight: ArrayLike | None, rows: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Weights of rows; a single number weighs all of them alike."""
    if sample_weight is None:
        return None
    if np.isscalar(sample_weight) and not isinstance(sample_weight, (str, bytes)):
        return np.full(len(rows), float(sample_weight))  # type: ignore[arg-type]
    weights = _fokker.as_vector(sample_weight, "sample_weight")
    if len(weights) != len(rows):
        raise ValueError(f"sample_weight has {len(weights)} entries, X has {len(rows)} rows")
    if not weights.any():
        raise ValueError("sample_weight must not be zero for every row")
    return weights
