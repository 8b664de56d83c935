"""The full form of the low level with PyTorch's own layers: residuals of native crops, ResNet-50's first two stages with group normalisation."""
import torch

KV = torch.tensor([[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]], dtype=torch.float64) / 12
DEVIATION = torch.tensor([.229, .224, .225], dtype=torch.float64)  # of ImageNet, whose mean no residual shows


def conv(inputs, outputs, side, stride=1):
    return torch.nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False)


def norm(channels):
    return torch.nn.GroupNorm(32, channels)


class Bottleneck(torch.nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1, self.norm1 = conv(inputs, width, 1), norm(width)
        self.conv2, self.norm2 = conv(width, width, 3, stride), norm(width)
        self.conv3, self.norm3 = conv(width, 4 * width, 1), norm(4 * width)
        self.downsample = torch.nn.Sequential(conv(inputs, 4 * width, 1, stride), norm(4 * width)) if inputs != 4 * width else torch.nn.Identity()

    def forward(self, x):
        y = self.norm1(self.conv1(x)).relu()
        y = self.norm2(self.conv2(y)).relu()
        return (self.norm3(self.conv3(y)) + self.downsample(x)).relu()


class Reference(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.norm1 = conv(6, 64, 3, 2), norm(64)
        self.layer1 = torch.nn.Sequential(Bottleneck(64, 64, 1), Bottleneck(256, 64, 1), Bottleneck(256, 64, 1))
        self.layer2 = torch.nn.Sequential(Bottleneck(256, 128, 2), *[Bottleneck(512, 128, 1) for _ in range(3)])
        self.logit = torch.nn.Linear(512, 1)

    def residuals(self, crops):
        """crops (n, 3, 224, 224), 0 to 255."""
        x = crops / (255 * DEVIATION.to(crops.dtype)[:, None, None])
        neighbours = x - torch.nn.functional.interpolate(torch.nn.functional.interpolate(x, scale_factor=.5, mode="nearest"), scale_factor=2, mode="nearest")
        padded = torch.nn.functional.pad(x, (2, 2, 2, 2), "reflect")
        high = torch.nn.functional.conv2d(padded, KV.to(x.dtype).expand(3, 1, 5, 5), groups=3)
        return torch.cat([neighbours, high], 1)

    def forward(self, crops, absent, factors=None):
        """crops (n, 4, 224, 224, 3); absent (n, 4); factors (n, 512): of dropout."""
        x = self.residuals(crops.flatten(0, 1).permute(0, 3, 1, 2))
        y = torch.nn.functional.max_pool2d(self.norm1(self.conv1(x)).relu(), 3, 2, 1)
        y = self.layer2(self.layer1(y)).mean((2, 3)).view(*absent.shape, 512)
        there = (~absent).to(y.dtype)[..., None]
        y = (y * there).sum(1) / there.sum(1)
        return self.logit(y if factors is None else y * factors)[:, 0]
