"""What desy check measures, against scikit-learn, SciPy and NumPy: mutual information of a property and the label, bins, guesses, doubtful labels, and the
hash of a picture."""
import os
import pathlib
import subprocess
import unittest

import numpy as np
import scipy.fft
import scipy.stats
from sklearn.metrics import mutual_info_score

TOOLS = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests"


def numbers(*arguments, text):
    out = subprocess.run([TOOLS / "tool_check_numbers", *map(str, arguments)], input=text, text=True, check=True, capture_output=True).stdout
    return [[float(word) for word in line.split()] for line in out.splitlines()]


def entropy(counts):
    return scipy.stats.entropy(counts, base=2)


class Information(unittest.TestCase):
    def setUp(self):
        self.random = np.random.default_rng(1)

    def measure(self, tables):
        return numbers("information", text="\n".join(f"{len(counts)} " + " ".join(f"{a} {b}" for a, b in counts) for counts in tables))

    def tables(self):
        for _ in range(40):
            table = self.random.integers(0, self.random.choice([3, 20, 400]), (self.random.integers(1, 9), 2))
            if table.sum(axis=0).all():
                yield table
        yield np.array([[50, 0], [0, 60]])
        yield np.array([[7, 9]])

    def test_information(self):
        tables = list(self.tables())
        for counts, (plug_in, bits, share, _, accuracy, base, telling) in zip(tables, self.measure(tables), strict=True):
            n, cells = counts.sum(), [np.count_nonzero(c) for c in (counts, counts.sum(axis=1), counts.sum(axis=0))]
            expected = mutual_info_score(None, None, contingency=counts) / np.log(2)
            label = entropy(counts.sum(axis=0))
            self.assertAlmostEqual(plug_in, expected, 12)
            miller_madow = min(max(expected - (cells[0] - cells[1] - cells[2] + 1) / (2 * n * np.log(2)), 0), label)
            self.assertAlmostEqual(bits, miller_madow, 12)
            self.assertAlmostEqual(share, miller_madow / label, 12)
            self.assertAlmostEqual(base, counts.sum(axis=0).max() / n, 12)
            self.assertAlmostEqual(accuracy, self.left_one_out(counts), 12)
            shares = np.abs(counts[:, 0] / counts[:, 0].sum() - counts[:, 1] / counts[:, 1].sum())
            self.assertAlmostEqual(shares[int(telling)], shares.max(), 12)

    def left_one_out(self, counts):
        """Every video guessed by the majority of the others of its value."""
        right = 0.
        for value in counts:
            for label in (0, 1):
                others = value.copy()
                others[label] -= 1
                right += value[label] * (1 if others[label] > others[1 - label] else .5 if others[0] == others[1] else 0)
        return right / counts.sum()

    def test_p_values(self):
        """Against NumPy's draws of the tables that permuted labels give; both are estimates, of 999 and 20,000 permutations."""
        tables = [np.array(table) for table in ([[30, 20], [22, 31], [9, 8]], [[5, 1], [3, 4], [2, 6], [1, 1]], [[400, 430], [420, 390]], [[3, 0], [40, 41]])]
        for counts, measured in zip(tables, self.measure(tables), strict=True):
            ones = self.random.multivariate_hypergeometric(counts.sum(axis=1), counts[:, 1].sum(), 20000)
            p = np.stack([counts.sum(axis=1) - ones, ones], axis=2) / counts.sum()
            outer = p.sum(axis=2, keepdims=True) * p.sum(axis=1, keepdims=True)
            permuted = (p * np.log(np.where(p > 0, p, 1) / outer)).sum(axis=(1, 2))
            expected = np.mean(permuted >= mutual_info_score(None, None, contingency=counts) - 1e-12)
            error = np.sqrt(expected * (1 - expected) * (1 / 999 + 1 / 20000))
            self.assertLess(abs(measured[3] - expected), 4 * error + 2e-3, counts)
        self.assertAlmostEqual(self.measure([[[40, 0], [0, 40]]])[0][3], .001, 12)

    def test_bins(self):
        for most in (2, 8):
            values = np.round(self.random.lognormal(size=500), 1)
            bins, low, high = np.array(numbers("bins", most, text=" ".join(map(str, values)))).T
            self.assertTrue(np.all((low <= values) & (values <= high)))
            self.assertLessEqual(len(np.unique(bins)), most)
            self.assertEqual(sorted(np.unique(bins)), list(range(len(np.unique(bins)))))
            edges = np.unique(np.stack([bins, low, high], axis=1), axis=0)
            self.assertTrue(np.all(edges[1:, 1] > edges[:-1, 2]))  # equal values are never torn apart
            self.assertLess(np.bincount(bins.astype(int)).max(), 2.5 * 500 / most)


class Labels(unittest.TestCase):
    def test_confident_learning(self):
        """The confident joint of Northcutt et al. (2021), of any number of classes, for two: item i of label y is counted as k, the likeliest of the classes whose
        probability is at least their mean self-confidence; off the diagonal, and not predicted as given, it is suspect; ranked by normalised margin."""
        random = np.random.default_rng(2)
        for sharp in (.5, 2, 6):
            truth = random.integers(0, 2, 400)
            given = np.where(random.random(400) < .15, 1 - truth, truth)
            p = 1 / (1 + np.exp(-sharp * (2 * truth - 1 + random.normal(size=400))))
            both = np.stack([1 - p, p], axis=1)
            thresholds = np.array([both[given == y, y].mean() for y in (0, 1)])
            confident = np.where(both >= thresholds, both, -1)
            counted = np.where(confident.max(axis=1) >= 0, confident.argmax(axis=1), given)
            suspect = (counted != given) & (both.argmax(axis=1) != given)
            margin = both[np.arange(400), given] - both[np.arange(400), 1 - given]
            expected = sorted(np.flatnonzero(suspect), key=lambda i: margin[i])
            found = numbers("labels", text="\n".join(f"{y} {x!r}" for y, x in zip(given.tolist(), p.tolist())))
            self.assertGreater(len(expected), 5)
            self.assertEqual([int(i) for i, _ in found], expected)
            np.testing.assert_allclose([m for _, m in found], margin[expected], atol=1e-12)


class Pictures(unittest.TestCase):
    def zigzag(self):
        for total in range(1, 11):
            for i in range(total + 1):
                v = i if total % 2 else total - i
                yield v, total - v

    def reference(self, picture):
        """Coefficients in the order of the bits, in grey levels of amplitude, by SciPy."""
        small = (picture @ np.array([77, 150, 29]) / 256).reshape(32, 7, 32, 7).mean(axis=(1, 3))
        dct = scipy.fft.dctn(small, norm="ortho") / 16  # a wave of amplitude 1 along both axes is 1
        amplitude = lambda v, u: dct[v, u] / (2 ** .5) ** ((u == 0) + (v == 0))
        return np.array([amplitude(v, u) for v, u in list(self.zigzag())[:64]])

    def test_hashes(self):
        random = np.random.default_rng(3)
        y, x = np.mgrid[:224, :224]
        pictures = [random.integers(0, 256, (224, 224, 3)) for _ in range(3)]
        for _ in range(12):  # blobs: what pictures are like
            field = sum(random.normal() * 60 / k * np.cos(2 * np.pi * (random.uniform(-k, k) * x + random.uniform(-k, k) * y) / 224 + random.uniform(0, 7)) for k in range(1, 8))
            pictures.append(np.clip(128 + field[..., None] + random.normal(size=3) * 20, 0, 255).round().astype(int))
        flat = [np.full((224, 224, 3), value) for value in (0, 16, 200)] + [np.repeat((x // 2)[..., None], 3, axis=2), np.repeat((y // 2 + x // 4)[..., None], 3, axis=2)]
        data = b"".join(picture.astype(np.uint8).tobytes() for picture in pictures + flat)
        told = subprocess.run([TOOLS / "tool_fingerprint", "-"], input=data, check=True, capture_output=True).stdout.decode().split()
        for picture, word in zip(pictures, told):
            c = self.reference(picture)
            bits = np.array([int(word.rstrip("-"), 16) >> i & 1 for i in range(64)])
            sure = np.abs(c) > .02  # integer cosines have 12 bits
            self.assertTrue(np.array_equal(bits[sure], (c > 0)[sure]))
            self.assertGreater(sure.sum(), 40)
        for picture, word in zip(pictures[3:], told[3:]):
            near = np.abs(np.abs(self.reference(picture)) - .5) < .02
            details = (np.abs(self.reference(picture)) >= .5).sum()
            if not near.any():
                self.assertEqual(not word.endswith("-"), details >= 32)
        self.assertTrue(all(word.endswith("-") for word in told[len(pictures):]), told[len(pictures):])


if __name__ == "__main__":
    unittest.main()
