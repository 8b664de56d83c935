#!/usr/bin/env python3
"""bench/quantize.py [MODEL STORE]: what `desy quantize` makes of the full forms of a model: size and time of one clip, before and after, each channel by itself. Without arguments, of a
model of both full forms that read features of 2048 numbers a frame, trained on a store of made-up clips (tests/tools/planted_store.c). Beside it PyTorch's own layers, fp32 and by
quantize_dynamic, in the shapes of high_mlp at batch 1: ours in fp32 always compute 64 rows, so that bits do not hang on the batch, and in 8 bits one. Exits non-zero below the bars: .3 of the size, 1.5 times as fast.
Run it with the Python of .venv, nothing else running."""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

import torch

TREE = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("DESY_BUILD_DIR") or TREE / "build" / "release")
SMALLEST, FASTEST, RUNS = .3, 1.5, 2001


def make(folder):
    store, models = folder / "store", folder / "models"
    subprocess.run([BUILD / "tests" / "tool_planted_store", store, "200", "planted", "2048"], check=True)
    subprocess.run([BUILD / "desy", "train", store, "--save-dir", models, "--size", "full", "--epochs", "2", "--batch-size", "16", "--quiet"], check=True)
    return models, store


def median_times(networks, x):
    times = [[] for _ in networks]
    with torch.inference_mode():
        for _ in range(RUNS):
            for network, of_it in zip(networks, times):
                begin = time.perf_counter()
                network(x)
                of_it.append(time.perf_counter() - begin)
    return [statistics.median(of_it) for of_it in times]


def by_pytorch(inputs):
    net = torch.nn.Sequential(torch.nn.Linear(inputs, 512), torch.nn.ReLU(), torch.nn.Linear(512, 256), torch.nn.ReLU(), torch.nn.Linear(256, 1))
    small = torch.ao.quantization.quantize_dynamic(net, {torch.nn.Linear: torch.ao.quantization.per_channel_dynamic_qconfig}, dtype=torch.qint8)
    return median_times((net, small), torch.randn(1, inputs))


def main():
    warnings.simplefilter("ignore")  # torch.ao.quantization is to move to another package
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model, store = sys.argv[1:] if len(sys.argv) == 3 else make(folder)
        out = subprocess.run([BUILD / "desy", "quantize", model, "-o", folder / "int8", "--store", store, "--split", "all", "--max-loss", "1", "--quiet", "--json"], check=True, stdout=subprocess.PIPE).stdout
    report, fine = json.loads(out), True
    for channel in report["channels"]:
        if channel["linear_layers"] != "int8":
            continue
        size, speed = channel["bytes"] / channel["bytes_before"], channel["seconds_before"] / channel["seconds"]
        fine &= size <= SMALLEST and speed >= FASTEST
        print(f"{channel['name']:16} {channel['bytes_before']:9} bytes become {channel['bytes']:8} ({size:.3f}, bar {SMALLEST}), {1e6 * channel['seconds_before']:7.1f} us become {1e6 * channel['seconds']:6.1f} ({speed:.2f} x, bar {FASTEST})")
        if channel["name"] == "high_mlp":
            fp32, int8 = by_pytorch((channel["bytes_before"] // 4 - 512 - 257 * 256 - 257 - 256 * 256) // (512 + 4))
            print(f"{'':16} PyTorch's layers at batch 1: {1e6 * fp32:7.1f} us become {1e6 * int8:6.1f} ({fp32 / int8:.2f} x)")
    print("\n".join(report["versus"]["words"]))
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
