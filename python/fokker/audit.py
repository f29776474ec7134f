"""Exact Wasserstein errors of diffusion samplers [Pierret and Galerne 2025].

A sampler starts from N(0, I) instead of p_T, stops at ε instead of 0, takes finite steps, and uses a
score that is not exact. On data N(m, Σ) with an affine score everything stays Gaussian, so how far it
lands from the data, and which of the four is to blame, is computed and not estimated: a step is called
with unit vectors and its gains are read off the answers. On other data it is the error of the second
moments.

The noising process is ``dx = −β x dt + √(2β) dw``, ``x_t = α x_0 + σ z``, time 0 data, time T noise.
Schedules go by their name on the command line (``"linear:0.05:10"``, ``"song:0.1:20"``,
``"scaled-linear"``, ``"cosine"``, ``"edm"``, ``"constant:…"``), as an array with the β of every training
step, or as the dictionary of a diffusers ``scheduler_config.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _fokker

__all__ = ["Errors", "Finding", "ScoreErrors", "Tuned", "errors", "export", "lint", "score_errors", "tune"]

Vector = NDArray[np.float64]
#: ``score(x, t)``: rows ``[n, d]`` and a time to ∇log p_t at the rows, ``[n, d]``.
Score = Callable[[NDArray[np.float64], float], ArrayLike]
#: ``step(score, x, t, s, z)``: rows at time t, and standard normals of their shape, to rows at time s < t.
Step = Callable[[Any, NDArray[np.float64], float, float, NDArray[np.float64]], ArrayLike]
Schedule = str | ArrayLike | Mapping[str, Any]


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


@dataclass(frozen=True, eq=False)
class Tuned:
    """A grid that minimises the exact W₂ for its budget."""

    #: W₂ with this grid.
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


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a grid or a configuration."""

    #: A stable name, such as ``"repeated-sigma"``.
    code: str
    #: error, warning or info.
    severity: Literal["error", "warning", "info"]
    #: First step it is about, from 0; None when it is about the whole.
    step: int | None
    #: What was found, with numbers.
    message: str
    #: What to do.
    remedy: str
    #: W₂ as it is minus W₂ repaired, where both are defined; below 0 when it hides another error.
    w2_cost: float | None


def errors(
    eigenvalues: ArrayLike | None = None,
    *,
    data: ArrayLike | None = None,
    covariance: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    spectrum: str | None = None,
    scheme: str | Step = "dpmpp-2m",
    steps: int | None = None,
    nfe: int | None = None,
    grid: str = "uniform",
    times: ArrayLike | None = None,
    sigmas: ArrayLike | None = None,
    stop: float = 0.0,
    start: Literal["normal", "exact"] = "normal",
    schedule: Schedule = "linear:0.05:10",
    score_eigenvalues: ArrayLike | None = None,
    score_data: ArrayLike | None = None,
    score_covariance: ArrayLike | None = None,
    score_mean: ArrayLike | None = None,
    per_eigenvalue: bool = False,
    along_time: bool = False,
) -> Errors:
    """How far a sampler lands from Gaussian data, exactly, and why.

    The data law by one of ``eigenvalues`` ``[d]`` of its covariance, ``data`` ``[n, d]`` whose mean and
    covariance are taken, ``covariance`` ``[d, d]`` (with ``mean``), or ``spectrum``
    (``"natural:32x32x3"``). The sampler by a scheme and a grid: ``steps`` (50 by default) or a budget
    ``nfe`` of score evaluations spread by ``grid`` (``"uniform"``, ``"quadratic"``, ``"log-snr"``,
    ``"karras"``) down to the time ``stop``, or its ``times`` or ``sigmas`` themselves.

    A scheme is one of em, ei, relative-ei, heun-sde, ddpm, ddpm-exact, euler, heun, rk4, ddim,
    dpmpp-2m, edm-heun, edm-churn[:S], or a function ``step(score, x, t, s, z)`` that moves rows x from
    time t to s < t with standard normals z, asking ``score(x, t)`` for ∇log p_t. It must be affine in x
    and z when the score is, and move every row by itself; then it is audited by the same probe.

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
    law = _law(eigenvalues, data, covariance, mean, spectrum, keep_columns=keep)
    score: _fokker.Law | None = None
    if score_eigenvalues is not None:
        if data is not None or covariance is not None:
            raise ValueError("score_eigenvalues go with eigenvalues: their axes are those of the data law")
        score = _fokker.Law.from_eigenvalues(score_eigenvalues)
    elif score_data is not None:
        score = _fokker.Law.from_rows(score_data, True)
    elif score_covariance is not None:
        score = _fokker.Law.from_covariance(score_mean, score_covariance)
    sampler = _sampler(scheme, steps, nfe, grid, times, sigmas, stop)
    found = _fokker.audit_errors(law, score, _schedule(schedule), sampler, start, per_eigenvalue, along_time)
    return Errors(**found)


def score_errors(
    score: Score,
    data: ArrayLike | None = None,
    *,
    covariance: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    eigenvalues: ArrayLike | None = None,
    scheme: str | Step = "dpmpp-2m",
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

    A score that needs ``w2_affine`` far above ``w2_exact`` has the wrong second moments whatever the
    steps. O(d³) a step: for d up to some hundreds.

    >>> import numpy as np, fokker
    >>> def score(x, t):  # of N(0, 4), noised at the rate 5
    ...     return -x / (1 + 3 * np.exp(-10 * t))
    >>> found = fokker.audit.score_errors(score, eigenvalues=[4.0], steps=20, schedule="constant:5")
    >>> abs(found.w2_affine - found.w2_exact) < 1e-9, found.w2_drawn < 0.2
    (True, True)
    """
    law = _law(eigenvalues, data, covariance, mean, None, keep_columns=True)
    clock = _schedule(schedule)
    sampler = _sampler(scheme, steps, nfe, grid, times, sigmas, stop)
    random = np.random.default_rng(random_state)
    factor = law.factor
    if data is not None:
        rows = _fokker.as_matrix(data, "data")
        rows = rows[random.integers(len(rows), size=draws)]
    else:
        rows = law.mean + random.standard_normal((draws, law.dim)) @ factor.T
    affine = _AffinePart(score, clock, rows, random.standard_normal((draws, law.dim)))
    gain, offset, covariance_drawn, evaluations = _fokker.audit_propagate(affine, law.dim, clock, sampler)
    after = gain @ gain.T + covariance_drawn
    affine_law = _fokker.Law.from_covariance(offset, (after + after.T) / 2)
    exact = _fokker.audit_errors(law, None, clock, sampler, "normal", False, False)
    drawn = _fokker.audit_sample(score, law.dim, clock, sampler, particles, random_state)
    chance = law.mean + random.standard_normal((particles, law.dim)) @ factor.T
    order = sorted(affine.parts, reverse=True)
    return ScoreErrors(
        w2_affine=law.distance(affine_law),
        w2_exact=exact["w2"],
        w2_drawn=law.distance(_fokker.Law.from_rows(drawn, True)),
        w2_floor=law.distance(_fokker.Law.from_rows(chance, True)),
        evaluations=evaluations,
        times=np.array(order),
        affine_share=np.array([affine.parts[t][2] for t in order]),
        drawn=drawn,
    )


class _AffinePart:
    """The best affine part of a score at every time that is asked for, by least squares over draws."""

    def __init__(self, score: Score, clock: _fokker.Schedule, rows: Any, noise: Any) -> None:
        self.score, self.clock, self.rows, self.noise = score, clock, rows, noise
        self.parts: dict[float, tuple[Any, Any, float]] = {}

    def __call__(self, x: NDArray[np.float64], t: float) -> NDArray[np.float64]:
        if t not in self.parts:
            noised = self.clock.alpha(t) * self.rows + self.clock.sigma(t) * self.noise
            answers = _fokker.as_matrix(self.score(noised, t), "what score returns")
            if answers.shape != noised.shape:
                raise ValueError(f"score must return the shape {noised.shape} of x, found {answers.shape}")
            centre, level = noised.mean(0), answers.mean(0)
            slope = np.linalg.lstsq(noised - centre, answers - level, rcond=None)[0]
            left = answers - level - (noised - centre) @ slope
            share = 1 - (left**2).sum() / max((answers**2).sum(), np.finfo(float).tiny)
            self.parts[t] = (slope, level - centre @ slope, float(share))
        slope, offset, _ = self.parts[t]
        return np.asarray(x @ slope + offset)


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
) -> Tuned:
    """The time grid of at most ``nfe`` score evaluations with the smallest exact W₂.

    The data law as for :func:`errors`; the stopping time is chosen with the grid unless it is given.
    Never worse than the best standard grid. :func:`export` writes it for other programs.

    >>> import fokker
    >>> tuned = fokker.audit.tune(spectrum="natural:8x8x1", nfe=10)
    >>> tuned.evaluations, tuned.w2 < 0.2 * tuned.standard[2]
    (10, True)
    """
    law = _law(eigenvalues, data, covariance, mean, spectrum, keep_columns=False)
    return Tuned(**_fokker.audit_tune(law, scheme, nfe, _schedule(schedule), start, stop))


def export(
    times: ArrayLike,
    program: Literal["k-diffusion", "comfyui", "diffusers", "t"],
    *,
    schedule: Schedule = "linear:0.05:10",
) -> str:
    """A grid of times as text to paste into another program.

    >>> import fokker
    >>> fokker.audit.export([1.0, 0.5, 0.0], "t")
    '[1.0, 0.5, 0.0]\\n'
    """
    return _schedule(schedule).export(_fokker.as_vector(times, "times").tolist(), program)


def lint(
    subject: ArrayLike | str | Mapping[str, Any],
    *,
    steps: int | None = None,
    eigenvalues: ArrayLike | None = None,
    data: ArrayLike | None = None,
    covariance: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    spectrum: str | None = None,
    scheme: str | None = None,
) -> list[Finding]:
    """What is wrong with a list of σ or a diffusers scheduler configuration, and what it costs.

    ``subject`` is an array of σ, the dictionary or JSON text of a ``scheduler_config.json``, or
    ``"preset:NAME"``; configurations are read for ``steps`` inference steps, 30 by default. Costs are on
    the given law, natural images of 32×32×3 by default. Findings come by severity, then step.

    >>> import fokker
    >>> found = fokker.audit.lint([14.6, 5.0, 5.0, 1.0, 0.2, 0.0], spectrum="natural:8x8x1")
    >>> found[0].code, found[0].step
    ('repeated-sigma', 1)
    """
    if all(given is None for given in (eigenvalues, data, covariance, spectrum)):
        spectrum = "natural:32x32x3"
    law = _law(eigenvalues, data, covariance, mean, spectrum, keep_columns=False)
    sigmas: list[float] | None = None
    text: str | None = None
    if isinstance(subject, Mapping):
        text = json.dumps(dict(subject))
    elif isinstance(subject, str):
        text = subject
    else:
        sigmas = _fokker.as_vector(subject, "sigmas").tolist()
        if steps is not None:
            raise ValueError("a list of σ has its own steps: leave steps out")
    return [Finding(**finding) for finding in _fokker.audit_lint(sigmas, text, steps or 30, law, scheme)]


def _law(
    eigenvalues: ArrayLike | None,
    data: ArrayLike | None,
    covariance: ArrayLike | None,
    mean: ArrayLike | None,
    spectrum: str | None,
    *,
    keep_columns: bool,
) -> _fokker.Law:
    given = [value is not None for value in (eigenvalues, data, covariance, spectrum)]
    if sum(given) != 1:
        raise ValueError("give the data law by one of eigenvalues, data, covariance and spectrum")
    if mean is not None and covariance is None:
        raise ValueError("mean goes with covariance")
    if eigenvalues is not None:
        return _fokker.Law.from_eigenvalues(eigenvalues)
    if data is not None:
        return _fokker.Law.from_rows(data, keep_columns)
    if covariance is not None:
        return _fokker.Law.from_covariance(mean, covariance)
    return _fokker.Law.from_spectrum(str(spectrum))


def _schedule(schedule: Schedule) -> _fokker.Schedule:
    if isinstance(schedule, str):
        if schedule.startswith("config:"):
            return _fokker.Schedule.from_config(schedule[len("config:") :])
        return _fokker.Schedule.parse(schedule)
    if isinstance(schedule, Mapping):
        return _fokker.Schedule.from_config(json.dumps(dict(schedule)))
    return _fokker.Schedule.from_betas(schedule)


def _sampler(
    scheme: str | Step,
    steps: int | None,
    nfe: int | None,
    grid: str,
    times: ArrayLike | None,
    sigmas: ArrayLike | None,
    stop: float,
) -> dict[str, Any]:
    if steps is not None and nfe is not None:
        raise ValueError("give steps or nfe, not both")
    if (times is not None or sigmas is not None) and not (steps is None and nfe is None and stop == 0.0):
        raise ValueError("times and sigmas have their own steps and stop: leave steps, nfe and stop out")
    if times is not None and sigmas is not None:
        raise ValueError("give times or sigmas, not both")
    return {
        "scheme": scheme,
        "grid": grid,
        "times": _list(times, "times"),
        "sigmas": _list(sigmas, "sigmas"),
        "steps": steps,
        "nfe": nfe,
        "stop": stop,
    }


def _list(values: ArrayLike | None, name: str) -> list[float] | None:
    return None if values is None else [float(value) for value in _fokker.as_vector(values, name)]
