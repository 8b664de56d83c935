"""One peer of bench/networks.py at work: `networks_peers.py NETWORK WEIGHTS PEER PRECISION THREADS FRAMES OUTPUT`. Each line on stdin is
a batch size: all frames are run in batches of it, their features are written to OUTPUT, and the seconds are answered. Frames are
normalised and in the layout that the peer likes best before the clock starts. The first run of a batch size compiles and warms up."""
import json
import pathlib
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def read_safetensors(path):
    data = pathlib.Path(path).read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    assert all(entry["dtype"] in ("F32", "I64") for entry in header.values())
    return {name: torch.from_numpy(np.frombuffer(data[8 + size:][slice(*entry["data_offsets"])], np.float32 if entry["dtype"] == "F32" else np.int64)
                                   .reshape(entry["shape"]).copy()) for name, entry in header.items()}


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, value in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [offset, offset + 4 * value.numel()]}
        offset += 4 * value.numel()
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(len(text).to_bytes(8, "little") + text + b"".join(v.float().contiguous().numpy().tobytes() for v in tensors.values()))


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride, projects):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.downsample = nn.Sequential(nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)) if projects else None
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + (self.downsample(x) if self.downsample is not None else x))


class ResNet50(nn.Module):
    """torchvision's resnet50 up to the penultimate features."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.relu, self.maxpool = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for i, depth in enumerate((3, 4, 6, 3)):
            width, blocks = 64 << i, []
            for k in range(depth):
                blocks.append(Bottleneck(inputs, width, 2 if i and not k else 1, k == 0))
                inputs = 4 * width
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3))


class Same(nn.Conv2d):
    """TensorFlow's padding, as the weights were trained with; symmetric padding is left to the convolution."""

    def __init__(self, inputs, outputs, kernel, stride, groups, side):
        zeros = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        self.extra = () if zeros % 2 == 0 else (zeros // 2, zeros - zeros // 2) * 2
        super().__init__(inputs, outputs, kernel, stride, 0 if self.extra else zeros // 2, groups=groups, bias=False)

    def forward(self, x):
        return super().forward(F.pad(x, self.extra) if self.extra else x)


class MBConv(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride, expansion, side):
        super().__init__()
        wide, self.expands, self.shortcut = inputs * expansion, expansion > 1, stride == 1 and inputs == outputs
        if self.expands:
            self._expand_conv, self._bn0 = nn.Conv2d(inputs, wide, 1, bias=False), nn.BatchNorm2d(wide, 1e-3)
        self._depthwise_conv, self._bn1 = Same(wide, wide, kernel, stride, wide, side), nn.BatchNorm2d(wide, 1e-3)
        self._project_conv, self._bn2 = nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs, 1e-3)
        self.relu = nn.ReLU6(inplace=True)

    def forward(self, x):
        y = self.relu(self._bn0(self._expand_conv(x))) if self.expands else x
        y = self._bn2(self._project_conv(self.relu(self._bn1(self._depthwise_conv(y)))))
        return y + x if self.shortcut else y


class EfficientNetLite0(nn.Module):
    def __init__(self):
        super().__init__()
        side, inputs, blocks = 112, 32, []
        self._conv_stem, self._bn0, self.relu = Same(3, 32, 3, 2, 1, 224), nn.BatchNorm2d(32, 1e-3), nn.ReLU6(inplace=True)
        for repeats, kernel, stride, expansion, outputs in ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112),
                                                            (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)):
            for k in range(repeats):
                step = 1 if k else stride
                blocks.append(MBConv(inputs, outputs, kernel, step, expansion, side))
                inputs, side = outputs, side // step
        self._blocks = nn.Sequential(*blocks)
        self._conv_head, self._bn1 = nn.Conv2d(320, 1280, 1, bias=False), nn.BatchNorm2d(1280, 1e-3)

    def forward(self, x):
        x = self._blocks(self.relu(self._bn0(self._conv_stem(x))))
        return self.relu(self._bn1(self._conv_head(x))).mean((2, 3))


def multiply_adds(network):
    """Of the convolutions for one frame."""
    total = [0]
    hooks = [m.register_forward_hook(lambda m, _, y: total.__setitem__(0, total[0] + y[0].numel() * m.weight[0].numel()))
             for m in network.modules() if isinstance(m, nn.Conv2d)]
    with torch.inference_mode():
        network(torch.zeros(1, 3, 224, 224))
    for hook in hooks:
        hook.remove()
    return total[0]


# glibc gives large blocks back to the system and gets them anew, page by page: without this PyTorch takes up to three times as long here.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 32), "MALLOC_TOP_PAD_": str(1 << 28)}


def random_resnet50(seed=1):
    """torchvision's names, He's initialisation, and norms that keep the activations in bounds."""
    generator = torch.Generator().manual_seed(seed)
    network = ResNet50()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = torch.randn(module.weight.shape, generator=generator) * (2 / module.weight[0].numel()) ** 0.5
        elif isinstance(module, nn.BatchNorm2d):
            for value, low, high in ((module.weight, 0.2, 0.8), (module.bias, -0.3, 0.3), (module.running_mean, -0.3, 0.3), (module.running_var, 0.5, 2)):
                value.data = torch.rand(len(value), generator=generator) * (high - low) + low
    return {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}


def load(name, weights):
    network = {"resnet50": ResNet50, "efficientnet": EfficientNetLite0}[name]()
    missing = network.load_state_dict(read_safetensors(weights), strict=False).missing_keys
    assert all(key.endswith("num_batches_tracked") for key in missing), missing
    return network.eval()


def normalised(name, frames):
    """Of bytes (n, 224, 224, 3), an array or a tensor; on its device."""
    x = torch.as_tensor(frames).permute(0, 3, 1, 2).float()
    if name == "efficientnet":
        return (x - 127) / 128
    mean, deviation = (torch.tensor(values, device=x.device).view(1, 3, 1, 1) for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    return (x / 255 - mean) / deviation


def torch_runner(network, precision, batch, compiled):
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    network = network.to(kind).to(memory_format=torch.channels_last)
    if compiled:
        import torch._inductor.config as config
        config.freezing = True
        network = torch.compile(network, dynamic=False)

    def run(parts):
        with torch.no_grad() if compiled else torch.inference_mode():
            return [network(part).float().numpy() for part in parts]

    return run, lambda x: x.to(kind).contiguous(memory_format=torch.channels_last)


def export(network, batch, path):
    torch.onnx.export(network, (torch.zeros(batch, 3, 224, 224),), str(path), dynamo=True, external_data=False, verbose=False)


def onnxruntime_runner(network, batch, threads, folder):
    import onnxruntime
    export(network, batch, folder / "ort.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(str(folder / "ort.onnx"), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda parts: [session.run(None, {name: part})[0] for part in parts], lambda x: x.contiguous().numpy()


def openvino_runner(network, precision, batch, threads, folder):
    import openvino
    export(network, batch, folder / "ov.onnx")
    model = openvino.Core().read_model(str(folder / "ov.onnx"))
    settings = {"INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision], "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
                "PERFORMANCE_HINT": "THROUGHPUT", "ENABLE_CPU_PINNING": False}
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    return lambda parts: [request.infer([part])[0].astype(np.float32) for part in parts], lambda x: x.contiguous().numpy()


def make(network_name, weights, peer, precision, threads, batch, folder):
    network = load(network_name, weights)
    if peer in ("eager", "compile"):
        return torch_runner(network, precision, batch, peer == "compile")
    if peer == "onnxruntime":
        assert precision == "fp32"
        return onnxruntime_runner(network, batch, threads, folder)
    return openvino_runner(network, precision, batch, threads, folder)


def main():
    network, weights, peer, precision, threads, frames, output = sys.argv[1:]
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries print
    torch.set_num_threads(int(threads))
    folder = pathlib.Path(output).parent
    frames = np.fromfile(frames, np.uint8).reshape(-1, 224, 224, 3)
    made = {}
    for line in sys.stdin:
        batch = int(line)
        if batch not in made:
            torch.compiler.reset()
            run, convert = make(network, weights, peer, precision, int(threads), batch, folder)
            parts = [convert(part) for part in normalised(network, frames).split(batch)]
            run(parts[:2])
            made[batch] = run, parts
        run, parts = made[batch]
        started = time.perf_counter()
        features = run(parts)
        seconds = time.perf_counter() - started
        np.concatenate(features).astype(np.float32).tofile(output)
        print(f"{seconds:.9f}", file=answers, flush=True)


if __name__ == "__main__":
    main()
