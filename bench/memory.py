#!/usr/bin/env python3
"""bench/memory.py [--items 100000 20000]: what extraction costs in memory as the list grows.

`desy extract` on two ranks over lists of that many items, each a hard link to one of a few tiny videos, with a network that costs next
to nothing (a TorchScript module that averages), so that what is measured is the program's own: list, plan, queue, segments, index.
Printed for each rank: the peak of its resident memory, KiB for each item more, and descriptors open in the middle and near the end. Exits
non-zero if a rank other than 0 grows by more than 50 bytes an item, rank 0 by more than 1000, if descriptors grow, or if a process is left
behind. Needs ffmpeg and a Python with torch (DESY_PEERS, default build/peers/bin/python); DESY_PROGRAM: the program."""
import argparse
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

TREE = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("DESY_PROGRAM", str(TREE / "build/release/desy"))
PEERS = os.environ.get("DESY_PEERS", str(TREE / "build/peers/bin/python"))
RANKS, CLIPS = 2, 8
MOST_BYTES = {0: 1000, 1: 50}  # an item
MODULE = """
import sys, torch
class Mean(torch.nn.Module):
    def forward(self, x):
        return x.mean((2, 3)).repeat(1, 683)[:, :2048]
torch.jit.trace(Mean(), torch.zeros(2, 3, 224, 224)).save(sys.argv[1])
"""


def rank(work, *command):
    """Runs the program as one rank of the job and notes its peak."""
    mine = pathlib.Path(work) / os.environ["OMPI_COMM_WORLD_RANK"]
    process = subprocess.Popen(command)
    mine.with_suffix(".pid").write_text(str(process.pid))
    _, status, usage = os.wait4(process.pid, 0)
    mine.with_suffix(".end").write_text(str(usage.ru_maxrss))
    return os.waitstatus_to_exitcode(status)


def make_clips(folder):
    for i in range(CLIPS):
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=s={64 + 16 * i}x64:r=12:d=1", "-pix_fmt", "yuv420p", folder / f"{i}.mp4"], check=True)


def descriptors(work):
    """Of each rank; None before it is there or after it is gone."""
    try:
        return [len(os.listdir(f"/proc/{(work / f'{r}.pid').read_text()}/fd")) for r in range(RANKS)]
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def extract(folder, items):
    """(peak KiB of each rank, descriptors early and late, seconds)"""
    work = folder / str(items)
    (work / "v").mkdir(parents=True)
    with open(work / "dataset.jsonl", "w") as file:
        for i in range(items):
            if i % 1000 == 0:
                (work / "v" / str(i // 1000)).mkdir()
            os.link(folder / f"{i % CLIPS}.mp4", work / "v" / f"{i // 1000}" / f"{i:08d}.mp4")
            file.write(f'{{"video_path": "v/{i // 1000}/{i:08d}.mp4", "label": {i % 2}, "source": "source-{i % 6}", "group": "prompt-{i // 3}"}}\n')
    command = [PROGRAM, "extract", work / "dataset.jsonl", "-o", work / "store", "--extractor", "resnet50", "--weights", folder / "mean.pt", "--allow-code",
               "--frames", "4", "--num-workers", "1", "--quiet"]
    launcher = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", str(RANKS), sys.executable, __file__, "rank", work]
    started, seen = time.monotonic(), []
    with open(work / "log", "w+") as log:
        job = subprocess.Popen(list(map(str, launcher + command)), stdout=log, stderr=log, start_new_session=True)
        try:
            while job.poll() is None:
                seen.append(descriptors(work))
                time.sleep(.5)
        finally:
            left = subprocess.run(["pgrep", "-s", str(job.pid)], stdout=subprocess.PIPE, text=True).stdout.split()
            for pid in left:
                os.kill(int(pid), signal.SIGKILL)
        if job.returncode != 0:
            log.seek(0)
            sys.exit(f"desy extract ended with {job.returncode}:\n{log.read()}")
    if left:
        sys.exit(f"{len(left)} processes were left behind")
    seen = [one for one in seen if one]
    quarter = len(seen) // 4
    return [int((work / f"{r}.end").read_text()) for r in range(RANKS)], seen[quarter], seen[-quarter - 1], time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs=2, default=[100000, 20000], help="a long list and a shorter one")
    parser.add_argument("--folder", help="where to work (default: the system's temporary folder)")
    most, fewer = sorted(parser.parse_args().items, reverse=True)
    with tempfile.TemporaryDirectory(dir=parser.parse_args().folder) as name:
        folder = pathlib.Path(name)
        subprocess.run([PEERS, "-c", MODULE, folder / "mean.pt"], check=True)
        make_clips(folder)
        results = {items: extract(folder, items) for items in (fewer, most)}
    good = True
    print("| items | rank | peak, MiB | bytes for each item more | descriptors early, late | seconds |\n| --- | --- | --- | --- | --- | --- |")
    for items, (peaks, early, late, seconds) in results.items():
        for r in range(RANKS):
            slope = (peaks[r] - results[fewer][0][r]) * 1024 / (most - fewer)
            good = good and slope <= MOST_BYTES[r] and late[r] <= early[r] + 2
            print(f"| {items} | {r} | {peaks[r] / 1024:.0f} | {f'{slope:.0f}' if items == most else ''} | {early[r]}, {late[r]} | {seconds:.0f} |")
    print("No process was left behind." + ("" if good else " ABOVE the bound."))
    return not good


if __name__ == "__main__":
    sys.exit(rank(*sys.argv[2:]) if sys.argv[1:2] == ["rank"] else main())
