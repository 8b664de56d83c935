"""The full form of the mid level against PyTorch's TransformerEncoderLayer from the same parameters: logits, loss, gradient; short clips."""
import os
import pathlib
import struct
import subprocess

import numpy as np
import torch

from transformer_reference import Reference, WIDTH, torch_name

TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_network_gradient"
FRAMES, INPUTS, N = 16, 200, 21
rng = np.random.default_rng(4)
LENGTHS = rng.integers(4, FRAMES + 1, N).astype(np.int32)
LENGTHS[:2] = 1, FRAMES
X = rng.standard_normal((N, FRAMES, INPUTS)).astype(np.float32)
LABELS = rng.integers(0, 2, N).astype(np.float32)
WEIGHTS = rng.uniform(0.1, 2, N).astype(np.float32)


def run(x=X, lengths=LENGTHS, dropout=0.0):
    """The parameters by name, and what came of them."""
    n = len(x)
    command = [TOOL, "mid_transformer", str(FRAMES), str(INPUTS), str(n), "7", "bce", "0", "-1", "0", str(dropout)]
    given = x.tobytes() + LABELS[:n].tobytes() + WEIGHTS[:n].tobytes() + lengths.tobytes()
    result = subprocess.run(command, input=given, capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    plan = [(name, int(offset), tuple(map(int, shape))) for name, offset, *shape in (line.split() for line in result.stderr.decode().splitlines())]
    count = plan[-1][1] + int(np.prod(plan[-1][2]))
    floats = lambda start, size: np.frombuffer(result.stdout, np.float32, size, start)
    named = lambda flat: {name: flat[offset:offset + int(np.prod(shape))].reshape(shape) for name, offset, shape in plan}
    after = 4 * count + 8
    return {"parameters": named(floats(0, count)), "loss": struct.unpack_from("d", result.stdout, 4 * count)[0], "logits": floats(after, n),
            "gradient": named(floats(after + 4 * n, count)), "inference": floats(after + 4 * n + 4 * count, n)}


def close(ours, theirs, what):
    error = np.abs(ours - theirs).max() / np.abs(theirs).max()
    print(f"{what}: relative difference {error:.1e}")
    assert error < 1e-5, what


def check_parity():
    ours, net = run(), Reference(FRAMES, INPUTS).double()
    net.load_state_dict({torch_name(name): torch.from_numpy(values.astype(np.float64)) for name, values in ours["parameters"].items()})  # strict: all of them
    absent = torch.arange(FRAMES) >= torch.from_numpy(LENGTHS)[:, None]
    z = net(torch.from_numpy(X).double(), absent)
    each = torch.nn.functional.binary_cross_entropy_with_logits(z, torch.from_numpy(LABELS).double(), reduction="none")
    loss = (each * torch.from_numpy(WEIGHTS)).sum()
    loss.backward()
    close(ours["loss"], loss.item(), "loss")
    close(ours["logits"], z.detach().numpy(), "logits")
    close(ours["inference"], z.detach().numpy(), "inference")
    whole = max(p.grad.abs().max().item() for p in net.parameters())
    for name, parameter in ((name, dict(net.named_parameters())[torch_name(name)]) for name in ours["gradient"]):
        error = np.abs(ours["gradient"][name] - parameter.grad.numpy()).max() / max(parameter.grad.abs().max().item(), 1e-3 * whole)  # keys' biases have none
        assert error < 1e-5, (name, error)


def check_initial_values():
    parameters = run()["parameters"]
    for name, values in parameters.items():
        if "norm" in name:
            assert (values == (1 if "weight" in name else 0)).all(), name
        else:
            fan_in = {"positions": 2500, "pool": WIDTH}.get(name) or parameters[name.rsplit(".", 1)[0] + ".weight"].shape[1]
            assert 0.8 / np.sqrt(fan_in) < np.abs(values).max() <= 1 / np.sqrt(fan_in) or values.size < 10, name


def check_bits():
    """What lies beyond a clip's frames has no part; inference does not hang on how many items a call has."""
    ours, other = run(), X.copy()
    for i, length in enumerate(LENGTHS):
        other[i, length:] = 100 * rng.standard_normal((FRAMES - length, INPUTS))
    changed = run(other)
    assert changed["inference"].tobytes() == ours["inference"].tobytes() and changed["loss"] == ours["loss"]
    assert run(X[:5], LENGTHS[:5])["inference"].tobytes() == ours["inference"][:5].tobytes()
    assert np.abs(run(dropout=0.5)["logits"] - ours["logits"]).max() > 1e-3
    assert np.abs(run(X[:, ::-1].copy(), np.full(N, FRAMES, np.int32))["logits"] - run(X, np.full(N, FRAMES, np.int32))["logits"]).max() > 1e-4  # order counts


check_parity()
check_initial_values()
check_bits()
