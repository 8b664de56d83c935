"""Runs tests/tools/network_gradient.c: a network's parameters by name, and what came of them."""
import os
import pathlib
import struct
import subprocess

import numpy as np
import torch

TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_network_gradient"


def run(architecture, x, labels, weights, lengths, dropout=0.0, parameters=None, precision="fp32", operators=False):
    """x (n, frames, inputs), int16, uint8 or to become float32; parameters: a file of them in place of the seed's; operators: by libtorch's, as on other devices than a CPU."""
    n, frames, inputs = x.shape
    command = [TOOL, architecture, str(frames), str(inputs), str(n), "7", "bce", "0", "-1", "0", str(dropout), str(parameters or "-"), precision]
    kinds = x.dtype if x.dtype in (np.int16, np.uint8) else np.float32, np.float32, np.float32, np.int32
    given = b"".join(np.ascontiguousarray(values, kind).tobytes() for values, kind in zip((x, labels, weights, lengths), kinds))
    result = subprocess.run(command, input=given, capture_output=True, env={**os.environ, "DESY_NETWORK_OPERATORS": "1"} if operators else None)
    assert result.returncode == 0, result.stderr.decode()
    plan = [(name, int(offset), tuple(map(int, shape))) for name, offset, *shape in (line.split() for line in result.stderr.decode().splitlines())]
    count = plan[-1][1] + int(np.prod(plan[-1][2]))
    floats = lambda start, size: np.frombuffer(result.stdout, np.float32, size, start)
    named = lambda flat: {name: flat[offset:offset + int(np.prod(shape))].reshape(shape) for name, offset, shape in plan}
    after = 4 * count + 8
    return {"parameters": named(floats(0, count)), "loss": struct.unpack_from("d", result.stdout, 4 * count)[0], "logits": floats(after, n),
            "gradient": named(floats(after + 4 * n, count)), "inference": floats(after + 4 * n + 4 * count, n)}


def close(ours, theirs, what, bound=1e-5):
    error = np.abs(ours - theirs).max() / np.abs(theirs).max()
    print(f"{what}: relative difference {error:.1e}")
    assert error < bound, (what, error)


def gradient_errors(ours, theirs):
    """Each tensor's largest difference by its largest number, or by a thousandth of the largest of all where its own is nothing."""
    whole = max(np.abs(values).max() for values in theirs.values())
    assert ours.keys() == theirs.keys()
    return {name: np.abs(ours[name] - values).max() / max(np.abs(values).max(), 1e-3 * whole) for name, values in theirs.items()}


def close_gradients(ours, theirs):
    for name, error in gradient_errors(ours, theirs).items():
        assert error < 1e-5, (name, error)


def weighted_loss(z, labels, weights):
    each = torch.nn.functional.binary_cross_entropy_with_logits(z, torch.from_numpy(labels).to(z.dtype), reduction="none")
    return (each * torch.from_numpy(weights)).sum()


def close_to_torch(ours, net, z, labels, weights):
    """Loss, logits and gradients of PyTorch's `net`, which gave z, and whose tensors have our names."""
    loss = weighted_loss(z, labels, weights)
    loss.backward()
    close(ours["loss"], loss.item(), "loss")
    close(ours["logits"], z.detach().numpy(), "logits")
    close(ours["inference"], z.detach().numpy(), "inference")
    close_gradients(ours["gradient"], {name: parameter.grad.numpy() for name, parameter in net.named_parameters()})
