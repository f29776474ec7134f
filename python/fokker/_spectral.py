"""Density, score and samples by linear systems, as an estimator."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _fokker
from ._estimator import Estimator, seed_of, weights_of, working
from ._options import fields, parameters, takes

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._keywords import SpectralParameters, SpectralSample

#: Rows that are drawn unless told otherwise.
SAMPLES: int = fields("SpectralSample")["n_samples"]["default"]


@parameters("SpectralParameters")
class SpectralDensity(Estimator):
    """Density, score and new samples of a law from samples, by one linear solve per time.

    The relative log-density of the noised data is sought in eigenfunctions of the noising process,
    ``log p_t/π ≈ Σ c_n(t) φ_n``, whose coefficients solve ``A(t) c(t) = b(t)``, made of means over the
    data [Khoo, Oster, Peng 2025]. No network, no descent: the same data give the same bits.

    A perturbation theory about the reference: good for unimodal or weakly bimodal laws, poor for well
    separated clusters. ``report_`` compares with a Gaussian and a mixture on rows held out, and
    ``sentence_`` says who wins.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : array
        Their names, when X had some.
    reference_, ridge_, condition_ : str, float, float
        What was chosen, and the condition of the worst solve.
    report_ : dict
        What the fit is worth: rows, functions, solves, comparison, warnings; as ``report`` in what
        ``fokker spectral fit --json`` prints.
    candidates_ : list of dict
        Reference, degree, pairs and criterion of each, smaller is better, when :meth:`fit` chose.
    receipt_ : dict or None
        What makes the same fit of the same data: options, what was chosen, digest of the data, version.
    sentence_ : str or None
        The comparison in a sentence.
    sample_report_ : dict
        How the last sample was drawn, and how it compares with the data.
    n_samples_seen_ : int
        Rows observed.

    Examples
    --------
    >>> import numpy as np, fokker
    >>> x = np.random.default_rng(0).normal(3.0, 2.0, size=(4000, 1))
    >>> density = fokker.SpectralDensity().fit(x)
    >>> logp = density.score_samples([[3.0]])[0]
    >>> bool(abs(logp + 0.5 * np.log(8 * np.pi)) < 0.1)
    True
    >>> density.sample(5, random_state=1).shape
    (5, 1)
    """

    _fit: _fokker.SpectralFit
    density: str
    _moments: _fokker.SpectralMoments

    @takes("SpectralParameters")
    def __init__(
        self, *, verbose: bool = False, n_jobs: int | None = None, **options: Unpack[SpectralParameters]
    ) -> None:
        """Remembers the options; see the class."""
        self._remember_options("SpectralParameters", options, verbose, n_jobs)

    @working
    def fit(self, X: ArrayLike, y: Any = None, *, sample_weight: ArrayLike | None = None) -> SpectralDensity:
        """Fits rows X ``[n, d]``, weighing ``sample_weight`` ``[n]``; two passes and one solve per time."""
        rows, names = self._observed(X)
        if len(rows) < 2:
            raise ValueError("X has n_samples = 1 row: a fit needs at least two")
        fit, moments, found = _fokker.spectral_fit(
            rows, weights_of(sample_weight, rows), self._given("SpectralFit")
        )
        self._remember(rows, names)
        self.candidates_ = found["candidates"]
        return self._settle(fit, moments)

    @working
    def partial_fit(
        self, X: ArrayLike, y: Any = None, *, sample_weight: ArrayLike | None = None
    ) -> SpectralDensity:
        """Adds rows to those seen, in the coordinates that the first ones gave, and solves again.

        Give a first batch that shows the range of the data: rows beyond it count as at its edge.
        """
        if not hasattr(self, "n_features_in_"):
            return self.fit(X, y, sample_weight=sample_weight)
        rows = self._asked(X)
        moments = self._held_moments().observe(
            rows, weights_of(sample_weight, rows), self._given("SpectralFit"), False
        )
        return self._settle(moments.solve(self._given("SpectralFit")), moments)

    @working
    def shard(self, X: ArrayLike, *, sample_weight: ArrayLike | None = None) -> SpectralDensity:
        """A fit of other rows alone, in the coordinates of this one, to be merged with it."""
        rows = self._asked(X)
        other = type(self)(**self.get_params())
        moments = self._held_moments().observe(
            rows, weights_of(sample_weight, rows), self._given("SpectralFit"), True
        )
        other._remember(rows, getattr(self, "feature_names_in_", None))
        return other._settle(moments.solve(self._given("SpectralFit")), moments)

    @working
    def merge(self, other: SpectralDensity) -> SpectralDensity:
        """Adds what another fit in the same coordinates has seen (one made by :meth:`shard`)."""
        self._require_fit()
        other._require_fit()
        moments = self._held_moments().merged(other._held_moments())
        return self._settle(moments.solve(self._given("SpectralFit")), moments)

    def _held_moments(self) -> Any:
        """The moments that rows can be added to; a saved fit leaves them behind."""
        if not hasattr(self, "_moments"):
            raise ValueError("a saved fit holds no moments to add to: fit or merge before saving it")
        return self._moments

    @working
    @takes("SpectralSample")
    def sample(
        self, n_samples: int = SAMPLES, random_state: Any = 0, **options: Unpack[SpectralSample]
    ) -> NDArray[np.float64]:
        """Draws rows ``[n_samples, d]``: the reverse SDE in ``steps`` steps down to ``stop``, then
        ``corrector`` Langevin steps; what is None there, the fit chooses. The same seed gives the bits of the
        command line; a ``random_state`` of None is another one every time.

        No row is further out than twice the data: such rows are drawn again. The sample is compared with
        rows of the data that the fit keeps, by moments and energy distance, and a ``UserWarning`` says so when
        they differ by more than their errors explain; ``sample_report_`` has the numbers of the last draw.
        """
        self._require_fit()
        given = {"n_samples": n_samples, "random_state": seed_of(random_state), **options}
        drawn, self.sample_report_ = self._fit.sample(given)
        for warning in self.sample_report_["warnings"]:
            warnings.warn(warning, UserWarning, stacklevel=3)
        return drawn

    @working
    def score_samples(self, X: ArrayLike) -> NDArray[np.float64]:
        """Log-density of each row, ``[n]``, in nats, of the noised data at the first time of the fit."""
        rows = self._asked(X)
        return self._fit.log_density(rows, {"density": self.density})

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Mean log-density of the rows: larger is better, as cross-validation expects."""
        return float(self.score_samples(X).mean())

    @working
    def score_function(self, X: ArrayLike, t: float | None = None) -> NDArray[np.float64]:
        """∇ log p_t at rows, ``[n, d]``, in the columns of the data; t on the unit-rate clock, the first time of
        the fit unless given.
        """
        return self._fit.score_at(self._asked(X), {"t": t})

    def to_bytes(self) -> bytes:
        """The fit as the command line saves it (safetensors)."""
        self._require_fit()
        return self._fit.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The fit that :meth:`to_bytes` or the command line saved."""
        fit = _fokker.SpectralFit.from_bytes(data)
        options = cls._of_receipt("SpectralFit", fit.receipt)
        density = cls(**options or {"reference": fit.reference})
        density.n_features_in_ = fit.dim
        return density._settle(fit, None)

    def _settle(self, fit: _fokker.SpectralFit, moments: _fokker.SpectralMoments | None) -> Self:
        self._fit = fit
        if moments is not None:
            self._moments = moments
        self.report_ = fit.report
        self.receipt_ = fit.receipt
        self.reference_ = fit.reference
        self.ridge_ = self.report_["ridge"]
        self.condition_ = fit.condition
        self.sentence_ = fit.sentence
        self.n_samples_seen_ = self.report_["rows"]
        return self

    def __getstate__(self) -> dict[str, Any]:
        # A fit is saved, what it is made of is not: it may be far larger.
        state = dict(super().__getstate__())
        state.pop("_moments", None)
        return state
