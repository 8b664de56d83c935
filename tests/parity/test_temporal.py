"""The temporal channels of a clip, the warp numbers of a pair of frames and the flow beneath them, against docs/features.md in NumPy:
channels and warp numbers to 1e-6, the flow bit for bit; a texture's translation is found to .1 pixel; the tables of the page are the program's."""
import json, os

import numpy as np
from scipy.ndimage import gaussian_filter

import warp_reference
from frame_reference import picture, run

TOLERANCE = 1e-6  # of max(1, abs(x))


def close(got, wanted):
    return np.abs(got - wanted).max() <= TOLERANCE * max(1, np.abs(wanted).max()) and \
        (np.abs(got - wanted) <= TOLERANCE * np.maximum(1, np.abs(wanted))).all()


# ---- channels ----

def filled(x, n):
    return [x[i] if i < len(x) else x.mean() for i in range(n)]


def summary(x):
    return [x.mean(), x.min(), x.max(), x.var()]


def of_features(f):
    f = f.astype(float)
    n, step = len(f), np.diff(f, axis=0)
    length = np.linalg.norm(step, axis=1)
    twice = np.linalg.norm(f[2:] - f[:-2], axis=1)
    angle = np.array([np.arccos(np.clip(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)), -1, 1)) if a.any() and b.any() else 0.
                      for a, b in zip(step, step[1:])])
    d3 = np.diff(length).std(ddof=1)
    vector = -(f[2:] - 2 * f[1:-1] + f[:-2]).std(0, ddof=1).mean()
    l1, l2 = length.sum(), (n - 1) / (2 * (n - 2)) * twice.sum()
    ttr = 20. if l2 * 2**20 < l1 else np.log2(l1 / l2)
    return np.array([d3, vector, ttr, *filled(length, 7), *filled(angle, 6), *summary(length), *summary(angle)])


def of_energy(le):
    d = np.diff(le)
    return [le.std(), np.abs(d).mean(), d.std(), np.abs(np.diff(d)).mean(), (d[1:] * d[:-1]).mean() / (d.var() + 1e-6),
            le.max() - np.median(le), np.median(le) - le.min()]


def of_warp(w):
    noise_energy, noise, detail, place, tail, level, energy = w.astype(float).T
    moments = lambda x: [x[1:].mean(), x[1:].std()]
    return [*of_energy(energy), *moments(noise_energy), *moments(noise), noise[1:].min(), noise[1:].max(), *moments(detail), *moments(place),
            *moments(tail), level[1:].mean()]


def clips(rng):
    """(what, features, warp or None, n_frames): random features and walks, of all lengths, with repeats, pauses, small and large numbers."""
    for dims in (1, 2, 70, 1280):
        for frames, n in ((16, 16), (16, 9), (16, 4), (5, 5), (64, 64)):
            random = rng.normal(size=(frames, dims))
            walk = np.cumsum(rng.normal(size=(frames, dims)) * .05, 0) + rng.exponential(size=dims)
            pause = walk.copy()
            pause[2] = pause[1]
            for what, f in (("random", random), ("walk", walk), ("pause", pause), ("small", walk * 1e-4), ("large", 1e4 * random)):
                f[n:] = f[n - 1]
                yield f"{what} {dims} {frames} {n}", f, rng.normal(size=(frames, 7)) if dims != 2 else None, n
    turns = np.tile(rng.normal(size=(2, 30)), (8, 1))
    yield "two pictures in turn", turns, np.ones((16, 7)), 16
    line = np.arange(16)[:, None] * np.ones(8)
    yield "a straight line", line, np.arange(16)[:, None] * np.ones(7), 16


def absent(rng):
    f, w = rng.normal(size=(16, 40)), rng.normal(size=(16, 7))
    for n in (1, 2, 3):
        yield f"{n} frames", f, w, n
    still = np.repeat(f[:1], 16, 0)
    yield "static", still, w, 16
    yield "static but for rounding", still * (1 + 1e-8 * rng.normal(size=(16, 1))), w, 16
    moves = still.copy()
    moves[6:] = f[6:]
    yield "repeats move, frames do not", moves, w, 6
    yield "black", np.zeros((16, 40)), w, 16


def records(cases):
    for _, f, w, n in cases:
        yield f.shape[0], f.shape[1], n, int(w is not None), np.hstack([f, np.full((len(f), 7), 5) if w is None else w]).astype(np.float32)


def test_channels():
    rng = np.random.default_rng(8)
    cases = list(clips(rng))
    out = np.frombuffer(run("temporal", records(cases))).reshape(-1, 45)
    assert len(out) == len(cases)
    for (what, f, w, n), (present, *got) in zip(cases, out):
        got, f = np.array(got), f.astype(np.float32)[:n]
        assert present == 1, what
        assert close(got[:24], of_features(f)), (what, got[:24] - of_features(f))
        wanted = of_warp(w.astype(np.float32)[:n]) if w is not None else np.zeros(20)
        assert close(got[24:], np.array(wanted)), (what, got[24:] - wanted)


def test_absent():
    cases = list(absent(np.random.default_rng(9)))
    out = np.frombuffer(run("temporal", records(cases))).reshape(-1, 45)
    assert len(out) == len(cases) and not out.any(), out


def test_refused():
    good = np.zeros((16, 9), np.float32)
    for n in (0, 17): assert run("temporal", [(16, 2, n, 1, good)], check=False).returncode == 2, n
    assert run("temporal", [(65, 2, 65, 1, np.zeros((65, 9), np.float32))], check=False).returncode == 2
    for where in (0, 8):
        for bad in (np.nan, np.inf):
            damaged = good.copy()
            damaged[3, where] = bad
            done = run("temporal", [(16, 2, 16, 1, damaged)], check=False)
            assert done.returncode == 2 and b"not finite" in done.stderr, done
            assert run("temporal", [(16, 2, 3, 1, damaged)], check=False).returncode == 0  # a repeat does not enter


# ---- warp ----

def texture(rng, height, width, grain):
    return gaussian_filter(rng.normal(size=(height, width)), grain, mode="wrap") * 2 * grain * 1.77


def moved(image, dx, dy):
    """By Fourier's shift, of an image that wraps around."""
    ky, kx = np.fft.fftfreq(image.shape[0])[:, None], np.fft.fftfreq(image.shape[1])
    return np.fft.ifft2(np.fft.fft2(image) * np.exp(-2j * np.pi * (kx * dx + ky * dy))).real


def byte(image): return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def moving(rng, width, height, dx, dy, noise=0.):
    big = 128 + 30 * texture(rng, height + 64, width + 64, 2) + 25 * texture(rng, height + 64, width + 64, 8)
    cut = np.s_[32:-32, 32:-32]
    return tuple(byte(p[cut] + noise * rng.normal(size=(height, width))) for p in (big, moved(big, dx, dy)))


def pairs(rng):
    for width, height in ((256, 256), (256, 144), (160, 256), (48, 256), (32, 256), (16, 256), (32, 32)):
        yield moving(rng, width, height, 3.5, -2.25)
        yield moving(rng, width, height, -9.75, 14.5, noise=4)
    for kinds in (("scene", "scene"), ("noise", "noise"), ("extremes", "flat"), ("flat", "extremes"), ("flat", "flat")):
        yield tuple(picture(rng, 256, 256, kind) for kind in kinds)
    black = np.zeros((256, 64), np.uint8)
    yield black, black
    same = picture(rng, 240, 256, "scene")
    yield same, same


def read(out, at, shape):
    n = shape[0] * shape[1]
    u, v = np.frombuffer(out, np.float32, 2 * n, at).reshape(2, *shape)
    return u, v, np.frombuffer(out, np.float32, 8, at + 8 * n), at + 8 * n + 32


def test_warp():
    cases, at = list(pairs(np.random.default_rng(5))), 0
    out = run("warp", [(a.shape[1], a.shape[0], np.stack([a, b])) for a, b in cases])
    for i, (a, b) in enumerate(cases):
        u, v, got, at = read(out, at, a.shape)
        wanted_u, wanted_v = warp_reference.flow(a, b)
        assert np.array_equal(u, wanted_u) and np.array_equal(v, wanted_v), (i, np.abs(u - wanted_u).max(), np.abs(v - wanted_v).max())
        wanted = warp_reference.numbers(a, b, u, v)
        assert np.isfinite(got).all() and close(got[:7], wanted), (i, got[:7] - wanted)
        assert close(got[7:], warp_reference.numbers(b, a, -u, -v)[6:]), i
    assert at == len(out)


def test_translation():
    rng = np.random.default_rng(6)
    for dx, dy in ((3.5, -2.25), (-7.25, 6.5), (.4, .3), (0, 0)):
        big = 128 + 40 * texture(rng, 320, 320, 6)
        a, b = (byte(p[32:-32, 32:-32]) for p in (big, moved(big, dx, dy)))
        u, v, numbers, _ = read(run("warp", [(256, 256, np.stack([a, b]))]), 0, a.shape)
        u, v = u[16:-16, 16:-16], v[16:-16, 16:-16]  # a pixel of b was in a at its place less the movement
        assert abs(u.mean() + dx) < .1 and abs(v.mean() + dy) < .1, (dx, dy, u.mean(), v.mean())
        assert np.median(np.hypot(u + dx, v + dy)) < .1, (dx, dy, np.median(np.hypot(u + dx, v + dy)))
        assert numbers[2] > .8 and numbers[5] < -.4, numbers  # and it explains the second frame


def test_documented():
    channels, numbers = json.loads(run("temporal", [], "--channels")), json.loads(run("warp", [], "--numbers"))
    counts = [c["count"] for c in channels]
    assert sum(counts) == 44 and [c["first"] for c in channels] == [sum(counts[:i]) for i in range(len(counts))]
    assert [c["needs"] for c in channels] == ["features"] * 4 + ["warp"] * 2 and sum(counts[:4]) == 24
    with open(os.path.join(os.environ["DESY_SOURCE_DIR"], "docs", "features.md")) as page:
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in page if line.startswith("|")]
    at = rows.index(["channel", "count", "needs", "formula", "source"]) + 2
    assert rows[at:at + len(channels)] == [[c["name"], str(c["count"]), c["needs"], c["formula"], c["source"]] for c in channels]
    at = rows.index(["number", "formula"]) + 2
    assert rows[at:at + 7] == numbers


test_channels()
test_absent()
test_refused()
test_warp()
test_translation()
test_documented()
