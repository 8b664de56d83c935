"""Every figure of `desy eval --scores` against scikit-learn (1e-12), with ties, failed clips, few clips;
and the same bytes at any number of ranks. Many more cases: test_ranking.py."""
import csv, filecmp, json, math, os, subprocess, sys, tempfile, warnings

import h5py
import numpy as np
from scipy.optimize import brentq
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

FILES = ["metrics.json", "scores.csv", "roc.csv", "pr.csv", "det.csv", "thresholds.csv", "report.html"]


def desy(ranks, *arguments, check=True):
    command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", str(ranks), os.environ["DESY_PROGRAM"], "eval", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not check or done.returncode == 0, (command, done.returncode, done.stderr)
    return done


def close(name, got, wanted, tolerance=1e-12):
    assert math.isclose(got, wanted, rel_tol=0, abs_tol=tolerance), f"{name}: {got!r}, not {wanted!r}"


def cases():
    random = np.random.default_rng(20)

    def mixed(n, share, decimals):
        label = (random.random(n) < share).astype(int)
        label[:2] = 0, 1
        score = np.clip(random.normal(.4 + .2 * label, .2), 0, 1)
        return label, score if decimals is None else np.round(score, decimals)

    yield "continuous", *mixed(997, .5, None)
    yield "ties", *mixed(1500, .3, 2)
    yield "heavy_ties", *mixed(400, .5, 1)
    yield "unbalanced", *mixed(600, .02, 3)
    yield "all_equal", np.array([0, 1, 1, 0, 1]), np.full(5, .5)
    yield "fewer_than_ranks", np.array([1, 0]), np.array([.2, .7])
    yield "separated", np.repeat([0, 1], 20), np.concatenate([random.random(20) * .4, .6 + random.random(20) * .4])
    label, score = mixed(300, .5, None)
    yield "logits", label, np.log(np.clip(score, 1e-6, 1 - 1e-6) / (1 - np.clip(score, 1e-6, 1 - 1e-6)))


def write(path, label, score, source, failed):
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["id", "label", "score", "source", "group"])
        for i in range(len(label)):
            out.writerow([f"clip, {i}", label[i], "" if failed[i] else repr(float(score[i])), source[i], f"g{i // 3}"])


def delong(label, score):
    pos, neg = score[label == 1], score[label == 0]
    wins = (pos[:, None] > neg[None, :]) + .5 * (pos[:, None] == neg[None, :])
    variance = wins.mean(1).var(ddof=1) / len(pos) + wins.mean(0).var(ddof=1) / len(neg) if min(len(pos), len(neg)) > 1 else 0
    return wins.mean(), math.sqrt(variance)


def newcombe(auc, theta, pos, neg):
    star = (pos + neg) / 2 - 1
    return abs(auc - theta) - 1.959963984540054 * math.sqrt(theta * (1 - theta) * (1 + star * (1 - theta) / (2 - theta) + star * theta / (1 + theta)) / pos / neg)


def check_interval(m, label, score):
    auc, error = delong(label, score)
    low, high = m["roc_auc_ci"]
    if error > 0:
        assert "DeLong" in m["roc_auc_ci_unit"]
        close("ci low", low, max(0, auc - 1.959963984540054 * error))
        close("ci high", high, min(1, auc + 1.959963984540054 * error))
    else:
        assert "Newcombe" in m["roc_auc_ci_unit"]
        for bound, end in (low, 0.), (high, 1.):
            assert bound == end or abs(newcombe(auc, bound, (label == 1).sum(), (label == 0).sum())) < 1e-9, (bound, auc)
        assert low < auc or auc == 0


def check_point(m, label, score, threshold, name):
    called = (score >= threshold).astype(int)
    close(name + " accuracy", float(m["accuracy"]), sk.accuracy_score(label, called))
    close(name + " precision", float(m["precision"]), sk.precision_score(label, called, zero_division=0))
    close(name + " recall", float(m["recall"]), sk.recall_score(label, called, zero_division=0))
    close(name + " f1", float(m["f1"]), sk.f1_score(label, called, zero_division=0))
    close(name + " tpr", float(m["tpr"]), called[label == 1].mean())
    close(name + " fpr", float(m["fpr"]), called[label == 0].mean())


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def check_files(report, label, score, source, failed, all_label, all_score):
    fpr, tpr, thresholds = sk.roc_curve(label, score)
    got = rows(report + "/roc.csv")
    assert len(got) == len(fpr), (len(got), len(fpr))
    for name, values in ("fpr", fpr), ("tpr", tpr), ("threshold", thresholds):
        np.testing.assert_allclose([float(row[name]) for row in got], values, rtol=0, atol=1e-15)
    precision, recall, thresholds = sk.precision_recall_curve(label, score)
    got = rows(report + "/pr.csv")
    assert got[-1]["threshold"] == ""
    np.testing.assert_allclose([float(row["precision"]) for row in got], precision, rtol=0, atol=1e-15)
    np.testing.assert_allclose([float(row["recall"]) for row in got], recall, rtol=0, atol=1e-15)
    np.testing.assert_array_equal([float(row["threshold"]) for row in got[:-1]], thresholds)
    got = rows(report + "/thresholds.csv")
    assert {.3, .4, .4238, .5, .6, .7} <= {float(row["threshold"]) for row in got}
    for row in got:
        check_point(row, label, score, float(row["threshold"]), "thresholds.csv " + row["threshold"])
    got = rows(report + "/scores.csv")
    assert [row["id"] for row in got] == [f"clip, {i}" for i in range(len(all_label))]
    assert [row["score"] == "" for row in got] == list(failed)
    assert all(float(row["score"]) == all_score[i] for i, row in enumerate(got) if not failed[i])
    assert [row["source"] for row in got] == list(source)


def check_det(report, label, score):
    got = rows(report + "/det.csv")
    for name, values in zip(("fpr", "fnr", "threshold"), sk.det_curve(label, score)):
        np.testing.assert_allclose([float(row[name]) for row in got], values, rtol=0, atol=1e-15)


def check_low_rates(m, label, score):
    """The partial area, and what is found at few false alarms."""
    close("prevalence", m["prevalence"], label.mean())
    close("partial auc", m["partial_auc"]["standardised"], sk.roc_auc_score(label, score, max_fpr=m["partial_auc"]["max_fpr"]))
    close("partial auc", m["partial_auc"]["raw"], .005 + (2 * m["partial_auc"]["standardised"] - 1) * .095)
    assert [point["fpr_limit"] for point in m["tpr_at_fpr"]] == [.05, .01, .001]
    fpr, tpr, threshold = sk.roc_curve(label, score, drop_intermediate=False)
    for point in m["tpr_at_fpr"]:
        measurable = point["fpr_limit"] >= 3 / (label == 0).sum()
        assert point["measurable"] == measurable, point
        if not measurable:
            assert point["reason"] and not {"tpr", "fpr", "threshold"} & set(point), point
            continue
        within = np.flatnonzero(fpr <= point["fpr_limit"])
        at = within[np.argmax(tpr[within])]
        close("tpr", point["tpr"], tpr[at])
        close("fpr", point["fpr"], fpr[at])
        assert point["threshold"] == threshold[at] if tpr[at] > 0 else "threshold" not in point and point["reason"], point


def check_sources(m, label, score, source):
    assert set(m["by_source"]) == set(source) - {""}
    for name, got in m["by_source"].items():
        mine = source == name
        assert got["n"] == mine.sum()
        close(name + " mean", got["mean_score"], score[mine].mean())
        against = mine if len(set(label[mine])) == 2 else mine | (label != label[mine][0])
        close(name + " auc", got["roc_auc"], sk.roc_auc_score(label[against], score[against]))


def check_calibration(m, label, score):
    if score.min() < 0 or score.max() > 1:
        assert "brier" not in m and "ece" not in m
        return
    close("brier", m["brier"], sk.brier_score_loss(label, score))
    share, mean = calibration_curve(label, score, n_bins=10)
    filled = [b for b in m["calibration"]["equal_width"]["bins"] if b["n"]]
    np.testing.assert_allclose([b["share_ai"] for b in filled], share, rtol=0, atol=1e-12)
    np.testing.assert_allclose([b["mean_score"] for b in filled], mean, rtol=0, atol=1e-12)
    assert sum(b["n"] for b in filled) == len(score)
    close("ece", m["ece"], sum(b["n"] for b in filled) ** -1 * float(np.dot([b["n"] for b in filled], np.abs(share - mean))))


def check_case(directory, name, label, score, random):
    n = len(label)
    source = np.array(["" if n > 5 and i % 11 == 3 else "both, mixed" if i % 7 == 0 else f"{'ai' if label[i] else 'real'}-{i % 3}" for i in range(n)])
    failed = (random.random(n) < .05) & (np.arange(n) > 4) if n > 5 else np.zeros(n, bool)
    path, report = f"{directory}/{name}.csv", f"{directory}/{name}-"
    write(path, label, score, source, failed)
    for ranks in (1, {"ties": 3, "heavy_ties": 4, "fewer_than_ranks": 8}.get(name, 2)):
        desy(ranks, "--scores", path, "-o", report + str(ranks))
        for file in FILES:
            assert filecmp.cmp(report + "1/" + file, report + f"{ranks}/{file}", shallow=False), f"{name}: {file} differs at {ranks} ranks"
    with open(report + "1/metrics.json") as file:
        m = json.load(file)
    y, s, k = label[~failed], score[~failed], source[~failed]
    assert (m["n"], m["n_pos"], m["n_neg"], m["n_failed"]) == (len(y), (y == 1).sum(), (y == 0).sum(), failed.sum())
    close("auc", m["roc_auc"], sk.roc_auc_score(y, s))
    close("ap", m["average_precision"], sk.average_precision_score(y, s))
    close("ap real", m["average_precision_real"], sk.average_precision_score(1 - y, -s))
    fpr, tpr, _ = sk.roc_curve(y, s)
    close("eer", m["eer"], brentq(lambda x: 1 - x - np.interp(x, fpr, tpr), 0, 1, xtol=1e-14) if name not in ("separated",) else 0., 1e-12)
    assert m["threshold"] == .5 and m["threshold_from"] == "default"
    check_point(m, y, s, .5, name)
    check_interval(m, y, s)
    check_low_rates(m, y, s)
    check_det(report + "1", y, s)
    check_calibration(m, y, s)
    check_sources(m, y, s, k)
    check_files(report + "1", y, s, source, failed, label, score)


def check_one_class(directory):
    path = f"{directory}/one.csv"
    write(path, [1, 1, 1], [.2, .6, .9], ["a"] * 3, [False] * 3)
    done = desy(2, "--scores", path, "-o", f"{directory}/one", "--threshold", "0.6")
    assert "Only one class is present" in done.stderr, done.stderr
    with open(f"{directory}/one/metrics.json") as file:
        m = json.load(file)
    assert open(f"{directory}/one/det.csv").read() == "fpr,fnr,threshold\n"
    assert not {"roc_auc", "partial_auc", "tpr_at_fpr", "roc_auc_ci", "average_precision", "average_precision_real", "eer", "fpr"} & set(m), m
    assert m["threshold"] == .6 and m["threshold_from"] == "option" and m["accuracy"] == 2 / 3 and m["precision"] == 1


def check_refusals(directory):
    for text, wanted in ("a,1,nan\n", ":3: "), ("a,2,.5\n", ":3: label \"2\""), ("a,1,inf\n", ":3: "), ("b,1,.5\na,1,.5\nb,0,.2\n", ":5: the id \"b\" is that of line 3"), ("a,1\n", ":3: 2 fields"):
        with open(f"{directory}/bad.csv", "w") as file:
            file.write("id,label,score\nx,0,.5\n" + text)
        done = desy(3, "--scores", f"{directory}/bad.csv", "-o", f"{directory}/bad", check=False)
        assert done.returncode == 2 and "bad.csv" + wanted in done.stderr, (text, done.returncode, done.stderr)
        assert not os.path.exists(f"{directory}/bad")


def check_json_lines(directory):
    """The same scores as JSON Lines, as HDF5 and as a report's own scores.csv give the same figures."""
    table = rows(f"{directory}/ties-1/scores.csv")
    with open(f"{directory}/same.jsonl", "w") as file:
        for row in table:
            value = {"id": row["id"], "label": int(row["label"]), "score": float(row["score"]) if row["score"] else None, "source": row["source"], "group": row["group"]}
            file.write(json.dumps(value) + "\n")
    label, score = [int(row["label"]) for row in table], [float(row["score"] or "nan") for row in table]
    texts = h5py.string_dtype()
    for number in range(2):  # texts of either kind, labels as numbers and as booleans, all chunked or not
        with h5py.File(f"{directory}/same{number}.h5", "w") as file:
            file.create_dataset("id", data=[row["id"] for row in table], dtype=texts) if number else file.create_dataset("id", data=np.array([row["id"] for row in table], "S"))
            file.create_dataset("source", data=np.array([row["source"] for row in table], "S" if number else object), dtype=None if number else texts)
            file.create_dataset("group", data=np.array([row["group"] for row in table], object), dtype=texts)
            file.create_dataset("label", data=np.array(label, bool if number else np.int8))
            file.create_dataset("score", data=np.array(score), chunks=(100,) if number else None)
    with h5py.File(f"{directory}/bad.h5", "w") as file:
        file["id"], file["label"], file["score"] = [3, 4, 5, 6], [0, 1, 1, 2], [.1, .2, .3, .4]
    done = desy(3, "--scores", f"{directory}/bad.h5", "-o", f"{directory}/bad", check=False)
    assert done.returncode == 2 and "bad.h5:4: label 2 of 6" in done.stderr, done.stderr
    for path in f"{directory}/same.jsonl", f"{directory}/same0.h5", f"{directory}/same1.h5", f"{directory}/ties-1/scores.csv":
        desy(2, "--scores", path, "-o", f"{directory}/same")
        with open(f"{directory}/same/metrics.json") as file, open(f"{directory}/ties-1/metrics.json") as other:
            a, b = json.load(file), json.load(other)
        a.pop("provenance"), b.pop("provenance")
        assert a == b


def check_hdf5(directory):
    """Ids of 64 bits without a sign are told apart; other files are not read, nor rows that nobody wrote."""
    path = f"{directory}/ids.h5"
    ids = np.array([2**64 - 1, 2**64 - 2, 2**63, 7], np.uint64)

    def change(make):
        with h5py.File(path, "w") as file:
            file["id"], file["label"] = ids, [0., 1., 1., 0.]
            make(file)

    change(lambda file: file.create_dataset("score", data=[.1, .2, .3, .4]))
    desy(3, "--scores", path, "-o", f"{directory}/ids")
    assert [row["id"] for row in rows(f"{directory}/ids/scores.csv")] == [str(i) for i in ids]
    with h5py.File(f"{directory}/other.h5", "w") as file:
        file["score"] = [.1, .2, .3, .4]
    layout = h5py.VirtualLayout(4, float)
    layout[:] = h5py.VirtualSource(f"{directory}/other.h5", "score", (4,))
    np.arange(4.).tofile(f"{directory}/raw")
    for make, wanted in ((lambda file: file.create_dataset("score", (4,), float, chunks=(2,)), "has rows, but no values"),
                         (lambda file: file.create_virtual_dataset("score", layout), "in other files"),
                         (lambda file: file.create_dataset("score", (4,), float, external=[(f"{directory}/raw", 0, 32)]), "in other files"),
                         (lambda file: file.__setitem__("score", h5py.ExternalLink("other.h5", "score")), "not a link to another one")):
        change(make)
        done = desy(2, "--scores", path, "-o", f"{directory}/bad", check=False)
        assert done.returncode == 2 and "ids.h5: the data set score" in done.stderr and wanted in done.stderr, done.stderr


def main():
    warnings.simplefilter("ignore")
    random = np.random.default_rng(4)
    with tempfile.TemporaryDirectory() as directory:
        for name, label, score in cases():
            check_case(directory, name, label, score, random)
            print("ok", name, flush=True)
        check_one_class(directory)
        check_refusals(directory)
        check_json_lines(directory)
        check_hdf5(directory)


if __name__ == "__main__":
    sys.exit(main())
