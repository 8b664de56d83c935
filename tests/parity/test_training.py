"""Whole trainings of a full form against PyTorch: the same initial weights, order and dropout, drawn here by their rules; each epoch's losses
and the scores of the best epoch, with every option of steps and losses."""
import os
import pathlib
import subprocess

import numpy as np
import torch

TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_fit_full"
ENCODER, N, SEED, STREAM, EPOCHS = 20, 203, 7, 3, 4
WIDTH = 3 * ENCODER + 44 + 1  # of a pooled vector: mean, deviation, step, temporal numbers and whether there are any
LAYERS = [(2 * ENCODER, 512), (512, 256), (256, 1)]
DEFAULTS = {"batch": 16, "accumulate": 1, "optimizer": "adamw", "momentum": .9, "rate": .001, "decay": .01, "schedule": "constant", "warmup": 0, "clip": 0,
            "smoothing": 0, "weighting": "balanced", "real": 1, "ai": 1}


def philox(seed, stream, counter):
    """Philox-4x32-10 (Salmon et al. 2011), key seed, counter (counter, stream): the first 64 bits, of an array of counters."""
    low, thirty_two = np.uint64(0xffffffff), np.uint64(32)
    counter = np.asarray(counter, np.uint64)
    stream = np.broadcast_to(np.asarray(stream, np.uint64), counter.shape)
    c = [counter & low, counter >> thirty_two, stream & low, stream >> thirty_two]
    key = [int(seed) & 0xffffffff, int(seed) >> 32]
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(b >> thirty_two) ^ c[1] ^ np.uint64(key[0]), b & low, (a >> thirty_two) ^ c[3] ^ np.uint64(key[1]), a & low]
        key = [(key[0] + 0x9E3779B9) & 0xffffffff, (key[1] + 0xBB67AE85) & 0xffffffff]
    return c[1] << thirty_two | c[0]


def uniform(seed, stream, counter):
    return (philox(seed, stream, counter) >> np.uint64(11)).astype(np.float64) * 2.0 ** -53


def make_data():
    rng = np.random.default_rng(4)
    label = (rng.random(N) < .3).astype(np.int32)
    source, part = rng.integers(0, 4, N, dtype=np.int32), rng.choice([0, 0, 0, 1, 2], N).astype(np.int32)
    x = rng.standard_normal((N, WIDTH)) * 10 ** rng.uniform(-3, 3, WIDTH)
    x[:, ::3] *= 1 + .8 * label[:, None]
    return x.astype(np.float32), label, np.stack([label, source, part, np.arange(N, dtype=np.int32)], 1).astype(np.int32)


def ours(x, items, o):
    words = [ENCODER, N, SEED, STREAM, EPOCHS, o["batch"], o["accumulate"], o["optimizer"], o["momentum"], o["rate"], o["decay"], o["schedule"], o["warmup"], o["clip"],
             o["smoothing"], o["weighting"], o["real"], o["ai"]]
    result = subprocess.run([TOOL, *map(str, words)], input=x.tobytes() + items.tobytes(), capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    weights, to_validate, curve, logits = np.split(np.frombuffer(result.stdout).copy(), np.cumsum([N, N, 4 * EPOCHS]))
    return weights, to_validate, curve.reshape(EPOCHS, 4), logits


def class_weights(weights, label, o):
    """Each class as many clips as it has, times its weight; within it sources keep their shares."""
    if o["weighting"] == "balanced":
        return weights
    scaled = weights.copy()
    for k, of_class in enumerate((1, 1) if o["weighting"] == "none" else (o["real"], o["ai"])):
        chosen = (label == k) & (weights > 0)
        scaled[chosen] *= of_class * chosen.sum() / weights[chosen].sum()
    return scaled


def order_of(seed, epoch, n):
    order, u = list(range(n)), uniform(seed, 2 + epoch, np.arange(n + 1))
    for i in range(n, 1, -1):
        j = int(u[i] * i)
        order[i - 1], order[j] = order[j], order[i - 1]
    return order


def initial(seed):
    parameters, tensor = [], 0
    for i, o in LAYERS:
        for shape in ((o, i), (o,)):
            parameters.append(torch.nn.Parameter(torch.from_numpy((2 * uniform(seed, tensor, np.arange(np.prod(shape))) - 1).reshape(shape) / np.sqrt(i))))
            tensor += 1
    return parameters


def forward(p, x, masks=(1, 1)):
    y = torch.relu(x @ p[0].T + p[1]) * masks[0]
    return (torch.relu(y @ p[2].T + p[3]) * masks[1] @ p[4].T + p[5])[:, 0]


def masks_of(seed, ids):
    """Dropout .5: unit u of layer l of item i is kept by (seed, i, l 2^32 + u)."""
    return [torch.from_numpy(2. * (uniform(seed, np.repeat(ids, units), np.tile((layer << 32) + np.arange(units), len(ids))) >= .5).reshape(len(ids), units))
            for layer, units in enumerate((512, 256))]


def make_steps(parameters, o, steps):
    """Optimizer and schedule, by the classes that torch has for them."""
    optimizer = (torch.optim.AdamW(parameters, lr=o["rate"], weight_decay=o["decay"]) if o["optimizer"] == "adamw"
                 else torch.optim.SGD(parameters, lr=o["rate"], momentum=o["momentum"], weight_decay=o["decay"]))
    of, warmup = torch.optim.lr_scheduler, o["warmup"] * steps
    after = of.CosineAnnealingLR(optimizer, EPOCHS * steps - warmup) if o["schedule"] == "cosine" else of.ConstantLR(optimizer, 1)
    return optimizer, of.SequentialLR(optimizer, [of.LinearLR(optimizer, 1 / warmup, total_iters=warmup - 1), after], [warmup]) if warmup else after


def theirs(x, label, weights, to_validate, o):
    """In float64; a step's batches as one, in a sum of weighted losses over their number of items."""
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    chosen, columns = np.flatnonzero(weights > 0), x[:, :2 * ENCODER].astype(np.float64)
    z = np.clip((columns - np.median(columns[chosen], axis=0)) / (columns[chosen].std(axis=0) + 1e-6), -3, 3)
    z, y, w = torch.from_numpy(z), torch.from_numpy(label.astype(np.float64)), torch.from_numpy(class_weights(weights, label, o))
    w, v, n, step = w * len(chosen) / w.sum(), torch.from_numpy(to_validate), len(chosen), o["batch"] * o["accumulate"]
    seed = int(philox(SEED, STREAM, 0))
    p = initial(int(philox(seed, 0, 0)))
    optimizer, scheduler = make_steps(p, o, -(-n // step))
    curve, best = [], None
    for epoch in range(EPOCHS):
        rows, loss, right, dropout = chosen[order_of(seed, epoch, n)], 0, 0, int(philox(seed, 1, epoch))
        for first in range(0, n, step):
            batch = rows[first:first + step]
            logits = forward(p, z[batch], masks_of(dropout, batch.astype(np.uint64)))
            total = (w[batch] * bce(logits, y[batch] * (1 - o["smoothing"]) + o["smoothing"] / 2, reduction="none")).sum()
            optimizer.zero_grad()
            (total / len(batch)).backward()
            if o["clip"]:
                torch.nn.utils.clip_grad_norm_(p, o["clip"])
            optimizer.step()
            scheduler.step()
            loss, right = loss + total.item(), right + ((logits > 0) == (y[batch] > .5)).sum().item()
        with torch.no_grad():
            logits = forward(p, z)
        validated = ((v * bce(logits, y, reduction="none")).sum() / v.sum()).item()
        if not curve or validated < min(c[2] for c in curve):
            best = logits.numpy()
        curve.append([loss / n, right / n, validated, ((logits > 0) == (y > .5))[v > 0].double().mean().item()])
    return np.array(curve), best


def check(**options):
    o = {**DEFAULTS, **options}
    x, label, items = make_data()
    weights, to_validate, curve, logits = ours(x, items, o)
    wanted, wanted_logits = theirs(x, label, weights, to_validate, o)
    error = np.abs(curve / wanted - 1)[:, [0, 2]].max(), np.abs(logits - wanted_logits).max() / np.abs(wanted_logits).max()
    print(f"{options}: losses {wanted[0, 0]:.4f} .. {wanted[-1, 0]:.4f}, validation {wanted[-1, 2]:.4f}; losses differ by {error[0]:.1e}, logits by {error[1]:.1e}", flush=True)
    assert error[0] < 1e-5 and error[1] < 1e-4
    np.testing.assert_allclose(curve[:, [1, 3]], wanted[:, [1, 3]], rtol=1e-12)
    return curve


plain = check()
for different in ({"accumulate": 3}, {"weighting": "none"}, {"weighting": "given", "real": .5, "ai": 4}, {"smoothing": .2}, {"schedule": "cosine", "warmup": 1}, {"clip": .3},
                  {"optimizer": "sgd", "rate": .05}):
    assert np.abs(check(**different) / plain - 1).max() > 1e-3, "this option changes nothing"
check(batch=7, accumulate=4, optimizer="sgd", rate=.1, momentum=.8, decay=.02, schedule="cosine", warmup=2, clip=.5, smoothing=.1, weighting="given", real=2, ai=1)
