"""Exact transport against POT: cost agreement, CPU time, memory. See README.md beside this file."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / "target" / "bench-venv"
SINGLE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def enter_environment():
    """Runs this file again inside the virtual environment, made on first use."""
    if pathlib.Path(sys.prefix) == VENV:
        return
    python = VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "POT==0.9.7", "numpy", "scipy"], check=True)
    environment = dict(os.environ, **{name: "1" for name in SINGLE})
    cpu = pathlib.Path("/proc/cpuinfo")
    if cpu.exists() and "avx512f" in cpu.read_text():
        # The library in the wheels may take a recent processor for an older one.
        environment.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
    os.execve(python, [str(python), *sys.argv], environment)


def clouds(kind, n, m, d, seed):
    """Two clouds of a named kind."""
    import numpy as np

    random = np.random.default_rng(seed)
    if kind == "gaussian":
        return random.normal(size=(n, d)), 1.3 * random.normal(size=(m, d)) + 0.5
    if kind == "cube":
        return random.uniform(size=(n, d)), random.uniform(size=(m, d))
    if kind == "ring":
        angle = 2 * np.pi * random.integers(8, size=m) / 8
        y = 0.3 * random.normal(size=(m, d))
        y[:, 0] += 4 * np.cos(angle)
        if d > 1:
            y[:, 1] += 4 * np.sin(angle)
        return random.normal(size=(n, d)), y
    if kind == "small":
        # One step of a gradient flow of the Styblinski-Tang energy, rows shuffled.
        x = random.uniform(-4, 4, size=(n, d))
        y = x - 0.01 * (2 * x**3 - 16 * x + 2.5)
        return x, y[random.permutation(n)][:m]
    if kind == "lattice":
        side = int(round(n ** (1 / d)))
        x = np.stack(np.meshgrid(*[np.arange(side)] * d, indexing="ij"), -1).reshape(-1, d).astype(float)
        return x, random.integers(0, side, size=(m, d)).astype(float)
    if kind == "duplicates":
        places = random.normal(size=(2, 40, d))
        return places[0][random.integers(40, size=n)], places[1][random.integers(40, size=m)]
    raise ValueError(kind)


def ours(binary, folder, d, threads, cost, weights):
    """Runs the example on the files in a folder."""
    command = [str(binary), str(folder / "x"), str(folder / "y"), str(d), cost]
    if weights:
        command += [str(folder / "a"), str(folder / "b")]
    environment = dict(os.environ, RAYON_NUM_THREADS=str(threads))
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)


def compare(binary, kind, n, m, d, seed, cost="squared", weighted=False):
    """One instance solved by both."""
    import numpy as np
    import ot

    x, y = clouds(kind, n, m, d, seed)
    random = np.random.default_rng(seed + 1000)
    a = random.uniform(size=len(x)) if weighted else np.ones(len(x))
    b = random.uniform(size=len(y)) if weighted else np.ones(len(y))
    a, b = a / a.sum(), b / b.sum()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for key, values in {"x": x, "y": y, "a": a, "b": b}.items():
            np.ascontiguousarray(values, dtype="<f8").tofile(folder / key)
        one = ours(binary, folder, d, 1, cost, weighted)
        two = ours(binary, folder, d, 2, cost, weighted)
    start = time.process_time()
    matrix = ot.dist(x, y, metric="sqeuclidean" if cost == "squared" else "euclidean")
    middle = time.process_time()
    plan = ot.emd(a, b, matrix, numItermax=10**9)
    end = time.process_time()
    i, j = np.nonzero(plan)
    square = ((x[i] - y[j]) ** 2).sum(1)
    theirs = float((plan[i, j] * (square if cost == "squared" else np.sqrt(square))).sum())
    difference = abs(one["cost"] - theirs) / theirs
    return {
        "ratio": (end - middle) / one["cpu"],
        "pot": end - middle,
        "matrix": middle - start,
        "one": one["cpu"],
        "two": two["seconds"],
        "difference": difference,
        "same": one["cost"] == two["cost"],
        "peak": one["peak_kib"] / 1024,
    }


def table(binary, cases, seeds):
    """Prints one line per case; returns whether all costs agree."""
    print(f"{'clouds':10} {'n':>6} {'m':>6} {'d':>3} {'cost':8} {'POT s':>8} {'matrix s':>8} {'ours s':>8} "
          f"{'ratio':>7} {'2 threads':>9} {'MiB':>6} {'difference':>10}")
    good = True
    for kind, n, m, d, cost, weighted in cases:
        runs = [compare(binary, kind, n, m, d, seed, cost, weighted) for seed in range(seeds)]
        median = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        worst = max(run["difference"] for run in runs)
        good &= worst <= 1e-9 and all(run["same"] for run in runs)
        label = kind + ("*" if weighted else "")
        print(f"{label:10} {n:6} {m:6} {d:3} {cost:8} {median['pot']:8.3f} {median['matrix']:8.3f} "
              f"{median['one']:8.3f} {median['ratio']:7.1f} {median['two']:9.3f} {median['peak']:6.0f} {worst:10.1e}",
              flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes only")
    parser.add_argument("--agree", action="store_true", help="check costs on unequal, weighted and hostile clouds")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    enter_environment()
    build = ["cargo", "build", "--release", "-q", "-p", "fokker", "--example", "transport_bench"]
    subprocess.run(build, check=True, cwd=ROOT)
    binary = ROOT / "target" / "release" / "examples" / "transport_bench"
    speed = [("gaussian", n, n, 2, "squared", False) for n in (1000, 5000, 10000)]
    speed += [(kind, 5000, 5000, 2, "squared", False) for kind in ("ring", "cube")]
    speed += [("small", n, n, 2, "squared", False) for n in (1000, 5000, 10000)]
    speed += [(kind, 5000, 5000, d, "squared", False) for d in (10, 50) for kind in ("gaussian", "small")]
    speed += [("gaussian", 10000, 10000, 50, "squared", False)]
    agreement = [(kind, 1000, 1000, d, cost, weighted) for kind in ("gaussian", "ring", "cube", "small")
                 for d in (1, 2, 10, 50) for cost in ("squared", "plain") for weighted in (False, True)]
    agreement += [(kind, 1200, 700, d, cost, False) for kind in ("gaussian", "ring", "cube")
                  for d in (1, 2, 10) for cost in ("squared", "plain")]
    agreement += [(kind, 1024, 1024, 2, cost, False) for kind in ("lattice", "duplicates")
                  for cost in ("squared", "plain")]
    cases = agreement if options.agree else speed
    if options.quick:
        cases = [case for case in cases if case[1] <= 1000]
    good = table(binary, cases, options.seeds)
    print("all costs agree to 1e-9, the same bits with two threads" if good else "COSTS DIFFER")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
