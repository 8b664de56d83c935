"""The 768 forensic numbers against docs/features.md in NumPy, frame by frame: the rescaled plane bit for bit, the numbers to
1e-4; and the table of docs/features.md against the program's."""
import json, os

import numpy as np
from scipy.fft import dctn
from scipy.ndimage import correlate

from frame_reference import axis, bicubic, picture, resize, run

SIZES = [(16, 16), (18, 22), (64, 48), (96, 1000), (256, 256), (306, 306), (308, 308), (300, 700), (640, 272), (320, 180),
         (854, 480), (1280, 720), (720, 1280), (1920, 1080), (2560, 1080)]


def blur(y):
    h, w = y.shape
    sigma, radius = .35 * h / 256, ((21 * h + 1280) // 2560 + 1) // 2
    kernel = np.exp(-np.arange(-radius, radius + 1.) ** 2 / (2 * sigma**2))
    rounded = np.floor(256 * np.cumsum(kernel / kernel.sum())[:radius] + .5).astype(np.int64)
    side = np.diff(rounded, prepend=0)
    weights = np.concatenate([side, [256 - 2 * side.sum()], side[::-1]])
    padded = np.pad(y.astype(np.int64), radius, mode="reflect")
    rows = sum(k * padded[i:i + h] for i, k in enumerate(weights))
    return ((sum(k * rows[:, i:i + w] for i, k in enumerate(weights)) + 2**15) >> 16).astype(np.uint8)


def rescale(y):
    h, w = y.shape
    whole, rest = divmod(128 * w, h)
    width = 2 * (whole + (2 * rest > h or (2 * rest == h and whole % 2 == 1)))
    return resize(blur(y) if 5 * h > 6 * 256 else y, axis(bicubic, h, 256, 0, 256), axis(bicubic, w, width, 0, width))


def centre(y, most):
    h, w = (min(n, most) // 16 * 16 for n in y.shape)
    top, left = (y.shape[0] - h) // 2 // 16 * 16, (y.shape[1] - w) // 2 // 16 * 16
    return y[top:top + h, left:left + w].astype(np.float64)


def coefficients(y):
    blocks = y.reshape(y.shape[0] // 8, 8, y.shape[1] // 8, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    return np.abs(dctn(blocks, axes=(1, 2), norm="ortho").reshape(-1, 64)[:, 1:])


def energy(c): return np.log(c.mean(0) + .05)
def normalised(c): return np.log((c / (8 + c.sum(1, keepdims=True))).mean(0) + 1e-4)
def deviation(c): return np.log(c + .5).std(0)


SECOND, THIRD = np.array([[0, 1, -2, 1, 0]]), np.array([[1, -3, 3, -1, 0]])
KB = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]])
KV = np.array([[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]])


def images(a, b, c):
    return [(a, b, c), (c, b, a), (-a, -b, -c), (-c, -b, -a)]


CLASSES = sorted({min(images(a, b, c)) for a in range(-2, 3) for b in range(-2, 3) for c in range(-2, 3)})


def shares(q, direction):
    q = q if direction == "x" else q.T
    codes, counts = np.unique(100 * q[:, :-2] + 10 * q[:, 1:-1] + q[:, 2:], return_counts=True)
    share = dict(zip(codes.tolist(), counts / counts.sum()))
    return np.array([sum(share.get(100 * a + 10 * b + c, 0) for a, b, c in images(*k)) / 4 for k in CLASSES])


def cooccurrence(y):
    out = []
    for kernel, divisor, order in ((SECOND, 2, "xy"), (SECOND.T, 2, "yx"), (THIRD, 3, "xy"), (THIRD.T, 3, "yx"), (KB, 4, None), (KV, 12, None)):
        residual = correlate(y.astype(np.int64), kernel)[3:-3, 3:-3]
        q = np.clip(np.rint(residual / divisor), -2, 2).astype(int)  # ties are multiples of 1/2: exact in the quotient
        out += [shares(q, d) for d in order] if order else [(shares(q, "x") + shares(q, "y")) / 2]
    return np.sqrt(np.concatenate(out))


def correlation(a, b):
    if a.size == 0: return 0.
    a, b = a - a.mean(), b - b.mean()
    return (a * b).sum() / (np.sqrt((a * a).sum() * (b * b).sum()) + 1e-6)


def haar(y):
    out, levels = [], []
    for _ in range(4):
        p, q, r, s = y[::2, ::2], y[::2, 1::2], y[1::2, ::2], y[1::2, 1::2]
        bands = (p - q + r - s) / 2, (p + q - r - s) / 2, (p - q - r + s) / 2
        y = (p + q + r + s) / 2
        h, v, d = levels_of = [np.abs(t) for t in bands]
        levels.append(levels_of)
        for t, size in zip(bands, levels_of):
            variance = t.var() + 1e-3
            z = (t - t.mean()) / np.sqrt(variance)
            out += [np.log(variance) / 2, (z**3).mean(), np.log1p((z**4).mean()), size.mean() / np.sqrt(variance), (size < .5).mean()]
            out += [correlation(t[:, :-1], t[:, 1:]), correlation(t[:-1], t[1:]), correlation(size[:, :-1], size[:, 1:])]
        out += [correlation(h, v), correlation(h, d), correlation(v, d)]
    for fine, coarse in zip(levels, levels[1:]):
        for f, a in zip(fine, coarse):
            sums = f.reshape(a.shape[0], 2, a.shape[1], 2).sum((1, 3))
            out += [correlation(sums, a), np.log((sums.mean() / 4 + .02) / (a.mean() + .02))]
    return np.array(out)


def reference(y):
    scaled = rescale(y)
    small, native = centre(scaled, 256), centre(y, 448)
    c = coefficients(small)
    blocks = [energy(c), normalised(c), deviation(c), cooccurrence(small), energy(coefficients(native)), haar(native)]
    return scaled, np.concatenate(blocks)


def test_numbers():
    assert len(CLASSES) == 39
    rng = np.random.default_rng(4)
    cases = [(w, h, picture(rng, w, h, kind)) for w, h in SIZES for kind in ("noise", "scene", "extremes", "flat")]
    out, at = run("forensic", cases), 0
    for w, h, y in cases:
        scaled, numbers = reference(y)
        width = int(np.frombuffer(out, np.int32, 1, at)[0])
        assert width == scaled.shape[1], (w, h, width)
        assert np.array_equal(np.frombuffer(out, np.uint8, 256 * width, at + 4).reshape(256, width), scaled), (w, h)
        got = np.frombuffer(out, np.float32, 768, at + 4 + 256 * width)
        difference = np.abs(got - numbers)
        assert difference.max() <= 1e-4, (w, h, int(difference.argmax()), difference.max())  # NaN fails too
        at += 4 + 256 * width + 4 * 768
    assert at == len(out)


def test_too_small():
    for w, h in ((200, 14), (14, 200), (16, 1024)):
        done = run("forensic", [(w, h, np.zeros((h, w), np.uint8))], check=False)
        assert done.returncode == 2 and f"{w} x {h}".encode() in done.stderr, done


def test_documented():
    blocks = json.loads(run("forensic", [], "--blocks"))
    counts = [b["count"] for b in blocks]
    assert sum(counts) == 768 and [b["first"] for b in blocks] == [sum(counts[:i]) for i in range(len(counts))]
    with open(os.path.join(os.environ["DESY_SOURCE_DIR"], "docs", "features.md")) as page:
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in page if line.startswith("|")]
    table = [row for row in rows[rows.index(["name", "first", "count", "scale", "formula", "source"]) + 2:] if len(row) == 6]
    assert table[0][:3] == ["encoder", "0", "1280"], table[0]
    assert table[1:] == [[b["name"], str(1280 + b["first"]), str(b["count"]), b["scale"], b["formula"], b["source"]] for b in blocks]


test_numbers()
test_too_small()
test_documented()
