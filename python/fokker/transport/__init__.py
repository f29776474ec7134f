"""Exact optimal transport between clouds, and what lies around it.

Two clouds x ``[n, d]`` and y ``[m, d]`` with weights a and b, and a cost c::

    min Σ γ_ij c(x_i, y_j) over γ ≥ 0 with marginals a, b
    = max Σ a_i u_i + Σ b_j v_j over u_i + v_j ≤ c(x_i, y_j)

Every exact coupling carries its proof: by its duals no other is cheaper than ``cost − gap``. No n × m
matrix is held. All of [Peyré and Cuturi 2019] where nothing else is said.

===============================  ==========================================================================
task                             function
===============================  ==========================================================================
optimal coupling                 :func:`exact`, :func:`exact_in_batches`
entropic, unbalanced coupling    :func:`sinkhorn`
any distance by its name         :func:`distance`
distance                         :func:`wasserstein`, :func:`exact_distance`, :func:`wasserstein_line`,
                                 :func:`sliced_wasserstein2`, :func:`sinkhorn_divergence`
distance without coupling        :func:`energy_distance`, :func:`kernel_discrepancy`,
                                 :func:`median_distance`
how to read a distance           :func:`floor`, :func:`permutation_test`
clouds in between                :func:`interpolate`, :func:`displacement`
===============================  ==========================================================================

Weights are 1/n and 1/m by default. Entries that cannot be used are refused by row and column.
"""

from __future__ import annotations

from ._couplings import Coupling, Entropic, displacement, exact, exact_in_batches, interpolate, sinkhorn
from ._distances import (
    Distance,
    Divergence,
    ExactDistance,
    Floor,
    distance,
    energy_distance,
    exact_distance,
    floor,
    kernel_discrepancy,
    median_distance,
    permutation_test,
    sinkhorn_divergence,
    sliced_wasserstein2,
    wasserstein,
    wasserstein_line,
)

__all__ = [
    "Coupling",
    "Distance",
    "Divergence",
    "Entropic",
    "ExactDistance",
    "Floor",
    "displacement",
    "distance",
    "energy_distance",
    "exact",
    "exact_distance",
    "exact_in_batches",
    "floor",
    "interpolate",
    "kernel_discrepancy",
    "median_distance",
    "permutation_test",
    "sinkhorn",
    "sinkhorn_divergence",
    "sliced_wasserstein2",
    "wasserstein",
    "wasserstein_line",
]
