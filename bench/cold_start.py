#!/usr/bin/env python3
"""bench/cold_start.py [CLIP] [--repeats 15]

How long `desy detect CLIP` takes from nothing to its answer, libtorch's start included, interleaved with Python's `import torch` alone; medians, and what the parts take: `desy --version` (the dynamic
linker and the libraries' own start), `desy fusion-weights` (and the model), `desy detect` (and the encoder, the helpers, decoding, the network). CLIP: default, 10 s of ffmpeg's test picture at 1280 x 720.
Exits with 1 if the median is above 1.5 s."""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("DESY_PROGRAM", str(ROOT / "build" / "release" / "desy"))
PYTHON = str(ROOT / ".venv" / "bin" / "python3")


def seconds(*command):
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip or f"{folder}/clip.mp4"
        if not options.clip:
            subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=25", "-t", "10", "-c:v", "libx264", "-pix_fmt", "yuv420p", clip], check=True)
        commands = {"desy --version": [PROGRAM, "--version"], "desy fusion-weights": [PROGRAM, "fusion-weights", str(ROOT / "models" / "hybrid-1")],
                    "desy detect": [PROGRAM, "detect", clip], "import torch": [PYTHON, "-c", "import torch"]}
        for command in commands.values():
            seconds(*command)  # pages of the libraries are in memory for all of them
        times = {name: [] for name in commands}
        for _ in range(options.repeats):
            for name, command in commands.items():
                times[name].append(seconds(*command))
    for name, values in times.items():
        print(f"{name:20} {statistics.median(values):.3f} s ({min(values):.3f} to {max(values):.3f})")
    first = statistics.median(times["desy detect"])
    print(f"cold start {first:.3f} s (bar 1.5), {first / statistics.median(times['import torch']):.2f} of import torch")
    sys.exit(first > 1.5)


main()
