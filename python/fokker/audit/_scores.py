"""What a sampler does with a score of any kind, such as a network."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _fokker
from .._checked import checked
from ._arguments import Schedule, Scheme, Score, Step, Vector, law_of, sampler_of, schedule_of


@dataclass(frozen=True, eq=False)
class ScoreErrors:
    """What a sampler with a score of any kind does, seen through Gaussians."""

    #: W₂ to the data law of what the sampler draws with the best affine part of the score: exact.
    w2_affine: float
    #: The same with the exact score: what is left when the score is perfect.
    w2_exact: float
    #: W₂ between the Gaussian of drawn particles, with the score itself, and the data law.
    w2_drawn: float
    #: The same for as many particles of the data law: what chance alone gives.
    w2_floor: float
    #: Score evaluations a particle.
    evaluations: int
    #: Times at which the score was fitted, decreasing.
    times: Vector
    #: Share of the score's mean square that its affine part has, at these times.
    affine_share: Vector
    #: Particles drawn, ``[n, d]``.
    drawn: NDArray[np.float64]


@checked
def score_errors(
    score: Score,
    data: ArrayLike | None = None,
    *,
    covariance: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    eigenvalues: ArrayLike | None = None,
    scheme: str | Step | Scheme = "dpmpp-2m",
    steps: int | None = None,
    nfe: int | None = None,
    grid: str = "log-snr",
    times: ArrayLike | None = None,
    sigmas: ArrayLike | None = None,
    stop: float = 0.0,
    schedule: Schedule = "linear:0.05:10",
    draws: int = 4096,
    particles: int = 4096,
    random_state: int = 0,
) -> ScoreErrors:
    """How far a sampler with a score of any kind, such as a network, lands from the data.

    ``score(x, t)`` maps rows ``[n, d]`` and a time to ``[n, d]``. Two answers, both of second moments:

    - its best affine part at each time the sampler asks for, ``min over A, c of
      E|score(x, t) − A x − c|²`` over ``draws`` rows of the noised data (rows of ``data``, or of the law),
      is probed like any affine score: ``w2_affine``, against ``w2_exact`` for the exact score;
    - ``particles`` are drawn with the score itself: ``w2_drawn`` is W₂ between their Gaussian and that
      of the data, against ``w2_floor`` for as many particles of the data law.

    The score must be a function of x and t, row by row: it is tried at three times, and dropout, batch
    statistics, rows that depend on one another, other shapes and numbers that are none are a ``ValueError``
    with the call (``model.eval()`` is the usual remedy). Where less than 95 % of its mean square is affine
    (``affine_share``), a warning says that ``w2_affine`` is of the linearised score alone.

    A score that needs ``w2_affine`` far above ``w2_exact`` has the wrong second moments whatever the
    steps. O(d³) a step: for d up to some hundreds.

    >>> import numpy as np, fokker
    >>> def score(x, t):  # of N(0, 4), noised at the rate 5
    ...     return -x / (1 + 3 * np.exp(-10 * t))
    >>> found = fokker.audit.score_errors(score, eigenvalues=[4.0], steps=20, schedule="constant:5")
    >>> abs(found.w2_affine - found.w2_exact) < 1e-9, found.w2_drawn < 0.2
    (True, True)
    """
    law = law_of(eigenvalues, data, covariance, mean, None, keep_columns=True)
    clock = schedule_of(schedule)
    sampler = sampler_of(scheme, steps, nfe, grid, times, sigmas, stop)
    random = np.random.default_rng(random_state)
    factor = law.factor
    if data is not None:
        rows = _fokker.as_matrix(data, "data")
        rows = rows[random.integers(len(rows), size=draws)]
    else:
        rows = law.mean + random.standard_normal((draws, law.dim)) @ factor.T
    noise = random.standard_normal((draws, law.dim))
    affine = _fokker.audit_affine(score, law, rows, noise, clock, sampler)
    if affine["warning"] is not None:
        warnings.warn(affine["warning"], UserWarning, stacklevel=3)
    exact = _fokker.audit_errors(law, None, clock, sampler, "normal", False, False)
    drawn = _fokker.audit_sample(score, law.dim, clock, sampler, particles, random_state)
    chance = law.mean + random.standard_normal((particles, law.dim)) @ factor.T
    return ScoreErrors(
        w2_affine=affine["w2"],
        w2_exact=exact["w2"],
        w2_drawn=law.distance(_fokker.Law.from_rows(drawn, True)),
        w2_floor=law.distance(_fokker.Law.from_rows(chance, True)),
        evaluations=affine["evaluations"],
        times=affine["times"],
        affine_share=affine["shares"],
        drawn=drawn,
    )
