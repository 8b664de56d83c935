"""Resizing as docs/features.md states it, in exact fractions and NumPy integers, and frames to try it on."""
import functools, math, os, struct, subprocess
from fractions import Fraction

import numpy as np


def area(n, m, i):
    low, high = Fraction(i * n, m), Fraction((i + 1) * n, m)
    return [(j, min(j + 1, high) - max(j, low)) for j in range(math.floor(low), math.ceil(high))]


def keys(s):
    return (5 * s**3 - 9 * s**2 + 4) / 4 if s <= 1 else (-3 * s**3 + 15 * s**2 - 24 * s + 12) / 4 if s <= 2 else Fraction(0)


def bicubic(n, m, i):
    c = Fraction((2 * i + 1) * n, 2 * m)
    first = math.floor(c - Fraction(1, 2)) - 1
    return [(j, keys(abs(c - j - Fraction(1, 2)))) for j in range(first, first + 4)]


def triangle(n, m, i):
    c, reach = Fraction((2 * i + 1) * n, 2 * m), max(Fraction(1), Fraction(n, m))
    taps = ((j, 1 - abs(c - j - Fraction(1, 2)) / reach) for j in range(max(0, math.floor(c - reach) - 1), min(n, math.ceil(c + reach) + 1)))
    return [(j, w) for j, w in taps if w > 0]


@functools.lru_cache(None)
def axis(kind, n, m, offset, count):
    """(count, n) integer weights; those of a row sum to 2^14."""
    matrix = np.zeros((count, n), np.int64)
    for row in range(count):
        taps = kind(n, m, offset + row)
        total, running, before = sum(w for _, w in taps), Fraction(0), 0
        for j, w in taps:
            running += w
            rounded = math.floor(2**14 * running / total + Fraction(1, 2))
            matrix[row, min(max(j, 0), n - 1)] += rounded - before
            before = rounded
    assert (matrix.sum(1) == 2**14).all()
    return matrix


def apply(matrix, image):
    """matrix @ image over the first axis. In float64, where these integers (below 2^45) are exact."""
    flat = image.reshape(image.shape[0], -1).astype(np.float64)
    return (matrix.astype(np.float64) @ flat).reshape(matrix.shape[0], *image.shape[1:])


def resize(image, vertical, horizontal):
    total = np.swapaxes(apply(horizontal, np.swapaxes(apply(vertical, image), 0, 1)), 0, 1)
    return np.clip((total.astype(np.int64) + 2**27) >> 28, 0, 255).astype(np.uint8)


def picture(rng, width, height, kind, channels=1):
    """noise: all frequencies; scene: edges, a texture and a smooth ground; extremes: 0 and 255 in blocks; flat: nothing."""
    y, x, c = np.arange(height)[:, None, None], np.arange(width)[None, :, None], np.arange(channels)
    shape = height, width, channels
    if kind == "noise":
        image = rng.integers(0, 256, shape)
    elif kind == "scene":
        image = 90 + 60 * np.sin(x / 37 + c) + 40 * np.cos(y / 23 - c) + 50 * ((x // 29 + y // 31) % 2) + rng.normal(0, 4, shape)
    elif kind == "extremes":
        image = np.broadcast_to(255 * ((x // 3 + y // 5 + c) % 2), shape)
    else:
        image = np.full(shape, 201)
    image = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return image if channels > 1 else image[..., 0]


def run(tool, records, *arguments, check=True):
    """The output of tests/tools/TOOL.c for records of (int32 header..., array); with check=False the finished process."""
    program = os.path.join(os.environ["DESY_BUILD_DIR"], "tests", "tool_" + tool)
    data = b"".join(struct.pack(f"{len(header)}i", *header) + array.tobytes() for *header, array in records)
    done = subprocess.run([program, *arguments], input=data, capture_output=True)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout if check else done
