"""How far a sampler lands from Gaussian data, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _fokker
from .._checked import checked
from ._arguments import Schedule, Scheme, Step, Vector, law_of, sampler_of, schedule_of
from ._table import ErrorTable


@dataclass(frozen=True, eq=False)
class Errors:
    """W₂ errors of a sampler, in the units of the data, each as if it were alone."""

    #: What is drawn against the data: everything together.
    w2: float
    #: The continuous process from the start, with the exact score, against p_ε.
    initialisation: float
    #: p_ε against the data.
    truncation: float
    #: The scheme from p_T, with the exact score, against p_ε.
    discretisation: float
    #: The continuous process from p_T, with the score in use, against p_ε.
    score: float
    #: Score evaluations used.
    evaluations: int
    #: Times of the grid, decreasing, ``[steps + 1]``.
    times: Vector
    #: σ/α at these times.
    sigmas: Vector
    #: The five errors of every eigenvalue, ``[d]`` each, when asked for.
    per_eigenvalue: dict[str, Vector] | None
    #: W₂ to p_t at every time of the grid, when asked for.
    along_time: Vector | None


@checked
def errors(
    eigenvalues: ArrayLike | None = None,
    *,
    data: ArrayLike | None = None,
    covariance: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    spectrum: str | None = None,
    scheme: str | Step | Scheme | Sequence[str] = "dpmpp-2m",
    steps: int | Sequence[int] | None = None,
    nfe: int | Sequence[int] | None = None,
    grid: str | Sequence[str] = "uniform",
    times: ArrayLike | None = None,
    sigmas: ArrayLike | None = None,
    stop: float | Sequence[float] = 0.0,
    start: str | Sequence[str] = "normal",
    schedule: Schedule = "linear:0.05:10",
    score_eigenvalues: ArrayLike | None = None,
    score_data: ArrayLike | None = None,
    score_covariance: ArrayLike | None = None,
    score_mean: ArrayLike | None = None,
    per_eigenvalue: bool = False,
    along_time: bool = False,
) -> Errors | ErrorTable:
    """How far a sampler lands from Gaussian data, exactly, and why.

    The data law by one of ``eigenvalues`` ``[d]`` of its covariance, ``data`` ``[n, d]`` whose mean and
    covariance are taken, ``covariance`` ``[d, d]`` (with ``mean``), or ``spectrum``
    (``"natural:32x32x3"``). The sampler by a scheme and a grid: ``steps`` (50 by default) or a budget
    ``nfe`` of score evaluations spread by ``grid`` (``"uniform"``, ``"quadratic"``, ``"log-snr"``,
    ``"karras"``) down to the time ``stop``, or its ``times`` or ``sigmas`` themselves.

    A scheme is one of em, ei, relative-ei, heun-sde, ddpm, ddpm-exact, ancestral (``DDPMScheduler`` and
    Euler ancestral), euler, heun, rk4, ddim, dpmpp-2m, edm-heun, edm-churn[:S], or a function ``step(score, x, t, s, z)`` that moves rows x from
    time t to s < t with standard normals z, asking ``score(x, t)`` for ∇log p_t. It must be affine in x
    and z when the score is, move every row and column by itself, and remember nothing between calls; a
    :class:`Scheme` declares what is passed from step to step. It is tried on every step of the grid, and
    refused with the reason when its exact error cannot be read off; then it is audited by the same probe.

    Lists of schemes (or ``"all"``), steps, budgets, grids, stops and starts give an :class:`ErrorTable`, a row
    for each of their product, as the command line prints it.

    The score is the exact one, or that of another law: ``score_eigenvalues`` (in the same axes),
    ``score_data`` or ``score_covariance`` with ``score_mean``. For a network see :func:`score_errors`.

    >>> import fokker
    >>> found = fokker.audit.errors([4.0, 1.0, 0.25], scheme="heun", steps=50, grid="log-snr")
    >>> found.evaluations, found.truncation, found.w2 < 0.01
    (100, 0.0, True)

    A scheme of one's own, here Euler's for the reverse SDE with a constant β = 5, is audited as it is:

    >>> def step(score, x, t, s, z):
    ...     h = 5 * (t - s)
    ...     return x + h * (x + 2 * score(x, t)) + (2 * h) ** 0.5 * z
    >>> own = fokker.audit.errors([4.0, 0.25], scheme=step, steps=100, schedule="constant:5")
    >>> em = fokker.audit.errors([4.0, 0.25], scheme="em", steps=100, schedule="constant:5")
    >>> abs(own.w2 - em.w2) < 1e-12
    True
    """
    score_given = [score_eigenvalues, score_data, score_covariance]
    if sum(given is not None for given in score_given) > 1:
        raise ValueError("give the score by one of score_eigenvalues, score_data and score_covariance")
    keep = score_data is not None or score_covariance is not None
    law = law_of(eigenvalues, data, covariance, mean, spectrum, keep_columns=keep)
    score: _fokker.Law | None = None
    if score_eigenvalues is not None:
        if data is not None or covariance is not None:
            raise ValueError("score_eigenvalues go with eigenvalues: their axes are those of the data law")
        score = _fokker.Law.from_eigenvalues(score_eigenvalues)
    elif score_data is not None:
        score = _fokker.Law.from_rows(score_data, True)
    elif score_covariance is not None:
        score = _fokker.Law.from_covariance(score_mean, score_covariance)
    lists: dict[str, Any] = {"scheme": scheme, "steps": steps, "nfe": nfe, "grid": grid, "stop": stop, "start": start}
    if scheme == "all" or any(isinstance(value, (list, tuple, np.ndarray)) for value in lists.values()):
        if times is not None or sigmas is not None:
            raise ValueError("times and sigmas are of one sampler: leave lists out")
        options: dict[str, Any] = {name: value for name, value in lists.items() if value is not None}
        options.update(per_eigenvalue=per_eigenvalue, along_time=along_time)
        return ErrorTable(_fokker.audit_table(law, score, schedule_of(schedule), options))
    one: list[Any] = list(lists.values())
    sampler = sampler_of(one[0], one[1], one[2], one[3], times, sigmas, one[4])
    found = _fokker.audit_errors(law, score, schedule_of(schedule), sampler, one[5], per_eigenvalue, along_time)
    return Errors(**found)
