"""What crops go through in training, against PyTorch, NumPy and SciPy: flip, rotation, colours, windows, sizes, blur, noise; JPEG against its definition; H.264 by what is left."""
import colorsys
import os
import pathlib
import subprocess

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.stats
import torch

TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_crop_augment"
SIDE = 224
rng = np.random.default_rng(3)
y, x = np.mgrid[:SIDE, :SIDE]
SCENE = 128 + 60 * np.sin(x / 17 + np.arange(3)[:, None, None]) * np.cos(y / 23) + 25 * (((x // 28) + (y // 28)) % 2)
CROPS = np.clip(SCENE.transpose(1, 2, 0) + rng.normal(0, 4, (4, SIDE, SIDE, 3)), 0, 255).astype(np.uint8)


def run(*arguments, crops=CROPS):
    result = subprocess.run([TOOL, *map(str, arguments)], input=crops.tobytes(), capture_output=True)
    assert result.returncode == 0 and not result.stderr, result.stderr.decode()
    return np.frombuffer(result.stdout, np.uint8).reshape(crops.shape)


def worst(ours, theirs):
    return np.abs(ours.astype(float) - theirs).max()


def psnr(a, b):
    return 10 * np.log10(255 ** 2 / np.mean((a.astype(float) - b) ** 2))


def check_flip():
    assert (run("flip") == CROPS[:, :, ::-1]).all()


def check_rotation():
    """As torchvision's RandomRotation does it with tensors: an affine grid and the nearest pixel. A pixel in ten thousand lies between two."""
    for degrees in (-10, 3.7, 10):
        a = np.deg2rad(degrees)
        matrix = torch.tensor([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0]]).expand(4, 2, 3)
        planes = torch.from_numpy(CROPS.astype(np.float64)).permute(0, 3, 1, 2)
        grid = torch.nn.functional.affine_grid(matrix, list(planes.shape), align_corners=False)
        theirs = torch.nn.functional.grid_sample(planes, grid, mode="nearest", padding_mode="zeros", align_corners=False).permute(0, 2, 3, 1).numpy()
        assert (run("rotate", degrees) != theirs).mean() < 1e-4, degrees
    marked = np.zeros_like(CROPS)
    marked[:, SIDE // 2, -20] = 255  # at the right; counter-clockwise, it goes up
    assert np.argwhere(run("rotate", 10, crops=marked)[0, :, :, 0])[:, 0].mean() < SIDE // 2 - 10


def hue_of(image, turn):
    flat = [colorsys.hsv_to_rgb((h + turn) % 1, s, v) for h, s, v in (colorsys.rgb_to_hsv(*pixel) for pixel in image.reshape(-1, 3))]
    return np.array(flat).reshape(image.shape)


def jittered(image, brightness, contrast, saturation, hue, order):
    """torchvision.transforms.functional's arithmetic."""
    grey = lambda v: v @ [.2989, .587, .114]
    for what in order:
        if what == "0":
            image = np.clip(brightness * image, 0, 1)
        elif what == "1":
            image = np.clip(contrast * image + (1 - contrast) * grey(image).mean(), 0, 1)
        elif what == "2":
            image = np.clip(saturation * image + (1 - saturation) * grey(image)[..., None], 0, 1)
        elif hue:
            image = hue_of(image, hue)
    return image


def check_colours():
    """Rounded once, as ours: half a level, and a little for float32."""
    for numbers in ((1.1, 1, 1, 0, "0123"), (1, .9, 1, 0, "0123"), (1, 1, 1.1, 0, "0123"), (1, 1, 1, .1, "0123"), (1, 1, 1, -.1, "0123"), (.93, 1.08, .91, .07, "3120"), (1.1, 1.1, .9, -.04, "2031")):
        ours = run("jitter", *numbers)[0]
        assert worst(ours, 255 * jittered(CROPS[0] / 255, *numbers)) < .51, numbers


def check_windows_and_sizes():
    inner = CROPS[:, 30:180, 40:190]
    mirrored = np.pad(inner, ((0, 0), (30, SIDE - 180), (40, SIDE - 190), (0, 0)), "reflect")
    assert (run("window", 40, 30, 150, 1) == mirrored).all()
    planes = lambda crops: torch.from_numpy(crops.astype(np.float64)).permute(0, 3, 1, 2)
    resized = lambda p, side, mode, smooth: torch.nn.functional.interpolate(p, size=(side, side), mode=mode, antialias=smooth, align_corners=False).permute(0, 2, 3, 1).numpy()
    enlarged = np.clip(resized(planes(inner), SIDE, "bicubic", False), 0, 255)
    assert worst(run("window", 40, 30, 150, 0), enlarged) < 1
    for side in (112, 150, 223):
        small = resized(planes(CROPS), side, "bilinear", True)
        back = np.clip(resized(planes(np.floor(small + .5)), SIDE, "bicubic", False), 0, 255)
        assert worst(run("rescale", side), back) < 2.5, side  # a level of rounding in the small one can be one and a half in the large one
        assert psnr(run("rescale", side), back) > 50, side


def check_blur_and_noise():
    for sigma in (.3, .8, 1.2, 3):
        theirs = scipy.ndimage.gaussian_filter(CROPS.astype(float), sigma, mode="mirror", axes=(1, 2), radius=int(np.ceil(3 * sigma)))
        assert worst(run("blur", sigma), theirs) < .51, sigma
    flat = np.full_like(CROPS, 128)
    for sigma in (.5, 4):
        noise = run("noise", sigma, 11, crops=flat).astype(float) - 128
        n = noise.size
        levels = np.arange(-60, 61)
        deviation = np.sqrt((np.diff(scipy.stats.norm.cdf(np.arange(-60.5, 61) / sigma)) * levels ** 2).sum())  # of rounded values
        assert abs(noise.mean()) < 5 * deviation / np.sqrt(n) and abs(noise.std() / deviation - 1) < .01, sigma
        assert abs(np.corrcoef(noise[..., :-1, :].ravel(), noise[..., 1:, :].ravel())[0, 1]) < 5 / np.sqrt(n)
    assert (run("noise", 4, 11) != run("noise", 4, 12)).any()


MPEG1 = np.array([[8, 16, 19, 22, 26, 27, 29, 34], [16, 16, 22, 24, 27, 29, 34, 37], [19, 22, 26, 27, 29, 34, 34, 38], [22, 22, 26, 27, 29, 34, 37, 40],
                  [22, 26, 27, 29, 32, 35, 40, 48], [26, 27, 29, 32, 35, 40, 48, 58], [26, 27, 29, 34, 38, 46, 56, 69], [27, 29, 35, 38, 46, 56, 69, 83]])


def luma(crops):
    return crops @ np.array([.299, .587, .114])


def check_jpeg():
    """Luma through the cosine transform of 8 x 8 blocks, in steps of MPEG-1's matrix times quantiser / 8 (of the mean 8): the same distance from the original, and near it."""
    last = np.inf
    for quantiser in (2, 5, 12, 31):
        blocks = (luma(CROPS) - 128).reshape(4, SIDE // 8, 8, SIDE // 8, 8)
        steps = np.maximum(1, MPEG1 * quantiser // 8)
        steps[0, 0] = 8
        steps = steps[:, None, :]
        quantised = np.rint(scipy.fft.dctn(blocks, axes=(2, 4), norm="ortho") / steps) * steps
        theirs = scipy.fft.idctn(quantised, axes=(2, 4), norm="ortho").reshape(4, SIDE, SIDE) + 128
        ours = luma(run("jpeg", quantiser))
        quality, expected = psnr(ours, luma(CROPS)), psnr(theirs, luma(CROPS))
        print(f"JPEG, quantiser {quantiser}: PSNR {quality:.2f} dB, by definition {expected:.2f}; of one from the other {psnr(ours, theirs):.2f}")
        assert abs(quality - expected) < .75 and psnr(ours, theirs) > quality + (1.5 if quantiser > 2 else 0), quantiser  # colours are rounded, too
        assert quality < last
        last = quality


def check_h264():
    last = np.inf
    for factor in (18, 25, 32):
        quality = psnr(luma(run("h264", factor)), luma(CROPS))
        print(f"H.264, constant rate factor {factor}: PSNR {quality:.2f} dB")
        assert 30 < quality < last - 1, factor
        last = quality


def check_whole():
    """The same crops of the same seed, epoch and item; others of others; a clip of four equal crops stays one but for noise; and guide as its parts in a row."""
    same = np.repeat(CROPS[:1], 4, 0)
    for kind in ("guide", "forensic"):
        first = run("whole", kind, 1, 2, 3)
        assert (first == run("whole", kind, 1, 2, 3)).all()
        assert all((first != run("whole", kind, *other)).any() for other in ((2, 2, 3), (1, 3, 3), (1, 2, 4))), kind
    guided = run("whole", "guide", 5, 6, 7, crops=same)
    assert (guided == guided[:1]).all()
    different = {run("whole", "forensic", 1, 0, item).tobytes() for item in range(8)}
    assert len(different) >= 6  # two may be left as they are, or flipped alike


check_flip()
check_rotation()
check_colours()
check_windows_and_sizes()
check_blur_and_noise()
check_jpeg()
check_h264()
check_whole()
