"""The flow and the warp numbers as docs/features.md states them, in NumPy: float32 where the page says so, in its order."""
import numpy as np
from scipy.ndimage import correlate1d

F = np.float32


def join(s):
    """The sum of 64 numbers (..., 8 rows, 8 columns): columns from top to bottom, then columns in pairs."""
    c = s[..., 0, :]
    for r in range(1, 8):
        c = c + s[..., r, :]
    return ((c[..., 0] + c[..., 4]) + (c[..., 2] + c[..., 6])) + ((c[..., 1] + c[..., 5]) + (c[..., 3] + c[..., 7]))


def halve(p):
    return ((p[::2, ::2] + p[::2, 1::2]) + (p[1::2, ::2] + p[1::2, 1::2])) * F(.25)


def corners(n):
    return np.minimum(np.arange(0, n - 8 + 4, 4), n - 8)


def windows(plane, ys, xs):
    """(len(ys), 8, 8) pieces of a plane."""
    r = np.arange(8)
    return plane[(ys[:, None] + r)[:, :, None], (xs[:, None] + r)[:, None, :]]


def sampled(padded, ys, xs, v, u, h, w):
    """Bilinear 8 x 8 pieces of the plane that is `padded` by 8 before and 9 after."""
    at_y, at_x = (np.minimum(np.maximum(c.astype(F) + d, F(-8)), F(n)) for c, d, n in ((ys, v, h), (xs, u, w)))
    y, x = (np.floor(a + F(8)).astype(int) - 8 for a in (at_y, at_x))
    fy, fx = ((a - i.astype(F))[:, None, None] for a, i in ((at_y, y), (at_x, x)))
    p, q, r, s = (windows(padded, y + 8 + i, x + 8 + j) for i in (0, 1) for j in (0, 1))
    upper, lower = p + fx * (q - p), r + fx * (s - r)
    return upper + fy * (lower - upper)


def level_flow(source, target, start):
    h, w = target.shape
    edge = np.pad(target, 1, mode="edge")
    gx, gy = (edge[1:-1, 2:] - edge[1:-1, :-2]) * F(.5), (edge[2:, 1:-1] - edge[:-2, 1:-1]) * F(.5)
    padded = np.pad(source, (8, 9), mode="edge")
    ys, xs = (a.ravel() for a in np.meshgrid(corners(h), corners(w), indexing="ij"))
    a, gx, gy = windows(target, ys, xs), windows(gx, ys, xs), windows(gy, ys, xs)
    share, damping = F(1 / 64), F(16)
    sx, sy = join(gx), join(gy)
    xx, xy, yy = join(gx * gx) - sx * sx * share + damping, join(gx * gy) - sx * sy * share, join(gy * gy) - sy * sy * share + damping
    u, v = np.zeros((2, len(xs)), F) if start is None else (2 * s[(ys + 4) // 2, (xs + 4) // 2] for s in start)
    u0, v0 = u.copy(), v.copy()
    going = np.ones(len(xs), bool)
    for _ in range(12):
        e = sampled(padded, ys, xs, v, u, h, w) - a
        total = join(e)
        bx, by = join(e * gx) - total * sx * share, join(e * gy) - total * sy * share
        det = xx * yy - xy * xy
        du, dv = (yy * bx - xy * by) / det, (xx * by - xy * bx) / det
        u, v = np.where(going, u - du, u), np.where(going, v - dv, v)
        going &= ~(du * du + dv * dv < F(1e-4))
    away = (u - u0) * (u - u0) + (v - v0) * (v - v0) > 64
    u, v = np.where(away, u0, u), np.where(away, v0, v)
    weight = 1 / np.maximum(F(1), np.abs(sampled(padded, ys, xs, v, u, h, w) - a))
    sums = np.zeros((3, h, w), F)
    for k, (y, x) in enumerate(zip(ys, xs)):
        piece = sums[:, y:y + 8, x:x + 8]
        piece += np.stack([weight[k] * u[k], weight[k] * v[k], weight[k]])
    return sums[0] / sums[2], sums[1] / sums[2]


def flow(before, after):
    pyramid = [(before.astype(F), after.astype(F))]
    while len(pyramid) < 4 and min(before.shape) >> len(pyramid) >= 8:
        pyramid.append(tuple(halve(p) for p in pyramid[-1]))
    finest, found = min(2, len(pyramid) - 1), None
    for source, target in reversed(pyramid[finest:]):
        found = level_flow(source, target, found)
    return tuple(enlarge(f, before.shape, 2**finest) for f in found)


def enlarge(f, shape, scale):
    (y, fy), (x, fx) = (between(n, side, scale) for n, side in zip(shape, f.shape))
    upper, lower = (f[y + i][:, x] + fx * (f[y + i][:, x + 1] - f[y + i][:, x]) for i in (0, 1))
    assert f.dtype == fx.dtype == F
    return (upper + fy[:, None] * (lower - upper)) * F(scale)


def between(n, side, scale):
    c = np.clip((np.arange(n, dtype=F) + F(.5)) / F(scale) - F(.5), F(0), F(side - 1))
    whole = np.minimum(c.astype(int), side - 2)
    return whole, c - whole.astype(F)


KB = [1., -2., 1.]


def kb(p): return -correlate1d(correlate1d(p, KB, 0, mode="mirror"), KB, 1, mode="mirror") / 4


def detail(y):
    k = np.exp(-np.arange(-5, 6.) ** 2 / 4.5)
    side = np.diff(np.floor(256 * np.cumsum(k / k.sum())[:5] + .5), prepend=0)
    weights = np.concatenate([side, [256 - 2 * side.sum()], side[::-1]]) / 256
    return y - correlate1d(correlate1d(y, weights, 0, mode="mirror"), weights, 1, mode="mirror")


def warp(plane, u, v):
    """float32, bilinear."""
    h, w = plane.shape
    plane = plane.astype(F)
    x = np.clip(np.arange(w, dtype=F) + u, F(0), F(w - 1))
    y = np.clip(np.arange(h, dtype=F)[:, None] + v, F(0), F(h - 1))
    i, j = np.minimum(y.astype(int), h - 2), np.minimum(x.astype(int), w - 2)
    fy, fx = y - i.astype(F), x - j.astype(F)
    upper = plane[i, j] + fx * (plane[i, j + 1] - plane[i, j])
    lower = plane[i + 1, j] + fx * (plane[i + 1, j + 1] - plane[i + 1, j])
    return upper + fy * (lower - upper)


def correlation(a, b):
    a, b = a - a.mean(), b - b.mean()
    return (a * b).sum() / (np.sqrt((a * a).sum() * (b * b).sum()) + 1e-6)


def blocks(p):
    p = np.abs(p)
    return p.reshape(p.shape[0] // 8, 8, p.shape[1] // 8, 8).mean((1, 3))


def numbers(before, after, u, v):
    first, second = before.astype(float), after.astype(float)
    across = 8 if after.shape[1] >= 32 else 4
    inside = np.s_[8:-8, across:-across]
    d = (after.astype(F) - warp(first, u, v)).astype(float)
    noise, fine = kb(second), detail(second)
    energy = np.log(np.abs(noise[inside]).mean() + .05)
    db, hb = blocks(d[inside]), blocks(fine[inside])
    d_level, h_level = np.abs(d[inside]).mean(), np.abs(fine[inside]).mean()
    tail, middle = np.quantile(db, [.95, .5])
    return np.array([np.log(np.abs(kb(d)[inside]).mean() + .05) - energy,
                     correlation(warp(kb(first), u, v)[inside].astype(float), noise[inside]),
                     correlation(warp(detail(first), u, v)[inside].astype(float), fine[inside]),
                     correlation(np.log(db + .1), np.log(hb + .1)),
                     np.log(tail + .1) - np.log(middle + .1),
                     np.log(d_level + .05) - np.log(h_level + .05),
                     energy])
