"""ResNet-50 against an implementation written here from the paper, with seeded random weights; TorchScript; weights that do not fit."""
import json
import os
import pathlib
import subprocess
import tempfile

import h5py
import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_encode_frames"
FRAMES = np.random.default_rng(3).integers(0, 256, (3, 224, 224, 3), np.uint8)
FRAMES[1] = FRAMES[1] // 64 * 20 + 60
FRAMES[2] = np.mgrid[0:224, 0:224][1][..., None] % 256


def random_weights(seed=4):
    generator = torch.Generator().manual_seed(seed)
    uniform = lambda n, low, high: torch.rand(n, generator=generator) * (high - low) + low
    weights = {}

    def convolution(name, norm, inputs, outputs, kernel):
        weights[name + ".weight"] = torch.randn(outputs, inputs, kernel, kernel, generator=generator) * (2 / (inputs * kernel**2)) ** 0.5
        weights[norm + ".weight"], weights[norm + ".bias"] = uniform(outputs, 0.2, 0.8), uniform(outputs, -0.3, 0.3)
        weights[norm + ".running_mean"], weights[norm + ".running_var"] = uniform(outputs, -0.3, 0.3), uniform(outputs, 0.5, 2)
        weights[norm + ".num_batches_tracked"] = torch.tensor(7)

    convolution("conv1", "bn1", 3, 64, 7)
    inputs = 64
    for layer, depth in enumerate((3, 4, 6, 3)):
        width = 64 * 2**layer
        for block in range(depth):
            name = f"layer{layer + 1}.{block}."
            convolution(name + "conv1", name + "bn1", inputs, width, 1)
            convolution(name + "conv2", name + "bn2", width, width, 3)
            convolution(name + "conv3", name + "bn3", width, 4 * width, 1)
            if block == 0:
                convolution(name + "downsample.0", name + "downsample.1", inputs, 4 * width, 1)
            inputs = 4 * width
    return weights


def reference(weights, frames):
    """In float64: what differs is our rounding alone."""
    w = {name: value.double() for name, value in weights.items()}
    x = torch.from_numpy(frames).permute(0, 3, 1, 2).double() / 255
    x = (x - torch.tensor([0.485, 0.456, 0.406]).double().view(1, 3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).double().view(1, 3, 1, 1)

    def unit(x, conv, norm, stride=1):
        x = F.conv2d(x, w[conv + ".weight"], stride=stride, padding=w[conv + ".weight"].shape[-1] // 2)
        return F.batch_norm(x, *(w[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")), eps=1e-5)

    x = F.max_pool2d(F.relu(unit(x, "conv1", "bn1", 2)), 3, 2, 1)
    for layer, depth in enumerate((3, 4, 6, 3)):
        for block in range(depth):
            name, stride = f"layer{layer + 1}.{block}.", 2 if layer and not block else 1
            y = F.relu(unit(x, name + "conv1", name + "bn1"))
            y = F.relu(unit(y, name + "conv2", name + "bn2", stride))
            y = unit(y, name + "conv3", name + "bn3")
            x = F.relu(y + (unit(x, name + "downsample.0", name + "downsample.1", stride) if not block else x))
    return x.mean((2, 3)).numpy()


def encode(weights, *more):
    return subprocess.run([TOOL, "resnet50", weights, "4", "1", *more], input=FRAMES.tobytes(), capture_output=True)


def features(weights, *more):
    result = encode(weights, *more)
    assert result.returncode == 0, result.stderr.decode()
    return np.frombuffer(result.stdout, np.float32).reshape(-1, 2048)


def check_close(ours, theirs, what):
    cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    difference = np.abs(ours - theirs).max() / np.abs(theirs).max()
    print(f"{what}: cosine at least {cosine.min():.8f}, relative difference {difference:.1e}")
    assert cosine.min() >= 0.99999 and difference < 1e-4, what


def check_refused(path, says, *more):
    result = encode(path, *more)
    message = result.stderr.decode()
    assert result.returncode == 3 and not result.stdout, (says, result.returncode, message)
    assert path.name in message and says in message and "--weights" in message, (says, message)


def check_safetensors(directory, weights, expected):
    torchvision = weights | {"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}
    timm = {name: value for name, value in weights.items() if "num_batches" not in name}  # as num_classes=0 saves it
    half = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    files = {}
    for name, tensors in {"torchvision": torchvision, "timm": timm, "half": half}.items():
        files[name] = directory / f"{name}.safetensors"
        save_file(tensors, files[name])
    ours = features(files["torchvision"])
    check_close(ours, expected, "torchvision")
    assert features(files["timm"]).tobytes() == ours.tobytes()
    check_close(features(files["half"]), reference(half, FRAMES), "half precision")


def check_torchscript(directory):
    class Shift(torch.nn.Module):
        """Not a ResNet: any module of the right shapes, of which the answer is plain to see."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.adaptive_avg_pool2d(x, [32, 64]).mean(1).flatten(1)

    class Narrow(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean([2, 3])

    class Pair(torch.nn.Module):
        def forward(self, x: torch.Tensor):
            return x, x

    for module in (Shift, Narrow, Pair):
        torch.jit.script(module()).save(directory / f"{module.__name__}.pt")
    x = (torch.from_numpy(FRAMES).permute(0, 3, 1, 2).float() / 255 - torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    theirs = Shift()(x).numpy()
    assert np.abs(features(directory / "Shift.pt", "--allow-code") - theirs).max() < 1e-5
    check_refused(directory / "Narrow.pt", "[N, 2048]", "--allow-code")
    check_refused(directory / "Pair.pt", "not a tensor", "--allow-code")
    torch.save({"weight": torch.zeros(3)}, directory / "state.pt")
    check_refused(directory / "state.pt", "not a TorchScript module", "--allow-code")
    check_refused(directory / "missing.pt", "not a TorchScript module", "--allow-code")
    refused = encode(directory / "Shift.pt")
    assert refused.returncode == 1 and "--allow-code" in refused.stderr.decode()


def check_preprocess(directory, weights):
    """The weights say how frames become the network's input; a still, so that every row is the same."""
    tools, program = TOOL.parent, os.environ["DESY_PROGRAM"]
    still = np.random.default_rng(6).integers(0, 256, (150, 200, 3), np.uint8)
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "200x150", "-i", "-", "-c:v", "libx264rgb", "-qp", "0",
                    directory / "still.mkv"], input=still.tobytes() * 6, check=True)
    (directory / "one.json").write_text('[{"video_path": "still.mkv"}]')
    rows = {}
    for name, kind in ((None, 1), ("resize256-crop224", 1), ("squash224", 2)):
        path, store = directory / f"{name}.safetensors", directory / f"store-{name}"
        save_file(weights, path, metadata={"format": "pt"} | ({"preprocess": name} if name else {}))
        subprocess.run([program, "extract", directory / "one.json", "-o", store, "--extractor", "resnet50", "--weights", path], check=True, capture_output=True)
        assert json.loads((store / "extract.json").read_text())["config"]["preprocess"] == (name or "resize256-crop224")
        shaped = subprocess.run([tools / "tool_transform"], input=np.array([kind, 200, 150], np.int32).tobytes() + still.tobytes(), check=True, capture_output=True).stdout
        expected = np.frombuffer(subprocess.run([TOOL, "resnet50", path, "16", "1"], input=shaped * 16, check=True, capture_output=True).stdout, np.float32).reshape(16, 2048)
        with h5py.File(store / "index.h5") as file:
            rows[name] = file["features/resnet50"][0]
        assert np.array_equal(rows[name], expected), name
    assert np.array_equal(rows[None], rows["resize256-crop224"]) and not np.array_equal(rows[None], rows["squash224"])
    save_file(weights, directory / "other.safetensors", metadata={"preprocess": "crop"})
    refused = subprocess.run([program, "extract", directory / "one.json", "-o", directory / "none", "--extractor", "resnet50", "--weights", directory / "other.safetensors"],
                             capture_output=True, text=True)
    assert refused.returncode == 3 and "'crop' is not known" in refused.stderr, refused


def check_refusals(directory, weights):
    path = directory / "wrong.safetensors"
    check_refused(path, "No such file")
    name = "layer3.5.bn2.running_var"
    save_file({key: value for key, value in weights.items() if key != name}, path)
    check_refused(path, f"'{name}' is missing")
    save_file(weights | {name: torch.ones(255)}, path)
    check_refused(path, f"'{name}' has shape [255], not [256]")
    save_file(weights | {name: torch.full((256,), float("nan"))}, path)
    check_refused(path, f"'{name}' holds NaN")
    save_file(weights | {name: torch.ones(256, dtype=torch.int32)}, path)
    check_refused(path, f"'{name}' is of type I32")
    save_file(weights, path)
    os.truncate(path, path.stat().st_size - 1)
    check_refused(path, "truncated")


def main():
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as name:
        directory, weights = pathlib.Path(name), random_weights()
        expected = reference(weights, FRAMES)
        check_safetensors(directory, weights, expected)
        check_torchscript(directory)
        check_preprocess(directory, weights)
        check_refusals(directory, weights)


if __name__ == "__main__":
    main()
