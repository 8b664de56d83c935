"""STALL, the likelihood of a clip among real ones, against its formula in numpy.linalg: log-likelihoods to 1e-6, percentiles exactly."""
import os, struct, subprocess

import numpy as np


def run(dims, frames, clips, check=True):
    """clips: (n_frames, real, (frames, dims)). Means (2, dims) and rows of present, two likelihoods, two percentiles, score."""
    data = struct.pack("3i", dims, len(clips), frames) + b"".join(struct.pack("2i", n, real) + f.tobytes() for n, real, f in clips)
    done = subprocess.run([os.path.join(os.environ["DESY_BUILD_DIR"], "tests", "tool_stall")], input=data, capture_output=True)
    if not check: return done
    assert done.returncode == 0, done.stderr
    out = np.frombuffer(done.stdout)
    return out[:2 * dims].reshape(2, dims), out[2 * dims:].reshape(len(clips), 6)


def parts(n, f):
    """The frames and the normalised steps of a clip; None without a score."""
    f = f[:n].astype(float)
    step = np.diff(f, axis=0)
    length = np.linalg.norm(step, axis=1)
    moves = length > 1e-6 * np.linalg.norm(f, axis=1).max()
    return (f, step[moves] / length[moves, None]) if n >= 4 and moves.any() else None


def fit(samples):
    x = np.concatenate(samples)
    l, u = np.linalg.eigh(np.cov(x.T, ddof=0).reshape(x.shape[1], -1))
    return x.mean(0), u @ np.diag(1 / np.sqrt(np.maximum(l, 0) + 1e-5))


def likelihood(x, mean, w):
    z = (x - mean) @ w
    return -(len(mean) * np.log(2 * np.pi) + (z**2).sum(1)) / 2


def make_clips(rng, dims, frames, count):
    """Walks within a few directions of their own scale; some short, some with pauses, one frozen, one of three frames."""
    scale = rng.exponential(size=dims) + .05
    for i in range(count):
        f = rng.normal(size=dims) * scale + np.cumsum(rng.normal(size=(frames, dims)) * scale * .1 * rng.exponential(), 0)
        if i % 7 == 3: f[3] = f[2]
        if i == 5: f[:] = f[0]
        n = 3 if i == 6 else frames - i % 4
        yield n, int(i % 3 != 0 or i == 6), np.maximum(f, -scale).astype(np.float32)


def test_parity():
    rng = np.random.default_rng(3)
    for dims, frames, count in ((1, 16, 30), (7, 8, 40), (64, 16, 120), (130, 20, 60)):
        clips = list(make_clips(rng, dims, frames, count))
        means, got = run(dims, frames, clips)
        pieces = [parts(n, f) for n, _, f in clips]
        assert [p is not None for p in pieces] == [bool(row[0]) for row in got] and not got[5].any() and not got[6].any()
        reals = [i for i, (_, real, _) in enumerate(clips) if real and pieces[i]]
        scored = [i for i, p in enumerate(pieces) if p]
        for part, best in ((0, np.max), (1, np.min)):
            mean, w = fit([pieces[i][part] for i in reals])
            wanted = np.array([best(likelihood(pieces[i][part], mean, w)) for i in scored])
            assert np.abs(means[part] - mean).max() <= 1e-9, (dims, part)
            found = got[scored, 1 + part]
            assert (np.abs(found - wanted) <= 1e-6 * np.maximum(1, np.abs(wanted))).all(), (dims, part, np.abs(found - wanted).max())
            among = got[reals, 1 + part]
            assert np.array_equal(got[scored, 3 + part], [((among < x).sum() + (among == x).sum() / 2) / len(among) for x in found]), (dims, part)
        assert np.array_equal(got[scored, 5], got[scored][:, 3:5].mean(1))


def test_frozen_clip_is_not_the_most_real():
    rng = np.random.default_rng(4)
    clips = list(make_clips(rng, 9, 16, 30))
    still = np.repeat(clips[0][2][:1], 16, 0)
    clips += [(16, 0, still), (16, 0, still * (1 + 1e-7 * rng.normal(size=(16, 1))).astype(np.float32)), (16, 0, 0 * still)]
    _, got = run(9, 16, clips)
    assert not got[-3:].any(), got[-3:]


def test_unusual_ranks_low():
    rng = np.random.default_rng(5)
    clips = [(16, 1, f) for _, _, f in (c for c in make_clips(rng, 12, 16, 60))]
    clips.append((16, 0, (clips[0][2] + 40 * rng.normal(size=(16, 12))).astype(np.float32)))
    _, got = run(12, 16, clips)
    assert got[-1, 3] == 0 and .3 < np.median(got[:-1][got[:-1, 0] == 1, 5]) < .7, got[-1]


def test_refused():
    f = np.zeros((16, 4), np.float32)
    assert b"0 real clips that move" in run(4, 16, [(16, 1, f)] * 3, check=False).stderr
    f = np.random.default_rng(1).normal(size=(16, 4)).astype(np.float32)
    damaged = f.copy()
    damaged[2, 3] = np.nan
    done = run(4, 16, [(16, 1, f), (16, 1, damaged), (16, 1, f)], check=False)
    assert done.returncode == 2 and b"not finite" in done.stderr, done


test_parity()
test_frozen_clip_is_not_the_most_real()
test_unusual_ranks_low()
test_refused()
