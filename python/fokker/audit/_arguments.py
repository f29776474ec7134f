"""What the audits share: laws, schedules and samplers, in the ways they can be given."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _fokker

Vector = NDArray[np.float64]
#: ``score(x, t)``: rows ``[n, d]`` and a time to ∇log p_t at the rows, ``[n, d]``.
Score = Callable[[NDArray[np.float64], float], ArrayLike]
#: ``step(score, x, t, s, z)``: rows at time t, and standard normals of their shape, to rows at time s < t.
Step = Callable[[Any, NDArray[np.float64], float, float, NDArray[np.float64]], ArrayLike]
Schedule = str | ArrayLike | Mapping[str, Any]


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
    scheme: str | Step,
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
