"""AUC, average precision and ROC of float32 scores in memory, over scikit-learn's roc_auc_score and average_precision_score; two ranks over one; memory a rank:
bench/ranking.py [--n 100000000] [--repeats 5] [--peer-repeats 3]. One thread each, interleaved, medians; scikit-learn needs 60 bytes a score. Exit code 1 below a bar, or where
the figures differ."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

TREE = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("DESY_BUILD_DIR", TREE / "build" / "release"))
PEERS = os.environ.get("DESY_PEERS", TREE / "build" / "peers" / "bin" / "python3")
PEER = """
import sys, time
import numpy as np
import sklearn
from sklearn.metrics import average_precision_score, roc_auc_score

def scores(n):  # as bench/ranking.c makes them
    labels, scores = np.empty(n, np.uint8), np.empty(n, np.float32)
    for first in range(0, n, 1 << 22):
        z = np.arange(first + 1, min(n, first + (1 << 22)) + 1, dtype=np.uint64) * np.uint64(0x9e3779b97f4a7c15)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94d049bb133111eb)
        z ^= z >> np.uint64(31)
        part = slice(first, first + len(z))
        labels[part] = z >> np.uint64(63)
        scores[part] = .75 * ((z & np.uint64(0xffffffff)) * 2.**-32) + .25 * labels[part]
    return labels, scores

labels, scores = scores(int(sys.argv[1]))
wall, cpu = time.perf_counter(), time.process_time()
figures = roc_auc_score(labels, scores), average_precision_score(labels, scores)
print(time.perf_counter() - wall, time.process_time() - cpu, *map(repr, map(float, figures)), sklearn.__version__)
"""


def desy(ranks, n, kind="uniform"):
    command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), str(BUILD / "bench" / "bench_ranking"), str(n), kind, "1"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def peer(n):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    wall, cpu, auc, precision, version = subprocess.run([str(PEERS), "-c", PEER, str(n)], check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout.split()
    return float(wall), float(cpu), float(auc), float(precision), version


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=100_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peer-repeats", type=int, default=3, help="of scikit-learn, which takes minutes each")
    options = parser.parse_args()
    one, two, theirs = [], [], []
    for i in range(max(options.repeats, options.peer_repeats)):
        if i < options.repeats:
            one.append(desy(1, options.n))
            two.append(desy(2, options.n))
        if i < options.peer_repeats:
            theirs.append(peer(options.n))
    good = True

    def say(ok, text):
        nonlocal good
        good &= ok
        print(("ok    " if ok else "BELOW ") + text, flush=True)

    seconds = [statistics.median(run["seconds"] for run in runs) for runs in (one, two)]
    reference = statistics.median(run[0] for run in theirs)
    print(f"{options.n} scores, {one[0]['points']} of them different; scikit-learn {theirs[0][4]}: {reference:.2f} s ({statistics.median(run[1] for run in theirs):.2f} s of CPU time)")
    say(reference / seconds[0] >= 10, f"one rank {seconds[0]:.3f} s: {reference / seconds[0]:.1f} of the bar of 10")
    say(seconds[0] / seconds[1] >= 1.7, f"two ranks {seconds[1]:.3f} s: {seconds[0] / seconds[1]:.2f} of the bar of 1.7")
    for run in one + two:
        if abs(run["auc"] - theirs[0][2]) > 1e-12 or abs(run["average_precision"] - theirs[0][3]) > 1e-12 or (run["auc"], run["average_precision"]) != (one[0]["auc"], one[0]["average_precision"]):
            say(False, f"the figures differ: {run}, scikit-learn {theirs[0][2:4]}")
    for kind in "uniform", "ties", "equal":
        for ranks in 1, 2, 4:
            memory = desy(ranks, options.n, kind)["memory"]
            say(memory <= 3, f"memory of a rank, {ranks} ranks, {kind} scores: {memory:.2f} times its share of scores and labels, at most 3")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
