#!/usr/bin/env python3
"""bench/networks.py resnet50|efficientnet [--repeats 5] [--frames 128] [--fp32] [--cpu-time]: frames a second of our networks on two cores against PyTorch eager,
torch.compile with freezing, onnxruntime and OpenVINO, in fp32 and bf16, with the same weights and frames. Ours starts from bytes; the
peers' frames are normalised beforehand, and their allocator keeps its memory. Every program first runs over a grid (1 process of 2 threads or 2 of 1; batch), then all at
their best interleaved. --cpu-time is for a machine that others use too: all programs run as 2 processes of 1 thread, and their CPU
seconds are counted in place of the clock's, which are the same on an idle machine. Exits non-zero below the bar. Peers: the Python of $DESY_PEERS (bench/peers.sh makes one)."""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("DESY_BUILD_DIR") or TREE / "build" / "release")
PYTHON = os.environ.get("DESY_PEERS") or str(TREE / "build" / "peers" / "bin" / "python")
if sys.prefix != str(pathlib.Path(PYTHON).parents[1]):
    os.execv(PYTHON, [PYTHON, *sys.argv])

import numpy as np  # noqa: E402
import torch  # noqa: E402

import networks_peers  # noqa: E402

PEERS = {"fp32": ("eager", "compile", "onnxruntime", "openvino"), "bf16": ("eager", "compile", "openvino")}  # onnxruntime: no bf16 on a CPU
SPLITS = ((1, 2), (2, 1))  # processes, threads of each
DIMS = {"resnet50": 2048, "efficientnet": 1280}


def cpu_seconds(process):
    """Of all its threads, to the nanosecond."""
    return sum(float(path.read_text().split()[0]) for path in pathlib.Path(f"/proc/{process.pid}/task").glob("*/schedstat")) / 1e9


class Program:
    """Ours or a peer, as processes that wait for work; each has its share of the frames."""

    def __init__(self, bench, name, precision, split):
        self.name, self.precision, self.split, self.bench = name, precision, split, bench
        self.workers, self.outputs = [], []
        for k in range(split[0]):
            folder = pathlib.Path(tempfile.mkdtemp(dir=bench.folder))
            share, output = folder / "frames", folder / "features"
            bench.frames[k::split[0]].tofile(share)
            threads = str(split[1])
            command = ([BUILD / "bench" / "bench_networks", bench.network, bench.weights, "16", threads, precision, share, output] if name == "desy" else
                       [sys.executable, TREE / "bench" / "networks_peers.py", bench.network, bench.weights, name, precision, threads, share, output])
            environment = dict(os.environ, OMP_NUM_THREADS=threads, MKL_NUM_THREADS=threads, **({} if name == "desy" else networks_peers.ALLOCATOR))
            self.workers.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(folder / "log", "w"), text=True, env=environment))
            self.outputs.append(output)

    def run(self, batch):
        """Frames a second of all processes together, by the slowest."""
        before = [cpu_seconds(worker) for worker in self.workers]
        for worker in self.workers:
            worker.stdin.write(f"{batch}\n")
            worker.stdin.flush()
        answers = [worker.stdout.readline() for worker in self.workers]
        for answer, output in zip(answers, self.outputs):
            if not answer:
                sys.exit(f"{self.name} {self.precision} failed:\n{(output.parent / 'log').read_text()[-3000:]}")
        if self.bench.cpu_time:
            return len(self.bench.frames) / max(cpu_seconds(worker) - used for worker, used in zip(self.workers, before))
        return len(self.bench.frames) / max(map(float, answers))

    def features(self):
        whole = np.empty((len(self.bench.frames), DIMS[self.bench.network]), np.float32)
        for k, output in enumerate(self.outputs):
            of_share = np.fromfile(output, np.float32).reshape(len(whole[k::self.split[0]]), -1)
            whole[k::self.split[0]] = of_share[:, :whole.shape[1]]  # ours go on with the map before the last
        return whole

    def close(self):
        for worker in self.workers:
            worker.stdin.close()
            worker.wait()


class Bench:
    def __init__(self, folder, network, n, cpu_time):
        self.cpu_time, self.splits = cpu_time, SPLITS[1:] if cpu_time else SPLITS
        self.folder, self.network = pathlib.Path(folder), network
        if network == "resnet50":
            self.weights = self.folder / "resnet50.safetensors"
            networks_peers.write_safetensors(self.weights, networks_peers.random_resnet50())
        else:
            self.weights = TREE / "weights" / "efficientnet-lite0.safetensors"
        small = np.random.default_rng(1).integers(0, 256, (n, 28, 28, 3), np.uint8)
        self.frames = np.ascontiguousarray(np.kron(small, np.ones((1, 8, 8, 1), np.uint8)))


def best_of_grid(bench, name, precision, batches):
    """Two runs of each, the better one counts: this only chooses."""
    tried = []
    for split in bench.splits:
        program = Program(bench, name, precision, split)
        for batch in [16] if name == "desy" else batches:
            program.run(batch)  # compiles, or allocates
            tried.append((max(program.run(batch) for _ in range(2)), split, batch))
        program.close()
    print(f"  {precision} {name}: " + ", ".join(f"{s[0]} x {s[1]} batch {b}: {rate:.1f}" for rate, s, b in tried), flush=True)
    return max(tried)[1:]


def cosine(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def cpu_flags():
    try:
        return set(next(line for line in open("/proc/cpuinfo") if line.startswith("flags")).split())
    except (OSError, StopIteration):
        return set()


def peak(precision):
    """Multiply-adds a second of both cores, measured on registers while both are busy."""
    workers = [subprocess.Popen([BUILD / "bench" / "bench_networks", "rate", precision, "1"], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    return sum(float(worker.communicate()[0]) for worker in workers)


def check(failures, label, value, bar):
    print(f"  {'ok  ' if value >= bar else 'MISS'} {label}: {value:.6g} (bar {bar:g})")
    if value < bar:
        failures.append(label)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("network", choices=DIMS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--frames", type=int, default=128, help="a multiple of every batch for each of two processes")
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 32, 64])
    parser.add_argument("--cpu-time", action="store_true")
    parser.add_argument("--fp32", action="store_true", help="without bf16, whose compilation by torch.compile takes long")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(folder, arguments.network, arguments.frames, arguments.cpu_time)
        print(f"{arguments.network}, {arguments.frames} frames, frames a second over the grid (processes x threads, batch):")
        chosen = {(name, precision): best_of_grid(bench, name, precision, arguments.batches)
                  for precision in (["fp32"] if arguments.fp32 else PEERS) for name in ("desy", *PEERS[precision])}
        programs = {key: Program(bench, *key, split) for key, (split, batch) in chosen.items()}
        rates, features = {key: [] for key in programs}, {}
        for repeat in range(arguments.repeats + 1):
            for key, program in programs.items():
                rate = program.run(chosen[key][1])
                if repeat:
                    rates[key].append(rate)
        for key, program in programs.items():
            features[key] = program.features()
            program.close()
        report(arguments.network, chosen, rates, features)


def report(network, chosen, rates, features):
    failures, medians = [], {key: statistics.median(values) for key, values in rates.items()}
    # Ratios of one round each, since the clock of a shared machine drifts.
    against = lambda ours, theirs: statistics.median(a / b for a, b in zip(rates[ours], rates[theirs]))
    reference, precisions = features["eager", "fp32"], [precision for precision in PEERS if ("desy", precision) in rates]
    print("\n| program | precision | processes x threads, batch | frames/s (median) | ours over it | cosine to eager fp32 |\n| --- | --- | --- | --- | --- | --- |")
    for (name, precision), (split, batch) in chosen.items():
        ratio = against(("desy", precision), (name, precision))
        print(f"| {name} | {precision} | {split[0]} x {split[1]}, {batch} | {medians[name, precision]:.1f} | {ratio:.2f} | {cosine(features[name, precision], reference):.6f} |")
    flags, work = cpu_flags(), networks_peers.multiply_adds({"resnet50": networks_peers.ResNet50, "efficientnet": networks_peers.EfficientNetLite0}[network]().eval())
    print(f"\n{work / 1e9:.3f} G multiply-adds a frame.")
    for precision in precisions:
        most = peak(precision)
        name = "vector units"
        if precision == "bf16" and "amx_bf16" in flags:
            most, name = 32 * peak("fp32"), "AMX (taken as 32 times the fp32 rate)"
        if most:
            print(f"{precision}: {medians['desy', precision] * work / most:.1%} of what the {name} of both cores can do ({most / 1e9:.0f} G multiply-adds a second).")
    bars = {"resnet50": (1.8, None), "efficientnet": (2.0, 2.0)}[network]
    print("\nBars:")
    check(failures, "fp32 over eager fp32", against(("desy", "fp32"), ("eager", "fp32")), bars[0])
    check(failures, "fp32 cosine to eager fp32", cosine(features["desy", "fp32"], reference), 0.99999)
    if "bf16" not in precisions:
        print("  bf16 was not run")
    elif bars[1]:
        check(failures, "bf16 over eager bf16", against(("desy", "bf16"), ("eager", "bf16")), bars[1])
    elif "amx_bf16" in flags:
        check(failures, "bf16 over eager fp32", against(("desy", "bf16"), ("eager", "fp32")), 5)
    else:
        print(f"  n/a  bf16 over eager fp32: {against(('desy', 'bf16'), ('eager', 'fp32')):.2f} (bar 5, for processors with AMX: this one has none)")
    for precision in precisions:
        best = max((peer for peer in PEERS[precision] if peer != "eager"), key=lambda peer: medians[peer, precision])
        check(failures, f"{precision} over the best peer, {best}", against(("desy", precision), (best, precision)), 1)
    sys.exit(f"below the bar: {', '.join(failures)}" if failures else 0)


if __name__ == "__main__":
    main()
