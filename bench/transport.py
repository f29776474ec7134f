"""Exact transport against POT: cost agreement, CPU time, memory. See README.md beside this file."""

import argparse
import json
import os
import pathlib
import re
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
    if kind == "far":
        return random.normal(size=(n, d)), random.normal(size=(m, d)) + 1e3 * (np.arange(d) == 0)
    if kind == "hole":
        # A square lattice with a hole on one side, and the same with a hole on the other.
        side = int(n**0.5)
        x = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1).reshape(-1, 2).astype(float)
        hole = [np.abs(x - np.array([share, 0.5]) * side).max(1) < 0.1 * side for share in (0.3, 0.7)]
        return x[~hole[0]], x[~hole[1]]
    raise ValueError(kind)


def ours(binary, folder, d, threads, cost, weights):
    """Runs the example on the files in a folder."""
    command = [str(binary), str(folder / "x"), str(folder / "y"), str(d), cost]
    if weights:
        command += [str(folder / "a"), str(folder / "b")]
    environment = dict(os.environ, RAYON_NUM_THREADS=str(threads))
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)


def compare(binary, kind, n, m, d, seed, cost, weighted):
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
    difference = abs(one["cost"] - theirs) / max(theirs, 1e-300)
    return {
        "ratio": (end - middle) / max(one["cpu"], 1e-4),
        "pot": end - middle,
        "matrix": middle - start,
        "one": one["cpu"],
        "two": two["seconds"],
        "difference": difference,
        "same": one["cost"] == two["cost"],
        "peak": one["peak_kib"] / 1024,
    }


HEADER = """\
| clouds | n | m | d | cost | seeds | POT s | its matrix s | fokker s | ratio (min to max) | 2 threads, wall s | MiB | differ by |
|---|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|"""


def line(binary, case, seeds, written):
    """Prints the row of one case and appends it to a file; returns whether the costs agree for all seeds."""
    kind, n, m, d, cost, weighted = case
    runs = [compare(binary, kind, n, m, d, seed, cost, weighted) for seed in range(seeds)]
    median = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    ratios = [run["ratio"] for run in runs]
    worst = max(run["difference"] for run in runs)
    text = (f"| {kind}{', weighted' if weighted else ''} | {n} | {m} | {d} | {cost} | {seeds} | {median['pot']:.3f} | "
            f"{median['matrix']:.3f} | {median['one']:.3f} | "
            f"{median['ratio']:.1f} ({min(ratios):.1f} to {max(ratios):.1f}) | {median['two']:.3f} | "
            f"{median['peak']:.0f} | {worst:.0e} |")
    print(text, flush=True)
    with written.open("a") as file:
        file.write(text + "\n")
    return worst <= 1e-9 and all(run["same"] for run in runs)


def required():
    """The rows for which a ratio is required, cheapest first."""
    return [(kind, n, n, d, "squared", weighted) for n in (1000, 5000, 10000) for weighted in (False, True)
            for d in (2, 10, 50) for kind in ("small", "gaussian")]


def rows(full):
    """All cases, cheapest sizes first."""
    sizes = (1000, 5000, 10000) if full else (1000, 2000)
    cases = []
    for n in sizes:
        for d in (2, 10, 50):
            cases += [(kind, n, n, d, "squared", weighted) for kind in ("gaussian", "small")
                      for weighted in (False, True) if not (weighted and n == 10000 and d > 2)]
        cases += [(kind, n, n, 2, "squared", False) for kind in ("ring", "cube")]
        cases += [("gaussian", n, 3 * n // 5, d, "squared", False) for d in (2, 10) if n < 10000]
        cases += [("gaussian", n, n, d, "plain", weighted) for d in (2, 10) if n < 10000 for weighted in (False, True)]
        cases += [("far", n, n, 2, "plain", False)] if n < 10000 else [("hole", n, n, 2, "plain", False)]
    return cases


def agreement():
    """Small instances of every kind, for the costs alone."""
    cases = [(kind, 500, 500, d, cost, weighted) for kind in ("gaussian", "ring", "cube", "small")
             for d in (1, 2, 10, 50) for cost in ("squared", "plain") for weighted in (False, True)]
    cases += [(kind, 600, 350, d, cost, weighted) for kind in ("gaussian", "ring", "cube")
              for d in (1, 2, 10) for cost in ("squared", "plain") for weighted in (False, True)]
    cases += [(kind, 529, 529, 2, cost, False) for kind in ("lattice", "duplicates", "hole")
              for cost in ("squared", "plain")]
    return cases


def memory(binary, d):
    """Peak memory at n = m = 20,000, of ours alone."""
    import numpy as np

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for key, values in zip("xy", clouds("gaussian", 20000, 20000, d, 0)):
            np.ascontiguousarray(values, dtype="<f8").tofile(folder / key)
        run = ours(binary, folder, d, 1, "squared", False)
    print(f"gaussian, n = m = 20000, d = {d}: {run['peak_kib'] / 1024:.0f} MiB at the peak, {run['cpu']:.1f} CPU s",
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="sizes up to 10,000: an hour, most of it in POT")
    parser.add_argument("--required", action="store_true",
                        help="only the rows for which a ratio is required, with all seeds: two hours")
    parser.add_argument("--seeds", type=int, default=5,
                        help="clouds per row (at most 3 of 10,000 points unless --required)")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "target" / "bench-transport.md",
                        help="file that gets each row as soon as it is measured")
    parser.add_argument("--only", default="", help="rows that match this pattern, as in 'small 5000'")
    options = parser.parse_args()
    enter_environment()
    build = ["cargo", "build", "--release", "-q", "--workspace", "--example", "transport_bench"]
    subprocess.run(build, check=True, cwd=ROOT)
    binary = ROOT / "target" / "release" / "examples" / "transport_bench"
    cases = required() if options.required else rows(options.full)
    chosen = [case for case in cases if re.search(options.only, " ".join(map(str, case)))]
    print(HEADER)
    options.output.write_text(HEADER + "\n")
    most = {10000: options.seeds if options.required else min(options.seeds, 3)}
    good = all([line(binary, case, most.get(case[1], options.seeds), options.output) for case in chosen])
    checked = [] if options.only or options.required else agreement()
    differences = [compare(binary, *case[:4], 0, *case[4:]) for case in checked]
    good &= all(run["difference"] <= 1e-9 and run["same"] for run in differences)
    if checked:
        worst = max(run["difference"] for run in differences)
        print(f"\n{len(checked)} more instances: costs differ by {worst:.0e} at most")
        for d in (2, 50) if options.full else (2,):
            memory(binary, d)
    print("all costs agree to 1e-9, the same bits with two threads" if good else "COSTS DIFFER")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
