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

from ._arguments import Scheme
from ._errors import Errors, errors
from ._grids import Exported, Tuned, export, exported, tune
from ._lint import Finding, lint
from ._scores import ScoreErrors, score_errors
from ._table import ErrorTable
from ._texture import Texture

__all__ = [
    "ErrorTable",
    "Errors",
    "Exported",
    "Finding",
    "Scheme",
    "ScoreErrors",
    "Texture",
    "Tuned",
    "errors",
    "export",
    "exported",
    "lint",
    "score_errors",
    "tune",
]
