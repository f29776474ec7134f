"""Energies from snapshots of a population, as an estimator."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _fokker
from ._checked import checked
from ._estimator import Estimator, seed_of, weights_of, working
from ._options import fields, parameters, takes
from .transport import wasserstein

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._keywords import PopulationFit, PopulationPredict, PopulationValidate

#: Options of a fit, which an estimator has already.
FIT = tuple(field["name"] for field in fields("PopulationFit").values())


@parameters("PopulationFit")
class PopulationEnergy(Estimator):
    """The energy that moves a population, from snapshots of it, by one linear solve.

    ``J(μ) = ∫V dμ + ½∬W(x − y) dμ dμ + θ∫ρ log ρ``, so ``dX = −(∇V + ∇W∗μ) dt + √(2θ) dB``; V and W
    are linear in their coefficients, and the condition of optimality of a JKO step between
    neighbouring snapshots is linear in them [Terpin et al. 2024]. Particles are not followed: a
    snapshot shows others than the one before, and not as many.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    n_features_in_, feature_names_in_ : int, array
        Number of columns, and their names when X had some.
    times_ : array
        Times of the snapshots.
    temperature_ : float or None
        θ; a negative one is what the data gave.
    potential_coefficients_, interaction_coefficients_ : array or None
        ``[L, K]`` and ``[K]``.
    report_ : dict
        As ``fokker population fit --json`` prints it: what was ``chosen`` (scheme, potential, time_varying,
        ridge); unknowns, equations, rank, condition; ``residuals`` of every interval; the ``receipt``.

    Examples
    --------
    >>> import numpy as np, fokker
    >>> x = np.random.default_rng(0).normal(size=(500, 2))
    >>> X = np.vstack([x, x * 0.9]); times = np.repeat([0.0, 0.1], 500)
    >>> energy = fokker.PopulationEnergy(potential_features="poly:2", scheme="explicit", ridge=0)
    >>> energy = energy.fit(X, times)
    >>> energy.velocity([[1.0, 2.0]]).round(6)  # (0.9 − 1) x / 0.1
    array([[-1., -2.]])
    """

    _fit: _fokker.PopulationFit
    random_state: Any

    @takes("PopulationFit")
    def __init__(
        self, *, verbose: bool = False, n_jobs: int | None = None, **options: Unpack[PopulationFit]
    ) -> None:
        """Remembers the options; see the class."""
        self._remember_options("PopulationFit", options, verbose, n_jobs)

    @working
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        times: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> PopulationEnergy:
        """Fits rows X ``[n, d]`` seen at times ``[n]``: rows of one time are a snapshot.

        The times are the second argument, which scikit-learn calls y, or ``times=``. Labels such as
        "E7.5", "day 3" or "12h" are their numbers; other categories stand for 0, 1, 2, … if they have an
        order, with a warning.
        """
        rows, names = self._observed(X)
        when = _times(y, times, rows)
        if len(rows) < 2:
            raise ValueError("X has n_samples = 1 row: a fit needs at least two snapshots")
        fit, report = _fokker.population_fit(rows, when, weights_of(sample_weight, rows), self._options())
        self._remember(rows, names)
        self.report_ = report
        return self._settle(fit)

    def _settle(self, fit: _fokker.PopulationFit) -> Self:
        self._fit = fit
        self.times_ = fit.times
        self.temperature_ = fit.temperature
        self.potential_coefficients_ = fit.potential_coefficients
        self.interaction_coefficients_ = fit.interaction_coefficients
        return self

    @working
    @takes("PopulationPredict")
    def predict(
        self,
        X: ArrayLike,
        times: float | ArrayLike | None = None,
        *,
        at: float | None = None,
        sample_weight: ArrayLike | None = None,
        **options: Unpack[PopulationPredict],
    ) -> NDArray[np.float64]:
        """Where particles X ``[n, d]``, seen at time ``at``, are at later times.

        ``at`` is the first snapshot's time, ``times`` that of the snapshot after it, by default. ``[n, d]``
        for one time, ``[len(times), n, d]`` for several. The population that interacts is X itself, weighing
        ``sample_weight``. Times beyond the snapshots that were fitted to are extrapolations, with a warning.
        """
        rows = self._asked(X)
        several = times is not None and (not hasattr(times, "__float__") or np.ndim(times) > 0)
        until = None if times is None else _fokker.as_vector(times if several else [times], "times").tolist()
        given: dict[str, Any] = {"at": at, "times": until, **options}
        given["random_state"] = seed_of(given.get("random_state", 0))
        clouds = self._fit.predict(rows, weights_of(sample_weight, rows), given)
        reached = np.atleast_1d(self._fit.settled(given)["times"]).tolist()
        if (words := self._fit.warning(reached)) is not None:
            warnings.warn(f"time {words}", stacklevel=2)
        return np.stack(clouds) if several else clouds[0]

    @working
    @checked
    def potential(self, X: ArrayLike, t: float | None = None) -> NDArray[np.float64]:
        """V at rows, ``[n]``, and a time (that of the first snapshot by default); up to a constant."""
        rows = self._asked(X)
        return self._fit.potential(self._time(t), rows)

    @working
    @checked
    def velocity(
        self,
        X: ArrayLike,
        t: float | None = None,
        *,
        population: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> NDArray[np.float64]:
        """−∇V(x, t) − Σ_j w_j ∇W(x − y_j) at rows X, ``[n, d]``, in a population y (X by default)."""
        rows = self._asked(X)
        others = rows if population is None else self._asked(population)
        weights = weights_of(sample_weight, others)
        weights = np.full(len(others), 1.0 / len(others)) if weights is None else weights / weights.sum()
        return self._fit.velocity(self._time(t), rows, others, weights)

    def interaction(self, r: ArrayLike) -> NDArray[np.float64]:
        """W at distances r ``[n]``; zeros without an interaction."""
        self._require_fit()
        return self._fit.interaction(r)

    @working
    def score(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        times: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Minus the mean W₁ between every snapshot and the one before moved to its time.

        In the units of the data; larger is better, as cross-validation expects.
        """
        rows = self._asked(X)
        when = _times(y, times, rows)
        weights = weights_of(sample_weight, rows)
        seen = np.unique(when)
        if len(seen) < 2:
            raise ValueError("times must hold at least two different ones to score a prediction")
        distances = []
        for before, after in zip(seen[:-1], seen[1:], strict=True):
            source, target = when == before, when == after
            a, b = _share(weights, source), _share(weights, target)
            options = {"at": before, "times": after, "seed": seed_of(self.random_state)}
            moved = self._fit.predict(rows[source], a, options)[0]
            distances.append(wasserstein(moved, rows[target], p=1, source_weights=a, target_weights=b))
        return -float(np.mean(distances))

    @working
    @takes("PopulationValidate", but=FIT)
    def validate(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        times: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        **options: Unpack[PopulationValidate],
    ) -> dict[str, Any]:
        """How well fits with these parameters predict what they have not seen; changes nothing here.

        Returns the ``verdict``, "better" than every baseline, "worse" than one, or "not
        distinguishable", by differences of the debiased energy distance ``2 mean|p − y| −
        mean|p − p'| − mean|y − y'|`` paired over held-out particles: ``against`` holds each with its standard
        error, and ``rolled_out`` that from the first snapshot on. Beside it ``mean``, ``sd`` (over seeds;
        None for one) and ``steps`` of the distances W_p: ``floor`` (two samples of the truth),
        ``persistence`` (nothing moves), ``affine`` (a Gaussian map), ``ot_interpolation``, ``fit`` (one
        step), ``cumulative`` (from the first snapshot) and ``cumulative_affine``; of all these
        ``energy_distance`` and ``spread`` (in that of the truth); what was ``chosen``; and the in-sample
        ``roll_out``. Predictions whose particles leave the range of numbers on their way are None, and
        ``lost`` says how many and why; a fit that has one is no better than what it is compared with.
        """
        rows, _ = self._observed(X)
        weights = weights_of(sample_weight, rows)
        return _fokker.population_validate(rows, _times(y, times, rows), weights, {**self._options(), **options})

    def to_bytes(self) -> bytes:
        """The energy as the command line saves it (safetensors)."""
        self._require_fit()
        return self._fit.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The energy that :meth:`to_bytes` or the command line saved; it has no ``report_``."""
        fit = _fokker.PopulationFit.from_bytes(data)
        energy = cls(**cls._of_receipt("PopulationFit", fit.receipt))
        energy.n_features_in_ = fit.dim
        return energy._settle(fit)

    def _time(self, t: float | None) -> float:
        self._require_fit()
        return float(self.times_[0]) if t is None else float(t)

    def _options(self) -> dict[str, Any]:
        return {**self._given("PopulationFit"), "random_state": seed_of(self.random_state)}


def _share(weights: NDArray[np.float64] | None, mask: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """The weights of some rows, normalised to one."""
    if weights is None:
        return None
    share: NDArray[np.float64] = weights[mask] / weights[mask].sum()
    return share


def _numbers(times: Any) -> NDArray[np.float64]:
    """Times as numbers: of labels such as "E7.5", or the places of categories that have an order."""
    category = getattr(times, "cat", times)
    categories = getattr(category, "categories", None)
    labels = np.asarray(times) if categories is not None or isinstance(times, (list, tuple)) else times
    kind = getattr(getattr(labels, "dtype", None), "kind", "-")
    array = np.asarray(labels) if kind in "UOT" else np.empty(0)
    entries = list(array) if array.ndim == 1 else []
    if not any(isinstance(entry, str) for entry in entries):
        return _fokker.as_vector(times if categories is None else labels, "times")
    order = [str(label) for label in categories] if categories is not None and category.ordered else None
    found, words = _fokker.label_times([str(entry) for entry in entries], order)
    if order is not None and words is not None and "," in words:
        warnings.warn(f"times: {words}", stacklevel=4)
    return found


def _times(y: ArrayLike | None, times: ArrayLike | None, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The times of rows, whichever way they were given."""
    if (y is None) == (times is None):
        found = "y is None" if y is None else "both were given"
        raise ValueError(f"PopulationEnergy requires y, or times, to be passed, the time of every row, but {found}")
    values = _numbers(times if y is None else y)
    if len(values) != len(rows):
        raise ValueError(f"times has {len(values)} entries, X has {len(rows)} rows")
    return values
