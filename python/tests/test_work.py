"""Threads, interruptions, processes, and what a call costs."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

import fokker

X = np.random.default_rng(0).normal(size=(3000, 2)) @ np.array([[1.0, 0.5], [0.0, 0.8]])


def test_threads_share_a_fit():
    density = fokker.SpectralDensity(reference="hermite").fit(X)
    expected = density.score_samples(X), density.score_function(X, 0.1), density.sample(500, random_state=3)

    def work(kind):
        return [density.score_samples(X), density.score_function(X, 0.1), density.sample(500, random_state=3)][kind]

    with ThreadPoolExecutor(4) as pool:
        for kind, found in zip(list(range(3)) * 4, pool.map(work, list(range(3)) * 4)):
            assert np.array_equal(found, expected[kind])


def test_the_interpreter_is_free_meanwhile():
    ticks = []
    done = threading.Event()

    def tick():
        while not done.wait(0.002):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    begin = time.perf_counter()
    fokker.transport.wasserstein(X, X[::-1] + 0.1)
    end = time.perf_counter()
    done.set()
    thread.join()
    inside = [t for t in ticks if begin < t < end]
    assert len(inside) > (end - begin) / 0.05


@pytest.mark.parametrize(
    "work",
    [
        lambda big: fokker.PopulationEnergy(potential_features="poly:2").fit(
            np.vstack([big, big + 1, big * 2]), np.repeat([0.0, 1.0, 2.0], len(big))
        ),
        lambda big: fokker.transport.wasserstein(big, big[::-1] * 1.1 + 0.3),
        lambda big: fokker.SpectralDensity(reference="hermite").fit(big).sample(10**6, corrector=10**4),
        lambda big: fokker.transport.sliced_wasserstein2(big, big + 1, directions=10**5),
        lambda big: fokker.transport.energy_distance(big, big + 1),
        lambda big: fokker.transport.exact_in_batches(big, big[::-1] * 1.1 + 0.3, batch=5000),
        lambda big: fokker.transport.floor(big, distance=fokker.transport.energy_distance, repeats=100),
    ],
    ids=["energy", "wasserstein", "sample", "sliced", "pairs", "batches", "floor"],
)
def test_an_interrupt_stops_within_a_second(work):
    big = np.random.default_rng(1).normal(size=(20_000, 4))
    with interrupted() as sent:
        work(big)
    assert time.perf_counter() - sent[0] < 1.0


@contextmanager
def interrupted(after=0.3):
    """Work that is interrupted, and lasts seconds if it is not; the times of the interrupts."""
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    # A process that a shell starts in the background ignores interrupts, and so does Python there.
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(after, interrupt)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            yield sent
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, usual)


def test_an_interrupted_fit_leaves_the_estimator_as_it_was():
    x = np.random.default_rng(1).normal(size=(20_000, 4))
    large = np.vstack([x, x + 1, x * 2]), np.repeat([0.0, 1.0, 2.0], len(x))
    energy = fokker.PopulationEnergy(potential_features="poly:2")
    with interrupted():
        energy.fit(*large)
    assert not hasattr(energy, "n_features_in_")
    with pytest.raises(ValueError, match="not fitted"):
        energy.predict(x)
    small = fokker.PopulationEnergy(potential_features="poly:2", scheme="explicit", ridge=1e-6)
    small.fit(np.vstack([X, X + 1]), np.repeat([0.0, 1.0], len(X)))
    before = small.to_bytes()
    with interrupted():
        small.fit(*large)
    assert small.to_bytes() == before and small.n_features_in_ == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_threads_of_its_own():
    code = (
        "import os, numpy as np, fokker\n"
        "x = np.random.default_rng(0).normal(size=(500, 2))\n"
        "a = fokker.transport.wasserstein(x, x + 1)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if fokker.transport.wasserstein(x, x + 1) == a else 3)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("method", ["fork", "direct"])
def test_callbacks_call_fokker_in_threads_of_their_own(method):
    # Once in the parent, so that its threads exist, then where the parent's threads do not.
    code = (
        "import multiprocessing, numpy as np, fokker\n"
        "x = np.random.default_rng(0).normal(size=(3000, 2))\n"
        "def inner(score, x0, t, s, z):\n"
        "    fokker.transport.sliced_wasserstein2(x, x + 1)\n"
        "    return x0 + 5 * (t - s) * (x0 + score(x0, t))\n"
        "def outer(score, x0, t, s, z):\n"
        "    fokker.audit.errors([4.0, 1.0], scheme=inner, steps=1, schedule='constant:5')\n"
        "    return inner(score, x0, t, s, z)\n"
        "def work(step):\n"
        "    return fokker.audit.errors([4.0, 1.0], scheme=step, steps=2, schedule='constant:5').w2\n"
        "if __name__ == '__main__':\n"
        "    expected = [work(inner), work(outer)]\n"
        "    assert expected[0] == expected[1]\n"
        f"    if '{method}' == 'fork':\n"
        "        context = multiprocessing.get_context('fork')\n"
        "        with context.Pool(2) as pool:\n"
        "            assert pool.map(work, [inner, outer]) == expected\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


def test_any_number_of_threads_is_understood():
    code = (
        "import numpy as np, fokker\n"
        "x = np.random.default_rng(0).normal(size=(500, 2))\n"
        "print(repr(fokker.transport.wasserstein(x, x + 1)))\n"
    )
    printed = set()
    for threads in ["1", "3", "0", "-5", "many", "100000", "99999999999999999999"]:
        environment = {**os.environ, "RAYON_NUM_THREADS": threads}
        ran = subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60, capture_output=True)
        printed.add(ran.stdout)
    assert len(printed) == 1


def test_importing_is_light():
    code = "import sys, fokker; assert 'sklearn' not in sys.modules and 'scipy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_estimators_work_without_scikit_learn():
    code = (
        "import sys; sys.modules['sklearn'] = None; sys.modules['sklearn.base'] = None\n"
        "import numpy as np, pickle, fokker\n"
        "x = np.random.default_rng(0).normal(size=(200, 1))\n"
        "density = fokker.SpectralDensity(degree=2).set_params(reference='hermite').fit(x)\n"
        "again = pickle.loads(pickle.dumps(density))\n"
        "assert np.array_equal(again.score_samples(x), density.score_samples(x))\n"
        "assert density.get_params()['degree'] == 2 and 'degree=2' in repr(density)\n"
        "try: fokker.SpectralDensity().sample()\n"
        "except ValueError as error: assert 'not fitted' in str(error)\n"
        "else: raise SystemExit(3)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
