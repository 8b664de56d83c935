"""Small forms and the fusion against NumPy and scikit-learn on synthetic vectors; the sample weights by their rule."""
import os
import pathlib
import subprocess

import numpy as np
from sklearn.linear_model import LogisticRegression

TOOLS = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests"
TRAIN, VALIDATION, TEST = range(3)
SOURCES = [30, 12, 7, 4, 3], [25, 14, 9, 2, 2]  # items of each source, of a class


def regression(x, label, weights, C):
    """The minimum is one and the same for every solver; lbfgs stops some 1e-6 short of it, this one does not."""
    return LogisticRegression(C=C, solver="newton-cholesky", tol=1e-10, max_iter=1000).fit(x, label, sample_weight=weights)


def run(tool, *arguments, data):
    result = subprocess.run([TOOLS / f"tool_{tool}", *map(str, arguments)], input=data, capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout, result.stderr.decode()


def make_items(rng, times):
    """label, source, part, group, in an order of their own; sources of both classes share their numbers, as hashes may."""
    label, source = [], []
    for k in 0, 1:
        for s, n in enumerate(SOURCES[k]):
            label += [k] * round(n * times)
            source += [s] * round(n * times)
    part = rng.choice([TRAIN, TRAIN, TRAIN, VALIDATION, TEST], len(label))
    order = rng.permutation(len(label))
    label, source, part = np.array(label)[order], np.array(source)[order], part[order]
    label[rng.permutation(len(label))[:3]] = -1  # unlabelled: there, but never chosen
    return label, source, part, rng.integers(0, 3 * len(label), len(label))  # now and then several items to a group


TEMPORAL = 44 + 1  # numbers, and whether there are any: the last of a pooled vector


def make_vectors(rng, label, source, width):
    """Correlated columns of many scales around many places, with outliers beyond the clip and columns that never change."""
    n, hidden = len(label), 50
    factors = rng.standard_normal((n, hidden)) + .5 * (label[:, None] == 1) * rng.standard_normal(hidden) + .3 * rng.standard_normal((5, hidden))[source]
    x = factors @ (rng.standard_normal((hidden, width)) * .8 ** np.arange(hidden)[:, None]) + .3 * rng.standard_normal((n, width))
    x[rng.random(x.shape) < .01] *= 20
    x = (x + rng.uniform(-5, 5, width)) * 10 ** rng.uniform(-6, 6, width)  # sums of all columns on one scale would lose the small ones
    x[:, ::17] = 3.25
    return x.astype(np.float32)


def reference_weights(label, source, chosen):
    """1 / sqrt(n of the source), sources of a class each its own, the classes equal, all together the number of items."""
    w = np.zeros(len(label))
    for i in np.flatnonzero(chosen):
        w[i] = 1 / np.sqrt((chosen & (source == source[i]) & (label == label[i])).sum())
    for k in 0, 1:
        w[label == k] *= chosen.sum() / 2 / w[label == k].sum()
    return w


def reference_logits(x, label, weights, chosen):
    """median and scale of the chosen, and standardised logits of all."""
    x = x.astype(np.float64)
    median, scale = np.median(x[chosen], axis=0), np.std(x[chosen], axis=0) + 1e-6
    z = np.clip((x - median) / scale, -3, 3)
    z -= z[chosen].mean(axis=0)
    _, size, components = np.linalg.svd(z[chosen], full_matrices=False)
    y = z @ components[size > 1e-6 * size[0]][:80].T  # what no item varies in is no component
    y /= y[chosen].std(axis=0).mean()
    logits = regression(y[chosen], label[chosen], weights[chosen], .3).decision_function(y)
    return median, scale, (logits - logits[chosen].mean()) / logits[chosen].std()


def check_small(name, channel, encoder, forensic, times, offset, inputs, more_items, fold=-1):
    rng = np.random.default_rng(len(name) + encoder)
    label, source, part, group = make_items(rng, times)
    x, n = make_vectors(rng, label, source, 3 * encoder + forensic + TEMPORAL), len(label)
    out, err = run("fit_small", channel, encoder, forensic, n, fold, data=x.tobytes() + np.stack([label, source, part, group], 1).astype(np.int32).tobytes())
    folds, rest = np.frombuffer(out, np.int32, n), np.frombuffer(out, np.float64, offset=4 * n)
    weights, median, scale, logits = np.split(rest, np.cumsum([n, inputs, inputs]))
    in_training = (part == TRAIN) & (label >= 0)
    assert (folds[in_training] >= 0).all() and (folds[~in_training] == -1).all()
    for s in range(5):
        for k in 0, 1:
            assert len(set(folds[in_training & (source == s) & (label == k)])) <= 1, "a source lies in two folds"
    chosen = in_training if fold == -1 else in_training & ~np.isin(group, group[in_training & (folds == fold)])
    if fold >= 0:
        assert chosen.sum() < (in_training & (folds != fold)).sum() < in_training.sum(), "nothing was left out"
    assert err.split() == [str(offset), str(inputs), str(chosen.sum())], err
    assert (chosen.sum() > inputs) == more_items, "the wrong path was taken"
    np.testing.assert_allclose(weights, reference_weights(label, source, chosen), rtol=1e-12, atol=0)
    wanted = reference_logits(x[:, offset:offset + inputs], label, weights, chosen)
    np.testing.assert_array_equal(median, wanted[0])
    np.testing.assert_allclose(scale, wanted[1], rtol=1e-6)
    error = np.abs(logits - wanted[2]).max()
    print(f"{name}: {chosen.sum()} items, {inputs} inputs, logits differ by {error:.1e}", flush=True)
    assert error < 1e-6


def check_small_forms():
    check_small("Gram", "mean", 200, 0, 1, 0, 200, False)
    check_small("Gram, fewer items than components allow", "mean", 60, 0, .6, 0, 60, False, fold=2)
    check_small("covariance", "step", 48, 0, 2, 96, 48, True)
    check_small("fewer inputs than components", "mean", 9, 0, 1, 0, 9, True)
    check_small("forensic", "e", 8, 768, 4, 24 + 320, 63, True)
    check_small("without a fold", "e", 8, 768, 4, 24 + 320, 63, True, fold=3)


def coefficients(x, label, weights, C):
    model = regression(x[weights > 0], label[weights > 0], weights[weights > 0], C)
    return model.coef_[0], model.intercept_[0]


def check_fusion(channels, levels, absent=None):
    """levels: of each channel, 0..2. absent: a channel that every third item lacks."""
    rng = np.random.default_rng(len(channels))
    n, levels = 150, np.array(levels)
    label = (rng.random(n) < .4).astype(np.uint8)
    logits = rng.standard_normal((n, len(channels))) + np.array([.3, 1., 2., .1])[:len(channels)] * label[:, None]
    weights = rng.uniform(.2, 3, n) * (rng.random(n) < .9)
    logits[weights == 0] = 1e6  # not read
    if absent is not None:
        logits[::3, absent] = np.nan
    out, _ = run("fit_fusion", n, *channels, data=np.column_stack([logits, weights]).tobytes() + label.tobytes())
    ours = np.frombuffer(out, np.float64)
    bias, of_level, fused = ours[0], ours[1:10].reshape(3, 3), ours[10:]
    present = sorted(set(levels))
    members = [logits[:, levels == level] for level in present]
    has = np.column_stack([np.isfinite(m).any(axis=1) for m in members])
    values = np.column_stack([np.nansum(m, axis=1) / np.maximum(np.isfinite(m).sum(axis=1), 1) for m in members])  # a level that lacks is 0, the mean
    fusion, _ = coefficients(values, label, weights, .03)
    slope, intercept = coefficients((values @ fusion)[:, None], label, weights, 1)
    wanted = np.zeros((3, 3))
    for a, level in enumerate(present):
        (of_one,), at = coefficients(values[:, a:a + 1], label, weights * has[:, a], 1)
        wanted[level] = slope[0] * fusion[a], of_one, at
    np.testing.assert_allclose(bias, intercept, rtol=0, atol=1e-6)
    np.testing.assert_allclose(of_level, wanted, rtol=0, atol=1e-6)
    np.testing.assert_allclose(fused[weights > 0], (values @ wanted[present, 0] + intercept)[weights > 0], rtol=0, atol=1e-5)
    print(f"fusion of {' '.join(channels)}: differs by {max(abs(bias - intercept), np.abs(of_level - wanted).max()):.1e}")


check_small_forms()
check_fusion(["e", "step", "mean"], [0, 1, 2])
check_fusion(["e", "mean", "texture"], [0, 2, 2])
check_fusion(["step"], [1])
check_fusion(["e", "energy", "mean"], [0, 0, 2], absent=1)
check_fusion(["energy", "step", "mean"], [0, 1, 2], absent=0)
check_fusion(["step"], [1])
check_fusion(["e", "energy", "mean"], [0, 0, 2], absent=1)
check_fusion(["energy", "step", "mean"], [0, 1, 2], absent=0)
