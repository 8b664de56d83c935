"""The 448 forensic numbers against docs/features.md in NumPy, frame by frame: the rescaled plane bit for bit, the numbers to
1e-4."""
import numpy as np
from scipy.fft import dctn
from scipy.ndimage import correlate

import warp_reference
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
    def of(plane, kernel, divisor, direction):
        residual = correlate(plane.astype(np.int64), kernel)[3:-3, 3:-3]
        return shares(np.clip(np.rint(residual / divisor), -2, 2).astype(int), direction)  # ties are multiples of 1/2: exact in the quotient
    filters = [(SECOND, 2, "x"), (SECOND, 2, "y"), (THIRD, 3, "x"), (THIRD, 3, "y"), (KB, 4, "x"), (KV, 12, "x")]
    return np.sqrt(np.concatenate([(of(y, *f) + of(y.T, *f)) / 2 for f in filters]))


def brightness(y):
    return np.concatenate([[y.mean(), y.std()], np.histogram(y, 16, (0, 256))[0] / y.size])


def reference(y):
    scaled = rescale(y)
    small = centre(scaled, 256)
    c = coefficients(small)
    across = 8 if small.shape[1] >= 32 else 4
    warp = [0] * 6 + [np.log(np.abs(warp_reference.kb(small.astype(float))[8:-8, across:-across]).mean() + .05)]  # of a first frame; pairs: test_temporal.py
    blocks = [energy(c), normalised(c), deviation(c), cooccurrence(small), warp, brightness(small)]
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
        got = np.frombuffer(out, np.float32, 448, at + 4 + 256 * width)
        difference = np.abs(got - numbers)
        assert difference.max() <= 1e-4, (w, h, int(difference.argmax()), difference.max())  # NaN fails too
        at += 4 + 256 * width + 4 * 448
    assert at == len(out)


def test_too_small():
    for w, h in ((200, 14), (14, 200), (16, 1024)):
        done = run("forensic", [(w, h, np.zeros((h, w), np.uint8))], check=False)
        assert done.returncode == 2 and f"{w} x {h}".encode() in done.stderr, done


test_numbers()
test_too_small()
