"""Couplings of two clouds, and the clouds between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _fokker
from .._checked import checked

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


@checked
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
    ``costs`` ``[n, m]`` instead of clouds, for these. Weights are 1/n and 1/m by default;
    only the shares count, weights over their sum. With n = m and equal weights the coupling is a permutation.

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


@checked
def exact_in_batches(
    x: ArrayLike, y: ArrayLike, *, cost: Cost = "squared-euclidean", batch: int = 1000, seed: int = 0
) -> Coupling:
    """Coupling of two clouds of one size by optimal couplings of random disjoint batches.

    Both clouds ``[n, d]`` are shuffled and cut into batches of ``batch`` rows, which are coupled
    optimally one by one. The coupling is a permutation, not the optimal one; its ``gap`` says how far
    its cost is above the optimum at most. O(n batch) and one look at all pairs, O(n² d)
    [Fatras et al. 2021].

    >>> import fokker
    >>> plan = fokker.transport.exact_in_batches([[0.0], [1.0], [2.0]], [[3.0], [1.0], [2.0]])
    >>> plan.target  # one batch holds everything: the optimal coupling
    array([1, 2, 0])
    """
    return Coupling(**_fokker.exact_in_batches(x, y, cost, batch, seed))


@checked
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
    median cost (``relative_epsilon``, 0.05 by default). Without a relaxation only the shares of the weights
    count; with one they are masses, whose sums may differ.

    >>> import fokker
    >>> found = fokker.transport.sinkhorn([[0.0], [1.0]], [[0.0], [1.0]], epsilon=0.1, plan=True)
    >>> found.converged, found.plan.round(4)
    (True, array([[0.5, 0. ],
           [0. , 0.5]]))
    """
    strength, relative = strength_of(epsilon, relative_epsilon)
    found: dict[str, Any] = _fokker.sinkhorn(
        x,
        y,
        cost,
        strength,
        relative,
        (source_relaxation, target_relaxation),
        source_weights,
        target_weights,
        tolerance,
        max_iterations,
        plan,
    )
    return Entropic(**found)


def strength_of(epsilon: float | None, relative_epsilon: float | None) -> tuple[float, bool]:
    """ε, and whether it is in multiples of the median cost."""
    if epsilon is not None and relative_epsilon is not None:
        raise ValueError("give epsilon or relative_epsilon, not both")
    if epsilon is not None:
        return epsilon, False
    return (0.05 if relative_epsilon is None else relative_epsilon), True


@checked
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
    grows in proportion to t. Points ``[entries, d]``, masses ``[entries]``. For several t, or another
    coupling, see :func:`displacement`.

    >>> import fokker
    >>> fokker.transport.interpolate([[0.0], [1.0]], [[5.0], [4.0]], 0.25)
    (array([[1.],
           [2.]]), array([0.5, 0.5]))
    """
    coupling = exact(x, y, source_weights=source_weights, target_weights=target_weights)
    return displacement(x, y, coupling, t)


@checked
def displacement(
    x: ArrayLike, y: ArrayLike, coupling: Coupling, t: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The cloud at t in [0, 1] on the way from x to y along any coupling of them: (points, masses).

    ``z_k = (1 − t) x_{source[k]} + t y_{target[k]}`` with ``mass[k]``, for the entries k of the coupling:
    at t = 0 and t = 1 the clouds themselves, bit for bit. Points ``[entries, d]``, masses ``[entries]``.

    >>> import fokker
    >>> x, y = [[0.0], [1.0]], [[5.0], [4.0]]
    >>> plan = fokker.transport.exact(x, y)
    >>> [fokker.transport.displacement(x, y, plan, t)[0].ravel().tolist() for t in (0.0, 0.25, 1.0)]
    [[0.0, 1.0], [1.0, 2.0], [4.0, 5.0]]
    """
    source, target = (np.ascontiguousarray(rows, np.int64) for rows in (coupling.source, coupling.target))
    mass = _fokker.as_vector(coupling.mass, "mass")
    return _fokker.displacement(x, y, (coupling.shape, source, target, mass), t)
