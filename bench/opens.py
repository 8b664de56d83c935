#!/usr/bin/env python3
"""bench/opens.py [--opens 10000] [--command check|extract]: does memory grow with the number of videos opened?

One rank of `desy COMMAND` and its decode helpers read that many videos: small ones of several containers and codecs, every fourth
damaged. Printed: resident memory of the rank and of each helper in windows of a tenth of the run each, and its slope, fitted after
the first two windows, for 1,000 opens. Exits non-zero if a slope is above the bound, if a helper was replaced (it crashed), if
descriptors grow, or if a process is left behind. Needs ffmpeg; DESY_PROGRAM: the program (build/release/desy)."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

TREE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TREE / "tests" / "e2e"))
import hostile

WINDOWS, WARM_UP = 10, 2
BOUND = 100  # KiB for 1,000 opens: an allocator never comes to rest entirely
NOTED = {"check": 300, "extract": 0}  # KiB for 1,000 opens that the rank notes on purpose: 240 bytes a video, as much again for a reason
CONTAINERS = {"h264.mov": "-c:v libx264", "h264.flv": "-c:v libx264", "mpeg2.mpg": "-c:v mpeg2video", "wmv2.wmv": "-c:v wmv2", "loop.gif": ""}


def make_clips(folder):
    """Intact ones, and a third as many damaged ones."""
    hostile.make_intact(folder)
    intact = [*hostile.INTACT, *hostile.make_codecs(folder)]
    for name, how in CONTAINERS.items():
        hostile.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=1", *how.split(), folder / name)
        intact.append(name)
    damaged = [*hostile.make_truncated(folder), *hostile.make_flipped(folder)]
    return [damaged[i // 4 % len(damaged)] if i % 4 == 3 else intact[(i - i // 4) % len(intact)] for i in range(4 * len(intact))]


def status(pid):
    """(resident KiB, descriptors), None if it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]), len(os.listdir(f"/proc/{pid}/fd"))
    except (OSError, IndexError):
        return None


def descendants(pid):
    found = subprocess.run(["pgrep", "-P", str(pid)], stdout=subprocess.PIPE, text=True).stdout.split()
    return [int(child) for child in found] + [below for child in found for below in descendants(int(child))]


def watch(process):
    """{pid: [(time, resident KiB, descriptors)]} of the rank and of its helpers, which the spawner, its only child, has forked."""
    samples = {}
    while process.poll() is None:
        for pid in [process.pid, *descendants(process.pid)]:
            now = status(pid)
            if now:
                samples.setdefault(pid, []).append((time.monotonic(), *now))
        time.sleep(.05)
    return samples


def slope(values):
    """Least squares, for a step of one."""
    middle, mean = (len(values) - 1) / 2, statistics.fmean(values)
    return sum((i - middle) * (value - mean) for i, value in enumerate(values)) / sum((i - middle) ** 2 for i in range(len(values)))


def report(name, samples, begin, end, opens, noted=0):
    """Prints a row; is it flat?"""
    windows = [[] for _ in range(WINDOWS)]
    for at, memory, files in samples:
        windows[min(WINDOWS - 1, int((at - begin) / (end - begin) * WINDOWS))].append((memory, files))
    if not all(windows):
        print(f"{name}: not there all the time")
        return False
    memory = [statistics.median(value for value, _ in window) for window in windows]
    files = [max(value for _, value in window) for window in windows]
    growth = slope(memory[WARM_UP:]) / (opens / WINDOWS) * 1000
    print(f"| {name} | {' '.join(f'{value / 1024:.1f}' for value in memory)} | {growth:+.1f} | {files[WARM_UP]} {files[-1]} |")
    return growth <= BOUND + noted and files[-1] <= files[WARM_UP] + 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--opens", type=int, default=10000)
    parser.add_argument("--command", choices=["check", "extract"], default="check")
    options = parser.parse_args()
    program = os.environ.get("DESY_PROGRAM", str(TREE / "build" / "release" / "desy"))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        clips = make_clips(folder)
        items = []
        for i in range(options.opens):
            (folder / f"{i:06}").symlink_to(clips[i % len(clips)])
            items.append({"video_path": f"{i:06}", "label": 0})
        (folder / "list.json").write_text(json.dumps(items))
        process = subprocess.Popen([program, options.command, folder / "list.json", "-o", folder / "out", "--quiet"], start_new_session=True,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        samples = watch(process)
        left = subprocess.run(["pgrep", "-s", str(process.pid)], stdout=subprocess.PIPE, text=True).stdout.split()
    if process.returncode not in (0, 4):
        sys.exit(f"desy {options.command} ended with {process.returncode}")
    spawner = min(samples.keys() - {process.pid}, key=lambda pid: samples[pid][0][0])
    helpers = sorted(samples.keys() - {process.pid, spawner})
    begin, end = samples[helpers[0]][0][0], samples[helpers[0]][-1][0]
    print(f"{options.opens} videos, {len(clips)} different ones, through desy {options.command} in {end - begin:.0f} s\n")
    print(f"| process | resident MiB in tenths of the run | KiB for 1,000 opens (bound {BOUND}, for the rank {BOUND + NOTED[options.command]}) | descriptors, early and late |\n| --- | --- | --- | --- |")
    mine = [sample for sample in samples[process.pid] if begin <= sample[0] <= end]
    flat = [report("rank", mine, begin, end, options.opens, NOTED[options.command])]
    flat += [report(f"helper {i}", samples[pid], begin, end, options.opens) for i, pid in enumerate(helpers)]
    print(f"\n{len(helpers)} helpers, {len(left)} processes left behind")
    sys.exit(0 if all(flat) and not left else 1)


if __name__ == "__main__":
    main()
