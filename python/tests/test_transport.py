"""Transport against closed forms, scipy and POT."""

from functools import partial

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


def test_any_coupling_carries_a_displacement():
    plan = transport.exact(X, Y, source_weights=A, target_weights=B)
    points, mass = transport.interpolate(X, Y, 0.25, source_weights=A, target_weights=B)
    again = transport.displacement(X, Y, plan, 0.25)
    assert np.array_equal(points, again[0]) and np.array_equal(mass, again[1])
    turned = transport.Coupling(**{**vars(plan), "source": plan.target, "target": plan.source, "shape": (200, 300)})
    back, _ = transport.displacement(Y, X, turned, 0.75)
    assert np.allclose(back, points, rtol=0, atol=1e-15)


def test_batches_bound_how_far_they_are_from_optimal():
    best = transport.exact(X[:200], Y)
    plan = transport.exact_in_batches(X[:200], Y, batch=50, seed=3)
    assert np.array_equal(np.sort(plan.target), np.arange(200)) and np.all(plan.mass == 1 / 200)
    assert plan.cost > best.cost >= plan.cost - plan.gap - 1e-12
    assert plan.cost == pytest.approx(squared(X[:200], Y)[plan.source, plan.target].mean(), rel=1e-12)
    whole = transport.exact_in_batches(X[:200], Y, batch=200)
    assert np.array_equal(whole.target, best.target)
    other = transport.exact_in_batches(X[:200], Y, batch=50, seed=4)
    assert not np.array_equal(other.target, plan.target)


def test_the_exact_distance_is_the_distance_with_its_gap():
    for p in (1, 2):
        found = transport.exact_distance(X, Y, p=p, source_weights=A, target_weights=B)
        assert found.value == transport.wasserstein(X, Y, p=p, source_weights=A, target_weights=B)
        assert 0.0 <= found.gap < 1e-10


@pytest.mark.parametrize("p", [1, 2])
def test_the_line_has_a_closed_form(p):
    line = transport.wasserstein_line(X[:, 0], Y[:, 0], p=p, source_weights=A, target_weights=B)
    cloud = transport.wasserstein(X[:, :1], Y[:, :1], p=p, source_weights=A, target_weights=B)
    assert abs(line - cloud) < 1e-12
    # Sorted samples of one size are matched in order.
    gaps = abs(np.sort(X[:200, 0]) - np.sort(Y[:, 0])) ** p
    assert abs(transport.wasserstein_line(X[:200, 0], Y[:, 0], p=p) - gaps.mean() ** (1 / p)) < 1e-12


def test_slices_of_a_translation():
    shift = np.array([3.0, 4.0, 0.0])
    found = transport.sliced_wasserstein2(X, X + shift, directions=5000)
    # Mean of (θ·s)² over the sphere: |s|²/3, with variance 4/45 |s|⁴; five standard errors.
    assert abs(found**2 - 25 / 3) < 5 * 25 * (4 / 45 / 5000) ** 0.5
    assert found == transport.sliced_wasserstein2(X, X + shift, directions=5000)
    assert found != transport.sliced_wasserstein2(X, X + shift, directions=5000, seed=1)
    line = transport.sliced_wasserstein2(X[:, :1], Y[:, :1], directions=1, source_weights=A, target_weights=B)
    exact = transport.wasserstein_line(X[:, 0], Y[:, 0], source_weights=A, target_weights=B)
    assert abs(line - exact) < 1e-12


def test_distances_without_a_coupling_term_by_term():
    def mean(f, x, a, y, b):
        return a @ f(np.sqrt(squared(x, y))) @ b

    def discrepancy(f):
        return mean(f, X, A, X, A) + mean(f, Y, B, Y, B) - 2 * mean(f, X, A, Y, B)

    weights = {"source_weights": A, "target_weights": B}
    energy = transport.energy_distance(X, Y, **weights)
    assert abs(energy**2 + discrepancy(lambda r: r)) < 1e-12
    mmd = transport.kernel_discrepancy(X, Y, bandwidth=0.7, **weights)
    assert abs(mmd**2 - discrepancy(lambda r: np.exp(-(r**2) / (2 * 0.49)))) < 1e-12
    # Few pairs all enter: the upper of the middle two.
    distances = np.sort(np.sqrt(squared(X, Y)).ravel())
    assert transport.median_distance(X, Y) == pytest.approx(distances[30_000], rel=1e-12)
    assert transport.kernel_discrepancy(X, Y) == transport.kernel_discrepancy(
        X, Y, bandwidth=transport.median_distance(X, Y)
    )


def test_the_divergence_of_a_translation_is_its_square():
    moved = X + np.array([3.0, 4.0, 0.0])
    found = transport.sinkhorn_divergence(X, moved, epsilon=1.0, source_weights=A, target_weights=A, tolerance=1e-9)
    assert found.converged and found.epsilon == 1.0 and abs(found.value - 25) < 1e-6
    same = transport.sinkhorn_divergence(X, X[::-1], relative_epsilon=0.5)
    assert same.converged and abs(same.value) < 1e-6
    stopped = transport.sinkhorn_divergence(X, moved, epsilon=1.0, max_iterations=1)
    assert not stopped.converged and stopped.marginal_error > 1e-6


def test_the_floor_is_a_distance_between_halves():
    seen = []

    def distance(first, second):
        assert len(first) == len(second) == 50
        halves = np.sort(np.vstack([first, second]), axis=0)
        assert np.array_equal(halves, np.sort(X[:100], axis=0))
        seen.append(transport.wasserstein(first, second))
        return seen[-1]

    found = transport.floor(X[:100], distance=distance, repeats=7, seed=3)
    assert found.repeats == 7 == len(set(seen))
    assert found.mean == pytest.approx(np.mean(seen), rel=1e-14)
    assert found.sd == pytest.approx(np.std(seen, ddof=1), rel=1e-12)
    assert found == transport.floor(X[:100], repeats=7, seed=3)
    assert transport.floor(X[:100], repeats=1).sd is None
    # 300 rows in three dimensions: two halves are nearer than two halves of fewer.
    assert transport.floor(X).mean < found.mean < transport.floor(X[:20]).mean


def test_weights_go_to_the_halves_with_their_points():
    weight = dict(zip(X[:, 0], A))
    apart = []

    def distance(first, second, source_weights, target_weights):
        for half, weights in ((first, source_weights), (second, target_weights)):
            share = np.array([weight[x] for x in half[:, 0]])
            assert np.allclose(weights, share / share.sum(), rtol=1e-14)
        apart.append(transport.wasserstein(first, second, source_weights=source_weights, target_weights=target_weights))
        return apart[-1]

    found = transport.floor(X, distance=distance, repeats=3, weights=A)
    assert len(apart) == 3 and found == transport.floor(X, repeats=3, weights=A)


def test_an_exception_in_a_distance_comes_out():
    with pytest.raises(KeyError, match="mine"):
        transport.floor(X, distance=lambda first, second: {}["mine"])
    with pytest.raises(TypeError):
        transport.floor(X, distance=lambda first, second: "far")


def test_barycentric_image_of_a_permutation():
    plan = transport.exact(X[:200], Y)
    assert np.allclose(plan.barycentric(Y), Y[plan.target])


def entries(source=(0,), target=(0,)):
    """A coupling with one entry."""
    plan = transport.exact(X, Y)
    source, target = np.array(source), np.array(target)
    return transport.Coupling(**{**vars(plan), "source": source, "target": target, "mass": np.ones(1)})


def holed(x):
    x = x.copy()
    x[4, 2] = np.inf
    return x


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
        (lambda: transport.displacement(X, Y, entries(source=[300]), 0.5), "a row of its cloud"),
        (lambda: transport.displacement(X, Y, entries(target=[-1]), 0.5), "a row of its cloud"),
        (lambda: transport.displacement(X, Y, entries(target=[0, 1]), 0.5), "expected 1, found 2"),
        (lambda: transport.displacement(X[:9], Y, entries(), 0.5), "expected 300, found 9"),
        (lambda: transport.exact_in_batches(X, Y), "expected 300, found 200"),
        (lambda: transport.exact_in_batches(X, X, batch=0), "batch must be positive"),
        (lambda: transport.exact_distance(X, Y, p=3), "p must be 1 or 2, found 3"),
        (lambda: transport.wasserstein_line(X, Y), "x must be a 1-D array"),
        (lambda: transport.wasserstein_line([0.0, np.nan], [1.0]), "x has the non-finite value NaN at index 1"),
        (lambda: transport.sliced_wasserstein2(X, Y, directions=0), "directions must be from 1 to 10000000"),
        (lambda: transport.sliced_wasserstein2(X, holed(Y)), "y has the non-finite value inf at row 4, column 2"),
        (lambda: transport.energy_distance(X, holed(Y)), "y has the non-finite value inf at row 4, column 2"),
        (lambda: transport.energy_distance(X, Y, target_weights=A), "expected 200, found 300"),
        (lambda: transport.kernel_discrepancy(X, Y, bandwidth=-1.0), "bandwidth must be positive and finite"),
        (lambda: transport.kernel_discrepancy([[1.0]], [[1.0]]), "bandwidth must be positive and finite, found 0"),
        (lambda: transport.median_distance(X, Y[:, :2]), "expected 3, found 2"),
        (lambda: transport.sinkhorn_divergence(X, Y, epsilon=1.0, relative_epsilon=1.0), "not both"),
        (lambda: transport.sinkhorn_divergence(X, Y, epsilon=0.0), "epsilon must be positive"),
        (lambda: transport.floor(X[:1]), "at least two rows, found 1"),
        (lambda: transport.floor(X, repeats=0), "repeats must be from 1 to 100000, found 0"),
        (lambda: transport.floor(X, weights=B), "expected 300, found 200"),
        (lambda: transport.floor(holed(X), distance=partial(transport.wasserstein, p=1)), "non-finite value inf"),
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
