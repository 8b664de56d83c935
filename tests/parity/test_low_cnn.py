"""The full form of the low level against PyTorch's layers from the same parameters: logits, loss, gradient; clips with fewer crops; dropout."""
import tempfile

import numpy as np
import torch

import network_tool
from low_cnn_reference import Reference

CROPS, SIDE, N = 4, 224, 2
rng = np.random.default_rng(4)
LENGTHS = np.array([3, 4], np.int32)
X = np.clip(rng.normal(120, 30, (N, CROPS, SIDE, SIDE, 3)) + 40 * np.sin(np.arange(SIDE) / 9)[:, None, None], 0, 255).astype(np.uint8)
X[0, 0, :80] = 255  # a flat part, where all residuals are 0
LABELS, WEIGHTS = np.array([0, 1], np.float32), np.array([.3, 1.7], np.float32)


def run(x=X, lengths=LENGTHS, dropout=0.0, parameters=None):
    return network_tool.run("low_cnn", x.reshape(len(x), CROPS, -1), LABELS[:len(x)], WEIGHTS[:len(x)], lengths, dropout, parameters)


def forward(parameters, dtype=torch.float64):
    net = Reference().to(dtype)
    net.load_state_dict({name: torch.from_numpy(values.astype(np.float64)) for name, values in parameters.items()})  # strict: all of them
    return net, net(torch.from_numpy(X).to(dtype), torch.arange(CROPS) >= torch.from_numpy(LENGTHS)[:, None])


def check_forward(ours):
    with torch.no_grad():
        z = forward(ours["parameters"])[1]
    network_tool.close(ours["loss"], network_tool.weighted_loss(z, LABELS, WEIGHTS).item(), "loss")
    network_tool.close(ours["logits"], z.numpy(), "logits")
    network_tool.close(ours["inference"], z.numpy(), "inference")


def far_from_kinks(parameters):
    """Norms with such biases that every unit is on for all pixels, or off, by far: of twenty million activations some would else lie on the other side of 0 in float64,
    and the mean over pixels leaves so little of a gradient that this shows."""
    drawn, changed = np.random.default_rng(1), {}
    for name, values in parameters.items():
        if "norm" in name or "downsample.1" in name:
            values = drawn.uniform(.5, 1.5, values.shape) if name.endswith("weight") else np.where(np.arange(len(values)) % 4 == 1, -9, 9)
        changed[name] = values.astype(np.float32)
    return changed


def check_gradient(parameters):
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(values.tobytes() for values in parameters.values()))
        file.flush()
        ours = run(parameters=file.name)
    gradients = []
    for dtype in (torch.float64, torch.float32):
        net, z = forward(parameters, dtype)
        network_tool.weighted_loss(z, LABELS, WEIGHTS).backward()
        gradients.append({name: p.grad.numpy() for name, p in net.named_parameters()})
    exact, single = gradients
    flat = lambda gradient: np.concatenate([gradient[name].ravel().astype(float) for name in exact])
    error = np.linalg.norm(flat(ours["gradient"]) - flat(exact)) / np.linalg.norm(flat(exact))
    print(f"gradient: relative difference {error:.1e}")
    assert error < 1e-5
    for name in exact:  # where a tensor's gradients cancel out, float32 can no better than this
        error, least = (np.abs(g[name] - exact[name]).max() / np.abs(exact[name]).max() for g in (ours["gradient"], single))
        assert error < max(1e-5, 2 * least), (name, error, least)


def check_initial_values(parameters):
    for name, values in parameters.items():
        if values.ndim == 4:
            bound = 1 / np.sqrt(np.prod(values.shape[1:]))
            assert .95 * bound < np.abs(values).max() <= bound, name
        elif not name.startswith("logit"):
            assert (values == (1 if name.endswith("weight") and "norm3" not in name else 0)).all(), name


def check_bits(ours):
    """A crop that is not there has no part; inference does not hang on how many items a call has; dropout drops units."""
    other = X[:1].copy()
    other[0, 3] = 255 - other[0, 3]
    changed, one = run(other, LENGTHS[:1]), run(X[:1].copy(), LENGTHS[:1], dropout=.5)
    assert changed["inference"].tobytes() == one["inference"].tobytes() == ours["inference"][:1].tobytes()
    alive = changed["gradient"]["logit.weight"] != 0
    assert alive.mean() > .9 and .4 < (one["gradient"]["logit.weight"][alive] == 0).mean() < .6


result = run()
check_forward(result)
check_gradient(far_from_kinks(result["parameters"]))
check_initial_values(result["parameters"])
check_bits(result)
