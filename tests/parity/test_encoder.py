"""EfficientNet-Lite0 against the package it comes from, frame by frame, with the same weights."""
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

SOURCE, BUILD = pathlib.Path(os.environ["DESY_SOURCE_DIR"]), pathlib.Path(os.environ["DESY_BUILD_DIR"])
TOOL = BUILD / "tests" / "tool_encode_frames"
WEIGHTS = pathlib.Path(os.environ.get("DESY_WEIGHTS_DIR") or SOURCE / "weights") / "efficientnet-lite0.safetensors"


def encode(frames, weights, *more, batch=16, threads=1):
    return subprocess.run([TOOL, "efficientnet", weights, str(batch), str(threads), *more], input=frames.tobytes(), capture_output=True)


def features(*arguments, **named):
    result = encode(*arguments, **named)
    assert result.returncode == 0, result.stderr.decode()
    return np.frombuffer(result.stdout, np.float32).reshape(-1, 1600)


def some_frames(n):
    """Noise, gradients, flat frames and edges: what a network meets, and what it does not."""
    rng = np.random.default_rng(1)
    frames = np.empty((n, 224, 224, 3), np.uint8)
    y, x = np.mgrid[0:224, 0:224]
    for i in range(n):
        kind = i % 4
        if kind == 0:
            frames[i] = rng.integers(0, 256, (224, 224, 3))
        elif kind == 1:
            frames[i] = np.stack([(x * (i + 1) // 3) % 256, (y * 2 + i) % 256, (x + y) // 2 % 256], -1)
        elif kind == 2:
            frames[i] = (i * 37) % 256
        else:
            frames[i] = np.kron(rng.integers(0, 256, (14, 14, 3)), np.ones((16, 16, 1)))
    return frames


def oracle(frames):
    import torch
    from efficientnet_lite_pytorch import EfficientNet
    from safetensors.torch import load_file

    torch.set_num_threads(2)
    net = EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(load_file(str(WEIGHTS)), strict=True)
    net.eval().double()  # so that what differs is our rounding alone
    with torch.no_grad():
        x = (torch.from_numpy(frames).permute(0, 3, 1, 2).double() - 127) / 128
        before = []
        net._conv_head.register_forward_pre_hook(lambda module, inputs: before.append(inputs[0].mean((2, 3))))
        return np.concatenate([net.extract_features(x).mean((2, 3)).numpy(), before[0].numpy()], 1)


def check_parity(frames):
    whole, expected = features(frames, WEIGHTS), oracle(frames)
    for name, part in (("encoder", slice(0, 1280)), ("texture", slice(1280, 1600))):
        ours, theirs = whole[:, part], expected[:, part]
        cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
        difference, size = np.abs(ours - theirs).max(1), np.abs(theirs).max(1)
        print(f"{name}: cosine at least {cosine.min():.8f}, largest difference {difference.max():.2e}, numbers up to {size.max():.2f}")
        assert cosine.min() >= 0.99999 and (difference < 1e-4 * size).all()
    return whole


def check_bfloat16(frames, whole):
    """Close, and not the same: a precision that is asked for is used. Where libtorch can't, it says so."""
    import torch
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        refused = encode(frames[:1], WEIGHTS, "--precision", "bf16")
        assert refused.returncode == 3 and b"bfloat16" in refused.stderr
        return
    ours = features(frames, WEIGHTS, "--precision", "bf16")
    cosine = (ours * whole).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(whole, axis=1)
    print(f"bfloat16: cosine at least {cosine.min():.6f}")
    assert 0.96 < cosine.min() < 0.999999  # flat frames stand least
    for n in (4, 5):  # one pass through the network, and two
        assert features(frames[:n], WEIGHTS, "--precision", "bf16", threads=2).tobytes() == ours[:n].tobytes()


def check_bits(frames, whole):
    """Not of how many frames a call has, nor of the others, nor of the threads."""
    mixed = frames.copy()
    mixed[1::2] = 255 - mixed[1::2]
    assert features(mixed, WEIGHTS)[::2].tobytes() == whole[::2].tobytes(), "the other frames"
    short = features(frames, WEIGHTS, "--first", "5")
    for start in range(0, len(frames), 5):
        same = features(frames[start:start + 5], WEIGHTS)
        assert short[start:start + 5].tobytes() == same.tobytes(), f"calls from {start}"
    assert short[:5].tobytes() == whole[:5].tobytes(), "calls of 5 and of 16"
    for threads in (2, 3):
        assert features(frames, WEIGHTS, threads=threads).tobytes() == whole.tobytes(), f"{threads} threads"


def check_refusals(frames):
    data = WEIGHTS.read_bytes()
    with tempfile.TemporaryDirectory() as directory:
        bad = pathlib.Path(directory) / "bad.safetensors"
        for name, content in {"missing": None, "empty": b"", "truncated": data[:-1000], "text": b"not weights " * 100}.items():
            if content is not None:
                bad.write_bytes(content)
            result = encode(frames[:1], bad)
            message = result.stderr.decode()
            assert result.returncode == 3 and not result.stdout, (name, result.returncode, message)
            assert "bad.safetensors" in message and "quickstart.sh" in message and "--weights" in message, (name, message)


def main():
    if not WEIGHTS.exists():
        sys.exit(f"{WEIGHTS} is missing: run cmake/fetch_weights.sh")
    frames = some_frames(20)
    whole = check_parity(frames)
    check_bits(frames, whole)
    check_bfloat16(frames, whole)
    check_refusals(frames)


main()
