#!/usr/bin/env python3
"""bench/batch.py DATASET.json [--ranks 2] [--repeats 5]

Videos a second of `desy batch` and of `desy extract` on the same data set, interleaved; medians, from start to end of the program. Exits with 1 if batch, which scores what extract would have stored,
is slower than .95 of it, or if a score of it differs from what `desy detect` says of the same video (three of them are asked)."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("DESY_PROGRAM", str(ROOT / "build" / "release" / "desy"))
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")


def seconds(ranks, *arguments):
    started = time.perf_counter()
    done = subprocess.run(["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), PROGRAM, *map(str, arguments), "--quiet"], env=ENVIRONMENT, capture_output=True, text=True)
    if done.returncode not in (0, 4):
        sys.exit(done.stderr)
    return time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=pathlib.Path)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    times = {"extract": [], "batch": []}
    n = len(json.loads(options.dataset.read_text()))
    with tempfile.TemporaryDirectory() as name:
        for repeat in range(options.repeats):
            scores = pathlib.Path(name) / f"{repeat}.jsonl"
            times["extract"].append(seconds(options.ranks, "extract", options.dataset, "-o", f"{name}/{repeat}"))
            times["batch"].append(seconds(options.ranks, "batch", options.dataset, "-o", scores))
        lines = [json.loads(line) for line in scores.read_text().splitlines()]
        for line in [line for line in lines if line["status"] == "ok"][::max(1, len(lines) // 3)]:
            path = options.dataset.resolve().parent / line["video_path"]
            told = json.loads(subprocess.run([PROGRAM, "detect", str(path), "--json"], check=True, stdout=subprocess.PIPE).stdout)
            if told["logit"] != line["logit"]:
                sys.exit(f"{path}: batch says {line['logit']}, detect {told['logit']}")
    for what, values in times.items():
        print(f"{what:8} {n / statistics.median(values):.2f} videos/s ({', '.join(f'{n / value:.2f}' for value in values)})")
    ratio = statistics.median(e / b for e, b in zip(times["extract"], times["batch"]))
    print(f"batch / extract {ratio:.3f} (bar .95), {n} videos, {options.ranks} ranks")
    sys.exit(ratio < .95)


main()
