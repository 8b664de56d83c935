"""The figures of a ranking against scikit-learn (1e-12) over 1,000 random cases: ties, tiny classes, constants, huge and tiny scores, one class; and the same bits at 1, 2, 3, 4 and 8 ranks."""
import multiprocessing, os, pathlib, subprocess, sys, tempfile, warnings

import numpy as np
from sklearn import metrics as sk

CASES = 1000
LIMITS = .05, .01, .001


def make_case(random, number):
    n = int(random.integers(2, 12)) if number % 4 == 0 else int(random.integers(12, 1500))
    share = random.choice([.5, .1, .9, 2 / n])
    label = (random.random(n) < share).astype(np.uint8)
    label[random.permutation(n)[:2]] = 0, 1
    if number % 50 == 1:
        label[:] = number // 50 % 2
    score = random.normal(label * random.choice([0, 1, 4, -1]), 1)
    kind = number % 10
    if kind in (1, 2):
        score = np.round(score, 1)
    elif kind == 3:
        score = np.full(n, score[0])
    elif kind == 4:
        score = np.where(random.random(n) < .7, 0., score)  # one value that most share
    elif kind == 5:
        score = score * 10.**random.integers(-300, 300, n)
    elif kind == 6:
        score = np.where(random.random(n) < .5, -0., 0.) + np.round(score)
    elif kind == 7:
        score = np.sort(score)[::random.choice([-1, 1])]
    elif kind == 8:
        score = score.astype(np.float32).astype(np.float64)
    return label, score


def equal_error_rate(fpr, tpr):
    """Where the ROC curve meets the line from (0, 1) to (1, 0)."""
    gap = 1 - tpr - fpr
    i = np.flatnonzero(gap <= 0)[0]
    return fpr[i] if gap[i] == 0 and fpr[i] == fpr[i - 1] else fpr[i - 1] + (fpr[i] - fpr[i - 1]) * gap[i - 1] / (gap[i - 1] - gap[i])


def reference(case):
    label, score = case
    if len(set(label)) < 2:
        return None
    warnings.simplefilter("ignore")
    fpr, tpr, threshold = sk.roc_curve(label, score, drop_intermediate=False)
    values = [sk.roc_auc_score(label, score), sk.average_precision_score(label, score), sk.average_precision_score(1 - label, -score), equal_error_rate(fpr, tpr)]
    standardised = sk.roc_auc_score(label, score, max_fpr=.1)
    raw = .1**2 / 2 + (2 * standardised - 1) * (.1 - .1**2 / 2)  # what McClish's correction was made of
    values += [raw, standardised, len(set(score))]
    for limit in LIMITS:
        best = np.flatnonzero(fpr <= limit)
        at = best[np.argmax(tpr[best])]  # the first of the largest
        values += [round(tpr[at] * label.sum()), threshold[at] if tpr[at] > 0 else 0.]
    return values


def main():
    np.seterr(over="ignore")  # of doubles that no float holds
    random = np.random.default_rng(11)
    cases = [make_case(random, number) for number in range(CASES)]
    with multiprocessing.Pool(2) as pool:
        wanted = pool.map(reference, cases, chunksize=50)
    tool = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_ranking"
    with tempfile.TemporaryDirectory() as directory:
        def run(ranks, cases, *words):
            path, out = f"{directory}/cases", f"{directory}/figures"
            with open(path, "wb") as file:
                for label, score in cases:
                    file.write(np.int64(len(label)).tobytes() + score.tobytes() + label.tobytes())
            subprocess.run(["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", str(ranks), str(tool), path, out, *words], check=True)
            return np.fromfile(out).reshape(len(cases), 16)

        found = run(1, cases)
        for ranks, count in (2, 300), (3, CASES), (4, 300), (8, 300):
            assert run(ranks, cases[:count]).tobytes() == found[:count].tobytes(), f"other bits at {ranks} ranks"
        narrow = [i for i, (_, score) in enumerate(cases) if np.array_equal(score, score.astype(np.float32))]
        assert len(narrow) > 100
        assert run(3, [cases[i] for i in narrow], "floats").tobytes() == found[narrow].tobytes(), "scores that are floats give other figures as floats"
    for number, (got, values) in enumerate(zip(found, wanted)):
        if values is None:
            assert not got.any()
            continue
        kept = [*range(7), *range(9, 15)]
        np.testing.assert_allclose(got[kept], values, rtol=0, atol=1e-12, err_msg=f"case {number}: {cases[number]}")
    assert sum(values is None for values in wanted) > 2


if __name__ == "__main__":
    sys.exit(main())
