"""The best time grid for a budget, and how other programs read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from numpy.typing import ArrayLike

from .. import _fokker
from .._checked import checked
from ._arguments import Schedule, Vector, law_of, schedule_of


@dataclass(frozen=True, eq=False)
class Tuned:
    """A grid that minimises the exact W₂ for its budget."""

    #: W₂ with this grid, combined over the laws that a robust grid is tuned on.
    w2: float
    #: Times, decreasing, ``[steps + 1]``.
    times: Vector
    #: σ/α at these times.
    sigmas: Vector
    #: Stopping time.
    stop: float
    #: Score evaluations used.
    evaluations: int
    #: The four errors and w2.
    report: dict[str, float]
    #: The best of the standard grids: its spacing, stop and W₂.
    standard: tuple[str, float, float]


@checked
def tune(
    eigenvalues: ArrayLike | None = None,
    *,
    nfe: int,
    data: ArrayLike | None = None,
    covariance: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    spectrum: str | None = None,
    scheme: str = "dpmpp-2m",
    start: Literal["normal", "exact"] = "normal",
    stop: float | None = None,
    schedule: Schedule = "linear:0.05:10",
    robust: Literal["average", "worst"] | None = None,
    seed: int = 0,
) -> Tuned:
    """The time grid of at most ``nfe`` score evaluations with the smallest exact W₂.

    The data law as for :func:`errors`; the stopping time is chosen with the grid unless it is given.
    Never worse than the best standard grid. :func:`export` writes it for other programs.

    A grid fits the law it was tuned on. With ``robust`` it is tuned on eight more whose eigenvalues are
    multiplied by factors uniform in [0.9, 1.1], drawn by ``seed``: ``w2`` is then the average over the
    nine, or the worst; ``report`` stays that of the data law.

    >>> import fokker
    >>> tuned = fokker.audit.tune(spectrum="natural:8x8x1", nfe=10)
    >>> tuned.evaluations, tuned.w2 < 0.2 * tuned.standard[2]
    (10, True)
    """
    law = law_of(eigenvalues, data, covariance, mean, spectrum, keep_columns=False)
    tuned = _fokker.audit_tune(law, scheme, nfe, schedule_of(schedule), start, stop, robust, seed)
    return Tuned(**tuned)


@checked
def export(
    times: ArrayLike,
    program: Literal["k-diffusion", "comfyui", "diffusers", "t"],
    *,
    scheme: str = "dpmpp-2m",
    schedule: Schedule = "linear:0.05:10",
) -> str:
    """A grid of times as text to paste into another program, for its sampler that runs ``scheme``.

    A grid is tuned for a scheme, and another sampler has another error with it: where no sampler of the
    program runs the scheme, that is a ``ValueError``. diffusers takes integer timesteps for some, so that
    levels are rounded, and those samplers end at 0. :func:`exported` has its W₂ as well.

    >>> import fokker
    >>> fokker.audit.export([1.0, 0.5, 0.0], "t")
    '[1.0, 0.5, 0.0]\\n'
    """
    return schedule_of(schedule).export(_fokker.as_vector(times, "times").tolist(), program, scheme)


@dataclass(frozen=True, eq=False)
class Exported:
    """A grid for another program, and what its sampler draws with it."""

    #: The text to paste, as :func:`export` returns it.
    text: str
    #: W₂ between the data and what that sampler draws with the exact score.
    w2: float
    #: Who runs it, with the settings that it needs.
    sampler: str
    #: Times that are run, ``[steps + 1]``: with integer timesteps not quite those given.
    times: Vector
    #: σ/α at these times.
    sigmas: Vector


@checked
def exported(
    times: ArrayLike,
    program: Literal["k-diffusion", "comfyui", "diffusers", "t"],
    eigenvalues: ArrayLike | None = None,
    *,
    data: ArrayLike | None = None,
    covariance: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    spectrum: str | None = None,
    scheme: str = "dpmpp-2m",
    start: Literal["normal", "exact"] = "normal",
    schedule: Schedule = "linear:0.05:10",
) -> Exported:
    """:func:`export` with the W₂ of the sampler that will run it, as the command line prints it.

    A program may round levels to its integer timesteps, end at 0, or start from σ z: ``w2`` is of what it
    does, not of the grid as it was tuned. The data law as for :func:`errors`.

    >>> import fokker
    >>> tuned = fokker.audit.tune(spectrum="natural:8x8x1", nfe=10)
    >>> found = fokker.audit.exported(tuned.times, "t", spectrum="natural:8x8x1")
    >>> found.sampler, abs(found.w2 - tuned.w2) < 1e-12
    ('fokker', True)
    """
    law = law_of(eigenvalues, data, covariance, mean, spectrum, keep_columns=False)
    listed = _fokker.as_vector(times, "times").tolist()
    return Exported(**schedule_of(schedule).exported(law, listed, program, scheme, start))
