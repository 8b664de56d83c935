"""AdamW, step by step, against torch.optim.AdamW: the same arithmetic in float32, and float64, from which rounding alone leads away."""
import os
import pathlib
import subprocess

import numpy as np
import torch

TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_adamw"
COUNT, STEPS = 1000, 20


def make():
    """Gradients of many sizes: some always 0, some that are there but rarely, some that turn their sign at every step."""
    rng = np.random.default_rng(3)
    gradients = rng.standard_normal((STEPS, COUNT)) * 10 ** rng.uniform(-9, 6, COUNT)
    gradients[:, :10] = 0
    gradients[:, 10:20] *= rng.random((STEPS, 10)) < .1
    gradients[:, 20:30] = np.abs(gradients[:, 20:30]) * (-1) ** np.arange(STEPS)[:, None]
    return rng.standard_normal(COUNT).astype(np.float32), gradients.astype(np.float32)


def ours(parameters, gradients, learning_rate, weight_decay):
    command = [TOOL, str(COUNT), str(STEPS), repr(learning_rate), repr(weight_decay)]
    result = subprocess.run(command, input=parameters.tobytes() + gradients.tobytes(), capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    return np.frombuffer(result.stdout, np.float32).reshape(STEPS, COUNT)


def theirs(parameters, gradients, learning_rate, weight_decay, dtype):
    weights = torch.nn.Parameter(torch.from_numpy(parameters).to(dtype))
    optimiser = torch.optim.AdamW([weights], lr=learning_rate, weight_decay=weight_decay, betas=(.9, .999), eps=1e-8, foreach=False)
    steps = []
    for gradient in torch.from_numpy(gradients).to(dtype):
        weights.grad = gradient
        optimiser.step()
        steps.append(weights.detach().numpy().astype(np.float64).copy())
    return np.array(steps)


def check(learning_rate, weight_decay, dtype, tolerance):
    parameters, gradients = make()
    got, wanted = ours(parameters, gradients, learning_rate, weight_decay), theirs(parameters, gradients, learning_rate, weight_decay, dtype)
    assert not np.array_equal(got[0], parameters) and np.isfinite(got).all()
    # Of each step: relative to where the parameter is and to how far a step goes.
    error = (np.abs(got - wanted) / (np.abs(wanted) + learning_rate)).max(axis=1)
    print(f"learning rate {learning_rate}, decay {weight_decay}, {dtype}: {error[0]:.1e} after a step, {error.max():.1e} at most")
    assert error[0] < 1e-6 and error.max() < tolerance


check(1e-3, .01, torch.float32, 1e-6)
check(1e-3, 0., torch.float32, 1e-6)
check(.1, .3, torch.float32, 2e-6)
check(1e-3, .01, torch.float64, 5e-6)
