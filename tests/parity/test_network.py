"""Networks that are trained: forward, loss and gradient against PyTorch from the same parameters; initial values and dropout by their rules."""
import os
import pathlib
import struct
import subprocess
import tempfile

import numpy as np
import torch

TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_network_gradient"
INPUTS, N = 96, 70
LAYERS = [(INPUTS, 512), (512, 256), (256, 1)]
rng = np.random.default_rng(2)
X = rng.standard_normal((N, INPUTS)).astype(np.float32)
LABELS = rng.integers(0, 2, N).astype(np.float32)
WEIGHTS = rng.uniform(0.1, 2, N).astype(np.float32)


def run(*arguments, x=X, labels=LABELS, weights=WEIGHTS, parameters=None, operators=False):
    """`operators`: by libtorch's, as on other devices than a CPU."""
    environment = {**os.environ, "DESY_NETWORK_OPERATORS": "1"} if operators else None
    command = [TOOL, "high_mlp", "1", str(INPUTS), str(len(x)), *map(str, arguments)]
    with tempfile.NamedTemporaryFile() as file:
        if parameters is not None:
            file.write(parameters.tobytes())
            file.flush()
            command.append(file.name)
        result = subprocess.run(command, input=x.tobytes() + labels.tobytes() + weights.tobytes() + np.ones(len(x), np.int32).tobytes(), capture_output=True, env=environment)
    assert result.returncode == 0, result.stderr.decode()
    count = sum(i * o + o for i, o in LAYERS)
    out, n = result.stdout, len(x)
    floats = lambda start, size: np.frombuffer(out, np.float32, size, start)
    after = 4 * count + 8
    assert len(out) == after + 8 * n + 4 * count
    return {"tensors": result.stderr.decode().splitlines(), "parameters": floats(0, count), "loss": struct.unpack_from("d", out, 4 * count)[0],
            "logits": floats(after, n), "gradient": floats(after + 4 * n, count), "inference": floats(after + 4 * n + 4 * count, n)}


def reference(parameters, focal, gamma, alpha, smoothing):
    """In float64, with torch.nn's layers and the loss as its paper writes it; of a soft target as torchvision.ops.sigmoid_focal_loss has it."""
    net = torch.nn.Sequential(*[m for i, o in LAYERS for m in (torch.nn.Linear(i, o), torch.nn.ReLU())][:-1]).double()
    torch.nn.utils.vector_to_parameters(torch.from_numpy(parameters.astype(np.float64)), net.parameters())
    z = net(torch.from_numpy(X).double())[:, 0]
    y, w = torch.from_numpy(LABELS).double() * (1 - smoothing) + smoothing / 2, torch.from_numpy(WEIGHTS).double()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")
    if focal:
        p = torch.sigmoid(z)
        loss = loss * (1 - (p * y + (1 - p) * (1 - y))) ** gamma
        if alpha >= 0:
            loss = (alpha * y + (1 - alpha) * (1 - y)) * loss
    total = (w * loss).sum()
    total.backward()
    return total.item(), z.detach().numpy(), torch.nn.utils.parameters_to_vector([p.grad for p in net.parameters()]).numpy()


def close(ours, theirs, what):
    error = np.abs(ours - theirs).max() / np.abs(theirs).max()
    print(f"{what}: relative difference {error:.1e}")
    assert error < 1e-5, what


def check_parity(operators):
    for loss, gamma, alpha, smoothing in (("bce", 0, -1, 0), ("focal", 2, -1, 0), ("focal", 1.5, 0.25, 0), ("bce", 0, -1, .1), ("focal", 2, -1, .2), ("focal", 1.5, .25, .1)):
        ours = run(11, loss, gamma, alpha, smoothing, 0, operators=operators)
        total, z, gradient = reference(ours["parameters"], loss == "focal", gamma, alpha, smoothing)
        close(ours["loss"], total, f"{loss} {gamma} {alpha} {smoothing} loss")
        close(ours["logits"], z, "logits")
        close(ours["inference"], z, "inference")
        start = 0
        for i, o in LAYERS:
            for size, what in ((i * o, "weight"), (o, "bias")):
                close(ours["gradient"][start:start + size], gradient[start:start + size], f"gradient of {what} {i} -> {o}")
                start += size


def check_parameters():
    first = run(11, "bce", 0, -1, 0, 0)
    expected, offset = [], 0
    for layer, (i, o) in enumerate(LAYERS):
        for name, shape in (("weight", (o, i)), ("bias", (o,))):
            expected.append(f"mlp.{layer}.{name} {offset} " + " ".join(map(str, shape)))
            values, bound = first["parameters"][offset:offset + np.prod(shape)], 1 / np.sqrt(i)
            assert np.abs(values).max() <= bound
            if values.size > 1000:  # uniform: variance bound^2 / 3
                assert abs(values.mean()) < 0.05 * bound and abs(values.var() * 3 / bound**2 - 1) < 0.05
            offset += values.size
    assert first["tensors"] == expected, first["tensors"]
    assert run(11, "bce", 0, -1, 0, 0)["parameters"].tobytes() == first["parameters"].tobytes()
    assert run(12, "bce", 0, -1, 0, 0)["parameters"].tobytes() != first["parameters"].tobytes()
    changed = run(11, "bce", 0, -1, 0, 0, parameters=first["parameters"] * 2)
    total, z, gradient = reference(first["parameters"] * 2, False, 0, -1, 0)
    close(changed["logits"], z, "logits of given parameters")
    close(changed["gradient"], gradient, "gradient of given parameters")


def check_bits():
    """Inference does not hang on how many items a call has; dropout hangs on seed and item id alone."""
    whole = run(11, "bce", 0, -1, 0, 0.5)
    for n in (1, 7, 64, 65):
        part = run(11, "bce", 0, -1, 0, 0.5, x=X[:n], labels=LABELS[:n], weights=WEIGHTS[:n])
        assert part["inference"].tobytes() == whole["inference"][:n].tobytes(), n
        assert np.abs(part["logits"] - whole["logits"][:n]).max() < 1e-5, n
    plain = run(11, "bce", 0, -1, 0, 0)
    assert plain["inference"].tobytes() == whole["inference"].tobytes()
    assert np.abs(plain["logits"] - whole["logits"]).max() > 1e-3
    # Inverted dropout keeps the mean: over many items (of one and the same input) the masked logits scatter around the plain one.
    same = np.repeat(X[:1], 4000, 0)
    masked = run(11, "bce", 0, -1, 0, 0.5, x=same, labels=np.zeros(4000, np.float32), weights=np.ones(4000, np.float32))["logits"]
    assert len(np.unique(masked)) > 3900
    net_mean = mean_field(plain["parameters"], X[0])
    assert abs(masked.mean() - net_mean) < 5 * masked.std() / np.sqrt(4000), (masked.mean(), net_mean)


def mean_field(parameters, x, samples=20000):
    """The mean logit under dropout .5 after both hidden layers, drawn independently with NumPy."""
    draw = np.random.default_rng(9)
    tensors, start = [], 0
    for i, o in LAYERS:
        tensors += [parameters[start:start + i * o].reshape(o, i), parameters[start + i * o:start + i * o + o]]
        start += i * o + o
    h = np.maximum(tensors[0] @ x + tensors[1], 0) * draw.integers(0, 2, (samples, 512)) * 2
    h = np.maximum(h.astype(np.float32) @ tensors[2].T + tensors[3], 0) * draw.integers(0, 2, (samples, 256)) * 2
    return float((h @ tensors[4].T + tensors[5]).mean())


check_parity(False)
check_parity(True)
check_parameters()
check_bits()
