#!/usr/bin/env python3
"""bench/bootstrap.py [--scores 100000] [--resamples 2000] [--repeats 5]: AUCs of a clustered bootstrap, ours (bench_bootstrap) against NumPy, which sorts once, draws whole-number weights
by bincount, and needs a gather, a cumulative sum and a product for each resample. CPU seconds of one thread each, sorting included, interleaved, medians. NumPy at the best of a printed grid:
integers of 32 and 64 bits, floats of 32 and 64, resamples one by one or in batches; its AUCs of our weights are compared with ours. Exits with 1 below 20 times at groups of
GATE clips; the other sizes of groups are shown."""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
import numpy as np  # noqa: E402

TREE = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = pathlib.Path(os.environ.get("DESY_BUILD_DIR") or TREE / "build" / "release") / "bench" / "bench_bootstrap"
GATE, BAR, LANES = 50, 20, 64
DTYPES = {"int32": np.int32, "int64": np.int64, "float32": np.float32, "float64": np.float64}


class Peer:
    """Made once of all scores: for each AI-generated clip, how many real ones lie below it (scores are distinct here)."""

    def __init__(self, score, unit, label):
        order = np.argsort(score)
        unit, label = unit[order], label[order].astype(bool)
        self.groups = unit.max() + 1
        self.pos, self.neg = unit[label].astype(np.intp), unit[~label].astype(np.intp)
        self.below = np.cumsum(~label)[label].astype(np.intp)

    def auc(self, weights, dtype):
        weights = weights.astype(dtype, copy=False)
        below = np.zeros(len(self.neg) + 1, dtype)
        np.cumsum(weights[self.neg], out=below[1:])
        pos = weights[self.pos]
        wide = np.float64 if dtype in (np.int32, np.int64) else dtype
        return np.dot(pos.astype(wide, copy=False), below[self.below].astype(wide, copy=False)) / (float(pos.sum()) * float(below[-1]))

    def batch(self, weights, dtype):
        weights = weights.astype(dtype, copy=False)
        below = np.zeros((len(weights), len(self.neg) + 1), dtype)
        np.cumsum(weights[:, self.neg], axis=1, out=below[:, 1:])
        pos = weights[:, self.pos]
        wide = np.float64 if dtype in (np.int32, np.int64) else dtype
        return np.einsum("ij,ij->i", pos.astype(wide, copy=False), below[:, self.below].astype(wide, copy=False)) / (pos.sum(1, dtype=np.float64) * below[:, -1])

    def draw(self, random):
        return np.bincount(random.integers(0, self.groups, self.groups, dtype=np.int32), minlength=self.groups)

    def run(self, resamples, dtype, batch):
        random = np.random.default_rng(1)
        if batch == 1:
            return np.array([self.auc(self.draw(random), dtype) for _ in range(resamples)])
        return np.concatenate([self.batch(np.stack([self.draw(random) for _ in range(batch)]), dtype) for _ in range(0, resamples, batch)])


def ours(folder, clips, resamples, *output):
    done = subprocess.run([PROGRAM, folder / "scores", folder / "units", str(clips), str(resamples), *output], capture_output=True, text=True, check=True)
    return list(map(float, done.stdout.split()))


def peer_seconds(score, unit, label, resamples, dtype, batch):
    begin = time.process_time()
    Peer(score, unit, label).run(resamples, dtype, batch)
    return time.process_time() - begin


def compare(folder, score, unit, label):
    """The peer's AUCs of our weights, and ours."""
    clips, groups, resamples = len(score), unit.max() + 1, 2 * LANES
    ours(folder, clips, resamples, folder / "output")
    data = (folder / "output").read_bytes()
    weights = np.frombuffer(data[:resamples * groups], np.uint8).reshape(2, groups, LANES).transpose(0, 2, 1).reshape(resamples, groups)
    wanted = np.frombuffer(data[resamples * groups:])
    peer = Peer(score, unit, label)
    assert (weights.sum(1) == groups).all()
    for name, dtype in DTYPES.items():
        tolerance = 1e-4 if name == "float32" else 1e-12
        np.testing.assert_allclose([peer.auc(w, dtype) for w in weights], wanted, rtol=0, atol=tolerance, err_msg=name)
        np.testing.assert_allclose(peer.batch(weights, dtype), wanted, rtol=0, atol=tolerance, err_msg=name)


def measure(options, size):
    random = np.random.default_rng(size)
    unit = np.unique(random.integers(0, options.scores // size, options.scores), return_inverse=True)[1].astype(np.uint32)
    label = random.integers(0, 2, unit.max() + 1)[unit].astype(np.uint32)
    score = random.normal(size=options.scores) + label
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        score.tofile(folder / "scores")
        (2 * unit + label).astype(np.uint32).tofile(folder / "units")
        compare(folder, score, unit, label)
        grid = {(name, batch): peer_seconds(score, unit, label, options.resamples // 10, dtype, batch) for name, dtype in DTYPES.items() for batch in (1, 10)}
        print(f"groups of about {size} ({unit.max() + 1}); NumPy, a tenth of the resamples: " + ", ".join(f"{name} x {batch} {seconds:.3f} s" for (name, batch), seconds in grid.items()))
        best = min(grid, key=grid.get)
        times = [[], []]
        for _ in range(options.repeats):
            times[0].append(ours(folder, options.scores, options.resamples))
            times[1].append(peer_seconds(score, unit, label, options.resamples, DTYPES[best[0]], best[1]))
    mine, theirs = statistics.median(map(sum, times[0])), statistics.median(times[1])
    print(f"  {options.resamples} AUCs of {options.scores} scores: DeSY {mine:.4f} s ({statistics.median(t[0] for t in times[0]):.4f} of it sorting), NumPy ({best[0]}, {best[1]} at a time) {theirs:.3f} s: {theirs / mine:.1f} times", flush=True)
    return theirs / mine


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scores", type=int, default=100000)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(f"NumPy {np.__version__}")
    ratios = {size: measure(options, size) for size in (1, 5, 10, GATE)}
    sys.exit(ratios[GATE] < BAR)


if __name__ == "__main__":
    main()
