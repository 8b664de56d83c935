"""Training samples a second of the full forms, `desy` on two ranks over PyTorch DDP in two processes (and over the best of its set-ups), at batches of 64 and 2:
bench/train.py STORE [--repeats 5] [--only mid_transformer:64] (DESY_PEERS: a Python with torch, h5py, numpy). Interleaved in one run, medians; what reproducibility costs at 1, 2 and 4
ranks beside it. Exit code 1 below the bars, which are over DDP. That both train the same network the same way: tests/parity/test_transformer.py, test_network.py and test_training.py."""
import argparse
import itertools
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import h5py
import numpy as np

TREE = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("DESY_BUILD_DIR", TREE / "build" / "release"))
PEERS = os.environ.get("DESY_PEERS", TREE / "build" / "peers" / "bin" / "python")
EPOCHS = {("mid_transformer", 64): 4, ("mid_transformer", 2): 1, ("high_mlp", 64): 20, ("high_mlp", 2): 2}
MODES = {"reproducible": ("reproducible",), "fast": ("fast", "bf16")}  # what --fast means where the processor has bfloat16
SAME_PRECISION = {"reproducible": ("reproducible", "bf16"), "fast": ("fast", "bf16")}
BARS = {(64, "reproducible"): 2, (64, "fast"): 3, (2, "reproducible"): 5}


def run(command):
    return float(subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout)


def desy(store, channel, batch, mode, ranks=2, modes=MODES):
    return run(["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", ranks, BUILD / "bench" / "bench_train", store, channel, batch, EPOCHS[channel, batch], *modes[mode]])


def peer(features, channel, batch, setup):
    return run([PEERS, TREE / "bench" / "train_peer.py", channel, features, *setup, batch, EPOCHS[channel, batch]])


def set_ups(channel):
    """Processes, threads, workers, optimiser, reading, precision."""
    splits, optimisers, precisions = ((2, 1), (1, 2)), ("foreach", "fused"), ("fp32", "bf16")
    readings = ((0, "items"), (1, "items"), (0, "batches"), (1, "batches")) if channel == "mid_transformer" else ((0, "memory"),)
    grid = itertools.product(splits, readings, optimisers, precisions)
    return [(*split, reading[0], optimiser, reading[1], precision) for split, reading, optimiser, precision in grid if precision == "fp32" or reading[0] == 0]


def plain_copy(store, path):
    """The store's features as one plain array, a clip a chunk; of the encoder's numbers mean and deviation."""
    with h5py.File(pathlib.Path(store) / "index.h5") as file, h5py.File(path, "w") as out:
        rows, x = file["videos"][:], file["features/hybrid"]
        out.create_dataset("features", x.shape, np.float32, chunks=(1, *x.shape[1:]))
        means, pooled = np.empty((len(x), x.shape[2])), np.empty((len(x), 2 * 1280), np.float32)
        for i in range(len(x)):
            clip = x[i]
            out["features"][i] = clip
            means[i] = clip.mean(0)
            pooled[i] = np.concatenate([clip[:, :1280].mean(0), clip[:, :1280].std(0)])
        out["pooled"] = pooled
        out["labels"] = np.array([row["label"] for row in rows if row["row"] >= 0], np.float32)
        for name, values in ("features", means), ("pooled", pooled):
            out[f"{name}_median"], out[f"{name}_scale"] = np.median(values, 0).astype(np.float32), (values.std(0) + 1e-6).astype(np.float32)


def compare(store, features, channel, batch, repeats):
    """Prints a table; what is below its bar."""
    rates = {setup: peer(features, channel, batch, setup) for setup in set_ups(channel)}
    print(f"{channel}, batch {batch}: the peer's grid (processes, threads, workers, optimiser, reading, precision): samples/s")
    for setup, rate in rates.items():
        print("  ", *setup, f"{rate:.0f}", flush=True)
    best = {what: max((s for s in rates if fits(s)), key=rates.get) for what, fits in
            {"DDP": lambda s: s[0] == 2 and s[-1] == "fp32", "DDP, bf16": lambda s: s[0] == 2 and s[-1] == "bf16", "any": lambda s: True}.items()}
    ours, theirs = {mode: [] for mode in MODES}, {what: [] for what in best}
    for _ in range(repeats):
        for what, setup in best.items():
            theirs[what].append(peer(features, channel, batch, setup))
        for mode in MODES:
            ours[mode].append(desy(store, channel, batch, mode))
    print(f"\n| {channel}, batch {batch} | samples/s | over " + " | over ".join(best) + " |\n| --- | --- |" + " --- |" * len(best))
    for what, setup in best.items():
        print(f"| PyTorch {what}: {' '.join(map(str, setup))} | {statistics.median(theirs[what]):.0f} |" + " |" * len(best))
    below = []
    for mode, values in ours.items():
        ratios = {what: statistics.median(a / b for a, b in zip(values, theirs[what])) for what in best}
        bar = BARS.get((batch, mode))
        print(f"| desy, two ranks, {mode} | {statistics.median(values):.0f} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios.values()) + f" |{f' bar {bar}' if bar else ''}", flush=True)
        if bar and ratios["DDP"] < bar:
            below.append(f"{channel}, batch {batch}, {mode}: {ratios['DDP']:.2f} (bar {bar})")
    print(flush=True)
    return below


def cost(store, repeats):
    """Of reproducibility, products in bfloat16 with it and without; what is above its bar."""
    above = []
    print("| ranks, mid_transformer, batch 64, bfloat16 | reproducible, samples/s | fast | cost of reproducibility |\n| --- | --- | --- | --- |")
    for ranks in (1, 2, 4):
        pairs = [[desy(store, "mid_transformer", 64, mode, ranks, SAME_PRECISION) for mode in ("reproducible", "fast")] for _ in range(repeats)]
        share = statistics.median(fast / reproducible - 1 for reproducible, fast in pairs)
        print(f"| {ranks} | {statistics.median(pair[0] for pair in pairs):.0f} | {statistics.median(pair[1] for pair in pairs):.0f} | {share:.0%} (bar 25 %) |", flush=True)
        if share > .25:
            above.append(f"{ranks} ranks: reproducibility costs {share:.0%} (bar 25 %)")
    return above


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", help="CHANNEL:BATCH, or cost")
    arguments, below = parser.parse_args(), []
    with tempfile.TemporaryDirectory() as folder:
        features = pathlib.Path(folder) / "features.h5"
        plain_copy(arguments.store, features)
        for channel, batch in EPOCHS:
            if arguments.only in (None, f"{channel}:{batch}"):
                below += compare(arguments.store, features, channel, batch, arguments.repeats)
    if arguments.only in (None, "cost"):
        below += cost(arguments.store, arguments.repeats)
    if below:
        sys.exit("below the bar: " + "; ".join(below))


if __name__ == "__main__":
    main()
