"""`breakdown`, `hardest` and `controls` of `desy eval --scores` against scikit-learn and scipy, with ties, tiny sources, sources of both classes and more sources than the matrix
holds; the same bytes at any number of ranks; and made score files for each verdict."""
import csv, filecmp, json, math, os, pathlib, subprocess, sys, tempfile

import numpy as np
from scipy import stats
from scipy.optimize import brentq
from sklearn.metrics import roc_auc_score

FOLDER = pathlib.Path(tempfile.mkdtemp())
Z = stats.norm.ppf(.975)


def evaluate(name, ranks, label, score, source, *options):
    path, report = FOLDER / f"{name}.csv", FOLDER / f"{name}-{ranks}"
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["id", "label", "score", "source"])
        out.writerows([f"clip {i:05}", label[i], repr(float(score[i])), source[i]] for i in range(len(label)))
    command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", str(ranks)] if ranks > 1 else []
    done = subprocess.run([*command, os.environ["DESY_PROGRAM"], "eval", "--scores", path, "-o", report, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads((report / "metrics.json").read_text()), report


def close(what, got, wanted, tolerance=1e-12):
    assert np.allclose(got, wanted, rtol=0, atol=tolerance), f"{what}: {got!r}, not {wanted!r}"


def delong(pos, neg):
    wins = (pos[:, None] > neg[None, :]) + .5 * (pos[:, None] == neg[None, :])
    return wins.mean(), math.sqrt(wins.mean(1).var(ddof=1) / len(pos) + wins.mean(0).var(ddof=1) / len(neg))


def newcombe(auc, pos, neg):
    def variance(t):
        star = (pos + neg) / 2 - 1
        return t * (1 - t) * (1 + star * (1 - t) / (2 - t) + star * t / (1 + t)) / (pos * neg)

    def bound(end):
        outside = lambda t: abs(auc - t) - Z * math.sqrt(variance(t))
        return end if auc == end else brentq(outside, auc + (end - auc) * 1e-9, end, xtol=1e-15)

    return bound(0.), bound(1.)


def clopper(k, n):
    return [0 if k == 0 else stats.beta.ppf(.025, k, n - k + 1), 1 if k == n else stats.beta.ppf(.975, k + 1, n - k)]


def check_area(what, entry, pos, neg, few=10):
    assert (entry["n_pos"], entry["n_neg"]) == (len(pos), len(neg)), what
    auc = roc_auc_score([1] * len(pos) + [0] * len(neg), np.concatenate([pos, neg]))
    close(what, entry["roc_auc"], auc)
    if entry["roc_auc_ci_method"] == "DeLong":
        _, deviation = delong(pos, neg)
        assert min(len(pos), len(neg)) >= few and deviation > 0, what
        close(what, entry["roc_auc_ci"], np.clip([auc - Z * deviation, auc + Z * deviation], 0, 1))
    else:
        close(what, entry["roc_auc_ci"], newcombe(auc, len(pos), len(neg)), 1e-9)


def made(n, seed=3):
    """Sources of all sizes, a tiny one, one of both classes, one that is scored the wrong way round, and clips of none."""
    random = np.random.default_rng(seed)
    names = np.array(["sora", "veo, \"3\"", "rare", "both", "odd", "=cam", "phone", "both", "", "dash"])
    labels = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    which = random.choice(10, n, p=[.2, .15, .006, .05, .09, .2, .15, .05, .05, .054])
    label, source = labels[which], names[which]
    score = np.round(np.clip(random.normal(.35 + .3 * label, .2), 0, 1), 2)
    score[source == "odd"] = np.round(.5 * score[source == "odd"], 2) / 2
    return label, score, source


def test_breakdown():
    label, score, source = made(900)
    metrics, report = evaluate("made", 1, label, score, source)
    breakdown, ai, real = metrics["breakdown"], label == 1, label == 0
    for entry in breakdown["generators"]:
        mine = score[ai & (source == entry["source"])]
        check_area(entry["source"], entry, mine, score[real])
        close("tpr", entry["tpr"], (mine >= .5).mean())
        close("tpr_ci", entry["tpr_ci"], clopper((mine >= .5).sum(), len(mine)), 1e-9)
    for entry in breakdown["real_sources"]:
        mine = score[real & (source == entry["source"])]
        check_area(entry["source"], entry, score[ai], mine)
        close("fpr", entry["fpr"], (mine >= .5).mean())
        close("fpr_ci", entry["fpr_ci"], clopper((mine >= .5).sum(), len(mine)), 1e-9)
    sizes = [entry["n"] for entry in breakdown["generators"]]
    assert sizes == sorted(sizes, reverse=True) and len(breakdown["cells"]) == 5 * 4
    for cell in breakdown["cells"]:
        check_area((cell["generator"], cell["real_source"]), cell, score[ai & (source == cell["generator"])], score[real & (source == cell["real_source"])])
    close("macro", breakdown["macro"]["generators"]["roc_auc"], np.mean([entry["roc_auc"] for entry in breakdown["generators"]]))
    close("macro", breakdown["macro"]["real_sources"]["fpr"], np.mean([entry["fpr"] for entry in breakdown["real_sources"]]))
    large = [entry for entry in breakdown["generators"] if entry["n"] >= 10]
    assert any(entry["n"] < 10 for entry in breakdown["generators"])
    assert breakdown["worst_generator"] == min(large, key=lambda entry: (entry["tpr"], entry["roc_auc"]))
    assert breakdown["worst_real_source"] == max(breakdown["real_sources"], key=lambda entry: (entry["fpr"], -entry["roc_auc"]))
    inverted = {(entry.get("generator"), entry.get("real_source")) for entry in breakdown["inverted"]}
    wanted = {(cell["generator"], cell["real_source"]) for cell in breakdown["cells"] if cell["roc_auc_ci"][1] < .5}
    assert inverted - {("odd", None)} == wanted and ("odd", None) in inverted and ("odd", "phone") in inverted
    rows = list(csv.DictReader(open(report / "breakdown.csv", newline="")))
    assert len(rows) == 5 + 4 + 20
    for row in rows:
        if row["generator"] == "odd" and row["real_source"] == "=cam":
            cell = next(cell for cell in breakdown["cells"] if (cell["generator"], cell["real_source"]) == ("odd", "=cam"))
            assert [float(row["roc_auc"]), float(row["roc_auc_low"]), row["interval"]] == [cell["roc_auc"], cell["roc_auc_ci"][0], cell["roc_auc_ci_method"]]

    order = sorted(np.flatnonzero(ai), key=lambda i: (score[i], i))[:20]
    assert [entry["row"] for entry in metrics["hardest"]["missed"]] == order
    assert metrics["hardest"]["missed"][0] == {"id": f"clip {order[0]:05}", "source": source[order[0]], "score": score[order[0]], "row": order[0]}
    order = sorted(np.flatnonzero(real), key=lambda i: (-score[i], i))[:20]
    assert [entry["row"] for entry in metrics["hardest"]["false_alarms"]] == order


def test_ranks():
    label, score, source = made(700, 8)
    reports = [evaluate("ranks", ranks, label, score, source)[1] for ranks in (1, 2, 3)]
    for report in reports[1:]:
        for name in ("metrics.json", "breakdown.csv"):
            assert filecmp.cmp(reports[0] / name, report / name, shallow=False), (report, name)


def test_many_sources():
    random = np.random.default_rng(1)
    n = 4000
    label = random.integers(0, 2, n)
    source = np.array([f"s{int(120 * random.random() ** 2):03}" for _ in range(n)])
    score = random.random(n) * .8 + .2 * label
    metrics, report = evaluate("many", 2, label, score, source)
    breakdown = metrics["breakdown"]
    assert len(breakdown["generators"]) == len(breakdown["real_sources"]) == 50 and len(breakdown["cells"]) == 2500
    assert breakdown["n_generators"] == len(set(source[label == 1])) > 50 and len(breakdown["notes"]) == 2
    sizes = sorted(((source[label == 1] == name).sum() for name in set(source)), reverse=True)
    assert [entry["n"] for entry in breakdown["generators"]] == sizes[:50]
    areas = [roc_auc_score(label[(label == 0) | (source == name)], score[(label == 0) | (source == name)]) for name in set(source[label == 1])]
    close("macro", breakdown["macro"]["generators"]["roc_auc"], np.mean(areas))
    rows = list(csv.DictReader(open(report / "breakdown.csv", newline="")))
    assert len(rows) == breakdown["n_generators"] + breakdown["n_real_sources"] + 2500


def folded(score, names):
    sources = sorted(set(names))
    areas = [roc_auc_score(np.r_[np.ones((names == a).sum()), np.zeros((names == b).sum())], np.r_[score[names == a], score[names == b]])
             for i, a in enumerate(sources) for b in sources[i + 1:]]
    return np.mean([max(area, 1 - area) for area in areas]), max(max(area, 1 - area) for area in areas)


def test_controls():
    label, score, source = made(400, 5)
    controls = evaluate("controls", 2, label, score, source)[0]["controls"]
    labels, n, m = controls["label_permutation"], (label == 1).sum(), (label == 0).sum()
    close("roc_auc", labels["roc_auc"], roc_auc_score(label, score))
    ties = np.unique(score, return_counts=True)[1]
    deviation = math.sqrt((n + m + 1 - (ties ** 3 - ties).sum() / ((n + m) * (n + m - 1))) / (12 * n * m))
    close("mean", labels["mean"], .5, 4 * deviation / math.sqrt(1000))
    close("band", labels["band"], [.5 - Z * deviation, .5 + Z * deviation], .2 * deviation)
    assert labels["p"] == 1 / 1001 and labels["permutations"] == 1000

    real = (label == 0) & (source != "")
    mean, highest = folded(score[real], source[real])
    close("mean", controls["real_against_real"]["mean"], mean)
    close("highest", controls["real_against_real"]["highest"]["folded"], highest)
    random = np.random.default_rng(2)
    null = [folded(score[real], random.permutation(source[real]))[0] for _ in range(150)]
    close("null", controls["real_against_real"]["null_mean"], np.mean(null), 4 * np.std(null) / math.sqrt(150))
    close("band", controls["real_against_real"]["null_band"], np.quantile(null, [.025, .975]), 1.5 * np.std(null))


def test_normal():
    """Many clips: no permutations, the distribution of the Mann-Whitney statistic, as scipy has it."""
    random = np.random.default_rng(9)
    label = random.integers(0, 2, 30000)
    score = np.round(random.random(30000) + .006 * label, 2)
    labels = evaluate("normal", 2, label, score, np.full(30000, ""))[0]["controls"]["label_permutation"]
    assert "permutations" not in labels
    wanted = stats.mannwhitneyu(score[label == 1], score[label == 0], alternative="greater", method="asymptotic", use_continuity=False).pvalue
    assert math.isclose(labels["p"], wanted, rel_tol=1e-9), (labels["p"], wanted)


def test_verdicts():
    random = np.random.default_rng(4)
    n = 2000
    label = np.repeat([0, 1], n // 2)
    names = np.array(["cam-a", "cam-b", "cam-c", "cam-d"])
    source = np.where(label == 0, names[np.arange(n) % 4], "sora")
    clean = .3 * label + random.normal(.35, .15, n)
    controls = evaluate("clean", 1, label, clean, source)[0]["controls"]
    assert controls["verdict"] == "no shortcut found", controls
    assert any("a score file has none" in reason for reason in controls["reasons"])
    by_camera = clean - .15 * (source == "cam-a") + .15 * (source == "cam-b")  # the score knows the collections
    controls = evaluate("cameras", 1, label, by_camera, source)[0]["controls"]
    assert controls["verdict"] == "shortcut suspected" and controls["real_against_real"]["p"] < .01, controls
    few = np.r_[0:12, n // 2:n // 2 + 10]
    controls = evaluate("few", 1, label[few], clean[few], source[few])[0]["controls"]
    assert controls["verdict"] == "too little data", controls
    metrics = evaluate("none", 1, label[few], clean[few], source[few], "--controls", "none")[0]
    assert "controls" not in metrics and "breakdown" in metrics
    metrics = evaluate("one_class", 1, np.ones(5, int), clean[:5], np.full(5, "sora"))[0]
    assert metrics["controls"]["verdict"] == "too little data" and "label_permutation" not in metrics["controls"]
    assert "roc_auc" not in metrics["breakdown"]["generators"][0] and metrics["hardest"]["false_alarms"] == []


def test_lodo():
    label, score, source = made(300, 6)
    path = FOLDER / "lodo.json"
    path.write_text(json.dumps({"views": {"as_is": {"fused": {"ranked_right": .91, "ci_sources": [.85, .95]}}}}))
    quoted = evaluate("lodo", 1, label, score, source, "--lodo", path)[0]["controls"]["leave_one_generator_out"]
    assert quoted["ranked_right"] == .91 and quoted["ci_sources"] == [.85, .95]
    (FOLDER / "lodo-1" / "lodo.json").write_text(path.read_text())  # of nothing that a file of scores could be compared with
    assert "leave_one_generator_out" not in evaluate("lodo", 1, label, score, source)[0]["controls"]


if __name__ == "__main__":
    import shutil
    try:
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test()
    finally:
        shutil.rmtree(FOLDER)
