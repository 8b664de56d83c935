"""`desy export`: what onnx.checker says of the file, and what onnxruntime makes of clips with it against what the program makes of them."""
import hashlib
import json
import os
import pathlib
import subprocess
import tempfile

import numpy as np
import onnx
import onnxruntime
from safetensors.torch import save_file
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.metrics import roc_auc_score

import made_model
import test_resnet50

TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_clip_scores"
SHIPPED = pathlib.Path(os.environ["DESY_SOURCE_DIR"]) / "models" / "hybrid-1"
T, D = made_model.FRAMES, made_model.ENCODER + made_model.BLOCKS
CLIPS = 1000
WORDS = np.array(["a dog", "the sea", "people walk", "in rain", "city at night", "slowly", "trees"])


def clips(n, seed=2, crops=False, audio=False, text=False):
    """Frames that follow one another as those of a video do, of every length; some clips stand still. Rows beyond a clip's frames hold anything."""
    rng = np.random.default_rng(seed)
    course = np.cumsum(rng.standard_normal((n, T, D), np.float32), 1) * rng.uniform(.015, .3, (n, 1, 1)).astype(np.float32) + rng.standard_normal((n, 1, D), np.float32)
    course[rng.random(n) < .05] = 1.5
    made = {"features": course, "n_frames": rng.permutation(np.arange(n) % T + 1).astype(np.int64)}
    made["features"][np.arange(T) >= made["n_frames"][:, None]] = 1e6
    if crops:
        smooth = np.cumsum(rng.integers(-6, 7, (n, 4, 224, 224, 3)), 2) + 128
        made["crops"] = np.clip(smooth, 0, 255).astype(np.uint8)
    if audio:
        made["audio_samples"] = rng.choice([0, 1, 300, 400, 559, 560, 9000, 31999, 32000], n).astype(np.int64)
        made["audio"] = (3000 * rng.standard_normal((n, 32000)) * rng.uniform(0, 1, (n, 1))).clip(-32768, 32767).astype(np.int16)
    if text:
        texts = [" ".join(rng.choice(WORDS, rng.integers(1, 5))) if rng.random() < .7 else "" for _ in range(n)]
        hashed = HashingVectorizer(analyzer="char", ngram_range=(3, 5), n_features=made_model.BUCKETS).transform([f" {text} " if text else "" for text in texts])
        made["text"], made["texts"] = hashed.toarray().astype(np.float32), np.array([text.encode() for text in texts], "S64")
    return made


def ours(model, made):
    """(n, 4 + channels): logit, low, mid, high, channel logits; NaN: none."""
    samples = made.get("audio_samples", np.zeros(len(made["features"]), np.int64))
    parts = [made["n_frames"].astype(np.int32)[:, None], samples.astype(np.int32)[:, None], *(made[key] for key in ("features", "crops", "audio") if key in made)]
    rows = [np.ascontiguousarray(part).reshape(len(part), -1).view(np.uint8) for part in parts]
    if "texts" in made:
        rows.append(np.frombuffer(made["texts"].tobytes(), np.uint8).reshape(len(rows[0]), -1))
    result = subprocess.run([TOOL, model], input=np.concatenate(rows, 1).tobytes(), capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    return np.frombuffer(result.stdout).reshape(len(samples), -1)


def export(model, path, *options, code=0):
    result = subprocess.run([os.environ["DESY_PROGRAM"], "export", model, "-o", path, *options], capture_output=True, text=True)
    assert result.returncode == code, (result.returncode, result.stderr)
    if code == 0:
        onnx.checker.check_model(str(path), full_check=True)
    return result.stderr


def theirs(path, made, batch=CLIPS):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    given = {value.name: made[value.name] for value in session.get_inputs()}
    runs = [session.run(None, {key: values[first:first + batch] for key, values in given.items()}) for first in range(0, len(made["features"]), batch)]
    return {name: np.concatenate(values) for name, values in zip(names, zip(*runs))}


def compare(made_here, wanted, channels, what, bound=1e-5):
    levels = [name for name in ("low", "mid", "high") if name in made_here]
    table = np.column_stack([made_here["logit"], *(made_here[name] for name in levels), made_here["channel_logits"]])
    columns = ["logit", *levels, *channels]
    wanted = np.column_stack([wanted[:, 0], *(wanted[:, 1 + ("low", "mid", "high").index(name)] for name in levels), wanted[:, 4:]])
    assert (np.isnan(table) == np.isnan(wanted)).all(), what
    errors = dict(zip(columns, np.nanmax(np.abs(table - wanted), 0)))
    print(what, {name: f"{error:.0e} of {np.nanstd(column):.2f}" for (name, error), column in zip(errors.items(), wanted.T)}, flush=True)
    assert max(errors.values()) <= bound, (what, errors)
    np.testing.assert_allclose(made_here["probability"], 1 / (1 + np.exp(-wanted[:, 0])), atol=bound)


def check(model, folder, channels, n=CLIPS, opsets=(11, 17), **what):
    made = clips(n, **what)
    wanted = ours(model, made)
    for opset in opsets:
        path = folder / f"{opset}.onnx"
        export(model, path, "--opset", str(opset))
        assert [entry.version for entry in onnx.load(path).opset_import] == [opset]
        whole = theirs(path, made)
        compare(whole, wanted, channels, f"{channels}, opset {opset}")
    some = {key: values[:10] for key, values in made.items()}
    compare(theirs(path, some, 1), wanted[:10], channels, "one at a time")


def check_int8(folder):
    """In 8 bits: within 3 quanta, 255ths of what a channel's last layer gives over the clips, and the same ranking, of labels drawn by the fp32 scores."""
    channels = ["mid_transformer", "high_mlp"]
    made_model.make(folder / "int8", channels, seed=3)
    made = clips(CLIPS, seed=4)
    export(folder / "int8", folder / "fp32.onnx")
    export(folder / "int8", folder / "int8.onnx", "--int8")
    operators = [node.op_type for node in onnx.load(folder / "int8.onnx").graph.node]
    assert operators.count("DynamicQuantizeLinear") == operators.count("MatMulInteger") == 11, operators
    assert (folder / "int8.onnx").stat().st_size < .3 * (folder / "fp32.onnx").stat().st_size
    fp32 = theirs(folder / "fp32.onnx", made)
    labels = np.random.default_rng(5).random(CLIPS) < fp32["probability"]
    for batch in (CLIPS, 8):
        int8 = theirs(folder / "int8.onnx", made, batch)
        quanta = np.abs(int8["channel_logits"] - fp32["channel_logits"]).max(0) / (np.ptp(fp32["channel_logits"], 0) / 255)
        auc = [roc_auc_score(labels, of["logit"]) for of in (fp32, int8)]
        print(f"int8, batches of {batch}: {dict(zip(channels, quanta.round(2)))} quanta, AUC {auc[0]:.4f} becomes {auc[1]:.4f}", flush=True)
        assert quanta.max() <= 3 and abs(auc[1] - auc[0]) <= .002


def check_backbone(folder):
    """From pixels on: the same as the program's own backbone and then the rest."""
    weights, model = folder / "resnet50.safetensors", folder / "resnet50"
    save_file(test_resnet50.random_weights(), weights)
    made_model.make(model, ["step", "mean"], extractor={"name": "resnet50", "version": 1, "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest()})
    frames = np.random.default_rng(6).integers(0, 256, (2, T, 1, 1, 3), np.uint8) // 2 + np.random.default_rng(7).integers(0, 128, (2, T, 224, 224, 3), np.uint8)
    frames[1] = frames[1] // 8 + np.mgrid[0:224, 0:224][1][..., None].astype(np.uint8) // 2
    encoder = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_encode_frames"
    encoded = subprocess.run([encoder, "resnet50", weights, "16", "1"], input=frames.tobytes(), capture_output=True, check=True).stdout
    made = {"features": np.frombuffer(encoded, np.float32).reshape(2, T, -1), "frames": frames, "n_frames": np.array([T, 9])}
    each = np.array([clip[:n, :made_model.ENCODER].mean(0) for clip, n in zip(made["features"], made["n_frames"])], np.float64)
    made_model.change(model, lambda tensors: tensors.update({"mean.median": each[0], "mean.scale": np.abs(each[1] - each[0]) + 1e-4}))
    export(model, folder / "backbone.onnx", "--weights", weights, "--opset", "11")
    wanted = ours(model, made)
    assert abs(wanted[1, 5] - wanted[0, 5]) > .1  # the second clip's inputs are all about 1 from the first's
    compare(theirs(folder / "backbone.onnx", made), wanted, ["step", "mean"], "from pixels", 1e-4)
    with open(weights, "r+b") as file:
        file.seek(-1, 2)
        file.write(b"?")
    assert "not the weights" in export(model, folder / "none.onnx", "--weights", weights, code=2)
    assert "resnet50 alone" in export(SHIPPED, folder / "none.onnx", "--weights", weights, code=1)


def check_refused(folder):
    for opset in (10, 18):
        assert "opset" in export(SHIPPED, folder / "none.onnx", "--opset", str(opset), code=1)
    assert "no full form" in export(SHIPPED, folder / "none.onnx", "--int8", code=1)
    assert not (folder / "none.onnx").exists()


def check_out_of_range(folder):
    """A clip that the program refuses gets NaN, and the others what they get without it."""
    export(SHIPPED, folder / "model.onnx")
    made = clips(6)
    made["n_frames"][:] = [16, 0, 17, 16, 16, 3]
    made["features"][3, 2, 7], made["features"][4, 15, 2000], made["features"][5, 3:] = np.nan, np.inf, np.nan
    logit = theirs(folder / "model.onnx", made)["logit"]
    assert (np.isnan(logit) == [False, True, True, True, True, False]).all(), logit


def check_metadata(folder):
    export(SHIPPED, folder / "model.onnx")
    said, model = {entry.key: entry.value for entry in onnx.load(folder / "model.onnx").metadata_props}, json.loads((SHIPPED / "model.json").read_text())
    assert (said["model"], said["extractor"], said["extractor_version"]) == ("hybrid-1", model["extractor"]["name"], str(model["extractor"]["version"]))
    assert said["extractor_weights_sha256"] == model["extractor"]["weights_sha256"] and said["desy_version"] == model["desy"] and "256" in said["preprocessing"]
    assert (float(said["threshold"]), float(said["prior"]), said["sampling"], said["frames"]) == (model["threshold"], .5, "window", "16")
    assert json.loads(said["channels"]) == [channel["name"] for channel in model["channels"]]


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        check(SHIPPED, folder, ["e", "energy", "step", "mean", "texture"])
        for channels, n, what in ((["energy", "mid_transformer", "high_mlp", "high_text"], CLIPS, {"text": True}),
                                  (["e", "sound", "step"], 100, {"audio": True}), (["low_cnn", "mean"], 4, {"crops": True})):
            model = folder / "-".join(channels)
            made_model.make(model, channels)
            check(model, folder, channels, n, **what)
        check_int8(folder)
        check_backbone(folder)
        check_refused(folder)
        check_out_of_range(folder)
        check_metadata(folder)


if __name__ == "__main__":
    main()
