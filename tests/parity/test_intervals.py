"""Intervals and comparisons of `desy eval` against scipy, scikit-learn and the papers' formulae written in NumPy."""
import csv, json, os, subprocess, sys, tempfile

import numpy as np
from scipy import special, stats
from sklearn.metrics import roc_auc_score

TOOL = os.path.join(os.environ["DESY_BUILD_DIR"], "tests", "tool_resamples")
RESAMPLES, SEED, THRESHOLD = 300, 7, .5
Z = stats.norm.ppf(.975)


def close(name, got, wanted, tolerance=1e-9):
    np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance, err_msg=name)


def desy(*arguments, ranks=1, code=0):
    launcher = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", str(ranks)] if ranks > 1 else []
    done = subprocess.run([*launcher, os.environ["DESY_PROGRAM"], "eval", *arguments], capture_output=True, text=True)
    assert done.returncode == code, (arguments, done.returncode, done.stderr)
    return done


def report(directory):
    with open(os.path.join(directory, "metrics.json")) as file:
        return json.load(file)


class Clips:
    """Scores with ties and failures; sources and groups that share something; groups (prompts) that reach over sources and labels."""

    def __init__(self, random, n=240, sources=4):
        self.label = np.arange(n) % 2
        self.source = np.array([f"{'ai' if y else 'real'} {k}" for y, k in zip(self.label, random.integers(0, sources, n))])
        self.group = np.array([f"p{k}" if k < 40 else "" for k in random.integers(0, 50, n)])
        effects = {name: random.normal() * .1 for name in sorted({*self.source, *self.group})}
        shared = np.array([effects[s] + effects[g] for s, g in zip(self.source, self.group)])
        score = .4 + .2 * self.label + shared + random.normal(size=n) * .1
        self.score = np.round(score, 2)
        self.other = np.round(score + random.normal(size=n) * .1, 2)
        self.failed = random.random(n) < .04

    def write(self, path, score, order=None, ids=None):
        with open(path, "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["id", "label", "score", "source", "group"])
            for i in range(len(score)) if order is None else order:
                out.writerow([ids[i] if ids else f"clip {i}", self.label[i], "" if self.failed[i] else repr(float(score[i])), self.source[i], self.group[i]])

    def kept(self, *arrays):
        return [array[~self.failed] for array in arrays]


def check_closed_forms(random):
    lines, wanted = [], []
    for _ in range(1000):
        n = int(10 ** random.uniform(0, 7))
        k = int(random.integers(0, n + 1)) if random.random() < .5 else min(n, int(10 ** random.uniform(0, 2)) - 1)
        lines.append(f"rate {k} {n}")
        wanted += [0. if k == 0 else special.betaincinv(k, n - k + 1, .025), 1. if k == n else special.betaincinv(k + 1, n - k, .975)]
    for _ in range(200):
        n = int(random.integers(1, 2000))
        k = int(random.binomial(n, random.choice([.5, .4, .1])))
        lines.append(f"mcnemar {k} {n}")
        wanted.append(stats.binomtest(k, n).pvalue)
        p = random.random() ** 3
        lines.append(f"quantile {p!r} 0")
        wanted.append(special.ndtri(p))
    got = subprocess.run([TOOL, "closed"], input="\n".join(lines), capture_output=True, text=True, check=True).stdout.split()
    close("closed forms", np.array(got, float), wanted)


def draw(path, kind):
    """Units of the rows, strata, and weights and figures of every resample."""
    text = subprocess.run([TOOL, "draw", path, kind, str(SEED), str(RESAMPLES), str(THRESHOLD)], capture_output=True, text=True, check=True).stdout.splitlines()
    lines = [np.array(line.split(), float) for line in text]
    return lines[0].astype(int), lines[1].astype(int), int(lines[2][0]), np.array(lines[3::2]).astype(int), np.array(lines[4::2])


def names_of(clips, kind):
    """What is drawn as one, and what it is drawn from, of each clip."""
    group, source, label, clip = clips.kept(clips.group, clips.source, clips.label, np.arange(len(clips.label)))
    unit = [g or f"clip {c}" for g, c in zip(group, clip)]
    if kind == "clips":
        return [(s, y, c) for s, y, c in zip(source, label, clip)], list(zip(source, label))
    if kind == "sources":
        return list(zip(source, label, unit)), list(zip(source, label))
    labels = {}
    for u, y in zip(unit, label):
        labels.setdefault(u, set()).add(int(y))
    return unit, [tuple(sorted(labels[u])) for u in unit]


def figures(label, score, weight):
    called = score >= THRESHOLD
    rate = lambda of: (weight * called * of).sum() / (weight * of).sum()
    right = (weight * (called == label)).sum() / weight.sum()
    return roc_auc_score(label, score, sample_weight=weight), rate(label == 1), rate(label == 0), right


def check_draws(clips, path, kind):
    """Units are the names'; each resample's figures are those of its weights; as many are drawn as there are; counts have the moments of draws with replacement."""
    of, first, n_real, weights, values = draw(path, kind)
    label, score = clips.kept(clips.label, clips.score)
    units, strata = names_of(clips, kind)
    assert len(set(zip(units, of))) == len(set(units)) == len(set(of)) == first[-1], kind
    stratum_of_unit = np.searchsorted(first, np.arange(first[-1]), side="right") - 1
    assert len(set(zip(strata, stratum_of_unit[of]))) == len(set(strata)) == len(first) - 1, kind
    for r in range(0, RESAMPLES, 7):
        close(f"{kind}, resample {r}", values[r], figures(label, score, weights[r][of]), 1e-12)
    sums, sizes = np.add.reduceat(weights, first[:-1], axis=1), np.diff(first)
    if kind == "sources":
        times = sums // sizes
        assert (times * sizes == sums).all() and n_real == len({s for s, y in strata if y == 0})
        assert (times[:, :n_real].sum(1) == n_real).all() and (times[:, n_real:].sum(1) == len(first) - 1 - n_real).all()
        # Of n sources each is drawn Binomial(n, 1/n) times; six standard errors.
        for part in times[:, :n_real], times[:, n_real:]:
            n = part.shape[1]
            variance = part.var(axis=0).mean()
            assert abs(variance - (1 - 1 / n)) < 6 * np.sqrt(3 / RESAMPLES / n), (kind, variance, n)
    else:
        assert (sums == sizes).all(), kind
    return of, weights, values


def check_counts(folder):
    """One large stratum: counts are Binomial(n, 1/n), by a chi-squared test that fails a right program once in a million."""
    n = 2000
    path = f"{folder}/large.csv"
    with open(path, "w") as file:
        file.write("id,label,score\n" + "".join(f"{i},{i % 2},{i}\n" for i in range(2 * n)))
    _, first, _, weights, _ = draw(path, "clips")
    assert list(first) == [0, n, 2 * n]
    most = 6
    expected = stats.binom.pmf(np.arange(most), n, 1 / n)
    expected = np.append(expected, 1 - expected.sum()) * weights.size
    got = np.bincount(np.minimum(weights.ravel(), most), minlength=most + 1)
    assert stats.chi2.sf(((got - expected) ** 2 / expected).sum(), most) > 1e-6, (got, expected)
    for a, b in ((0, 1), (3, 4), (5, 69)):  # units, and resamples, know nothing of each other
        for columns in (weights[:, a], weights[:, b]), (weights[a % RESAMPLES], weights[b % RESAMPLES]):
            assert abs(stats.pearsonr(*columns).statistic) < 6 / np.sqrt(len(columns[0])), (a, b)


def jackknife(clips, kind, statistic):
    """Figures without each unit, sample by sample; of sources without each source."""
    units, strata = names_of(clips, kind)
    units, strata = np.array([repr(u) for u in units]), np.array([repr(s) for s in strata])
    if kind == "sources":
        label, = clips.kept(clips.label)
        units, strata = strata, label.astype(str)
    return [np.array([statistic(units != unit) for unit in np.unique(units[strata == stratum])]) for stratum in np.unique(strata)]


def bca(values, estimate, samples):
    """Efron (1987); acceleration of several samples: Davison & Hinkley (1997), equation 5.23 with influences over sample sizes."""
    influences = [np.array([(len(sample) - 1) * (np.mean(sample) - x) / len(sample) for x in sample]) for sample in samples]
    every = np.concatenate(influences)
    a = (every ** 3).sum() / (6 * (every ** 2).sum() ** 1.5)
    bias = stats.norm.ppf(((values < estimate).mean() + (values <= estimate).mean()) / 2)
    z = bias + np.array([-Z, Z])
    return np.quantile(values, stats.norm.cdf(bias + z / (1 - a * z)))


def check_bootstrap(clips, path, folder):
    label, score = clips.kept(clips.label, clips.score)
    desy("--scores", path, "-o", f"{folder}/report", "--bootstrap", str(RESAMPLES), "--seed", str(SEED))
    m = report(f"{folder}/report")
    assert m["headline_ci"]["unit"] == "generators and real sources" and m["headline_ci"]["generators"] == 4 and m["headline_ci"]["real_sources"] == 4
    for kind, member in ("clips", "clip_ci"), ("sources", "headline_ci"):
        _, _, values = check_draws(clips, path, kind)
        statistic = lambda keep: figures(label[keep], score[keep], np.ones(keep.sum()))
        estimates, samples = [m[name] for name in ("roc_auc", "tpr", "fpr", "accuracy")], jackknife(clips, kind, statistic)  # resamples are equal to these, or not, to the last bit
        close("estimates", estimates, statistic(np.full(len(label), True)), 1e-12)
        for column, name in enumerate(("roc_auc", "tpr", "fpr", "accuracy")):
            close(f"{member} {name}", m[member][name + "_percentile"], np.quantile(values[:, column], [.025, .975]))
            close(f"{member} {name} BCa", m[member][name], bca(values[:, column], estimates[column], [sample[:, column] for sample in samples]))
    check_draws(clips, path, "groups")
    for name, k, n in ("tpr", m["tp"], m["tp"] + m["fn"]), ("fpr", m["fp"], m["fp"] + m["tn"]), ("precision", m["tp"], m["tp"] + m["fp"]), ("npv", m["tn"], m["tn"] + m["fn"]), \
            ("accuracy", m["tp"] + m["tn"], m["n"]):
        close(name, m[name], k / n)
        close(name + "_ci", m[name + "_ci"], stats.binomtest(k, n).proportion_ci(.95, "exact"))
    assert "independence assumed" in m["roc_auc_ci_unit"]


def clustered(label, score, cluster, other=None):
    """Obuchowski (Biometrics 1997): AUC and variance, from the matrix of all pairs; with other scores, of the difference of the AUCs."""
    def components(scores):
        psi = (scores[label == 1][:, None] > scores[label == 0][None, :]) + .5 * (scores[label == 1][:, None] == scores[label == 0][None, :])
        return psi.mean(), psi.mean(1), psi.mean(0)
    theta, v10, v01 = components(score)
    if other is not None:
        theta, v10, v01 = (b - a for a, b in zip((theta, v10, v01), components(other)))
    m, n = (label == 1).sum(), (label == 0).sum()
    names = np.unique(cluster)
    of_pos, of_neg = cluster[label == 1], cluster[label == 0]
    x = np.array([(v10[of_pos == k] - theta).sum() for k in names])
    y = np.array([(v01[of_neg == k] - theta).sum() for k in names])
    i10, i01, i = len(np.unique(of_pos)), len(np.unique(of_neg)), len(names)
    s10, s01, s11 = i10 / ((i10 - 1) * m) * (x ** 2).sum(), i01 / ((i01 - 1) * n) * (y ** 2).sum(), i / (i - 1) * (x * y).sum()
    return theta, s10 / m + s01 / n + 2 * s11 / (m * n)


def check_clustered(clips, folder):
    label, score, group, index = clips.kept(clips.label, clips.score, clips.group, np.arange(len(clips.label)))
    theta, variance = clustered(label, score, np.array([g or f"clip {i}" for g, i in zip(group, index)]))
    m = report(f"{folder}/report")
    close("clustered", m["roc_auc_ci_clustered"], [theta - Z * variance ** .5, theta + Z * variance ** .5])


def check_versus(clips, path, folder, random):
    other = f"{folder}/b.csv"
    clips.write(other, clips.other, order=random.permutation(len(clips.label)))
    label, a, b, group, index = clips.kept(clips.label, clips.score, clips.other, clips.group, np.arange(len(clips.label)))
    cluster = np.array([g or f"clip {i}" for g, i in zip(group, index)])
    bytes_of = set()
    for ranks in 1, 2, 3, 4:
        done = desy("--scores", path, "--versus", other, "-o", f"{folder}/versus{ranks}", "--bootstrap", str(RESAMPLES), ranks=ranks)
        with open(f"{folder}/versus{ranks}/metrics.json", "rb") as file:
            bytes_of.add(file.read())
    assert len(bytes_of) == 1, "not the same at any number of ranks"
    v = report(f"{folder}/versus1")["versus"]
    assert done.stdout.splitlines() == v["words"], done.stdout
    difference, variance = clustered(label, a, cluster, b)
    close("difference", v["roc_auc"]["difference"], difference)
    close("its interval", v["roc_auc"]["difference_ci"], [difference - Z * variance ** .5, difference + Z * variance ** .5])
    close("its p", v["roc_auc"]["p"], 2 * stats.norm.sf(abs(difference) / variance ** .5))
    right = (a >= THRESHOLD) == label, (b >= THRESHOLD) == label
    alone = (right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum()
    assert (v["accuracy"]["ours_alone_right"], v["accuracy"]["rival_alone_right"]) == alone
    close("McNemar", v["accuracy"]["p"], stats.binomtest(int(alone[0]), int(sum(alone))).pvalue)
    low, high = v["headline_ci"]["roc_auc"]
    assert low < difference < high
    assert v["headline_ci"]["unit"] == "generators and real sources"
    # Without groups each clip is its own: DeLong's covariance.
    plain = Clips(random)
    plain.group[:] = ""
    plain.write(f"{folder}/c.csv", plain.score)
    plain.write(f"{folder}/d.csv", plain.other)
    desy("--scores", f"{folder}/c.csv", "--versus", f"{folder}/d.csv", "-o", f"{folder}/plain", "--bootstrap", "0")
    m = report(f"{folder}/plain")
    label, a, b = plain.kept(plain.label, plain.score, plain.other)
    difference, variance = clustered(label, a, np.arange(len(label)), b)
    close("plain interval", m["versus"]["roc_auc"]["difference_ci"], [difference - Z * variance ** .5, difference + Z * variance ** .5])
    assert not {"headline_ci", "clip_ci", "bootstrap", "roc_auc_ci_clustered"} & set(m) and "headline_ci" not in m["versus"]


def check_refusals(clips, path, folder):
    n, bad = len(clips.label), f"{folder}/bad.csv"
    ids = [f"clip {i}" for i in range(n)]
    clips.write(bad, clips.other, order=[i for i in range(n) if i not in (5, 9)])
    assert f"2 ids of {path} are not in {bad}, the first is clip 5" in desy("--scores", path, "--versus", bad, "-o", f"{folder}/no", ranks=3, code=2).stderr
    clips.write(bad, clips.other, ids=ids[:7] + ["other"] + ids[8:])
    assert "1 ids of" in desy("--scores", path, "--versus", bad, "-o", f"{folder}/no", ranks=2, code=2).stderr
    clips.write(bad, clips.other, order=[*range(n), 3])
    assert 'the id "clip 3" is that of line' in desy("--scores", path, "--versus", bad, "-o", f"{folder}/no", ranks=2, code=2).stderr
    clips.label[4] ^= 1
    clips.write(bad, clips.other)
    clips.label[4] ^= 1
    assert "the label of clip 4 is not the same" in desy("--scores", path, "--versus", bad, "-o", f"{folder}/no", code=2).stderr


def check_few(folder):
    """One source of each class: groups are drawn; classes far apart: no interval that says nothing."""
    with open(f"{folder}/few.csv", "w") as file:
        file.write("id,label,score,source,group\n" + "".join(f"{i},{i % 2},{i % 2},{'ab'[i % 2]},{i // 4}\n" for i in range(40)))
    desy("--scores", f"{folder}/few.csv", "-o", f"{folder}/few")
    m = report(f"{folder}/few")
    assert m["headline_ci"]["unit"] == "groups" and m["headline_ci"]["groups"] == 10 and "roc_auc" not in m["headline_ci"], m["headline_ci"]
    assert any("No resample changes the AUC" in note for note in m["notes"]) and "roc_auc_ci_clustered" not in m


def main():
    random = np.random.default_rng(12)
    with tempfile.TemporaryDirectory() as folder:
        clips, path = Clips(random), f"{folder}/a.csv"
        clips.write(path, clips.score)
        check_closed_forms(random)
        check_counts(folder)
        check_bootstrap(clips, path, folder)
        check_clustered(clips, folder)
        check_versus(clips, path, folder, random)
        check_refusals(clips, path, folder)
        check_few(folder)


if __name__ == "__main__":
    sys.exit(main())
