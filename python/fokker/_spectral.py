"""Density, score and samples by linear systems, as an estimator."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _fokker
from ._checked import checked
from ._estimator import Estimator, seed_of, weights_of


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
    reference : {"auto", "hermite", "hermite-whitened", "cosine", "cosine-box"}
        hermite: columns standardised, Hermite polynomials; hermite-whitened: the same along the
        principal axes (correlated columns); cosine: every column through its distribution function,
        cosines (heavy tails too); cosine-box: columns scaled to their range; auto: the best of
        hermite, cosine and hermite-whitened on the rows held out.
    degree : int
        Largest total degree of a function.
    pairs : {"auto", "none", "chain", "all", "lattice:ROWSxCOLUMNS"} or list of pairs of columns
        Columns with products of their own; auto: all of up to 20 columns, none beyond.
    gaussian_pairs : bool
        Add the product of first degrees of every pair.
    ridge : "auto" or float
        Relative ridge; auto: chosen on the rows held out.
    hold_out : float
        Share of the rows held out, by a hash of their index.
    density : {"flow", "energy"}
        Which density ``score_samples`` evaluates: of the probability flow, or of the energy
        ``log π + g − log Z`` at the first time. The energy is fast, and often closer where data are;
        where none are it may be far too large. ``report_["comparison"]`` has both on rows held out.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : array
        Their names, when X had some.
    reference_, ridge_, condition_ : str, float, float
        What was chosen, and the condition of the worst solve.
    report_ : dict
        What the fit is worth: rows, functions, solves, comparison, warnings.
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
    _moments: _fokker.SpectralMoments

    def __init__(
        self,
        *,
        reference: str = "auto",
        degree: int = 4,
        pairs: str | Sequence[tuple[int, int]] = "auto",
        gaussian_pairs: bool = False,
        ridge: str | float = "auto",
        hold_out: float = 0.1,
        density: str = "flow",
    ) -> None:
        self.reference = reference
        self.degree = degree
        self.pairs = pairs
        self.gaussian_pairs = gaussian_pairs
        self.ridge = ridge
        self.hold_out = hold_out
        self.density = density

    def fit(self, X: ArrayLike, y: Any = None, *, sample_weight: ArrayLike | None = None) -> SpectralDensity:
        """Fits rows X ``[n, d]``, weighing ``sample_weight`` ``[n]``; two passes and one solve per time."""
        rows, names = self._observed(X)
        if len(rows) < 2:
            raise ValueError("X has n_samples = 1 row: a fit needs at least two")
        fit, moments = _fokker.spectral_fit(rows, weights_of(sample_weight, rows), self._options())
        self._remember(rows, names)
        return self._settle(fit, moments)

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
            rows, weights_of(sample_weight, rows), self._options(), False
        )
        return self._settle(moments.solve(str(self.ridge)), moments)

    def shard(self, X: ArrayLike, *, sample_weight: ArrayLike | None = None) -> SpectralDensity:
        """A fit of other rows alone, in the coordinates of this one, to be merged with it."""
        rows = self._asked(X)
        other = type(self)(**self.get_params())
        moments = self._held_moments().observe(
            rows, weights_of(sample_weight, rows), self._options(), True
        )
        other._remember(rows, getattr(self, "feature_names_in_", None))
        return other._settle(moments.solve(str(self.ridge)), moments)

    def merge(self, other: SpectralDensity) -> SpectralDensity:
        """Adds what another fit in the same coordinates has seen (one made by :meth:`shard`)."""
        self._require_fit()
        other._require_fit()
        moments = self._held_moments().merged(other._held_moments())
        return self._settle(moments.solve(str(self.ridge)), moments)

    def _held_moments(self) -> Any:
        """The moments that rows can be added to; a saved fit leaves them behind."""
        if not hasattr(self, "_moments"):
            raise ValueError("a saved fit holds no moments to add to: fit or merge before saving it")
        return self._moments

    @checked
    def sample(
        self,
        n_samples: int = 1,
        random_state: Any = None,
        *,
        steps: int = 25,
        stop: float = 1e-3,
        corrector: int | None = None,
        corrector_step: float | None = None,
        metropolis: bool | None = None,
    ) -> NDArray[np.float64]:
        """Draws rows ``[n_samples, d]``: the reverse SDE in ``steps`` steps down to ``stop``, then
        ``corrector`` Langevin steps; what is None there, the fit chooses. The same seed gives the bits of the
        command line.

        No row is further out than twice the data: such rows are drawn again. The sample is compared with
        rows of the data that the fit keeps, by moments and energy distance, and a ``UserWarning`` says so when
        they differ by more than their errors explain; ``sample_report_`` has the numbers of the last draw.
        """
        self._require_fit()
        seed = seed_of(random_state)
        if n_samples < 1:
            raise ValueError(f"n_samples must be at least 1, found {n_samples}")
        drawn, report = self._fit.sample(int(n_samples), seed, steps, stop, corrector, corrector_step, metropolis)
        self.sample_report_ = json.loads(report)
        for warning in self.sample_report_["warnings"]:
            warnings.warn(warning, UserWarning, stacklevel=2)
        return drawn

    def score_samples(self, X: ArrayLike) -> NDArray[np.float64]:
        """Log-density of each row, ``[n]``, in nats, of the noised data at the first time of the fit."""
        rows = self._asked(X)
        return self._fit.log_density(rows, self.density)

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Mean log-density of the rows: larger is better, as cross-validation expects."""
        return float(self.score_samples(X).mean())

    @checked
    def score_function(self, X: ArrayLike, t: float) -> NDArray[np.float64]:
        """∇ log p_t at rows, ``[n, d]``, in the columns of the data; t on the unit-rate clock."""
        rows = self._asked(X)
        return self._fit.score_at(float(t), rows)

    def to_bytes(self) -> bytes:
        """The fit as the command line saves it (safetensors)."""
        self._require_fit()
        return self._fit.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> SpectralDensity:
        """The fit that :meth:`to_bytes` or the command line saved."""
        fit = _fokker.SpectralFit.from_bytes(data)
        density = cls(reference=fit.reference)
        density.n_features_in_ = fit.dim
        return density._settle(fit, None)

    def _options(self) -> dict[str, Any]:
        pairs: Any = self.pairs
        if not isinstance(pairs, str):
            pairs = [(int(i), int(j)) for i, j in pairs]
        return {
            "reference": self.reference,
            "degree": self.degree,
            "pairs": pairs,
            "gaussian_pairs": self.gaussian_pairs,
            "ridge": str(self.ridge),
            "hold_out": self.hold_out,
        }

    def _settle(self, fit: _fokker.SpectralFit, moments: _fokker.SpectralMoments | None) -> SpectralDensity:
        self._fit = fit
        if moments is not None:
            self._moments = moments
        self.report_ = json.loads(fit.report())
        self.reference_ = fit.reference
        self.ridge_ = self.report_["ridge"]
        self.condition_ = fit.condition
        self.sentence_ = fit.sentence()
        self.n_samples_seen_ = self.report_["rows"]
        return self

    def __getstate__(self) -> dict[str, Any]:
        # A fit is saved, what it is made of is not: it may be far larger.
        state = dict(super().__getstate__())
        state.pop("_moments", None)
        return state
