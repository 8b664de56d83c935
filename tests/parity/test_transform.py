"""The network's input against docs/features.md in NumPy, bit for bit, and against PyTorch's own resizes, to a grey level."""
import numpy as np
import torch
from torch.nn.functional import avg_pool2d, interpolate

from frame_reference import area, axis, bicubic, picture, resize, run, triangle

SIZES = [(64, 48), (2, 2), (256, 256), (258, 256), (1280, 720), (720, 1280), (1920, 1080), (854, 480), (320, 240), (300, 700),
         (640, 272), (100, 702), (512, 512), (1366, 768), (641, 359), (359, 641), (225, 257), (3, 5), (1, 1), (1, 9)]
EFFICIENTNET, RESNET, SQUASH = 0, 1, 2


def geometry(kind, side, shorter):
    """New side and the first pixel of the crop."""
    if kind == SQUASH:
        return 224, 0
    if kind == RESNET:
        to = 256 * side // shorter
        return to, round((to - 224) / 2)  # ties to even
    whole, rest = divmod(256 * side, shorter)
    to = whole + (2 * rest > shorter or (2 * rest == shorter and whole % 2 == 1))
    return to, (to - 224) // 2


def reference(kind, image):
    shorter = min(image.shape[:2])
    weights = triangle if kind != EFFICIENTNET else area if shorter > 256 else bicubic
    return resize(image, *[axis(weights, side, *geometry(kind, side, shorter), 224) for side in image.shape[:2]])


def torch_reference(kind, image):
    """None where PyTorch has no such resize: area by a ratio that is not whole."""
    h, w = image.shape[:2]
    (to_h, y), (to_w, x) = geometry(kind, h, min(h, w)), geometry(kind, w, min(h, w))
    planes = torch.from_numpy(image).permute(2, 0, 1)[None].double()
    if kind != EFFICIENTNET:
        resized = interpolate(planes, size=(to_h, to_w), mode="bilinear", antialias=True)
    elif min(h, w) <= 256:
        resized = interpolate(planes, size=(to_h, to_w), mode="bicubic", align_corners=False)
    elif h % 256 == 0 and w == h // 256 * to_w:
        resized = avg_pool2d(planes, h // 256)
    else:
        return None
    return resized[0].permute(1, 2, 0).numpy()[y:y + 224, x:x + 224].clip(0, 255)


rng, compared = np.random.default_rng(5), {EFFICIENTNET: 0, RESNET: 0, SQUASH: 0}
cases = [(kind, w, h, picture(rng, w, h, what, 3)) for w, h in SIZES for what in ("noise", "scene", "extremes") for kind in (EFFICIENTNET, RESNET, SQUASH)]
out = np.frombuffer(run("transform", cases), np.uint8).reshape(len(cases), 224, 224, 3)
for (kind, w, h, image), got in zip(cases, out):
    assert np.array_equal(got, reference(kind, image)), (kind, w, h)
    other = torch_reference(kind, image)
    if other is not None:
        assert np.abs(got - other).max() <= 1, (kind, w, h, np.abs(got - other).max())
        compared[kind] += 1
assert compared == {EFFICIENTNET: 3 * 11, RESNET: 3 * len(SIZES), SQUASH: 3 * len(SIZES)}, compared
