"""Steps of AdamW and SGD, schedules of the learning rate and clipping, step by step, against torch.optim, its lr_scheduler and clip_grad_norm_: the
same arithmetic in float32, and float64, from which rounding alone leads away."""
import os
import pathlib
import subprocess

import numpy as np
import torch

TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_optimizer"
COUNT, STEPS = 1003, 20


def make(sizes):
    """Gradients of many sizes: some always 0, some that are there but rarely, some that turn their sign at every step."""
    rng = np.random.default_rng(3)
    gradients = rng.standard_normal((STEPS, COUNT)) * 10 ** rng.uniform(*sizes, COUNT)
    gradients[:, :10] = 0
    gradients[:, 10:20] *= rng.random((STEPS, 10)) < .1
    gradients[:, 20:30] = np.abs(gradients[:, 20:30]) * (-1) ** np.arange(STEPS)[:, None]
    return rng.standard_normal(COUNT).astype(np.float32), gradients.astype(np.float32)


def ours(parameters, gradients, kind, momentum, learning_rate, weight_decay, schedule, warmup, clip):
    command = [TOOL, COUNT, STEPS, kind, momentum, learning_rate, weight_decay, schedule, warmup, clip]
    result = subprocess.run([str(word) for word in command], input=parameters.tobytes() + gradients.tobytes(), capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    rates, norms = np.array([line.split() for line in result.stderr.decode().splitlines()], float).T
    return np.frombuffer(result.stdout, np.float32).reshape(STEPS, COUNT), rates, norms


def make_schedule(optimizer, schedule, warmup):
    lr_scheduler = torch.optim.lr_scheduler
    after = lr_scheduler.CosineAnnealingLR(optimizer, STEPS - warmup) if schedule == "cosine" else lr_scheduler.ConstantLR(optimizer, 1)
    if not warmup:
        return after
    return lr_scheduler.SequentialLR(optimizer, [lr_scheduler.LinearLR(optimizer, 1 / warmup, total_iters=warmup - 1), after], [warmup])


def theirs(parameters, gradients, dtype, kind, momentum, learning_rate, weight_decay, schedule, warmup, clip):
    weights = torch.nn.Parameter(torch.from_numpy(parameters).to(dtype))
    if kind == "adamw":
        optimizer = torch.optim.AdamW([weights], lr=learning_rate, weight_decay=weight_decay, betas=(.9, .999), eps=1e-8, foreach=False)
    else:
        optimizer = torch.optim.SGD([weights], lr=learning_rate, momentum=momentum, weight_decay=weight_decay, foreach=False)
    scheduler = make_schedule(optimizer, schedule, warmup)
    steps, rates, norms = [], [], []
    for gradient in torch.from_numpy(gradients).to(dtype):
        weights.grad = gradient.clone()
        norms.append(float(torch.nn.utils.clip_grad_norm_([weights], clip)) if clip else 0)
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
        steps.append(weights.detach().numpy().astype(np.float64).copy())
    return np.array(steps), np.array(rates), np.array(norms)


def check(dtype, tolerance, kind="adamw", momentum=.9, learning_rate=1e-3, weight_decay=.01, schedule="constant", warmup=0, clips=False, sizes=(-9, 6)):
    parameters, gradients = make(sizes)
    clip = float(np.median(np.linalg.norm(gradients, axis=1))) if clips else 0  # acts on half of the steps
    how = (kind, momentum, learning_rate, weight_decay, schedule, warmup, clip)
    (got, rates, norms), (wanted, wanted_rates, wanted_norms) = ours(parameters, gradients, *how), theirs(parameters, gradients, dtype, *how)
    assert not np.array_equal(got[0], parameters) and np.isfinite(got).all()
    np.testing.assert_allclose(rates, wanted_rates, rtol=1e-12)
    np.testing.assert_allclose(norms, wanted_norms, rtol=1e-6)
    # Of each step: relative to where the parameter has been, which is what it was rounded at, and to how far a step goes.
    error = (np.abs(got - wanted) / (np.maximum.accumulate(np.abs(wanted)) + learning_rate)).max(axis=1)
    print(f"{how}, {dtype}: {error[0]:.1e} after a step, {error.max():.1e} at most")
    assert error[0] < 1e-6 and error.max() < tolerance


check(torch.float32, 1e-6)
check(torch.float32, 1e-6, weight_decay=0.)
check(torch.float32, 2e-6, learning_rate=.1, weight_decay=.3)
check(torch.float64, 5e-6)
small = {"kind": "sgd", "sizes": (-6, 1)}
check(torch.float32, 5e-6, **small)
check(torch.float32, 5e-6, **small, momentum=0., weight_decay=0., learning_rate=.01)
check(torch.float64, 5e-6, **small, momentum=.5, weight_decay=.2, learning_rate=.05)
check(torch.float64, 5e-6, schedule="cosine")
check(torch.float64, 5e-6, schedule="cosine", warmup=5)
check(torch.float64, 5e-6, warmup=4)
check(torch.float64, 5e-6, **small, schedule="cosine", warmup=3)
check(torch.float64, 5e-6, **small, clips=True)
check(torch.float64, 5e-6, sizes=(-2, 1), clips=True, schedule="cosine", warmup=7)
