"""What the audits share: laws, schedules and samplers, in the ways they can be given."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _fokker

Vector = NDArray[np.float64]
#: ``score(x, t)``: rows ``[n, d]`` and a time to ∇log p_t at the rows, ``[n, d]``.
Score = Callable[[NDArray[np.float64], float], ArrayLike]
#: ``step(score, x, t, s, z)``: rows at time t, and standard normals of their shape, to rows at time s < t.
Step = Callable[..., Any]
Schedule = str | ArrayLike | Mapping[str, Any]


@dataclass(frozen=True)
class Scheme:
    """A step of one's own with what it remembers, or with another number of noises than one.

    ``history`` arrays are passed in and out, and nothing else may be remembered::

        x, arrays = step(score, x, t, s, z, past)

    ``past`` is None in the first step, then ``(before, arrays)``: the time at which the step before
    started, and the tuple of ``history`` arrays, each of the shape of x, that it returned. Without history
    a step returns x alone and takes no ``past``. ``z`` is one array of standard normals of the shape of x;
    None with ``noises=0``, a tuple with more than one.

    The two-step Adams–Bashforth method for the flow ODE with a constant β = 5, on steps of one length:

    >>> import fokker
    >>> def adams_bashforth(score, x, t, s, z, past):
    ...     v = 5 * (x + score(x, t))
    ...     if past is None:
    ...         return x + (t - s) * v, (v,)
    ...     before, (old,) = past
    ...     return x + (t - s) * (1.5 * v - 0.5 * old), (v,)
    >>> two = fokker.audit.Scheme(adams_bashforth, history=1)
    >>> found = fokker.audit.errors([4.0, 0.25], scheme=two, steps=200, schedule="constant:5")
    >>> euler = fokker.audit.errors([4.0, 0.25], scheme="euler", steps=200, schedule="constant:5")
    >>> found.w2 < 0.3 * euler.w2
    True
    """

    #: The function.
    step: Step
    #: Number of arrays that it remembers.
    history: int = 0
    #: Number of arrays of standard normals that it is given.
    noises: int = 1

    def __post_init__(self) -> None:
        if not callable(self.step):
            raise TypeError(f"step must be a function, found {type(self.step).__name__}")
        for name, value in (("history", self.history), ("noises", self.noises)):
            if not 0 <= operator.index(value) <= 8:
                raise ValueError(f"{name} must be from 0 to 8, found {value}")


def law_of(
    eigenvalues: ArrayLike | None,
    data: ArrayLike | None,
    covariance: ArrayLike | None,
    mean: ArrayLike | None,
    spectrum: str | None,
    *,
    keep_columns: bool,
) -> _fokker.Law:
    """The law that exactly one of the arguments gives."""
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


def schedule_of(schedule: Schedule) -> _fokker.Schedule:
    """A schedule by its name, its β or its configuration."""
    if isinstance(schedule, str):
        if schedule.startswith("config:"):
            return _fokker.Schedule.from_config(schedule[len("config:") :])
        return _fokker.Schedule.parse(schedule)
    if isinstance(schedule, Mapping):
        return _fokker.Schedule.from_config(json.dumps(dict(schedule)))
    return _fokker.Schedule.from_betas(schedule)


def sampler_of(
    scheme: str | Step | Scheme,
    steps: int | None,
    nfe: int | None,
    grid: str,
    times: ArrayLike | None,
    sigmas: ArrayLike | None,
    stop: float,
) -> dict[str, Any]:
    """A sampler, as the extension reads it."""
    if steps is not None and nfe is not None:
        raise ValueError("give steps or nfe, not both")
    if (times is not None or sigmas is not None) and not (steps is None and nfe is None and stop == 0.0):
        raise ValueError("times and sigmas have their own steps and stop: leave steps, nfe and stop out")
    if times is not None and sigmas is not None:
        raise ValueError("give times or sigmas, not both")
    own = scheme if isinstance(scheme, Scheme) else Scheme(scheme) if callable(scheme) else None
    return {
        "scheme": scheme if own is None else own.step,
        "history": 0 if own is None else own.history,
        "noises": 1 if own is None else own.noises,
        "grid": grid,
        "times": _list(times, "times"),
        "sigmas": _list(sigmas, "sigmas"),
        "steps": steps,
        "nfe": nfe,
        "stop": stop,
    }


def _list(values: ArrayLike | None, name: str) -> list[float] | None:
    return None if values is None else [float(value) for value in _fokker.as_vector(values, name)]
