"""Exact optimal transport between clouds, and what lies around it.

Two clouds x ``[n, d]`` and y ``[m, d]`` with weights a and b, and a cost c::

    min Σ γ_ij c(x_i, y_j) over γ ≥ 0 with marginals a, b
    = max Σ a_i u_i + Σ b_j v_j over u_i + v_j ≤ c(x_i, y_j)

Every exact coupling carries its proof: by its duals no other is cheaper than ``cost − gap``. No n × m
matrix is held. All functions of [Peyré and Cuturi 2019].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _fokker

__all__ = ["Coupling", "Entropic", "exact", "interpolate", "sinkhorn", "wasserstein"]

Cost = Literal["squared-euclidean", "euclidean"]


@dataclass(frozen=True, eq=False)
class Coupling:
    """A coupling γ as a list of entries, with the proof that it is optimal.

    ``γ[source[k], target[k]] = mass[k]``, all other entries are 0.
    """

    #: Numbers n of sources and m of targets.
    shape: tuple[int, int]
    #: Row of x of each entry, ascending, ``[entries]``.
    source: NDArray[np.int64]
    #: Row of y of each entry, ``[entries]``.
    target: NDArray[np.int64]
    #: Mass of each entry, positive, ``[entries]``.
    mass: NDArray[np.float64]
    #: Σ γ_ij c_ij.
    cost: float
    #: Dual potentials u, ``[n]``.
    dual_source: NDArray[np.float64]
    #: Dual potentials v, ``[m]``.
    dual_target: NDArray[np.float64]
    #: Σ_i |Σ_j γ_ij − a_i| + Σ_j |Σ_i γ_ij − b_j|.
    marginal_error: float
    #: No coupling costs less than ``cost − gap``.
    gap: float
    #: Lower bound of c_ij − u_i − v_j over all pairs: 0 up to rounding.
    smallest_reduced_cost: float

    def matrix(self) -> NDArray[np.float64]:
        """γ as a matrix ``[n, m]``."""
        plan = np.zeros(self.shape)
        plan[self.source, self.target] = self.mass
        return plan

    def barycentric(self, y: ArrayLike) -> NDArray[np.float64]:
        """Where each source goes on average, ``[n, d]``: Σ_j γ_ij y_j / Σ_j γ_ij."""
        y = _fokker.as_matrix(y, "y")
        if len(y) != self.shape[1]:
            raise ValueError(f"y has {len(y)} rows, but the coupling has {self.shape[1]} targets")
        image = np.zeros((self.shape[0], y.shape[1]))
        np.add.at(image, self.source, self.mass[:, None] * y[self.target])
        return image / np.bincount(self.source, self.mass, self.shape[0])[:, None]


@dataclass(frozen=True, eq=False)
class Entropic:
    """An entropic coupling, by its potentials.

    ``γ_ij = a_i b_j / M · exp((f_i + g_j − c_ij) / ε)``, M the geometric mean of the two masses.
    """

    #: Whether the marginals are within the tolerance.
    converged: bool
    #: Iterations used.
    iterations: int
    #: ε in units of the cost.
    epsilon: float
    #: Σ γ_ij c_ij.
    cost: float
    #: The entropic objective, by its dual.
    value: float
    #: f, ``[n]``.
    potential_source: NDArray[np.float64]
    #: g, ``[m]``.
    potential_target: NDArray[np.float64]
    #: Mass leaving each source, ``[n]``.
    source_marginal: NDArray[np.float64]
    #: Mass reaching each target, ``[m]``.
    target_marginal: NDArray[np.float64]
    #: How far the marginals are from what was asked, in sum.
    marginal_error: float
    #: γ, ``[n, m]``, when it was asked for.
    plan: NDArray[np.float64] | None


def exact(
    x: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    cost: Cost = "squared-euclidean",
    costs: ArrayLike | None = None,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
) -> Coupling:
    """Optimal coupling of two weighted clouds, or for a given matrix of costs.

    x ``[n, d]`` and y ``[m, d]`` are coupled for |x − y|² (or ``cost="euclidean"``, |x − y|); with
    ``costs`` ``[n, m]`` instead of clouds, for these. Weights are 1/n and 1/m by default and must
    have the same sum. With n = m and equal weights the coupling is a permutation.

    >>> import fokker
    >>> plan = fokker.transport.exact([[0.0], [1.0], [2.0]], [[3.0], [1.0], [2.0]])
    >>> plan.target
    array([1, 2, 0])
    >>> round(plan.cost, 12), plan.gap < 1e-12
    (1.0, True)
    """
    if costs is not None:
        if x is not None or y is not None:
            raise ValueError("give either two clouds or a matrix of costs, not both")
        return Coupling(**_fokker.exact_matrix(costs, source_weights, target_weights))
    if x is None or y is None:
        raise ValueError("give two clouds x and y, or a matrix of costs")
    return Coupling(**_fokker.exact(x, y, cost, source_weights, target_weights))


def wasserstein(
    x: ArrayLike,
    y: ArrayLike,
    *,
    p: Literal[1, 2] = 2,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
) -> float:
    """W₁ or W₂ between two weighted clouds, exact.

    ``W_p^p = min over couplings γ of Σ γ_ij |x_i − y_j|^p``, weights normalised to one.

    >>> import fokker
    >>> x = [[0.0, 0.0], [1.0, 0.0]]
    >>> round(fokker.transport.wasserstein(x, [[3.0, 4.0], [4.0, 4.0]]), 12)
    5.0
    """
    return _fokker.wasserstein(x, y, p, source_weights, target_weights)


def sinkhorn(
    x: ArrayLike,
    y: ArrayLike,
    *,
    epsilon: float | None = None,
    relative_epsilon: float | None = None,
    cost: Cost = "squared-euclidean",
    source_relaxation: float | None = None,
    target_relaxation: float | None = None,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    tolerance: float = 1e-6,
    max_iterations: int = 10_000,
    plan: bool = False,
) -> Entropic:
    """Entropic coupling of two weighted clouds, balanced, semi-relaxed or unbalanced.

    Minimises ``Σ γ_ij c_ij + ε KL(γ | a⊗b/M)``, plus ``ρ KL(γ1 | a)`` on a side that has a relaxation
    ρ in place of an exact marginal. ε is in units of the cost (``epsilon``), or in multiples of the
    median cost (``relative_epsilon``, 0.05 by default).

    >>> import fokker
    >>> found = fokker.transport.sinkhorn([[0.0], [1.0]], [[0.0], [1.0]], epsilon=0.1, plan=True)
    >>> found.converged, found.plan.round(4)
    (True, array([[0.5, 0. ],
           [0. , 0.5]]))
    """
    if epsilon is not None and relative_epsilon is not None:
        raise ValueError("give epsilon or relative_epsilon, not both")
    strength = epsilon if epsilon is not None else (0.05 if relative_epsilon is None else relative_epsilon)
    found: dict[str, Any] = _fokker.sinkhorn(
        x,
        y,
        cost,
        strength,
        epsilon is None,
        (source_relaxation, target_relaxation),
        source_weights,
        target_weights,
        tolerance,
        max_iterations,
        plan,
    )
    return Entropic(**found)


def interpolate(
    x: ArrayLike,
    y: ArrayLike,
    t: float,
    *,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The cloud between two clouds at t in [0, 1], along their optimal coupling: (points, masses).

    Every entry of the coupling moves in a straight line, ``z_k = (1 − t) x_i + t y_j``, so that W₂
    grows in proportion to t. Points ``[entries, d]``, masses ``[entries]``.

    >>> import fokker
    >>> fokker.transport.interpolate([[0.0], [1.0]], [[5.0], [4.0]], 0.25)
    (array([[1.],
           [2.]]), array([0.5, 0.5]))
    """
    return _fokker.interpolate(x, y, t, source_weights, target_weights)
