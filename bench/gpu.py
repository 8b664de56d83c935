#!/usr/bin/env python3
"""bench/gpu.py DATASET.json [--device cuda|cuda:K] [--repeats 3] [--clips 8] [--precision fp16 bf16] [--networks resnet50 efficientnet]

For whoever has a GPU, two bars of nine tenths:
  extract   `desy extract` of the data set by one process, over the decode floor: all cores decode the same clips, and nothing looks at them (ResNet-50, fp16, random weights);
  networks  frames a second from bytes in host memory, over torch.compile (max-autotune and default, the best of a grid of batches) from the same bytes, page-locked, with the same weights and precision.
Interleaved; medians. Exits with 1 below a bar, with 77 and in words where there is no device. --device cpu rehearses the script itself, on a few frames by the CPU's form of the same code: its figures mean nothing."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

import networks_peers

TREE = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("DESY_BUILD_DIR") or TREE / "build" / "release")
PROGRAM = os.environ.get("DESY_PROGRAM") or str(BUILD / "desy")
DIMS = {"resnet50": 2048, "efficientnet": 1280}
KINDS = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
BAR = .9


def missing_device():
    """Why there is none, or None."""
    found = json.loads(subprocess.run([PROGRAM, "doctor", "--json"], stdout=subprocess.PIPE, text=True).stdout)["findings"]
    cuda = next(finding for finding in found if finding["name"] == "CUDA")
    if not cuda["ok"]:
        return f"this build of desy sees no CUDA device ({cuda['text']}): link it to a CUDA build of libtorch (Torch_DIR), on a machine with a GPU and its driver"
    if not torch.cuda.is_available():
        return f"this Python's torch {torch.__version__} sees no CUDA device, and would be what desy is compared with"
    return None


class Ours:
    def __init__(self, network, weights, precision, device, clips, frames, folder):
        self.n, self.output = len(frames), folder / "features"
        frames.tofile(folder / "frames")
        self.process = subprocess.Popen([BUILD / "bench" / "bench_networks", network, weights, "16", "1", precision, folder / "frames", self.output, device, str(clips)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def rate(self):
        self.process.stdin.write("16\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit("bench_networks failed")
        return self.n / float(answer)

    def features(self):
        return np.fromfile(self.output, np.float32).reshape(self.n, -1)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Compiled:
    """torch.compile with the normalisation inside, channels last; a page-locked copy of each batch is sent while the one before is at work."""

    def __init__(self, network, weights, precision, device, batch, mode, frames):
        self.device, self.kind, self.n = device, KINDS[precision], len(frames)
        net = networks_peers.load(network, weights).to(device, self.kind).to(memory_format=torch.channels_last)

        def whole(rgb):
            return net(networks_peers.normalised(network, rgb).to(self.kind)).float()

        self.run_batch = torch.compile(whole, mode=mode, dynamic=False)
        self.parts = [part.pin_memory() if device != "cpu" else part for part in torch.from_numpy(frames).split(batch)]
        self.made = None

    def rate(self):
        started = time.perf_counter()
        with torch.no_grad():
            # clone: a graph that is replayed writes over what it gave before
            made = [self.run_batch(part.to(self.device, non_blocking=True)).clone() for part in self.parts]
            self.made = torch.cat(made).cpu()
        return self.n / (time.perf_counter() - started)


def cosine(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def best_compiled(network, weights, precision, given, frames):
    best, best_rate = None, 0
    for batch in (16,) if given.device == "cpu" else (64, 128, 256, 512):
        for mode in ("default",) if given.device == "cpu" else ("default", "max-autotune"):
            torch.compiler.reset()
            peer = Compiled(network, weights, precision, given.device, batch, mode, frames)
            for _ in range(2):
                peer.rate()  # compiles, and warms up
            rate = max(peer.rate() for _ in range(2))
            print(f"  {network}, {precision}, torch.compile {mode}, batch {batch}: {rate:.0f} frames/s", flush=True)
            if rate > best_rate:
                best, best_rate = (batch, mode), rate
    torch.compiler.reset()
    return Compiled(network, weights, precision, given.device, *best, frames)


def compare_networks(network, precision, given, folder):
    weights = TREE / "weights" / "efficientnet-lite0.safetensors"
    if network == "resnet50":
        weights = folder / "resnet50.safetensors"
        networks_peers.write_safetensors(weights, networks_peers.random_resnet50())
    n = 64 if given.device == "cpu" else 8192
    small = np.random.default_rng(1).integers(0, 256, (n, 28, 28, 3), np.uint8)
    frames = np.ascontiguousarray(np.kron(small, np.ones((1, 8, 8, 1), np.uint8)))
    peer = best_compiled(network, weights, precision, given, frames)
    ours = Ours(network, weights, precision, given.device, given.clips, frames, folder)
    rates = {"desy": [], "torch.compile": []}
    for repeat in range(given.repeats + 1):
        for name, program in (("desy", ours), ("torch.compile", peer)):
            rate = program.rate()
            if repeat:
                rates[name].append(rate)
    same = cosine(ours.features()[:, :DIMS[network]], peer.made.numpy())
    ours.close()
    ratio = statistics.median(a / b for a, b in zip(rates["desy"], rates["torch.compile"]))
    print(f"| {network}, {precision} | desy {statistics.median(rates['desy']):.0f} frames/s | torch.compile {statistics.median(rates['torch.compile']):.0f} | {ratio:.2f} | cosine {same:.5f} |", flush=True)
    if same < .98:
        sys.exit("The two did not compute the same.")
    return ratio


def decode_floor(videos, cores):
    """Videos a second of so many decoders at once, each with a share."""
    shares = ["".join(f"desy window - {video}\n" for video in videos[k::cores]) for k in range(cores)]
    started = time.perf_counter()
    running = [subprocess.Popen([BUILD / "bench" / "bench_decode"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True) for _ in shares]
    for process, share in zip(running, shares):
        process.stdin.write(share)
        process.stdin.close()
    for process in running:
        process.wait()
    return len(videos) / (time.perf_counter() - started)


def compare_extract(given, folder):
    root, items = given.dataset.resolve().parent, json.loads(given.dataset.read_text())
    videos = [str(root / item["video_path"]) for item in items]
    cores, weights = len(os.sched_getaffinity(0)), folder / "extract.safetensors"
    networks_peers.write_safetensors(weights, networks_peers.random_resnet50())
    precision = "fp32" if given.device == "cpu" else "fp16"
    floors, rates = [], []
    for repeat in range(given.repeats):
        floors.append(decode_floor(videos, cores))
        started = time.perf_counter()
        done = subprocess.run([PROGRAM, "extract", given.dataset, "-o", folder / f"store{repeat}", "--extractor", "resnet50", "--weights", weights, "--precision", precision,
                               "--device", given.device, "--batch-clips", str(given.clips), "--quiet"], stderr=subprocess.PIPE, text=True)
        if done.returncode not in (0, 4):
            sys.exit(done.stderr)
        rates.append(len(videos) / (time.perf_counter() - started))
    ratio = statistics.median(a / b for a, b in zip(rates, floors))
    print(f"| extract, ResNet-50, {precision}, {len(videos)} videos | desy {statistics.median(rates):.1f} videos/s | {cores} cores that decode {statistics.median(floors):.1f} | {ratio:.2f} |", flush=True)
    return ratio


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=pathlib.Path, help="enough videos for a minute of all cores: the start of the program counts")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--precision", nargs="+", default=["fp16", "bf16"], choices=KINDS)
    parser.add_argument("--networks", nargs="*", default=list(DIMS), choices=DIMS)
    given = parser.parse_args()
    rehearsal = given.device == "cpu"
    if rehearsal:
        os.environ["DESY_BACKBONE_OPERATORS"] = "1"
    elif missing_device():
        print(f"SKIP: needs a GPU: {missing_device()}")
        sys.exit(77)
    else:
        given.device = "cuda:0" if given.device == "cuda" else given.device
        print(f"{torch.cuda.get_device_name(given.device)}, torch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}, {len(os.sched_getaffinity(0))} cores")
    with tempfile.TemporaryDirectory(dir=BUILD) as name:
        folder = pathlib.Path(name)
        ratios = {f"{network}, {precision}": compare_networks(network, precision, given, folder) for network in given.networks for precision in given.precision}
        ratios["extract"] = compare_extract(given, folder)
    below = [what for what, ratio in ratios.items() if ratio < BAR]
    if rehearsal:
        print("a rehearsal: no bar is looked at")
    elif below:
        sys.exit(f"below the bar of {BAR}: {', '.join(below)}")


main()
