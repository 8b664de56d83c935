#!/usr/bin/env python3
"""bench/precision.py DATASET.json: what bf16 does to the features and scores of the extractor hybrid. A model is trained on the data
set as it is extracted in fp32; then each video goes through the extractor in both precisions. The channel `step` is the most sensitive:
ln(m + .01) of each channel, m the mean over t of abs(f[t + 1] - f[t]). The error of a clip is the mean over channels of abs(m' - m),
over the mean of m + .01. It must be at most 1 % on the stillest 5 % of the clips, and 99 % of the logits must move by at most .02;
exits non-zero otherwise: then the extractor refuses bf16."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(os.environ.get("DESY_BUILD_DIR") or pathlib.Path(__file__).resolve().parents[1] / "build" / "release")


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def desy(*arguments):
    result = subprocess.run([BUILD / "desy", *map(str, arguments), "--quiet"], stdout=subprocess.DEVNULL)
    if result.returncode not in (0, 4):  # 4: some videos can't be read
        sys.exit(f"desy {arguments[0]} failed with {result.returncode}")


def main():
    dataset = pathlib.Path(sys.argv[1])
    paths = [str(dataset.parent / item["video_path"]) for item in json.loads(dataset.read_text())]
    with tempfile.TemporaryDirectory() as folder:
        desy("extract", dataset, "-o", f"{folder}/store")
        desy("train", f"{folder}/store", "--save-dir", f"{folder}/models")
        answer = subprocess.run([BUILD / "bench" / "bench_precision", f"{folder}/models"], input="\n".join(paths), stdout=subprocess.PIPE, text=True, check=True)
    clips = [json.loads(line) for line in answer.stdout.splitlines()]
    limit = percentile([clip["movement"] for clip in clips], 0.05)
    still = [clip["error"] for clip in clips if clip["movement"] <= limit]
    errors, moved = [clip["error"] for clip in clips], [abs(clip["bf16"] - clip["fp32"]) for clip in clips]
    step, logits = sum(still) / len(still), percentile(moved, 0.99)
    print(f"{len(clips)} clips; error of step: {step:.2%} on the stillest 5 % ({len(still)} clips), {percentile(errors, .5):.2%} in the median, {max(errors):.2%} at most")
    print(f"logits move by {percentile(moved, .5):.4f} in the median, {logits:.4f} at the 99th percentile")
    failed = [name for name, value, bar in (("step", step, 0.01), ("logits", logits, 0.02)) if value > bar]
    sys.exit(f"bf16 is outside the bar: {', '.join(failed)}" if failed else 0)


main()
