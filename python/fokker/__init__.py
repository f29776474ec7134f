"""Diffusion models in closed form.

Everything is about one equation, dX = −∇V(X) dτ + √2 dW, and its reversal.

=============================  =====================================================================
you have                       you call
=============================  =====================================================================
the law of your data           :func:`fokker.audit.errors`: how far a sampler lands from it, exactly
a budget of score evaluations  :func:`fokker.audit.tune`: the best time grid
a scheduler configuration      :func:`fokker.audit.lint`: what is wrong with it, and what it costs
an image of a texture          :class:`fokker.audit.Texture`: its Gaussian texture and spectrum
two clouds of points           :mod:`fokker.transport`: distances, their floor, couplings
samples of a law               :class:`fokker.SpectralDensity`: density, score and new samples
snapshots of a population      :class:`fokker.PopulationEnergy`: the energy that moves it
=============================  =====================================================================

Arrays are float64 ``[n, d]``, a row a particle. An array of that kind in C order is not copied; any
other that holds numbers is copied once; rows and images of uint8 are pixels and become x/127.5 − 1, in
[−1, 1], as from files (data frames keep their numbers). Work runs off the interpreter's lock, in as many threads as
``RAYON_NUM_THREADS`` says (all by default) with the same bits for any number, and stops at Ctrl-C.

What cannot be used is a :class:`fokker.InputError`, a ``ValueError``; a method that fails on valid
input raises :class:`fokker.NumericalError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import audit, transport
from ._fokker import InputError, NumericalError

if TYPE_CHECKING:
    from ._population import PopulationEnergy
    from ._spectral import SpectralDensity

__all__ = [
    "InputError",
    "NumericalError",
    "PopulationEnergy",
    "SpectralDensity",
    "audit",
    "transport",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # The estimators look for scikit-learn, which takes a while to import: only when they are used.
    if name == "SpectralDensity":
        from ._spectral import SpectralDensity

        return SpectralDensity
    if name == "PopulationEnergy":
        from ._population import PopulationEnergy

        return PopulationEnergy
    raise AttributeError(f"module 'fokker' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
