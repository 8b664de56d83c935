"""RGB of decoded frames against the formulae of the standards in double precision, and against zimg: matrix, range, depth, chroma layout.

A picture is made of samples in NumPy, stored without loss and tagged by FFmpeg's encoders, and read by the program. Colours are flat in patches, or
vary in luma alone, so that how chroma is enlarged does not matter; 4:4:4 is noise."""
import itertools
import json
import os
import pathlib
import subprocess
import tempfile

import numpy as np

TOOL = os.path.join(os.environ["DESY_BUILD_DIR"], "tests", "tool_rgb")
# Kr, Kb: ITU-R BT.601-7 2.5.1, BT.709-6 3.2, BT.2020-2 table 4 (non-constant luminance)
MATRICES = {"smpte170m": (.299, .114), "bt470bg": (.299, .114), "bt709": (.2126, .0722), "bt2020nc": (.2627, .0593)}
TOLERANCE = 3.75  # grey levels of 255: swscale's fast conversion, in steps of its tables; its exact one (accurate_rnd + full_chr_h_int) is within 1.25
PATCH, COLUMNS = 16, 16
rng = np.random.default_rng(3)


def to_rgb(y, u, v, matrix, full, depth):
    """float64 (h, w, 3), 0..255 before rounding."""
    kr, kb = MATRICES[matrix]
    unit, most = 2 ** (depth - 8), 2 ** depth - 1
    luma = y / most if full else (y - 16 * unit) / (219 * unit)
    cb, cr = ((c - 128 * unit) / (most if full else 224 * unit) for c in (u, v))
    red, blue = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
    return 255 * np.clip(np.stack([red, (luma - kr * red - kb * blue) / (1 - kr - kb), blue], axis=-1), 0, 1)


def patches(full, depth, layout, height):
    """Samples at full resolution (3, h, w) and where they may be compared."""
    unit, most = 2 ** (depth - 8), 2 ** depth - 1
    low, high = (0, most) if full else (16 * unit, 235 * unit)
    if layout == "444":
        return rng.integers(low, high + 1, (3, height, PATCH * COLUMNS)), np.ones((height, PATCH * COLUMNS), bool)
    rows = height // PATCH
    flat = rng.integers(low, high + 1, (3, rows, COLUMNS))
    for i, extreme in enumerate(itertools.product((low, high), repeat=3)):
        flat[:, i // COLUMNS, i % COLUMNS] = extreme
    samples = flat.repeat(PATCH, axis=1).repeat(PATCH, axis=2)
    inside = np.zeros((PATCH, PATCH), bool)
    inside[4:-4, 4:-4] = True
    samples[0, -PATCH:] = np.linspace(low, high, PATCH * COLUMNS).round()  # a ramp of luma over one colour
    samples[1:, -PATCH:] = rng.integers(low, high + 1, (2, 1, 1))
    where = np.tile(inside, (rows, COLUMNS))
    where[-PATCH + 4:-4] = True
    return samples, where


def store(path, samples, pixels, depth, layout, how):
    """`samples` as frames of a video in which the decoder finds them again."""
    down, across = {"420": (2, 2), "422": (1, 2), "444": (1, 1)}[layout]
    kind = np.uint8 if depth == 8 else "<u2"
    planes = [samples[0], samples[1, ::down, ::across], samples[2, ::down, ::across]]
    raw = b"".join(np.ascontiguousarray(plane, dtype=kind).tobytes() for plane in planes)
    encode(path, raw, samples.shape[2], samples.shape[1], pixels, how)


def encode(path, raw, w, h, pixels, how):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", pixels, "-s", f"{w}x{h}", "-r", "25", "-i", "-", *how.split(), path],
                   input=raw * 4, check=True)


def zimg(path, shape, told=""):
    """Of the first frame of a file, by its tags: RGB, or as many planes in a row as `shape` says."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-vf", f"zscale=matrix=gbr:range=full:dither=none{told},format=gbrp", "-frames:v", "1", "-pix_fmt", "rgb24",
               "-f", "rawvideo", "-"]
    return np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, np.uint8).reshape(shape)


def read(paths):
    out, at, pictures = subprocess.run([TOOL, *paths], check=True, capture_output=True).stdout, 0, []
    for _ in paths:
        end = out.index(b"\n", at)
        status, w, h, pixels = out[at:end].decode().split("\t")
        size = int(w) * int(h) * 3
        pictures.append((pixels, np.frombuffer(out[end + 1:end + 1 + size], np.uint8).reshape(int(h), int(w), 3)))
        at = end + 1 + size
    return pictures


def tagged(path):
    shown = subprocess.run(["ffprobe", "-v", "error", "-of", "json", "-show_entries", "stream=color_space,color_range,pix_fmt", path], check=True, capture_output=True).stdout
    return json.loads(shown)["streams"][0]


def yuv_cases(folder):
    """(path, pixel format, samples' RGB by the formula, where, RGB by zimg)"""
    cases = []
    layouts = [(layout, depth) for layout in ("420", "422", "444") for depth in (8, 10)]
    for (layout, depth), matrix, full in itertools.product(layouts, MATRICES, (False, True)):
        path, pixels = folder / f"{matrix}-{layout}-{depth}-{full}.mkv", f"yuv{layout}p{'10le' if depth == 10 else ''}"
        samples, where = patches(full, depth, layout, 48)
        store(path, samples, pixels, depth, layout, f"-c:v libx264 -preset ultrafast -qp 0 -colorspace {matrix} -color_range {'pc' if full else 'tv'}")
        tags = tagged(path)
        assert (tags["color_space"], tags["color_range"]) == (matrix, "pc" if full else "tv") and tags["pix_fmt"] in (pixels, pixels.replace("yuv", "yuvj")), tags
        cases.append((path, tags["pix_fmt"], to_rgb(*samples, matrix, full, depth), where, zimg(path, (*samples.shape[1:], 3))))
    return cases


def untagged_cases(folder):
    """BT.709 from 720 rows on, else BT.601; limited range."""
    cases = []
    for height, matrix in ((704, "smpte170m"), (720, "bt709")):
        path = folder / f"untagged-{height}.mkv"
        samples, where = patches(False, 8, "420", height)
        store(path, samples, "yuv420p", 8, "420", "-c:v libx264 -preset ultrafast -qp 0")
        assert "color_space" not in tagged(path)
        told = f":matrixin={'170m' if matrix == 'smpte170m' else '709'}:rangein=limited"
        cases.append((path, "yuv420p", to_rgb(*samples, matrix, False, 8), where, zimg(path, (*samples.shape[1:], 3), told)))
    return cases


def rgb_cases(folder):
    """RGB is left as it is; alpha is dropped, not blended; gray is gray."""
    noise, where, cases = rng.integers(0, 256, (48, 64, 4), np.uint8), np.ones((48, 64), bool), []
    colours = noise[..., :3].astype(float)
    for name, raw, pixels, how, stored in (
            ("x264.mkv", noise[..., :3], "rgb24", "-c:v libx264rgb -preset ultrafast -qp 0", "gbrp"), ("ffv1.mkv", noise, "rgba", "-c:v ffv1 -pix_fmt bgra", "bgra"),
            ("qtrle.mov", noise, "rgba", "-c:v qtrle -pix_fmt argb", "argb"), ("png.mov", noise, "rgba", "-c:v png -pix_fmt rgba", "rgba"),
            ("png.avi", noise[..., :3], "rgb24", "-c:v png -pix_fmt rgb24", "rgb24")):
        encode(folder / name, raw.tobytes(), 64, 48, pixels, how)
        cases.append((folder / name, stored, colours, where, None))
    ramp = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
    grays = np.repeat(ramp[..., None], 3, axis=2).astype(float)
    encode(folder / "full-gray.mkv", ramp.tobytes(), 64, 48, "gray", "-c:v ffv1 -color_range pc")
    cases.append((folder / "full-gray.mkv", "gray", grays, where, None))
    samples = np.stack([ramp // 2 + 40, np.full_like(ramp, 90), np.full_like(ramp, 160)]).astype(np.int64)
    alpha = rng.integers(0, 256, (48, 64), np.uint8)
    raw = b"".join(plane.astype(np.uint8).tobytes() for plane in (samples[0], samples[1, ::2, ::2], samples[2, ::2, ::2])) + alpha.tobytes()
    encode(folder / "alpha.mkv", raw, 64, 48, "yuva420p", "-c:v ffv1 -colorspace bt709 -color_range tv")
    cases.append((folder / "alpha.mkv", "yuva420p", to_rgb(*samples, "bt709", False, 8), where, None))
    return cases


with tempfile.TemporaryDirectory() as name:
    cases = [case for make in (yuv_cases, untagged_cases, rgb_cases) for case in make(pathlib.Path(name))]
    worst = {}
    for (path, stored, formula, where, other), (pixels, ours) in zip(cases, read([case[0] for case in cases])):
        assert (pixels, ours.shape) == (stored, formula.shape), (path.name, pixels, ours.shape)
        off = np.abs(ours - formula)[where].max()
        apart = 0 if other is None else np.abs(ours.astype(int) - other)[where].max()
        worst[path.name] = (off, apart)
    bad = {name: pair for name, pair in worst.items() if pair[0] > TOLERANCE or pair[1] > TOLERANCE + .5}  # zimg rounds, too
    print(len(worst), "pictures; largest difference to the formula", max(a for a, _ in worst.values()), "to zimg", max(b for _, b in worst.values()))
    assert not bad, bad
