"""The full form of the mid level against PyTorch's TransformerEncoderLayer from the same parameters: logits, loss, gradient; short clips."""
import numpy as np
import torch

import network_tool
from transformer_reference import Reference, WIDTH, torch_name

FRAMES, INPUTS, N = 16, 200, 21
rng = np.random.default_rng(4)
LENGTHS = rng.integers(4, FRAMES + 1, N).astype(np.int32)
LENGTHS[:2] = 1, FRAMES
X = rng.standard_normal((N, FRAMES, INPUTS)).astype(np.float32)
LABELS = rng.integers(0, 2, N).astype(np.float32)
WEIGHTS = rng.uniform(0.1, 2, N).astype(np.float32)


def run(x=X, lengths=LENGTHS, **options):
    return network_tool.run("mid_transformer", x, LABELS[:len(x)], WEIGHTS[:len(x)], lengths, **options)


def theirs(parameters, dtype=torch.float64, autocast=None):
    """Loss, logits and gradients by name of PyTorch's layers."""
    net = Reference(FRAMES, INPUTS).to(dtype)
    net.load_state_dict({torch_name(name): torch.from_numpy(values.copy()).to(dtype) for name, values in parameters.items()})  # strict: all of them
    absent = torch.arange(FRAMES) >= torch.from_numpy(LENGTHS)[:, None]
    with torch.autocast("cpu", autocast, enabled=autocast is not None):
        z = net(torch.from_numpy(X).to(dtype), absent)
    z = z.to(dtype)
    loss = network_tool.weighted_loss(z, LABELS, WEIGHTS)
    loss.backward()
    named = dict(net.named_parameters())
    return loss.item(), z.detach().numpy(), {name: named[torch_name(name)].grad.double().numpy() for name in parameters}


def check_parity(operators):
    ours = run(operators=operators)
    loss, z, gradient = theirs(ours["parameters"])
    network_tool.close(ours["loss"], loss, "loss")
    network_tool.close(ours["logits"], z, "logits")
    network_tool.close(ours["inference"], z, "inference")
    network_tool.close_gradients(ours["gradient"], gradient)


def check_bf16(operators):
    """As near to float64 as PyTorch's autocast is, and not nearer than bfloat16 can be; inference stays in float32."""
    ours, exact = run(precision="bf16", operators=operators), run(operators=operators)
    _, z, gradient = theirs(exact["parameters"])
    _, cast_z, cast_gradient = theirs(exact["parameters"], torch.float32, torch.bfloat16)
    errors = network_tool.gradient_errors(ours["gradient"], gradient), network_tool.gradient_errors(cast_gradient, gradient)
    mean = [np.sqrt(np.mean(np.square(list(e.values())))) for e in errors]
    far = np.abs(ours["logits"] - z).max(), np.abs(cast_z - z).max()
    print(f"bf16: gradients differ by {mean[0]:.1e} (PyTorch's autocast: {mean[1]:.1e}), logits by {far[0]:.1e} ({far[1]:.1e})")
    assert 1e-4 < mean[0] < 1.5 * mean[1] and 1e-4 < far[0] < 2 * far[1]
    assert ours["inference"].tobytes() == exact["inference"].tobytes()


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


for operators in (False, True):
    check_parity(operators)
    check_bf16(operators)
check_initial_values()
check_bits()
