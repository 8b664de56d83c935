"""Reading a CSV of id, label, score and source, ids checked for repetition, over pandas.read_csv: bench/scores.py [--n 10000000] [--repeats 5] [--directory DIR]. pandas reads the
same four columns with its C parser and types given (ids as objects or as str, the better counts), and by pyarrow where that is there. Interleaved,
medians, the file in the page cache. Exit code 1 below the bar, or where what was read differs."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("DESY_BUILD_DIR", TREE / "build" / "release"))
PEERS = os.environ.get("DESY_PEERS", TREE / "build" / "peers" / "bin" / "python3")
WRITE = """
import sys
import numpy as np
random = np.random.default_rng(3)
with open(sys.argv[2], "w") as file:
    file.write("id,label,score,source\\n")
    for first in range(0, int(sys.argv[1]), 100000):
        n = min(100000, int(sys.argv[1]) - first)
        label, source = random.integers(0, 2, n), random.integers(0, 20, n)
        score = np.clip(random.normal(.4 + .2 * label, .2), 0, 1)
        file.write("".join(f"video-{first + i:09d},{label[i]},{float(score[i])!r},generator-{source[i]}\\n" for i in range(n)))
"""
PEER = """
import sys, time
import numpy as np
import pandas
how = {"C": dict(engine="c", dtype={"id": object, "label": np.uint8, "score": np.float64, "source": "category"}),
       "C, str": dict(engine="c", dtype={"id": "str", "label": np.uint8, "score": np.float64, "source": "category"}),
       "pyarrow": dict(engine="pyarrow", dtype_backend="pyarrow")}[sys.argv[2]]
start = time.perf_counter()
table = pandas.read_csv(sys.argv[1], usecols=["id", "label", "score", "source"], **how)
print(time.perf_counter() - start, len(table), int(table.label.sum()), float(table.score.sum()), pandas.__version__)
"""


def desy(ranks, path):
    command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), str(BUILD / "bench" / "bench_scores"), str(path), "1"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def peer(path, how):
    done = subprocess.run([str(PEERS), "-c", PEER, str(path), how], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode and "pyarrow" in how:
        return None
    done.check_returncode()
    seconds, rows, ai, total, version = done.stdout.split()
    return float(seconds), int(rows), int(ai), float(total), version


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--directory", help="where the file is written, 500 MB")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        path = pathlib.Path(directory) / "scores.csv"
        subprocess.run([str(PEERS), "-c", WRITE, str(options.n), str(path)], check=True)
        ours, theirs = {1: [], 2: []}, {"C": [], "C, str": [], "pyarrow": []}
        for _ in range(options.repeats):
            for ranks, runs in ours.items():
                runs.append(desy(ranks, path))
            for how, runs in theirs.items():
                if (run := peer(path, how)) is not None:
                    runs.append(run)
    one, two = (statistics.median(run["seconds"] for run in ours[ranks]) for ranks in (1, 2))
    print(f"{options.n} lines: {one:.2f} s with one rank, {two:.2f} s with two")
    for how, runs in theirs.items():
        if runs:
            seconds = statistics.median(run[0] for run in runs)
            print(f"pandas {runs[0][4]}, {how}: {seconds:.2f} s, {seconds / one:.2f} times one rank, {seconds / two:.2f} times two")
    first = theirs["C"][0]
    same = all((run["rows"], run["ai"]) == first[1:3] for runs in ours.values() for run in runs) and abs(ours[1][0]["sum_of_rank_0"] - first[3]) < 1e-6 * first[3]
    best = min(statistics.median(run[0] for run in theirs[how]) for how in ("C", "C, str"))
    good = same and best / one >= 3
    print(("ok    " if good else "BELOW " if same else "OTHER ROWS ") + f"one rank and its one thread, over pandas' C parser and its one: {best / one:.2f}, bar 3")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
