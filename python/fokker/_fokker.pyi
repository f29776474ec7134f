"""The Rust half of fokker; use the package, not this module."""

from collections.abc import Callable
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Array = NDArray[np.float64]

__all__ = [
    "InputError",
    "Law",
    "NumericalError",
    "PopulationFit",
    "Schedule",
    "SpectralFit",
    "SpectralMoments",
    "Texture",
    "as_image",
    "as_matrix",
    "as_vector",
    "audit_affine",
    "audit_errors",
    "audit_lint",
    "audit_sample",
    "audit_table",
    "audit_tune",
    "check_options",
    "displacement",
    "distance",
    "energy_distance",
    "exact",
    "exact_distance",
    "exact_in_batches",
    "exact_matrix",
    "floor",
    "label_times",
    "kernel_discrepancy",
    "median_distance",
    "option_fields",
    "permutation_test",
    "population_fit",
    "population_validate",
    "sinkhorn",
    "sinkhorn_divergence",
    "sliced_wasserstein2",
    "spectral_fit",
    "wasserstein_line",
    "work_as",
]

class InputError(ValueError):
    argument: str | None
    index: tuple[int, ...] | None
    found: float | None
    expected: str | None
    reason: str | None

class NumericalError(ArithmeticError):
    argument: str | None
    index: tuple[int, ...] | None
    found: float | None
    expected: str | None
    reason: str | None

def as_image(x: ArrayLike | Any, name: str) -> _Array: ...
def as_matrix(x: ArrayLike | Any, name: str) -> _Array: ...
def as_vector(x: ArrayLike | Any, name: str) -> _Array: ...
def exact(
    x: ArrayLike,
    y: ArrayLike,
    cost: str,
    source_weights: ArrayLike | None,
    target_weights: ArrayLike | None,
) -> dict[str, Any]: ...
def exact_matrix(
    costs: ArrayLike, source_weights: ArrayLike | None, target_weights: ArrayLike | None
) -> dict[str, Any]: ...
def exact_in_batches(x: ArrayLike, y: ArrayLike, cost: str, batch: int, seed: int) -> dict[str, Any]: ...
def sinkhorn(
    x: ArrayLike,
    y: ArrayLike,
    cost: str,
    epsilon: float,
    relative: bool,
    relaxation: tuple[float | None, float | None],
    source_weights: ArrayLike | None,
    target_weights: ArrayLike | None,
    tolerance: float,
    max_iterations: int,
    plan: bool,
) -> dict[str, Any]: ...
def displacement(
    x: ArrayLike,
    y: ArrayLike,
    coupling: tuple[tuple[int, int], NDArray[np.int64], NDArray[np.int64], _Array],
    t: float,
) -> tuple[_Array, _Array]: ...
def distance(
    x: ArrayLike,
    y: ArrayLike,
    source_weights: ArrayLike | None,
    target_weights: ArrayLike | None,
    options: Any,
) -> dict[str, Any]: ...
def exact_distance(
    x: ArrayLike,
    y: ArrayLike,
    p: int,
    source_weights: ArrayLike | None,
    target_weights: ArrayLike | None,
) -> tuple[float, float]: ...
def wasserstein_line(
    x: ArrayLike,
    y: ArrayLike,
    p: int,
    source_weights: ArrayLike | None,
    target_weights: ArrayLike | None,
) -> float: ...
def sliced_wasserstein2(
    x: ArrayLike,
    y: ArrayLike,
    directions: int,
    seed: int,
    source_weights: ArrayLike | None,
    target_weights: ArrayLike | None,
) -> float: ...
def energy_distance(
    x: ArrayLike, y: ArrayLike, source_weights: ArrayLike | None, target_weights: ArrayLike | None
) -> float: ...
def kernel_discrepancy(
    x: ArrayLike,
    y: ArrayLike,
    bandwidth: float,
    source_weights: ArrayLike | None,
    target_weights: ArrayLike | None,
) -> float: ...
def median_distance(
    x: ArrayLike, y: ArrayLike, source_weights: ArrayLike | None, target_weights: ArrayLike | None
) -> float: ...
def sinkhorn_divergence(
    x: ArrayLike,
    y: ArrayLike,
    epsilon: float,
    relative: bool,
    source_weights: ArrayLike | None,
    target_weights: ArrayLike | None,
    tolerance: float,
    max_iterations: int,
) -> dict[str, Any]: ...
def permutation_test(
    x: ArrayLike,
    y: ArrayLike,
    distance: Callable[..., float],
    permutations: int,
    seed: int,
    source_weights: ArrayLike | None,
    target_weights: ArrayLike | None,
) -> float: ...
def floor(
    sample: ArrayLike,
    distance: Callable[..., float],
    repeats: int,
    seed: int,
    weights: ArrayLike | None,
) -> tuple[float, float | None, int]: ...
@final
class Law:
    @classmethod
    def from_eigenvalues(cls, eigenvalues: ArrayLike) -> Law: ...
    @classmethod
    def from_covariance(cls, mean: ArrayLike | None, covariance: ArrayLike) -> Law: ...
    @classmethod
    def from_rows(cls, x: ArrayLike, keep_columns: bool) -> Law: ...
    @classmethod
    def from_spectrum(cls, name: str) -> Law: ...
    @property
    def dim(self) -> int: ...
    @property
    def mean(self) -> _Array: ...
    @property
    def eigenvalues(self) -> _Array: ...
    @property
    def factor(self) -> _Array: ...
    def distance(self, other: Law) -> float: ...

@final
class Schedule:
    @classmethod
    def parse(cls, text: str) -> Schedule: ...
    @classmethod
    def from_betas(cls, betas: ArrayLike) -> Schedule: ...
    @classmethod
    def from_config(cls, text: str) -> Schedule: ...
    @property
    def horizon(self) -> float: ...
    def clock(self, t: float) -> float: ...
    def alpha(self, t: float) -> float: ...
    def sigma(self, t: float) -> float: ...
    def export(self, times: list[float], program: str, scheme: str) -> str: ...
    def exported(
        self, law: Law, times: list[float], program: str, scheme: str, start: str
    ) -> dict[str, Any]: ...

@final
class Texture:
    @classmethod
    def from_image(cls, pixels: ArrayLike, channels: int) -> Texture: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def eigenvalues(self) -> _Array: ...
    def sample(self, index: int, seed: int) -> _Array: ...

def audit_errors(
    law: Law,
    score: Law | None,
    schedule: Schedule,
    sampler: dict[str, Any],
    start: str,
    per_eigenvalue: bool,
    along_time: bool,
) -> dict[str, Any]: ...
def audit_table(
    law: Law, score: Law | None, schedule: Schedule, options: dict[str, Any]
) -> list[dict[str, Any]]: ...
def audit_affine(
    score: Any, law: Law, data: ArrayLike, noise: ArrayLike, schedule: Schedule, sampler: dict[str, Any]
) -> dict[str, Any]: ...
def audit_sample(
    score: Any, dim: int, schedule: Schedule, sampler: dict[str, Any], particles: int, seed: int
) -> _Array: ...
def audit_tune(
    law: Law,
    scheme: str,
    nfe: int,
    schedule: Schedule,
    start: str,
    stop: float | None,
    robust: str | None,
    seed: int,
) -> dict[str, Any]: ...
def audit_lint(
    sigmas: list[float] | None, text: str | None, steps: int | None, law: Law, scheme: str | None
) -> list[dict[str, Any]]: ...
def check_options(command: str, options: dict[str, Any]) -> None: ...
def option_fields(command: str) -> list[dict[str, Any]]: ...
def work_as(verbose: object, n_jobs: object) -> tuple[bool, int | None]: ...
def spectral_fit(
    x: ArrayLike, weights: ArrayLike | None, options: dict[str, Any]
) -> tuple[SpectralFit, SpectralMoments, dict[str, Any]]: ...
@final
class SpectralMoments:
    @property
    def count(self) -> int: ...
    def observe(
        self, x: ArrayLike, weights: ArrayLike | None, options: dict[str, Any], alone: bool
    ) -> SpectralMoments: ...
    def merged(self, other: SpectralMoments) -> SpectralMoments: ...
    def solve(self, options: dict[str, Any]) -> SpectralFit: ...

@final
class SpectralFit:
    @property
    def dim(self) -> int: ...
    @property
    def reference(self) -> str: ...
    @property
    def times(self) -> tuple[float, float]: ...
    @property
    def condition(self) -> float: ...
    @property
    def report(self) -> dict[str, Any]: ...
    @property
    def receipt(self) -> dict[str, Any] | None: ...
    @property
    def sentence(self) -> str | None: ...
    def sample(self, options: dict[str, Any]) -> tuple[_Array, dict[str, Any]]: ...
    def log_density(self, x: ArrayLike, options: dict[str, Any]) -> _Array: ...
    def score_at(self, x: ArrayLike, options: dict[str, Any]) -> _Array: ...
    def to_bytes(self) -> bytes: ...
    @classmethod
    def from_bytes(cls, data: bytes) -> SpectralFit: ...
    def __reduce__(self) -> tuple[Any, tuple[bytes]]: ...

def population_fit(
    x: ArrayLike, times: ArrayLike, weights: ArrayLike | None, options: dict[str, Any]
) -> tuple[PopulationFit, dict[str, Any]]: ...
def label_times(labels: list[str], order: list[str] | None) -> tuple[_Array, str | None]: ...
def population_validate(
    x: ArrayLike,
    times: ArrayLike,
    weights: ArrayLike | None,
    options: dict[str, Any],
) -> dict[str, Any]: ...
@final
class PopulationFit:
    @property
    def dim(self) -> int: ...
    @property
    def times(self) -> _Array: ...
    @property
    def temperature(self) -> float | None: ...
    @property
    def potential_coefficients(self) -> _Array | None: ...
    @property
    def interaction_coefficients(self) -> _Array | None: ...
    @property
    def receipt(self) -> dict[str, Any] | None: ...
    def potential(self, t: float, x: ArrayLike) -> _Array: ...
    def interaction(self, r: ArrayLike) -> _Array: ...
    def warning(self, times: list[float]) -> str | None: ...
    def velocity(self, t: float, x: ArrayLike, population: ArrayLike, weights: ArrayLike) -> _Array: ...
    def settled(self, options: dict[str, Any]) -> dict[str, Any]: ...
    def predict(
        self, x: ArrayLike, weights: ArrayLike | None, options: dict[str, Any]
    ) -> list[_Array]: ...
    def to_bytes(self) -> bytes: ...
    @classmethod
    def from_bytes(cls, data: bytes) -> PopulationFit: ...
    def __reduce__(self) -> tuple[Any, tuple[bytes]]: ...
