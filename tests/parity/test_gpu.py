"""Networks and extraction on a CUDA device, beside the CPU: needs a GPU. DESY_TEST_DEVICE=cpu runs the same checks without one, on what a CPU does as a device does it."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

SOURCE, BUILD, PROGRAM = pathlib.Path(os.environ["DESY_SOURCE_DIR"]), pathlib.Path(os.environ["DESY_BUILD_DIR"]), os.environ["DESY_PROGRAM"]
WEIGHTS = pathlib.Path(os.environ.get("DESY_WEIGHTS_DIR") or SOURCE / "weights") / "efficientnet-lite0.safetensors"
DEVICE = os.environ.get("DESY_TEST_DEVICE") or "cuda:0"
THERE = {**os.environ, **({"DESY_BACKBONE_OPERATORS": "1"} if DEVICE == "cpu" else {})}
HALF = ["bf16"] if DEVICE == "cpu" else ["bf16", "fp16"]


def features(frames, *more, clips=1, environment=THERE, device=DEVICE):
    done = subprocess.run([BUILD / "tests" / "tool_encode_frames", "efficientnet", WEIGHTS, "16", "1", "--device", device, "--clips", str(clips), *more],
                          input=frames.tobytes(), capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    return np.frombuffer(done.stdout, np.float32).reshape(len(frames), 1600)


def cosine(a, b):
    return ((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min()


def check_networks():
    frames = np.random.default_rng(1).integers(0, 256, (70, 224, 224, 3), np.uint8) // np.arange(1, 71, dtype=np.uint8)[:, None, None, None]
    expected = features(frames, environment=os.environ, device="cpu")
    whole = features(frames, clips=3)
    print(f"fp32: cosine {cosine(whole, expected):.8f}, largest difference {np.abs(whole - expected).max():.2e}")
    assert cosine(whole, expected) > .999999 and np.abs(whole - expected).max() < 1e-4 * np.abs(expected).max()
    assert features(frames, clips=3).tobytes() == whole.tobytes(), "two runs"
    mixed = frames.copy()
    mixed[1::2] = 255 - mixed[1::2]
    assert features(mixed, clips=3)[::2].tobytes() == whole[::2].tobytes(), "the other frames"
    for precision in HALF:
        ours = features(frames, "--precision", precision, clips=3)
        print(f"{precision}: cosine {cosine(ours, expected):.6f}")
        assert .9 < cosine(ours, expected) < .9999999
        assert features(frames, "--precision", precision, clips=3).tobytes() == ours.tobytes(), precision


def desy(*arguments, ranks=1, code=0):
    launcher = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", str(ranks)] if ranks > 1 else []
    done = subprocess.run([*launcher, PROGRAM, *map(str, arguments)], capture_output=True, text=True, env=THERE)
    assert done.returncode == code, done.stderr
    return done


def check_extraction(folder):
    desy("synth", "-o", folder / "data", "--videos", 10, "--broken", 1)

    def extract(name, batch, ranks=1, code=4):
        return desy("extract", folder / "data" / "dataset.json", "-o", folder / name, "--device", DEVICE, "--batch-clips", batch, ranks=ranks, code=code)

    def content(name):
        return json.loads(desy("info", folder / name, "--json").stdout)["content_sha256"]

    extract("one", 4)
    extract("two", 4, ranks=2)
    assert content("one") == content("two"), "ranks"
    config = json.loads((folder / "one" / "extract.json").read_text())["config"]
    assert config["batch"] == 64 and config["device"] == DEVICE.split(":")[0] and ("gpu" in config) == (DEVICE != "cpu"), config
    assert "--batch-clips 4" in extract("one", 2, code=2).stderr
    scores = [folder / "a.jsonl", folder / "b.jsonl"]
    desy("batch", folder / "data" / "dataset.json", "-o", scores[0], "--device", DEVICE, code=4)
    desy("batch", folder / "data" / "dataset.json", "-o", scores[1], "--device", "cpu", code=4)
    ours, expected = ([json.loads(line).get("logit") for line in path.read_text().splitlines()] for path in scores)
    for a, b in zip(ours, expected, strict=True):
        assert (a is None) == (b is None) and (a is None or abs(a - b) < .02), (a, b)


def main():
    found = json.loads(subprocess.run([PROGRAM, "doctor", "--json"], stdout=subprocess.PIPE, text=True).stdout)["findings"]
    if DEVICE != "cpu" and not next(finding for finding in found if finding["name"] == "CUDA")["ok"]:
        print("SKIP: needs a GPU")
        sys.exit(77)
    check_networks()
    with tempfile.TemporaryDirectory() as folder:
        check_extraction(pathlib.Path(folder))


main()
