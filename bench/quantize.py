#!/usr/bin/env python3
"""bench/quantize.py [MODEL STORE]: what `desy quantize` makes of the full forms of a model: size and time of one clip, before and after, each channel by itself. Without arguments, of a
model of both full forms that read features of 2048 numbers a frame, trained on a store of made-up clips (tests/tools/planted_store.c). Beside it PyTorch's own layers, fp32 and by
quantize_dynamic, in the shapes of high_mlp at batch 1: ours in fp32 always compute 64 rows, so that bits do not hang on the batch, and in 8 bits one. Then the same model by `desy export`, and with --int8, in
onnxruntime over all clips of the store: the AUC of both, and how far the channels' logits lie apart, in quanta (255ths) of what the last layer gives. Exits non-zero below the bars: .3 of the size, 1.5 times as
fast; exported 3 quanta and .002 of AUC.
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

import h5py
import numpy as np
import onnxruntime
import torch
from sklearn.metrics import roc_auc_score

TREE = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("DESY_BUILD_DIR") or TREE / "build" / "release")
SMALLEST, FASTEST, QUANTA, AUC, RUNS = .3, 1.5, 3, .002, 2001


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


def by_onnxruntime(path, features, n_frames):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    runs = [session.run(None, {"features": features[k:k + 64], "n_frames": n_frames[k:k + 64]}) for k in range(0, len(features), 64)]
    return {name: np.concatenate(values) for name, values in zip(names, zip(*runs))}


def exported(model, store, folder):
    """Prints it; whether it is good enough."""
    with h5py.File(pathlib.Path(store) / "index.h5") as index:
        videos = index["videos"][:]
        scored = videos[videos["n_frames"] > 0]
        features, = (dataset[:][scored["row"]] for dataset in index["features"].values())
    results = []
    for name, options in (("fp32", ()), ("int8", ("--int8",))):
        subprocess.run([BUILD / "desy", "export", model, "-o", folder / f"{name}.onnx", "--quiet", *options], check=True)
        results.append(by_onnxruntime(folder / f"{name}.onnx", features, scored["n_frames"].astype(np.int64)))
    fp32, int8 = results
    quanta = np.abs(int8["channel_logits"] - fp32["channel_logits"]).max(0) / (np.ptp(fp32["channel_logits"], 0) / 255)
    auc = [roc_auc_score(scored["label"], of["logit"]) for of in results]
    print(f"exported, {len(scored)} clips: in 8 bits {', '.join(f'{q:.2f}' for q in quanta)} quanta of the channels (bar {QUANTA}), AUC {auc[0]:.5f} becomes {auc[1]:.5f} (bar {AUC})")
    return quanta.max() <= QUANTA and abs(auc[1] - auc[0]) <= AUC


def main():
    warnings.simplefilter("ignore")  # torch.ao.quantization is to move to another package
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model, store = sys.argv[1:] if len(sys.argv) == 3 else make(folder)
        out = subprocess.run([BUILD / "desy", "quantize", model, "-o", folder / "int8", "--store", store, "--split", "all", "--max-loss", "1", "--quiet", "--json"], check=True, stdout=subprocess.PIPE).stdout
        good = exported(model, store, folder)
    report, fine = json.loads(out), good
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
