"""Scores of one's own: their affine part, and what is refused."""

import warnings

import numpy as np
import pytest

from fokker import audit


def test_a_score_of_any_kind():
    mixture = np.array([-2.0, 2.0])

    def score(x, t):
        # Of ½ N(−2, 0.25) + ½ N(2, 0.25), noised at the rate 5.
        alpha = np.exp(-5 * t)
        variance = alpha**2 * 0.25 + 1 - alpha**2
        logits = -((x - alpha * mixture) ** 2) / (2 * variance)
        share = np.exp(logits - logits.max(1, keepdims=True))
        share /= share.sum(1, keepdims=True)
        return (alpha * share @ mixture[:, None] - x) / variance

    with pytest.warns(UserWarning, match="of the score's mean square is affine .* linearised score"):
        found = audit.score_errors(
            score, covariance=[[4.25]], steps=40, scheme="dpmpp-2m", schedule="constant:5", particles=4000
        )
    # The score is exact for this law: only its second moments are compared, and they agree.
    assert found.w2_drawn < 0.1 and found.w2_floor < 0.1
    assert found.affine_share[0] > 0.999 and found.affine_share[-1] < 0.9
    assert found.drawn.shape == (4000, 1) and (abs(found.drawn) > 1).mean() > 0.9


def test_a_network_in_single_precision_is_a_function():
    # Two layers in float32, whose sums have another order in another batch.
    random = np.random.default_rng(5)
    first, last = (random.normal(size=shape).astype(np.float32) / 8 for shape in ((2, 64), (64, 2)))

    def score(x, t):
        return np.tanh(x.astype(np.float32) @ first) @ last - x

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert audit.score_errors(score, eigenvalues=[2.0, 0.5], steps=5, draws=500, particles=50).w2_affine > 0


def test_an_affine_score_is_its_own_affine_part():
    law = np.array([3.0, 0.5])

    def score(x, t):
        alpha = np.exp(-5 * t)
        return -x / (1 + alpha**2 * (law - 1))

    found = audit.score_errors(score, eigenvalues=law, steps=20, schedule="constant:5")
    assert abs(found.w2_affine - found.w2_exact) < 1e-9
    assert np.allclose(found.affine_share, 1)


def test_the_affine_part_is_that_of_least_squares():
    x = np.random.default_rng(4).normal(size=(800, 2)) @ np.array([[1.0, 0.4], [0.0, 0.6]]) + 1
    fitted = {}

    def score(x, t):
        # Trials are of 64 rows; the fits come next, and later the same times are asked for drawn particles.
        if len(x) == 500:
            fitted.setdefault(t, x.copy())
        return np.tanh(x) * 0.3 - x / (1 + t)

    found = audit.score_errors(score, x, steps=4, scheme="heun", stop=0.01, draws=500, particles=2)
    assert len(found.times) == 5 and np.all(np.diff(found.times) < 0)
    for t, share in zip(found.times, found.affine_share):
        rows, answers = fitted[t], score(fitted[t], t)
        design = np.column_stack([rows, np.ones(len(rows))])
        left = answers - design @ np.linalg.lstsq(design, answers, rcond=None)[0]
        assert share == pytest.approx(1 - (left**2).sum() / (answers**2).sum(), abs=1e-12)


def test_a_score_is_asked_once_for_its_affine_part_at_a_time():
    asked = []

    def score(x, t):
        asked.append((len(x), t))
        return -x

    audit.score_errors(score, eigenvalues=[1.0, 1.0], steps=6, scheme="heun", stop=0.01, draws=500, particles=2)
    fits = [t for rows, t in asked if rows == 500]
    assert len(fits) == len(set(fits)) == 7


@pytest.mark.parametrize(
    "score, options, words",
    [
        (lambda x, t: np.full_like(x, np.nan), {}, r"64 rows at t = 1.0+: row 0, column 0 of the answer is NaN"),
        (lambda x, t: -x, {"draws": 2}, "more than the 2 columns, found 2"),
        (lambda x, t: -x[:, :1], {}, r"score at t = 1.0+ must return an array of the shape \(64, 2\)"),
        (lambda x, t: -x * (np.random.default_rng().random(x.shape) > 0.1), {}, r"two calls .* model\.eval\(\)"),
        (lambda x, t: -(x - x.mean(0)) / x.std(0), {}, r"of 32 rows .* among other rows.* model\.eval\(\)"),
    ],
)
def test_scores_that_have_no_affine_part_are_refused(score, options, words):
    with pytest.raises(ValueError, match=words):
        audit.score_errors(score, eigenvalues=[1.0, 2.0], steps=3, stop=0.01, **options)
