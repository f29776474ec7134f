"""What is wrong with a grid or a configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import ArrayLike

from .. import _fokker
from .._checked import checked
from ._arguments import law_of


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
    #: W₂ as it is minus W₂ repaired, where both are defined and the remedy lowers W₂.
    w2_cost: float | None


@checked
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
    law = law_of(eigenvalues, data, covariance, mean, spectrum, keep_columns=False)
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
    return [Finding(**finding) for finding in _fokker.audit_lint(sigmas, text, steps, law, scheme)]
