"""`desy quantize` against PyTorch: its kernels on the levels that were stored, and its own dynamic quantisation of the layers as they were; and what is refused."""
import json
import os
import pathlib
import subprocess
import tempfile
import warnings

import numpy as np
import torch
from safetensors.numpy import load_file

import made_model
import test_onnx

PLANTED = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_planted_store"
CLIPS = 200


def desy(*arguments, code=0):
    result = subprocess.run([os.environ["DESY_PROGRAM"], *map(str, arguments)], capture_output=True, text=True)
    assert result.returncode == code, (arguments, result.returncode, result.stdout, result.stderr)
    return result.stdout, result.stderr


def inputs_of(features, n_frames, tensors):
    """high_mlp's inputs, from the definition: mean and deviation over the frames that are there, standardised."""
    rows = []
    for clip, n in zip(features[..., :made_model.ENCODER].astype(np.float64), n_frames):
        rows.append(np.concatenate([clip[:n].mean(0), clip[:n].std(0)]).astype(np.float32))
    return torch.from_numpy(np.clip((np.array(rows) - tensors["high_mlp.median"]) / tensors["high_mlp.scale"], -3, 3).astype(np.float32))


def linear(tensors, i):
    weight, bias = torch.from_numpy(tensors[f"high_mlp.mlp.{i}.weight"]), torch.from_numpy(tensors[f"high_mlp.mlp.{i}.bias"])
    if weight.dtype != torch.int8:
        return lambda x: torch.nn.functional.linear(x, weight, bias)
    scales = torch.from_numpy(tensors[f"high_mlp.mlp.{i}.weight.scale"]).double()
    packed = torch.ops.quantized.linear_prepack(torch._make_per_channel_quantized_tensor(weight, scales, torch.zeros(len(scales), dtype=torch.long), 0), bias)
    return lambda x: torch.ops.quantized.linear_dynamic(x, packed, True)


def mlp(x, layers):
    """One clip at a time: its numbers are rounded over what a call is given."""
    return torch.cat([layers[2](layers[1](layers[0](row[None]).relu()).relu()) for row in x])[:, 0].numpy()


def by_pytorch(tensors):
    """torch.ao.quantization's own, of the layers as they were."""
    net = torch.nn.ModuleList(torch.nn.Linear(*reversed(tensors[f"high_mlp.mlp.{i}.weight"].shape)) for i in range(3))
    net.load_state_dict({f"{i}.{kind}": torch.from_numpy(tensors[f"high_mlp.mlp.{i}.{kind}"]) for i in range(3) for kind in ("weight", "bias")})
    return torch.ao.quantization.quantize_dynamic(net, {torch.nn.Linear: torch.ao.quantization.per_channel_dynamic_qconfig}, dtype=torch.qint8)


def check_numbers(folder):
    model, small = folder / "model", folder / "int8"
    names = made_model.make(model, ["mid_transformer", "high_mlp", "step"])
    table = desy("quantize", model, "-o", small)[0]
    assert "step             small  fp32" in table, table
    before, after = load_file(model / "weights.safetensors"), load_file(small / "weights.safetensors")
    report = json.loads((small / "model.json").read_text())
    assert [channel.get("linear_layers") for channel in report["channels"]] == ["int8", "int8", None]
    for name in names[:2]:
        size = [sum(values.nbytes for key, values in tensors.items() if key.startswith(f"{name}.")) for tensors in (before, after)]
        print(f"{name}: {size[0]} bytes become {size[1]}, {size[1] / size[0]:.3f}")
        assert size[1] <= .3 * size[0]
    weight, levels, scales = before["high_mlp.mlp.0.weight"], after["high_mlp.mlp.0.weight"], after["high_mlp.mlp.0.weight.scale"]
    assert np.abs(levels * scales[:, None] - weight).max() <= scales.max() / 2 * 1.001 and (np.abs(levels.astype(int)).max(1) == 127).all()

    made = test_onnx.clips(CLIPS)
    channels = {kind: dict(zip(names, test_onnx.ours(path, made)[:, 4:].T)) for kind, path in (("fp32", model), ("int8", small))}
    np.testing.assert_array_equal(channels["fp32"]["step"], channels["int8"]["step"])
    entry = report["channels"][1]
    x = inputs_of(made["features"], made["n_frames"], after)
    raw = channels["int8"]["high_mlp"] * entry["logit_deviation"] + entry["logit_mean"]
    same, own = mlp(x, [linear(after, i) for i in range(3)]), mlp(x, by_pytorch(before))
    scale = np.std(raw)
    print(f"high_mlp, by {torch.backends.quantized.engine}: {np.abs(raw - same).max() / scale:.1e} of a deviation from PyTorch's kernels, {np.abs(raw - own).max() / scale:.1e} from its own quantisation")
    assert np.abs(raw - same).max() < 1e-5 * max(1, scale)
    assert np.abs(raw - own).max() < .1 * scale
    for name in names[:2]:
        error = np.abs(channels["int8"][name] - channels["fp32"][name]) / np.std(channels["fp32"][name])
        print(f"{name}: {error.max():.3f} of a deviation from fp32 at most, {np.sqrt((error ** 2).mean()):.4f} on average")
        assert 0 < error.max() < .1
    os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX512_CORE"  # less than VNNI, so no micro-kernels of 8 bits: libtorch's own layers
    without = dict(zip(names, test_onnx.ours(small, made)[:, 4:].T))
    del os.environ["ONEDNN_MAX_CPU_ISA"]
    for name in names[:2]:
        error = np.abs(channels["int8"][name] - without[name]).max() / np.std(without[name])
        print(f"{name}: {error:.1e} of a deviation between micro-kernels and libtorch's own layers")
        assert error < 1e-5
    for model_of_it, path in ((model, folder / "fp32.onnx"), (small, folder / "int8.onnx")):
        test_onnx.export(model_of_it, path)
    assert (folder / "int8.onnx").stat().st_size < .3 * (folder / "fp32.onnx").stat().st_size


def spoil(tensors):
    """An input that says nothing gets weights beside which all others round to nothing."""
    for name in ("mid_transformer.projection", "high_mlp.mlp.0"):
        tensors[f"{name}.weight"][:, 5] = 1e4
        tensors[f"{name.split('.')[0]}.scale"][5] = 1e12


def check_store(folder):
    store, models, small = folder / "store", folder / "models", folder / "models" / "v0002"
    subprocess.run([PLANTED, store, "200", "planted"], check=True)
    desy("train", store, "--save-dir", models, "--size", "full", "--epochs", 4, "--batch-size", 16)
    report = json.loads(desy("quantize", models, "-o", small, "--store", store, "--json")[0])
    assert report["versus"]["n"] == 40 and abs(report["roc_auc_loss"]) <= .005 and report["speedup"] > 0, report
    assert [channel["linear_layers"] for channel in report["channels"]] == ["int8", "int8"]
    evaluated = [json.loads(desy("eval", store, "--model", models / version, "-o", folder / version, "--controls", "none", "--json")[0])["roc_auc"] for version in ("v0001", "v0002")]
    assert abs(evaluated[1] - evaluated[0] + report["roc_auc_loss"]) < 1e-12
    assert json.loads(desy("info", small, "--json")[0])["quantised"]["from"] == "v0001"
    desy("models", "promote", "v0002", "--save-dir", models)
    assert "* v0002" in desy("models", "list", "--save-dir", models)[0]

    assert "in 8 bits already" in desy("quantize", small, "-o", folder / "twice", code=1)[1]
    assert "no directory" in desy("quantize", models, "-o", folder / "missing" / "int8", code=1)[1]
    assert "is there already" in desy("quantize", models, "-o", small, code=1)[1]
    assert "nothing to quantise" in desy("quantize", test_onnx.SHIPPED, "-o", folder / "small", code=1)[1]
    made_model.change(models / "v0001", spoil)
    left = sorted(path.name for path in folder.iterdir())
    out, log = desy("quantize", models / "v0001", "-o", folder / "lost", "--store", store, "--json", code=2)
    assert json.loads(out)["roc_auc_loss"] > .1 and "more than --max-loss 0.005: nothing was written" in log, (out, log)
    assert sorted(path.name for path in folder.iterdir()) == left
    desy("quantize", models / "v0001", "-o", folder / "lost", "--store", store, "--max-loss", 1)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # torch.ao.quantization is to move to another package
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        check_numbers(pathlib.Path(name))
        check_store(pathlib.Path(name))
