"""A model directory made here, of channels of one's choice with numbers drawn at random: what the program and what it writes for others must agree on needs no training."""
import hashlib
import json
import os

import numpy as np
from safetensors.numpy import load_file, save_file

import network_tool

ENCODER, BLOCKS, FRAMES, BUCKETS = 1280, 768, 16, 4096
# name: level, architecture, pooled inputs or those of a frame, crop or sample, frames that a network takes
CHANNELS = {
    "e": ("low", None, 63), "energy": ("low", None, 7), "low_cnn": ("low", "low_cnn", 224 * 224 * 3, 4), "step": ("mid", None, ENCODER),
    "mid_transformer": ("mid", "mid_transformer", ENCODER + BLOCKS, FRAMES), "mean": ("high", None, ENCODER), "texture": ("high", None, 320),
    "high_mlp": ("high", "high_mlp", 2 * ENCODER, 1), "high_text": ("high", "high_text", 2 * ENCODER + BUCKETS, 1), "sound": ("high", "sound_cnn", 1, 32000),
}
DTYPES = {"low_cnn": np.uint8, "sound_cnn": np.int16}


def parameters(architecture, frames, inputs, rng):
    """A network's own initial ones, moved, so that none is 0 or 1 as some begin."""
    x, one = np.ones((1, frames, inputs), DTYPES.get(architecture, np.float32)), np.ones(1, np.float32)
    given = network_tool.run(architecture, x, one, one, np.array([frames], np.int32))["parameters"]
    return {name: (values + .05 * rng.standard_normal(values.shape)).astype(np.float32) if values.ndim == 1 else values.copy() for name, values in given.items()}


def head(name, rng, tensors):
    level, architecture, inputs, *frames = CHANNELS[name]
    standardised = 0 if architecture in DTYPES else inputs - (BUCKETS if name == "high_text" else 0)
    if standardised:
        tensors[f"{name}.median"], tensors[f"{name}.scale"] = .3 * rng.standard_normal(standardised), rng.uniform(.2, 2, standardised)
    if architecture:
        tensors.update({f"{name}.{key}": values for key, values in parameters(architecture, frames[0], inputs, rng).items()})
    else:
        tensors[f"{name}.direction"] = rng.standard_normal(inputs) / inputs ** .5
    # A network that was not trained hardly tells clips apart; its logits are to count all the same.
    channel = {"name": name, "level": level, "form": "full" if architecture else "small", "inputs": inputs, "bias": float(rng.normal()),
               "logit_mean": float(rng.normal(0, .1)), "logit_deviation": .2 if architecture else 1.}
    return channel | ({"architecture": architecture} if architecture else {}) | ({"frames": FRAMES} if name == "mid_transformer" else {})


def make(folder, names, seed=1, extractor=None):
    """Its channels, in their order. extractor: what is other than of hybrid; of one with as many numbers a frame, all after the first 1280 count as blocks."""
    rng, tensors = np.random.default_rng(seed), {}
    os.makedirs(folder)
    channels = [head(name, rng, tensors) for name in names]
    save_file(tensors, folder / "weights.safetensors")
    fusion = {level: {"weight": w, "slope": s, "intercept": i} for level, w, s, i in (("low", .7, 1.3, .2), ("mid", .5, .8, -.3), ("high", 1.1, 1.5, .1))
              if any(channel["level"] == level for channel in channels)}
    model = {"format": "desy-model-1", "desy": "0.1.0", "torch": "", "threshold": .6, "calibrated": True, "prior": .5, "channels": channels,
             "extractor": {"name": "hybrid", "version": 3, "frames": FRAMES, "dims": ENCODER + BLOCKS, "sampling": "window", "weights_sha256": "12", "precision": "fp32"} | (extractor or {}),
             "training": {"seed": "1", "data_sha256": "", "training_sha256": ""}, "layout": {"encoder": ENCODER, "blocks": BLOCKS}, "fusion": {"bias": .25, **fusion},
             "weights_sha256": hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()}
    (folder / "model.json").write_text(json.dumps(model))
    return [channel["name"] for channel in channels]


def change(model, alter):
    """alter(tensors) in place; what model.json says of them holds again."""
    path, described = model / "weights.safetensors", json.loads((model / "model.json").read_text())
    tensors = {name: values.copy() for name, values in load_file(path).items()}
    alter(tensors)
    save_file(tensors, path)
    described.pop("sha256", None)  # it would tell
    described["weights_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (model / "model.json").write_text(json.dumps(described))
