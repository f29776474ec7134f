"""Transport against closed forms, scipy and POT."""

import numpy as np
import pytest

import fokker
from fokker import transport

random = np.random.default_rng(0)
X, Y = random.normal(size=(300, 3)), random.normal(size=(200, 3)) + 0.5
A, B = random.uniform(0.1, 1, 300), random.uniform(0.1, 1, 200)
A, B = A / A.sum(), B / B.sum()


def squared(x, y):
    return ((x[:, None] - y[None]) ** 2).sum(-1)


def test_a_coupling_proves_itself():
    plan = transport.exact(X, Y, source_weights=A, target_weights=B)
    matrix, costs = plan.matrix(), squared(X, Y)
    assert np.allclose(matrix.sum(1), A) and np.allclose(matrix.sum(0), B)
    assert abs((matrix * costs).sum() - plan.cost) < 1e-12
    slack = costs - plan.dual_source[:, None] - plan.dual_target[None]
    assert slack.min() > -1e-10
    assert abs(plan.cost - plan.dual_source @ A - plan.dual_target @ B) < 1e-10
    assert plan.gap < 1e-10


def test_scipy_assigns_alike():
    optimize = pytest.importorskip("scipy.optimize")
    costs = squared(X[:200], Y)
    rows, columns = optimize.linear_sum_assignment(costs)
    plan = transport.exact(X[:200], Y)
    assert np.array_equal(plan.target, columns)
    assert abs(plan.cost - costs[rows, columns].mean()) < 1e-12
    given = transport.exact(costs=costs)
    assert np.array_equal(given.target, columns)


def test_scipy_has_the_same_distance_on_the_line():
    stats = pytest.importorskip("scipy.stats")
    mine = transport.wasserstein(X[:, :1], Y[:, :1], p=1, source_weights=A, target_weights=B)
    assert abs(mine - stats.wasserstein_distance(X[:, 0], Y[:, 0], A, B)) < 1e-12


def test_pot_has_the_same_costs():
    ot = pytest.importorskip("ot", reason="POT is not installed")
    costs = ot.dist(X, Y)
    assert abs(ot.emd2(A, B, costs) - transport.exact(X, Y, source_weights=A, target_weights=B).cost) < 1e-10
    plan = ot.sinkhorn(A, B, costs, 0.5, method="sinkhorn_log", stopThr=1e-12, numItermax=100_000)
    mine = transport.sinkhorn(
        X, Y, epsilon=0.5, source_weights=A, target_weights=B, tolerance=1e-11, plan=True
    )
    assert mine.converged and abs(mine.plan - plan).max() < 1e-9
    loose = ot.unbalanced.sinkhorn_unbalanced(A, B, costs, 0.5, 1.0, numItermax=100_000, stopThr=1e-14)
    mine = transport.sinkhorn(
        X, Y, epsilon=0.5, source_relaxation=1.0, target_relaxation=1.0,
        source_weights=A, target_weights=B, tolerance=1e-11, plan=True,
    )
    # POT's reference measure is a b too: the plans agree.
    assert abs(mine.plan - loose).max() < 1e-7


def test_interpolation_moves_at_constant_speed():
    whole = transport.wasserstein(X, Y, source_weights=A, target_weights=B)
    points, mass = transport.interpolate(X, Y, 0.25, source_weights=A, target_weights=B)
    assert abs(transport.wasserstein(X, points, source_weights=A, target_weights=mass) - whole / 4) < 1e-10


def test_barycentric_image_of_a_permutation():
    plan = transport.exact(X[:200], Y)
    assert np.allclose(plan.barycentric(Y), Y[plan.target])


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: transport.wasserstein(X, Y, p=3), "p must be 1 or 2, found 3"),
        (lambda: transport.exact(X, Y, cost="cosine"), "unknown cost"),
        (lambda: transport.exact(X), "two clouds"),
        (lambda: transport.sinkhorn(X, Y, epsilon=-1.0), "epsilon must be positive"),
        (lambda: transport.wasserstein(X, Y, source_weights=A[:5]), "expected 300, found 5"),
        (lambda: transport.wasserstein(X, Y[:, :2]), "2"),
        (lambda: transport.interpolate(X, Y, 1.5), "t must be in"),
    ],
)
def test_what_is_no_problem_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_errors_carry_numbers():
    with pytest.raises(fokker.InputError) as caught:
        transport.wasserstein(X, Y, source_weights=np.where(np.arange(300) == 7, -1.0, 1.0))
    assert caught.value.index == (7,) and caught.value.found == -1.0
    assert caught.value.argument == "source_weights" and caught.value.expected == "non-negative"
