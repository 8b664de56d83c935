#!/usr/bin/env python3
"""bench/extract.py DATASET.json resnet50|hybrid [--precision fp32|bf16] [--repeats 5] [--every N] [--bar X]

`desy extract` end to end on two ranks against bench/extract_peer.py at the best of the printed grid (workers, threads, batch; one process, or two with half of the
videos each), tried on a fourth of the videos; --every N: of every Nth video alone; wall seconds from start to end of the program, interleaved, medians. `hybrid` computes its 768 forensic numbers too; the peer then runs PyTorch's
EfficientNet-Lite0 alone. ResNet-50 has random weights, the same for both. The features of both are compared (cosine, over all frames of videos where
both took the same number). Exits with 1 below the bar: resnet50 1.7 in fp32, 4 in bf16 (where the processor has AMX; else it is only printed); hybrid 2."""
import argparse
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

import networks_peers

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
PEERS = os.environ.get("DESY_PEERS", str(ROOT / "build" / "peers" / "bin" / "python3"))
PROGRAM = os.environ.get("DESY_PROGRAM", str(ROOT / "build" / "release" / "desy"))
GRID = [(1, workers, threads, batch) for workers, threads, batch in itertools.product((1, 2), (1, 2), (16, 64))] + [(2, 1, 1, 16), (2, 1, 1, 64)]
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")


def desy(data, extractor, weights, precision, folder):
    command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", "2", PROGRAM, "extract", str(data), "-o", folder, "--extractor", extractor, "--precision", precision, "--quiet"]
    started = time.perf_counter()
    done = subprocess.run(command + (["--weights", weights] if extractor == "resnet50" else []), env=ENVIRONMENT, capture_output=True, text=True)
    if done.returncode not in (0, 4):
        sys.exit(done.stderr)
    return time.perf_counter() - started


def peer(data, network, weights, precision, folder, processes, workers, threads, batch):
    folder.mkdir()
    started = time.perf_counter()
    running = [subprocess.Popen([PEERS, str(HERE / "extract_peer.py"), str(data), str(folder / f"{part}.h5"), network, weights, precision, str(workers), str(threads), str(batch),
                                 str(part), str(processes)], stderr=subprocess.DEVNULL, env={**os.environ, **networks_peers.ALLOCATOR}) for part in range(processes)]
    if any([process.wait() for process in running]):
        sys.exit("the peer failed")
    return time.perf_counter() - started


def compare(ours, theirs, dims):
    """Median cosine of frames, and the number of videos compared."""
    with h5py.File(ours / "index.h5") as index:
        features, videos = index[next(iter(index["features"].values())).name], index["videos"]
        rows = {v["video_path"].decode(): (v["row"], v["n_frames"]) for v in videos[:] if v["row"] >= 0}
        cosines = []
        for part in theirs.glob("*.h5"):
            with h5py.File(part) as store:
                for name, data in store.items():
                    row, n = rows.get(name.replace(":", "/"), (-1, 0))
                    if row < 0 or len(data) != n:
                        continue
                    a, b = features[row, :n, :dims], data[:]
                    cosines.append(np.median((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)))
    return float(np.median(cosines)), len(cosines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("extractor", choices=["resnet50", "hybrid"])
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--bar", type=float)
    given = parser.parse_args()
    amx = "amx_bf16" in pathlib.Path("/proc/cpuinfo").read_text()
    bar = given.bar or (2 if given.extractor == "hybrid" else 1.7 if given.precision == "fp32" else 4 if amx else 0)
    network, dims = ("resnet50", 2048) if given.extractor == "resnet50" else ("efficientnet", 1280)
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as scratch:
        scratch = pathlib.Path(scratch)
        weights = str(ROOT / "weights" / "efficientnet-lite0.safetensors")
        if network == "resnet50":
            weights = str(scratch / "resnet50.safetensors")
            networks_peers.write_safetensors(weights, networks_peers.random_resnet50())
        grid, count = {}, itertools.count()
        root = pathlib.Path(given.data).resolve().parent
        items = [{**item, "video_path": str(root / item["video_path"])} for item in json.loads(pathlib.Path(given.data).read_text())]
        some, data = scratch / "some.json", scratch / "data.json"
        some.write_text(json.dumps(items[:: 4 * given.every]))
        data.write_text(json.dumps(items[:: given.every]))
        for how in GRID:
            grid[how] = peer(some, network, weights, given.precision, scratch / f"peer{next(count)}", *how)
            print(f"  peer, {how[0]} processes, {how[1]} workers, {how[2]} threads, batch {how[3]}: {grid[how]:.1f} s", flush=True)
        best = min(grid, key=grid.get)
        times = {"desy": [], "peer": []}
        for _ in range(given.repeats):
            ours, theirs = scratch / f"desy{next(count)}", scratch / f"peer{next(count)}"
            times["desy"].append(desy(data, given.extractor, weights, given.precision, ours))
            times["peer"].append(peer(data, network, weights, given.precision, theirs, *best))
        cosine, n = compare(ours, theirs, dims)
    a, b = (statistics.median(times[who]) for who in ("desy", "peer"))
    print(f"| {given.extractor}, {given.precision} | desy {a:.1f} s | peer {b:.1f} s | {b / a:.2f} | cosine {cosine:.5f}, {n} videos |")
    if cosine < 0.98:
        sys.exit("The two did not compute the same.")
    if b / a < bar:
        sys.exit(f"Below the bar of {bar}.")


main()
