"""Distances between clouds, and the floor that chance puts under them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from numpy.typing import ArrayLike

from .. import _fokker
from .._checked import checked
from .._options import takes
from ._couplings import strength_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._keywords import TransportDistance


@dataclass(frozen=True)
class ExactDistance:
    """W₁ or W₂ with what proves it."""

    #: The distance.
    value: float
    #: How far above the true distance it can be at most, by duality.
    gap: float


@dataclass(frozen=True)
class Divergence:
    """Debiased entropic divergence."""

    #: The divergence, in units of the cost: compare its root with W₂.
    value: float
    #: ε in units of the cost.
    epsilon: float
    #: Whether all three problems converged.
    converged: bool
    #: Largest marginal error of the three.
    marginal_error: float


@dataclass(frozen=True)
class Floor:
    """Distance between two halves of one sample, repeated."""

    #: Mean over the repeats.
    mean: float
    #: Standard deviation over the repeats, which overlap: the spread of one, not the error of the mean;
    #: None for one repeat.
    sd: float | None
    #: Number of random splits.
    repeats: int


@dataclass(frozen=True)
class Distance:
    """Any distance, with what is known of its error and what chance gives."""

    #: Its name.
    metric: str
    #: Its value.
    value: float
    #: The true value is in [value − gap, value]; of exact distances only.
    gap: float | None
    #: How far the value can be trusted, in words.
    certificate: str
    #: Number of points of x.
    n: int
    #: Number of points of y.
    m: int
    #: The same distance between random halves of x, when it was asked for: mean, sd, repeats.
    floor: Floor | None
    #: Of the permutation test that both are samples of one law, when the floor was asked for.
    p_value: float | None
    #: Permutations of that test.
    permutations: int


@takes("TransportDistance")
def distance(
    x: ArrayLike,
    y: ArrayLike,
    *,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    **options: Unpack[TransportDistance],
) -> Distance:
    """Any distance of two weighted clouds x ``[n, d]`` and y ``[m, d]`` by its name, as the command line gives it.

    With ``floor=True`` beside what chance gives: the same distance between random halves of x, and the
    p-value of a permutation test.

    >>> import fokker
    >>> found = fokker.transport.distance([[0.0], [1.0]], [[3.0], [4.0]], metric="w1")
    >>> round(found.value, 12), found.n, found.floor
    (3.0, 2, None)
    """
    found = _fokker.distance(x, y, source_weights, target_weights, options)
    chance = None if found["floor"] is None else Floor(**found["floor"])
    return Distance(**{**found, "floor": chance})


@checked
def wasserstein(
    x: ArrayLike,
    y: ArrayLike,
    *,
    p: Literal[1, 2] = 2,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
) -> float:
    """W₁ or W₂ between two weighted clouds, exact.

    ``W_p^p = min over couplings γ of Σ γ_ij |x_i − y_j|^p``, weights normalised to one, for x ``[n, d]``
    and y ``[m, d]``. See :func:`exact_distance` for its proof, :func:`floor` for what it means.

    >>> import fokker
    >>> x = [[0.0, 0.0], [1.0, 0.0]]
    >>> round(fokker.transport.wasserstein(x, [[3.0, 4.0], [4.0, 4.0]]), 12)
    5.0
    """
    return _fokker.exact_distance(x, y, p, source_weights, target_weights)[0]


@checked
def exact_distance(
    x: ArrayLike,
    y: ArrayLike,
    *,
    p: Literal[1, 2] = 2,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
) -> ExactDistance:
    """W₁ or W₂ between two weighted clouds with its gap: :func:`wasserstein`, proved.

    With the optimal cost c and its duality gap g: ``W₁ = c, gap = g`` and ``W₂ = √c,
    gap = √c − √(c − g)``; the true distance is in [value − gap, value].

    >>> import fokker
    >>> found = fokker.transport.exact_distance([[0.0], [1.0]], [[3.0], [4.0]])
    >>> round(found.value, 12), found.gap < 1e-10
    (3.0, True)
    """
    return ExactDistance(*_fokker.exact_distance(x, y, p, source_weights, target_weights))


@checked
def wasserstein_line(
    x: ArrayLike,
    y: ArrayLike,
    *,
    p: Literal[1, 2] = 2,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
) -> float:
    """W₁ or W₂ between two weighted samples x ``[n]`` and y ``[m]`` on the line, in closed form.

    ``W_p^p = ∫₀¹ |F⁻¹(q) − G⁻¹(q)|^p dq``, weights normalised to one. O(n log n + m log m).

    >>> import fokker
    >>> fokker.transport.wasserstein_line([2.0, 0.0], [1.0, 4.0], p=1)  # 0 to 1 and 2 to 4
    1.5
    """
    return _fokker.wasserstein_line(x, y, p, source_weights, target_weights)


@checked
def sliced_wasserstein2(
    x: ArrayLike,
    y: ArrayLike,
    *,
    directions: int = 256,
    seed: int = 0,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
) -> float:
    """Sliced W₂ of two weighted clouds x ``[n, d]`` and y ``[m, d]``.

    ``SW₂² = (1/K) Σ_k W₂²(θ_k·x, θ_k·y)`` over K = ``directions`` uniform on the sphere, direction k
    from stream k of ``seed``. At most W₂ / √d in the mean over directions; O(K (n + m)(d + log(n + m))).

    >>> import fokker
    >>> fokker.transport.sliced_wasserstein2([[0.0], [1.0]], [[2.0], [3.0]])  # on the line: W₂ itself
    2.0
    """
    return _fokker.sliced_wasserstein2(x, y, directions, seed, source_weights, target_weights)


def energy_distance(
    x: ArrayLike,
    y: ArrayLike,
    *,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
) -> float:
    """Energy distance of two weighted clouds x ``[n, d]`` and y ``[m, d]``.

    D with ``D² = 2 E|X − Y| − E|X − X'| − E|Y − Y'|`` over all pairs, i = j included; zero for equal laws
    only. O((n + m)² d) [Székely and Rizzo 2013].

    >>> import fokker
    >>> fokker.transport.energy_distance([[0.0]], [[2.0]])  # D² = 2 · 2
    2.0
    """
    return _fokker.energy_distance(x, y, source_weights, target_weights)


@checked
def kernel_discrepancy(
    x: ArrayLike,
    y: ArrayLike,
    *,
    bandwidth: float | None = None,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
) -> float:
    """Kernel discrepancy (MMD) of two weighted clouds with a Gaussian kernel.

    MMD with ``MMD² = E k(X, X') + E k(Y, Y') − 2 E k(X, Y)``, ``k(x, y) = exp(−|x − y|² / (2h²))``, over all
    pairs, i = j included; h is ``bandwidth``, by default :func:`median_distance`. O((n + m)² d)
    [Gretton et al. 2012].

    >>> import fokker
    >>> round(fokker.transport.kernel_discrepancy([[0.0]], [[1.0]], bandwidth=1.0) ** 2, 12)  # 2 − 2/√e
    0.786938680575
    """
    if bandwidth is None:
        bandwidth = _fokker.median_distance(x, y, source_weights, target_weights)
    return _fokker.kernel_discrepancy(x, y, bandwidth, source_weights, target_weights)


def median_distance(
    x: ArrayLike,
    y: ArrayLike,
    *,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
) -> float:
    """Median of the distances |x_i − y_j| of two weighted clouds, a usual bandwidth.

    The least c with ``Σ { a_i b_j : |x_i − y_j| ≤ c } > ½``, weights normalised to one, over all pairs or
    65,536 that are taken by their weights. One of the distances: the mean of the middle two is not taken.

    >>> import fokker
    >>> fokker.transport.median_distance([[0.0], [10.0]], [[1.0]])
    9.0
    """
    return _fokker.median_distance(x, y, source_weights, target_weights)


@checked
def sinkhorn_divergence(
    x: ArrayLike,
    y: ArrayLike,
    *,
    epsilon: float | None = None,
    relative_epsilon: float | None = None,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    tolerance: float = 1e-6,
    max_iterations: int = 10_000,
) -> Divergence:
    """Debiased entropic divergence of two weighted clouds, for the squared cost.

    ``S = OT(x, y) − ½ OT(x, x) − ½ OT(y, y)``, OT the value of :func:`sinkhorn` with the same ε in all
    three, given as there. Zero for equal clouds; tends to W₂² as ε → 0 [Feydy et al. 2019].

    >>> import fokker
    >>> x, y = [[0.0, 1.0], [2.0, 0.0]], [[3.0, 5.0], [5.0, 4.0]]  # moved by (3, 4)
    >>> found = fokker.transport.sinkhorn_divergence(x, y, epsilon=0.1)
    >>> found.converged, round(found.value, 4)
    (True, 25.0)
    """
    strength, relative = strength_of(epsilon, relative_epsilon)
    found = _fokker.sinkhorn_divergence(
        x, y, strength, relative, source_weights, target_weights, tolerance, max_iterations
    )
    return Divergence(**found)


@checked
def floor(
    sample: ArrayLike,
    *,
    distance: Callable[..., float] = wasserstein,
    repeats: int = 10,
    seed: int = 0,
    weights: ArrayLike | None = None,
) -> Floor:
    """What chance alone puts between two samples of one law: a distance is read against it.

    ``sample`` ``[n, d]`` is shuffled, repeat r by stream r of ``seed``, and
    ``distance(first ⌊n/2⌋ rows, next ⌊n/2⌋ rows)`` taken; mean and standard deviation of that. Halves are
    half as large as the sample, so the floor is an upper bound of what all of it could reach. With
    ``weights`` ``[n]`` the distance gets those of the halves, each normalised to one, as
    ``source_weights`` and ``target_weights``. :func:`permutation_test` gives a p-value.

    >>> import fokker
    >>> from functools import partial
    >>> same = [[1.0], [1.0], [1.0], [1.0]]
    >>> fokker.transport.floor(same, distance=partial(fokker.transport.wasserstein, p=1))
    Floor(mean=0.0, sd=0.0, repeats=10)
    """
    return Floor(*_fokker.floor(sample, distance, repeats, seed, weights))


def permutation_test(
    x: ArrayLike,
    y: ArrayLike,
    *,
    distance: Callable[..., float] = wasserstein,
    permutations: int = 99,
    seed: int = 0,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
) -> float:
    """The p-value of x ``[n, d]`` and y ``[m, d]`` being samples of one law, by a distance.

    ``p = (1 + #{D_k ≥ D}) / (1 + permutations)``, D_k the distance between n and m rows of both, shuffled by
    stream k of ``seed``; at most α with probability α if they are. Weights stay with their points, divided by
    their sum in each cloud, and ``distance`` gets them as ``source_weights`` and ``target_weights``. Costs
    ``permutations + 1`` distances.

    >>> import fokker
    >>> x = [[float(i)] for i in range(20)]
    >>> fokker.transport.permutation_test(x, [[100.0 + i] for i in range(20)])
    0.01
    """
    return _fokker.permutation_test(x, y, distance, permutations, seed, source_weights, target_weights)
