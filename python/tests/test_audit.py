"""The audit from Python: closed forms, samplers and scores of one's own."""

import json

import numpy as np
import pytest

import fokker
from fokker import audit

EIGENVALUES = [4.0, 1.0, 0.25, 0.01]


def beta(t):
    """The rate of linear:0.05:10."""
    return 0.05 + (10 - 0.05) * t


def euler_maruyama(score, x, t, s, z):
    h = beta(t) * (t - s)
    return x + h * (x + 2 * score(x, t)) + np.sqrt(2 * h) * z


def heun(score, x, t, s, z):
    first = beta(t) * (x + score(x, t))
    guess = x + (t - s) * first
    return x + (t - s) / 2 * (first + beta(s) * (guess + score(guess, s)))


def test_the_start_is_exact_for_normal_data():
    found = audit.errors([1.0, 1.0], scheme="em", steps=100)
    assert found.initialisation < 1e-14 and found.truncation == 0.0
    assert abs(found.w2 - found.discretisation) < 1e-14


@pytest.mark.parametrize("name, step, evaluations", [("em", euler_maruyama, 40), ("heun", heun, 80)])
def test_a_sampler_in_python_is_audited_by_the_same_probe(name, step, evaluations):
    built_in = audit.errors(EIGENVALUES, scheme=name, steps=40, stop=1e-3, along_time=True)
    own = audit.errors(EIGENVALUES, scheme=step, steps=40, stop=1e-3, along_time=True)
    for field in ("w2", "initialisation", "truncation", "discretisation", "score"):
        assert abs(getattr(own, field) - getattr(built_in, field)) < 1e-10, field
    assert own.evaluations == built_in.evaluations == evaluations
    assert np.allclose(own.along_time, built_in.along_time, rtol=1e-9)


def test_the_errors_of_eigenvalues_add_up():
    found = audit.errors(EIGENVALUES, steps=10, stop=0.01, per_eigenvalue=True)
    assert abs((found.per_eigenvalue["w2"] ** 2).sum() - found.w2**2) < 1e-12


def test_the_data_law_may_be_rows_or_a_covariance():
    x = np.random.default_rng(0).normal(size=(500, 3)) @ np.array([[2, 0, 0], [1, 1, 0], [0, 0.5, 0.3]])
    rows = audit.errors(data=x, steps=20)
    given = audit.errors(covariance=np.cov(x.T, bias=True), mean=x.mean(0), steps=20)
    assert abs(rows.w2 - given.w2) < 1e-9
    scored = audit.errors(data=x, score_data=x, steps=20)
    assert scored.score < 1e-7 and abs(scored.w2 - rows.w2) < 1e-7
    other = audit.errors(data=x, score_data=x[:50], steps=20)
    assert other.score > 0.01


@pytest.mark.parametrize(
    "step, words",
    [
        (lambda score, x, t, s, z: np.tanh(x), "not affine"),
        (lambda score, x, t, s, z: x + z**2, "not affine"),
        (lambda score, x, t, s, z: x - x.mean(0), "rows by one another"),
        (lambda score, x, t, s, z: x[:, ::-1].copy(), "moves another"),
        (lambda score, x, t, s, z: x[:1], "shape"),
        (lambda score, x, t, s, z: score(x[:, :1], t), "expected 3, found 1"),
    ],
)
def test_what_the_probe_cannot_audit_is_refused(step, words):
    with pytest.raises(ValueError, match=words):
        audit.errors(EIGENVALUES, scheme=step, steps=5)


def ratio(t):
    """σ/α of linear:0.05:10 at a time."""
    return np.sqrt(np.expm1(2 * t * (0.05 + (10 - 0.05) * t / 2)))


def denoised(score, x, t):
    """E[x₀ | x/α] for x in the variance-preserving coordinates, and α."""
    alpha = 1 / np.sqrt(1 + ratio(t) ** 2)
    return (x + (1 - alpha**2) * score(x, t)) / alpha, alpha


def multi_step(score, x, t, s, z, past):
    """DPM-Solver++(2M) with what it remembers declared."""
    data, _ = denoised(score, x, t)
    used = data
    if past is not None and s > 0:
        before, (old,) = past
        r = np.log(ratio(before) / ratio(t)) / np.log(ratio(t) / ratio(s))
        used = data + (data - old) / (2 * r)
    sigma = [ratio(u) / np.sqrt(1 + ratio(u) ** 2) for u in (s, t)]
    alpha = 1 / np.sqrt(1 + ratio(s) ** 2)
    return sigma[0] / sigma[1] * x + alpha * (1 - ratio(s) / ratio(t)) * used, (data,)


def stochastic_multi_step(score, x, t, s, z, past):
    """SDE-DPM-Solver++(2M) in σ/α [k-diffusion], with what it remembers declared."""
    data, _ = denoised(score, x, t)
    out = 1 / np.sqrt(1 + ratio(s) ** 2)
    if s == 0:
        return data, (data,)
    h = np.log(ratio(t) / ratio(s))
    new = (ratio(s) / ratio(t)) * np.exp(-h) * x * np.sqrt(1 + ratio(t) ** 2) - np.expm1(-2 * h) * data
    if past is not None:
        before, (old,) = past
        r = np.log(ratio(before) / ratio(t)) / h
        new = new - 0.5 * np.expm1(-2 * h) / r * (data - old)
    return out * (new + ratio(s) * np.sqrt(-np.expm1(-2 * h)) * z), (data,)


def test_a_step_with_declared_memory_is_the_built_in_one():
    own = audit.errors(EIGENVALUES, scheme=audit.Scheme(multi_step, history=1), steps=20, grid="log-snr")
    built_in = audit.errors(EIGENVALUES, scheme="dpmpp-2m", steps=20, grid="log-snr")
    for field in ("w2", "initialisation", "discretisation"):
        assert abs(getattr(own, field) - getattr(built_in, field)) < 1e-9, field
    assert own.evaluations == built_in.evaluations == 20
    budget = audit.errors(EIGENVALUES, scheme=audit.Scheme(multi_step, history=1), nfe=20, grid="log-snr")
    assert budget.w2 == own.w2


def test_memory_and_noise_together_are_audited_as_they_are_drawn():
    # By hand for one eigenvalue: the step on the 2 x 2 second moments of (x, remembered).
    value, steps = 4.0, 12
    found = audit.errors([value], scheme=audit.Scheme(stochastic_multi_step, history=1), steps=steps, grid="log-snr")

    def score(x, t):
        alpha2 = 1 / (1 + ratio(t) ** 2)
        return -x / (alpha2 * value + 1 - alpha2)

    moments, before = np.diag([1.0, 0.0]), None
    for t, s in zip(found.times[:-1], found.times[1:], strict=True):
        columns = []
        for x, old, z in np.eye(3):
            past = None if before is None else (before, (old,))
            new, (kept,) = stochastic_multi_step(score, x, t, s, z, past)
            columns.append([new, kept])
        gains = np.array(columns, float).T
        spread = np.zeros((3, 3))
        spread[:2, :2], spread[2, 2] = moments, 1.0
        moments, before = gains @ spread @ gains.T, t
    assert abs(found.w2 - abs(np.sqrt(moments[0, 0]) - np.sqrt(value))) < 1e-10


class Closure:
    """Steps that remember on the sly, as samplers written as loops do."""

    def __init__(self):
        self.old, self.calls = None, 0

    def old_denoised(self, score, x, t, s, z):
        data, _ = denoised(score, x, t)
        past = None if self.old is None or t == 1.0 else (t + 0.1, (self.old,))
        self.old = data
        return stochastic_multi_step(score, x, t, s, z, past)[0]

    def counter(self, score, x, t, s, z):
        self.calls += 1
        return x + score(x, t) * (t - s) / self.calls

    def own_noise(self, score, x, t, s, z):
        return x + score(x, t) * (t - s) + np.random.standard_normal(x.shape)


@pytest.mark.parametrize("name", ["old_denoised", "counter", "own_noise"])
def test_steps_that_remember_on_the_sly_are_refused(name):
    with pytest.raises(ValueError, match="remembers what it does not declare"):
        audit.errors([1.0, 4.0], scheme=getattr(Closure(), name), steps=10)


@pytest.mark.parametrize(
    "step, words",
    [
        # Clipping that only the last steps do, a constant noise, float32.
        (lambda score, x, t, s, z: np.clip(x, -50, 50) if s == 0 else x, "step 9 .* not affine"),
        (lambda score, x, t, s, z: x + np.random.default_rng(0).normal(size=x.shape[1]), "adds a constant"),
        (lambda score, x, t, s, z: np.float32(1 / 3) * x.astype(np.float32), "single precision"),
        (lambda score, x, t, s, z: x * np.linspace(1, 2, x.shape[1]), "apart"),
    ],
)
def test_every_step_of_the_grid_is_tried(step, words):
    with pytest.raises(ValueError, match=words):
        audit.errors([1.0, 4.0], scheme=step, steps=10)


def test_noise_that_only_some_steps_use_counts():
    def late(score, x, t, s, z):
        return euler_maruyama(score, x, t, s, z if t < 0.35 else 0 * z)

    def never(score, x, t, s, z):
        return x + beta(t) * (t - s) * (x + score(x, t))

    # Two noises of half the variance are one.
    def two(score, x, t, s, z):
        return euler_maruyama(score, x, t, s, (z[0] + z[1]) / np.sqrt(2))

    found = audit.errors([4.0], scheme=late, steps=20)
    value = 1.0
    for t, s in zip(found.times[:-1], found.times[1:], strict=True):
        spread = 1 + 3 / (1 + ratio(t) ** 2)
        h = beta(t) * (t - s)
        value = (1 + h * (1 - 2 / spread)) ** 2 * value + (2 * h if t < 0.35 else 0)
    assert abs(found.w2 - abs(np.sqrt(value) - 2)) < 1e-10
    assert audit.errors([4.0], scheme=never, steps=20).initialisation == pytest.approx(
        audit.errors([4.0], scheme="euler", steps=20).initialisation
    )
    em = audit.errors([4.0], scheme="em", steps=20)
    assert abs(audit.errors([4.0], scheme=audit.Scheme(two, noises=2), steps=20).w2 - em.w2) < 1e-10
    silent = audit.Scheme(lambda score, x, t, s, z: never(score, x, t, s, z) if z is None else 1 / 0, noises=0)
    assert abs(audit.errors([4.0], scheme=silent, steps=20).w2 - audit.errors([4.0], scheme="euler", steps=20).w2) < 1e-10


@pytest.mark.parametrize(
    "scheme, words",
    [
        (lambda: audit.Scheme(lambda score, x, t, s, z, past: x, history=1), "x and a tuple of 1 arrays"),
        (lambda: audit.Scheme(lambda score, x, t, s, z, past: (x, (x, x)), history=1), "x and a tuple of 1 arrays"),
        (lambda: audit.Scheme(lambda score, x, t, s, z, past: (x, (x[:1],)), history=1), "shape"),
        (lambda: audit.Scheme("em"), "function"),
        (lambda: audit.Scheme(euler_maruyama, history=-1), "history"),
    ],
)
def test_the_contract_of_a_scheme_is_told(scheme, words):
    with pytest.raises((ValueError, TypeError), match=words):
        audit.errors([1.0], scheme=scheme(), steps=3)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: audit.errors([1.0], steps=2**40),
        lambda: audit.errors([1.0], nfe=2**40),
        lambda: audit.tune([1.0], nfe=2**40),
        lambda: audit.errors([1, 2, 0.5], schedule="constant:400"),
        lambda: audit.errors([1e308, 1e308]),
        lambda: audit.lint("preset:stable-diffusion-xl", steps=0),
        lambda: audit.errors([1.0], sigmas=[1.0, 0.8, 0.4, 0.0]),
    ],
)
def test_slips_are_errors_and_no_number_is_nan(ask):
    with pytest.raises(ValueError):
        ask()


def test_an_exception_in_a_sampler_comes_out():
    def broken(score, x, t, s, z):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        audit.errors(EIGENVALUES, scheme=broken, steps=5)


def test_a_score_that_is_kept_says_so():
    kept = []
    audit.errors([1.0], scheme=lambda score, x, t, s, z: kept.append(score) or x + score(x, t) * (t - s), steps=3)
    with pytest.raises(RuntimeError, match="only inside the step"):
        kept[0](np.zeros((1, 1)), 0.5)


def test_a_sampler_may_call_fokker():
    def step(score, x, t, s, z):
        fokker.transport.wasserstein(np.ones((300, 2)), np.zeros((300, 2)))
        return euler_maruyama(score, x, t, s, z)

    found = audit.errors(np.linspace(0.1, 2, 200), scheme=step, steps=3)
    assert abs(found.w2 - audit.errors(np.linspace(0.1, 2, 200), scheme="em", steps=3).w2) < 1e-10


def test_robust_grids_give_up_little_for_the_neighbours():
    options = {"spectrum": "natural:8x8x1", "nfe": 6, "scheme": "ddim"}
    plain = audit.tune(**options)
    average, worst = (audit.tune(robust=robust, **options) for robust in ("average", "worst"))
    # Each is the best at what it was asked for; 1e-3 is how far the optimiser may be from it.
    assert plain.report["w2"] == pytest.approx(plain.w2, rel=1e-12)
    assert plain.w2 <= average.report["w2"] * 1.001 and average.w2 <= worst.w2 * 1.001
    assert audit.tune(robust="average", seed=1, **options).w2 != average.w2


def test_the_texture_of_an_image():
    image = np.random.default_rng(2).normal(size=(4, 6, 3))
    texture = audit.Texture(image)
    power = abs(np.fft.fft2(image, axes=(0, 1))) ** 2 / 24
    power[0, 0] = 0
    assert np.allclose(texture.eigenvalues, [*power.sum(2).ravel(), *np.zeros(48)], rtol=1e-12, atol=1e-13)
    assert texture.eigenvalues.sum() == pytest.approx(24 * image.var(axis=(0, 1)).sum())
    drawn = texture.sample(4000, seed=1)
    assert drawn.shape == (4000, 4, 6, 3) and np.array_equal(drawn[:2], texture.sample(2, seed=1))
    # The law is stationary: every pixel has mean and covariance of the channels; five standard errors.
    pixels, covariance = drawn[:, 1, 2], np.cov(image.reshape(24, 3).T, bias=True)
    size = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    assert np.all(abs(pixels.mean(0) - image.mean((0, 1))) < 5 * np.sqrt(np.diag(covariance) / 4000))
    assert np.all(abs(np.cov(pixels.T) - covariance) < 5 * size * (2 / 4000) ** 0.5)
    grey = audit.Texture(image[:, :, 0])
    assert grey.shape == (4, 6) and grey.sample().shape == (1, 4, 6)
    # A texture has variance zero along its channels: the audit says what that rules out.
    assert audit.errors(texture.eigenvalues, scheme="ddim", steps=20).w2 > 0


def test_tuning_beats_the_standard_grids():
    tuned = audit.tune(spectrum="natural:8x8x1", nfe=8)
    again = audit.errors(spectrum="natural:8x8x1", times=tuned.times)
    assert again.w2 == pytest.approx(tuned.w2, rel=1e-12)
    assert tuned.w2 < tuned.standard[2]
    name, listed = audit.export(tuned.times, "k-diffusion").splitlines()
    assert name == "# dpmpp-2m: sample_dpmpp_2m" and listed == str(tuned.sigmas.tolist())
    with pytest.raises(ValueError, match="runs em"):
        audit.export(tuned.times, "k-diffusion", scheme="em")


def test_an_export_has_the_error_of_the_sampler_that_runs_it():
    betas = np.linspace(1e-4, 0.02, 1000)
    law = {"spectrum": "natural:8x8x1", "schedule": betas}
    tuned = audit.tune(nfe=8, **law)
    found = audit.exported(tuned.times, "diffusers", **law)
    assert found.text == audit.export(tuned.times, "diffusers", schedule=betas)
    assert found.sampler.startswith("DPMSolverMultistepScheduler")
    # Integer timesteps, then 0: the error of this grid, not of the tuned one.
    steps = eval(found.text.split("timesteps=")[1].rstrip(")\n"))
    assert np.array_equal(found.times, [*(k + 1.0 for k in steps), 0.0])
    again = audit.errors(times=found.times, **law)
    assert found.w2 == pytest.approx(again.w2, rel=1e-12) and abs(found.w2 / tuned.w2 - 1) > 1e-6
    with pytest.raises(ValueError, match="runs em"):
        audit.exported(tuned.times, "k-diffusion", scheme="em", **law)


def test_lint_reads_configurations():
    findings = audit.lint("preset:stable-diffusion-xl", steps=30, spectrum="natural:8x8x1")
    assert "start-below-training" in [finding.code for finding in findings]
    config = {
        "_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085,
        "beta_end": 0.012, "beta_schedule": "scaled_linear", "timestep_spacing": "leading", "steps_offset": 1,
    }
    assert audit.lint(config, steps=30, spectrum="natural:8x8x1")
    assert audit.errors(EIGENVALUES, schedule=config, steps=10).w2 > 0


def test_exports_say_what_diffusers_takes():
    diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed")
    scheduler = diffusers.EulerDiscreteScheduler()
    betas = scheduler.betas.double().numpy()
    tuned = audit.tune(spectrum="natural:8x8x1", nfe=8, schedule=betas)
    scheduler.set_timesteps(sigmas=list(tuned.sigmas))
    assert np.allclose(scheduler.sigmas.numpy(), tuned.sigmas, rtol=1e-4)


def test_exports_follow_the_documented_conventions():
    # k-diffusion and EulerDiscreteScheduler: σ² = (1 − ᾱ)/ᾱ, ᾱ the product of 1 − β.
    betas = np.linspace(1e-4, 0.02, 1000)
    product = np.cumprod(1 - betas)
    levels = np.sqrt((1 - product) / product)
    times = [1000.0, 500.0, 1.0]
    text = audit.export(times, "k-diffusion", schedule=betas)
    assert np.allclose(eval(text), levels[[999, 499, 0]], rtol=1e-9)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: audit.errors(), "one of eigenvalues"),
        (lambda: audit.errors([1.0], spectrum="natural:8x8x1"), "one of eigenvalues"),
        (lambda: audit.errors([1.0], steps=3, nfe=3), "steps or nfe"),
        (lambda: audit.errors([1.0], scheme="magic"), "unknown scheme"),
        (lambda: audit.errors([1.0], schedule="magic"), "unknown schedule"),
        (lambda: audit.errors([1.0], grid="magic"), "unknown grid"),
        (lambda: audit.errors([1.0], start="magic"), "unknown start"),
        (lambda: audit.errors([-1.0]), "eigenvalue"),
        (lambda: audit.errors([1.0, 0.0], scheme="heun"), "the score is undefined"),
        (lambda: audit.lint([1.0, 0.5], steps=3), "its own steps"),
        (lambda: audit.tune([1.0], nfe=5, robust="median"), "unknown robust"),
        (lambda: audit.Texture([1.0, 2.0]), "image must be"),
        (lambda: audit.Texture(np.zeros((0, 3))), "image is empty"),
        (lambda: audit.Texture([[[0.0, 1.0], [np.nan, 1.0]]]), r"NaN at index \[0, 1, 0\]"),
        (lambda: audit.Texture([[1.0]]).sample(0), "n must be at least 1"),
    ],
)
def test_what_is_no_audit_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_lists_give_the_table_of_the_command_line(command):
    printed = json.loads(
        command("--json", "audit", "errors", "--spectrum", "natural:4x4x1", "--scheme", "em,heun", "--steps", "5,10")
    )
    table = fokker.audit.errors(spectrum="natural:4x4x1", scheme=["em", "heun"], steps=[5, 10])
    assert list(table) == printed["cells"]
    one = fokker.audit.errors(spectrum="natural:4x4x1", scheme="heun", steps=10)
    assert [row["w2"] for row in table if (row["scheme"], row["steps"]) == ("heun", 10)] == [one.w2]
    assert table.best()["w2"] == min(w2 for w2, grid in zip(table.w2, table["grid"], strict=True) if grid)
    assert len(repr(table).splitlines()) == len(table) + 1 and "<th>w2</th>" in table._repr_html_()
    pandas = pytest.importorskip("pandas")
    frame = table.to_pandas()
    assert isinstance(frame, pandas.DataFrame) and list(frame["scheme"]) == table["scheme"]
    with pytest.raises(fokker.InputError, match="did you mean heun"):
        fokker.audit.errors([1.0], scheme=["em", "heum"])
    with pytest.raises(KeyError, match="is no column"):
        table["w3"]
