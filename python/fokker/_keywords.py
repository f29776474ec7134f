"""Types of keyword arguments: made by ``fokker._options.module()``, not by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class PopulationFit(TypedDict, total=False):
    """Options of ``fokker population fit``."""

    potential_features: str | float
    interaction_features: str | float | None
    internal: str | float | None
    time_varying: str | float
    scheme: str | float
    coupling: str | float
    ridge: str | float
    raw_features: bool
    random_state: int


class PopulationPredict(TypedDict, total=False):
    """Options of ``fokker population predict``."""

    steps_per_interval: int | None
    noise: bool
    random_state: int


class PopulationValidate(TypedDict, total=False):
    """Options of ``fokker population validate``."""

    hold_out: str | float
    seeds: int
    metric: str | float
    potential: str | float
    interaction: str | float | None
    internal: str | float | None
    time_varying: str | float
    scheme: str | float
    coupling: str | float
    ridge: str | float
    raw_features: bool
    seed: int


class TransportDistance(TypedDict, total=False):
    """Options of ``fokker transport distance``."""

    metric: str | float
    epsilon: float | None
    relative_epsilon: float | None
    directions: int | None
    bandwidth: float | None
    floor: bool
    repeats: int | None
    permutations: int | None
    seed: int


class SpectralFit(TypedDict, total=False):
    """Options of ``fokker spectral fit``."""

    reference: str | float | Sequence[str | float]
    degree: int | Sequence[int]
    pairs: str | Sequence[tuple[int, int]] | Sequence[str | Sequence[tuple[int, int]]]
    gaussian_pairs: bool
    ridge: str | float
    hold_out: float


class SpectralParameters(TypedDict, total=False):
    """Options of ``fokker spectral fit, spectral density``."""

    reference: str | float | Sequence[str | float]
    degree: int | Sequence[int]
    pairs: str | Sequence[tuple[int, int]] | Sequence[str | Sequence[tuple[int, int]]]
    gaussian_pairs: bool
    ridge: str | float
    hold_out: float
    density: str | float


class SpectralSample(TypedDict, total=False):
    """Options of ``fokker spectral sample``."""

    steps: int
    stop: float
    corrector: int | None
    corrector_step: float | None
    metropolis: bool | None
