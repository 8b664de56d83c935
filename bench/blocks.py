#!/usr/bin/env python3
"""Which blocks of numbers tell generated clips from real ones of sources that were not seen: what the channels of train/channel.c were chosen by.

usage: bench/blocks.py STORE [BLOCKS ...] [--components 80] [--penalty .3]        (NumPy and h5py: .venv/bin/python3)

Each BLOCKS is a list like mean+texture+e: for each, the share of pairs ranked right by the protocol lodo (docs/evaluation.md), of clips as they are and of each
augmented view. Everything is NumPy's: heads as in docs/training.md, their standardised logits averaged in place of a fusion. Without BLOCKS, those of the tables in docs.
"""
import argparse
import concurrent.futures
import json
import os
import subprocess

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import h5py
import numpy as np

GROUPS = 4
USUAL = ("mean", "texture", "step", "e", "e_bn", "e_sd", "srm_co", "warp", "luma", "mean+e", "texture+e", "mean+texture+e", "mean+texture+e+step", "mean+texture+e+srm_co",
         "mean+texture+e+warp")


def read(store):
    """blocks[name] (views, clips, numbers), means over time; label and source of each clip. Clips of which a view is missing are left out."""
    program = os.environ.get("DESY_PROGRAM", "build/release/desy")
    table = json.loads(subprocess.run([program, "info", store, "--json"], stdout=subprocess.PIPE, check=True).stdout)["blocks"]
    with h5py.File(os.path.join(store, "index.h5")) as file:
        videos, features = file["videos"][:], file["features/hybrid"]
        views = int(videos["view"].max()) + 1
        ids = [i for i in dict.fromkeys(videos["id"]) if (videos["row"][videos["id"] == i] >= 0).sum() >= views]
        means, steps = np.zeros((views, len(ids), features.shape[2])), np.zeros((views, len(ids), 1280))
        label, source = np.zeros(len(ids), int), np.empty(len(ids), object)
        place = {i: k for k, i in enumerate(ids)}
        for row in videos[(videos["window"] == 0) & (videos["row"] >= 0)]:
            if row["id"] not in place:
                continue
            k, x = place[row["id"]], features[row["row"]][:row["n_frames"]].astype(float)
            means[row["view"], k] = x.mean(0)
            steps[row["view"], k] = np.log(np.abs(np.diff(x[:, :1280], axis=0)).mean(0) + .01)
            label[k], source[k] = row["label"], row["source"]
    blocks = {b["name"]: means[:, :, b["first"]:b["first"] + b["count"]] for b in table}
    return blocks | {"mean": blocks["encoder"], "step": steps}, label, source


def partition(label, source):
    """(generator, real sources) left out together."""
    count = {s: (source[label == 0] == s).sum() for s in set(source[label == 0])}
    groups, size = [[] for _ in range(GROUPS)], [0] * GROUPS
    for s in sorted(count, key=lambda s: (-count[s], s)):
        g = size.index(min(size))
        groups[g].append(s)
        size[g] += count[s]
    return [(a, g) for a in sorted(set(source[label == 1])) for g in groups]


def logistic(x, label, weight, penalty):
    theta, x = np.zeros(x.shape[1] + 1), np.c_[x, np.ones(len(x))]
    ridge = np.r_[np.ones(x.shape[1] - 1), 0]
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ theta))
        gradient = penalty * x.T @ (weight * (p - label)) + ridge * theta
        if np.abs(gradient).max() < 1e-9:
            break
        theta -= np.linalg.solve((x.T * (penalty * weight * p * (1 - p))) @ x + np.diag(ridge), gradient)
    return theta


def scores(block, chosen, others, label, source, components, penalty):
    """Standardised logits (views, others) of a head that was fitted to all views of the chosen clips."""
    views, x = len(block), block[:, chosen].reshape(-1, block.shape[2])
    y, s = np.tile(label[chosen], views), np.tile(source[chosen], views)
    median, scale = np.median(x, 0), x.std(0) + 1e-6
    z = np.clip((x - median) / scale, -3, 3)
    centre = z.mean(0)
    basis = np.linalg.svd(z - centre, full_matrices=False)[2][:components]
    low = (z - centre) @ basis.T
    spread = np.sqrt((low ** 2).mean(0)).mean()
    weight = 1 / np.sqrt([(s == one).sum() / views for one in s])
    for k in 0, 1:
        weight[y == k] *= chosen.sum() / 2 / weight[y == k].sum()
    theta = logistic(low / spread, y, weight, penalty)
    logits = low / spread @ theta[:-1]
    unseen = (np.clip((block[:, others] - median) / scale, -3, 3) - centre) @ basis.T / spread @ theta[:-1]
    return (unseen - logits.mean()) / logits.std()


def measure(names, blocks, label, source, components, penalty):
    views = len(blocks["mean"])
    right, pairs = np.zeros(views), 0
    for generator, group in partition(label, source):
        out = (source == generator) & (label == 1) | np.isin(source, group) & (label == 0)
        total = sum(scores(blocks[name], ~out, out, label, source, components, penalty) for name in names)
        ai, real = total[:, label[out] == 1], total[:, label[out] == 0]
        right += (ai[:, :, None] > real[:, None]).sum((1, 2))
        pairs += ai.shape[1] * real.shape[1]
    return right / pairs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("blocks", nargs="*", default=USUAL)
    parser.add_argument("--components", type=int, default=80)
    parser.add_argument("--penalty", type=float, default=.3, help="C of the logistic regression")
    given = parser.parse_args()
    data = read(given.store)
    print(f"{'blocks':24s} as it is, view by view")
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        waiting = [(names, pool.submit(measure, names.split("+"), *data, given.components, given.penalty)) for names in given.blocks]
        for names, result in waiting:
            print(f"{names:24s} " + "  ".join(f"{share:.3f}" for share in result.result()), flush=True)


if __name__ == "__main__":
    main()
