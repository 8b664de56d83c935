"""Thresholds by rule, prevalence table, calibration and recalibration of `desy eval --scores` against scikit-learn, SciPy and NumPy; the same bytes at any number of ranks."""
import csv, filecmp, fractions, hashlib, json, math, os, subprocess, sys, tempfile, warnings

import numpy as np
from scipy import optimize, stats
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression

EPSILON = 2.0**-52
RATES = {"fpr_0.05": 50, "fpr_0.01": 10, "fpr_0.001": 1}  # per mille
FILES = ["metrics.json", "thresholds.csv", "report.html"]


def desy(ranks, *arguments):
    command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", str(ranks)] if ranks > 1 else []
    done = subprocess.run([*command, os.environ["DESY_PROGRAM"], "eval", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.returncode, done.stderr)
    return done


def close(name, got, wanted, tolerance=1e-12):
    assert math.isclose(got, wanted, rel_tol=0, abs_tol=tolerance), f"{name}: {got!r}, not {wanted!r}"


def logit(p):
    p = np.clip(p, EPSILON, 1 - EPSILON)
    return np.log(p) - np.log1p(-p)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# ---- the data ----

def cases():
    """Name, labels, scores, split, group."""
    random = np.random.default_rng(8)

    def draw(n, share, gap, decimals=None):
        label = (random.random(n) < share).astype(int)
        label[:8] = 0, 1, 1, 0, 1, 0, 0, 1
        score = sigmoid(1.7 * random.normal(gap * (2 * label - 1), 1) + .3)
        return label, np.clip(score if decimals is None else np.round(score, decimals), 0, 1)

    def parts(n):
        return np.array(["test", "val", "train", "test", "val"])[np.arange(n) % 5]

    label, score = draw(1800, .4, .9)
    yield "validation", label, score, parts(1800), np.array([f"g{i // 3}" for i in range(1800)])
    label, score = draw(700, .3, .7, 2)
    yield "ties", label, score, parts(700), np.array([""] * 700)
    label, score = draw(331, .5, -.3)
    yield "inverted", label, score, parts(331), np.array([""] * 331)
    label, score = draw(600, .15, .8, 3)
    score[:4] = 0, 1, 0, 1
    yield "cross_fitted", label, score, np.array([""] * 600), np.array([f"g{i % 97}" if i % 4 else "" for i in range(600)])
    label = np.repeat([0, 1], 40)
    yield "separated", label, np.where(label == 1, .7, .2) + random.random(80) * .1, parts(80), np.array([""] * 80)
    yield "few", np.array([0, 1, 1]), np.array([.4, .3, .4]), np.array([""] * 3), np.array([""] * 3)


def write(path, label, score, split, group):
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["id", "label", "score", "split", "group"])
        for i in range(len(label)):
            out.writerow([f"clip {i}", label[i], repr(float(score[i])), split[i], group[i]])


# ---- thresholds ----

def choose(rule, label, score):
    """By trying each: the best, and of equals the highest; None: not measurable; inf: to call none is best."""
    pos, neg = int((label == 1).sum()), int((label == 0).sum())
    if rule in RATES and neg * RATES[rule] < 3000:
        return None
    best, found = None, None
    for threshold in [math.inf, *sorted(set(score), reverse=True)]:
        called = score >= threshold
        tp, fp = int(called[label == 1].sum()), int(called[label == 0].sum())
        if rule in RATES:
            value = tp if fp * 1000 <= RATES[rule] * neg else -1
        elif rule == "f1":
            value = fractions.Fraction(2 * tp, tp + fp + pos)
        else:
            value = {"eer": -abs(fp * pos - (pos - tp) * neg), "accuracy": tp + neg - fp}.get(rule, tp * neg - fp * pos)
        if best is None or value > best:
            best, found = value, threshold
    return found


def check_point(name, got, label, called):
    assert [got["tn"], got["fp"], got["fn"], got["tp"]] == [int(((label == y) & (called == c)).sum()) for y in (0, 1) for c in (0, 1)], name
    if not name.startswith(("validation", "few")):
        return
    wanted = {"accuracy": sk.accuracy_score(label, called), "balanced_accuracy": sk.balanced_accuracy_score(label, called), "f1": sk.f1_score(label, called, zero_division=0),
              "precision": sk.precision_score(label, called, zero_division=0), "recall": sk.recall_score(label, called), "tnr": sk.recall_score(label, called, pos_label=0),
              "npv": sk.precision_score(label, called, pos_label=0, zero_division=0), "mcc": sk.matthews_corrcoef(label, called), "fpr": called[label == 0].mean()}
    for key, value in wanted.items():
        close(f"{name} {key}", got[key], value)


def check_rules(name, entries, origin, choosers, label, score):
    assert [e["rule"] for e in entries] == ["f1", "accuracy", "balanced_accuracy", "youden", "eer", *RATES], name
    for entry in entries:
        threshold = choose(entry["rule"], *choosers)
        where = f"{name} {origin} {entry['rule']}"
        assert entry["from"] == origin
        if entry["rule"] in RATES:
            fewest = min((choosers[0] == 0).sum(), (label == 0).sum()) if threshold is not None else (choosers[0] == 0).sum()
            assert entry["measurable"] == (fewest * RATES[entry["rule"]] >= 3000), where
        if threshold is None:
            assert not {"threshold", "tp", "fpr"} & set(entry), where
            continue
        if math.isinf(threshold):
            assert entry["calls_none"] and "threshold" not in entry, where
        else:
            assert entry["threshold"] == threshold, (where, entry["threshold"], threshold)
        check_point(where, entry, label, (score >= threshold).astype(int))


def check_prevalence_table(m, label, score):
    rows = m["prevalence_table"]
    assert [r["prevalence"] for r in rows[:4]] == [.001, .01, .1, .5] and {r["rule"] for r in rows[:4]} == {"threshold"}
    wanted = [e["rule"] for e in m["thresholds"].get("validation", m["thresholds"]["oracle"]) if e["rule"] in RATES and "threshold" in e]
    assert [r["rule"] for r in rows[4::4]] == wanted
    for row in rows:
        called, p = score >= row["threshold"], row["prevalence"]
        flagged = p * called[label == 1].mean() + (1 - p) * called[label == 0].mean()
        close("flagged", row["flagged_of_1000"], 1000 * flagged, 1e-9)
        close("errors", row["errors_of_1000"], 1000 * (p * (~called)[label == 1].mean() + (1 - p) * called[label == 0].mean()), 1e-9)
        close("none", row["errors_of_1000_calling_none"], 1000 * p, 1e-9)
        if flagged > 0:
            close("ai", row["ai_of_1000_flagged"], 1000 * p * called[label == 1].mean() / flagged, 1e-9)
            tpr, fpr = (stats.binomtest(int(called[label == y].sum()), int((label == y).sum())).proportion_ci(method="exact") for y in (1, 0))
            for got, t, f in zip(row["ai_of_1000_flagged_ci"], tpr, reversed(fpr)):
                close("ai interval", got, 1000 * p * t / (p * t + (1 - p) * f), 1e-6)
        else:
            assert "precision" not in row


# ---- calibration ----

def fit_line(x, target):
    """Logistic regression by iteratively reweighted least squares: slope, intercept and their standard errors."""
    design, theta = np.column_stack([x, np.ones_like(x)]), np.zeros(2)
    for _ in range(100):
        p = sigmoid(design @ theta)
        information = design.T @ (design * (p * (1 - p))[:, None])
        step = np.linalg.solve(information, design.T @ (target - p))
        theta = theta + step
        if abs(step).max() < 1e-13:
            break
    return theta, np.sqrt(np.diag(np.linalg.inv(information)))


def overlap(x, label):
    return x[label == 0].max() > x[label == 1].min() and x[label == 1].max() > x[label == 0].min()


def check_bins(name, got, label, score, strategy):
    share, mean = calibration_curve(label, score, n_bins=10, strategy=strategy)
    filled = [b for b in got["bins"] if b["n"]]
    np.testing.assert_allclose([b["share_ai"] for b in filled], share, rtol=0, atol=1e-12, err_msg=name)
    np.testing.assert_allclose([b["mean_score"] for b in filled], mean, rtol=0, atol=1e-12, err_msg=name)
    n = np.array([b["n"] for b in filled])
    assert n.sum() == len(score)
    close(name + " ece", got["ece"], float(np.dot(n, abs(share - mean)) / n.sum()))
    close(name + " largest error", got["largest_error"], abs(share - mean).max())
    edges = np.array([b["to"] for b in got["bins"]][:-1])
    bins = np.searchsorted(edges, score)
    drawn = np.random.default_rng(1).random((2000, len(score))) < score  # other random numbers: 300 draws against 2000
    eces = np.abs(np.stack([(drawn - score)[:, bins == b].sum(1) for b in range(10)])).sum(0) / len(score)
    close(name + " expected ece", got["ece_of_perfect_calibration"], eces.mean(), 5 * eces.std() / math.sqrt(300) + 1e-12)
    assert np.mean(eces < got["ece_of_perfect_calibration_95"]) > .90 or len(score) < 10, name
    assert np.mean(eces <= got["ece_of_perfect_calibration_95"] + 1e-12) < .985 or len(score) < 10, name
    return bins


def check_brier(name, got, label, score, bins):
    close(name + " brier", got["score"], sk.brier_score_loss(label, score))
    wanted = dict.fromkeys(["reliability", "resolution", "within_bin_variance", "within_bin_covariance"], 0.)
    for b in set(bins):
        y, f = label[bins == b], score[bins == b]
        weight = len(y) / len(label)
        wanted["reliability"] += weight * (f.mean() - y.mean()) ** 2
        wanted["resolution"] += weight * (y.mean() - label.mean()) ** 2
        wanted["within_bin_variance"] += weight * f.var()
        wanted["within_bin_covariance"] += weight * 2 * ((y - y.mean()) * (f - f.mean())).mean()
    for key, value in wanted.items():
        close(f"{name} {key}", got[key], value)
    close(name + " uncertainty", got["uncertainty"], label.mean() * (1 - label.mean()))
    close(name + " parts", got["reliability"] - got["resolution"] + got["uncertainty"] + got["within_bin_variance"] - got["within_bin_covariance"], got["score"])


def check_line(name, got, label, score, errors=False):
    x = logit(score)
    if not overlap(x, label):
        assert "slope" not in got and "intercept" not in got, (name, got)
        return
    theta, error = fit_line(x, label)
    close(name + " slope", got["slope"], theta[0], 1e-9 * max(1, abs(theta[0])))
    close(name + " intercept", got["intercept"], theta[1], 1e-9 * max(1, abs(theta[1])))
    for key, middle, width in ("slope_ci", theta[0], error[0]), ("intercept_ci", theta[1], error[1]):
        if errors:
            np.testing.assert_allclose(got[key], [middle - stats.norm.ppf(.975) * width, middle + stats.norm.ppf(.975) * width], rtol=0, atol=1e-8, err_msg=name)


def check_state(name, got, label, score):
    close(name + " brier", got["brier"], sk.brier_score_loss(label, score), 1e-9)
    close(name + " log loss", got["log_loss"], sk.log_loss(label, score, labels=[0, 1]), 1e-9)
    share, mean = calibration_curve(label, score, n_bins=10)
    n = np.bincount(np.searchsorted(np.linspace(0, 1, 11)[1:-1], score), minlength=10)
    close(name + " ece", got["ece"], float(np.dot(n[n > 0], abs(share - mean)) / len(score)), 1e-9)


# ---- recalibration ----

def temperature(score, label):
    """None: no positive temperature has the lowest loss."""
    x = logit(score)
    slope = lambda a: np.dot(sigmoid(a * x) - label, x)
    return 1 / optimize.brentq(slope, 0, 1e3, xtol=1e-15) if slope(0) < 0 < slope(1e3) else None


def smooth_loss(theta, x, target):
    z = theta[0] * x + theta[1]
    return np.sum(np.logaddexp(0, z) - target * z)


def platt(score, label):
    x, pos, neg = logit(score), (label == 1).sum(), (label == 0).sum()
    target = np.where(label == 1, (pos + 1) / (pos + 2), 1 / (neg + 2))
    found = optimize.minimize(smooth_loss, [0., 0.], args=(x, target), method="Nelder-Mead", options={"xatol": 1e-12, "fatol": 1e-15, "maxiter": 4000})
    theta, _ = fit_line(x, target)
    assert abs(found.x - theta).max() < 1e-6 * max(1, abs(theta).max()), (found.x, theta)  # two ways to one minimum
    return theta


def fit_and_apply(choosers, score):
    """Three new scores, None where there is no such fit; and the parameters."""
    label, fitted = choosers
    t, line = temperature(fitted, label), platt(fitted, label)
    steps = IsotonicRegression(out_of_bounds="clip").fit(fitted, label)
    return {"temperature": t and sigmoid(logit(score) / t), "platt": sigmoid(line[0] * logit(score) + line[1]), "isotonic": steps.predict(score)}, t, line


def philox(seed, stream, counter):
    """Philox-4x32-10 (Salmon et al. 2011), its first 64 bits."""
    mask = 0xFFFFFFFF
    c, k = [counter & mask, counter >> 32, stream & mask, stream >> 32], [seed & mask, seed >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & mask, (a >> 32) ^ c[3] ^ k[1], a & mask]
        k = [(k[0] + 0x9E3779B9) & mask, (k[1] + 0xBB67AE85) & mask]
    return c[1] << 32 | c[0]


def fold_of(name):
    return philox(1, 0x464F4C44, int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")) % 5


def check_recalibration(name, got, choosers, label, score, names):
    check_state(name + " before", got["before"], label, score)
    if choosers is not None:
        assert got["fitted_on"] == "validation"
        new, t, line = fit_and_apply(choosers, score)
        if t:
            close(name + " T", got["temperature"]["temperature"], t, 1e-6 * t)
        close(name + " Platt", got["platt"]["fitted_slope"], line[0], 1e-6 * max(1, abs(line[0])))
        close(name + " Platt", got["platt"]["fitted_intercept"], line[1], 1e-6 * max(1, abs(line[1])))
    else:
        assert "cross-fitted" in got["fitted_on"]
        folds, new = np.array([fold_of(n) for n in names]), {m: np.zeros(len(score)) for m in ("temperature", "platt", "isotonic")}
        for fold in range(5):
            others = folds != fold
            if len(set(label[others])) < 2:
                new = dict.fromkeys(new)
                break
            part, _, _ = fit_and_apply((label[others], score[others]), score[~others])
            for method in new:
                if part[method] is None:
                    new[method] = None
                elif new[method] is not None:
                    new[method][~others] = part[method]
    for method, values in new.items():
        assert (values is not None) == (method in got), (name, method)
        if values is not None:
            check_state(f"{name} {method}", got[method], label, values)
            if method != "isotonic":  # of its few steps, many at 0 and 1, the slope is nothing to compare
                check_line(f"{name} {method}", got[method], label, values)


def check_case(directory, name, label, score, split, group):
    path, report = f"{directory}/{name}.csv", f"{directory}/{name}-"
    write(path, label, score, split, group)
    ranks = {"ties": (1, 2, 3, 4), "few": (1, 4), "validation": (1, 3), "cross_fitted": (1, 2)}.get(name, (3,))
    for n in ranks:
        desy(n, "--scores", path, "-o", report + str(n))
        for file in FILES:
            assert filecmp.cmp(f"{report}{ranks[0]}/{file}", report + f"{n}/{file}", shallow=False), f"{name}: {file} differs at {n} ranks"
    with open(f"{report}{ranks[0]}/metrics.json") as file:
        m = json.load(file)
    names = np.array([g or f"clip {i}" for i, g in enumerate(group)])
    choosers, here = None, np.ones(len(label), bool)
    if "val" in split:
        choosers, here = (label[split == "val"], score[split == "val"]), split == "test"
        assert m["split"] == "test" and any("choose thresholds" in note for note in m["notes"])
        check_rules(name, m["thresholds"]["validation"], "validation", choosers, label[here], score[here])
    else:
        assert "validation" not in m["thresholds"] and "split" not in m
    label, score, names = label[here], score[here], names[here]
    assert m["n"] == len(label)
    check_rules(name, m["thresholds"]["oracle"], "oracle", (label, score), label, score)
    assert "flatter" in m["thresholds"]["oracle_note"]
    assert {.3, .4238, .5, .7} <= {row["threshold"] for row in m["sweep"]}
    for row in m["sweep"]:
        check_point(name + " sweep", row, label, (score >= row["threshold"]).astype(int))
    check_prevalence_table(m, label, score)
    c = m["calibration"]
    bins = check_bins(name + " equal mass", c["equal_mass"], label, score, "quantile")
    check_bins(name + " equal width", c["equal_width"], label, score, "uniform")
    check_brier(name, c["brier"], label, score, bins)
    close(name + " log loss", c["log_loss"], sk.log_loss(label, score))
    check_line(name, c, label, score, errors=True)
    assert m["brier"] == c["brier"]["score"] and m["ece"] == c["equal_width"]["ece"]
    if len(label) > 10:
        check_recalibration(name, c["recalibrated"], choosers, label, score, names)


# ---- the share of AI-generated clips among clips without labels ----

def check_prevalence(directory):
    random = np.random.default_rng(3)
    for name, n, share, prior in ("rare", 900, .07, .5), ("common", 400, .8, .3), ("none", 60, 0., .5), ("flat", 9, .5, .5):
        label = random.random(n) < share
        z = random.normal(np.where(label, 1, -1), 1.2)
        p = sigmoid(2 * z / 1.44 + logit(np.array(prior))) if name != "flat" else np.full(n, .5)  # calibrated at the prior
        path = f"{directory}/{name}.csv"
        with open(path, "w") as file:
            file.write("id,score,label\n" if n % 2 else "id,score\n")
            file.writelines(f"{i},{float(p[i])!r}" + (",\n" if n % 2 else "\n") for i in range(n))
            file.write("unread,,\n" if n % 2 else "unread,\n")
        for ranks in (1, 3) if name == "rare" else (3,):
            desy(ranks, "--scores", path, "--unlabelled", "--prior", str(prior), "-o", f"{directory}/{name}-{ranks}")
            assert filecmp.cmp(f"{directory}/{name}-{ranks}/prevalence.json", f"{directory}/{name}-{1 if name == 'rare' else 3}/prevalence.json", shallow=False), name
        with open(f"{directory}/{name}-3/prevalence.json") as file:
            got = json.load(file)
        pi = prior
        for _ in range(20000):
            ai, real = pi / prior * p, (1 - pi) / (1 - prior) * (1 - p)
            pi = np.mean(ai / (ai + real))
        assert got["n"] == n and got["n_failed"] == 1 and "calibrated" in got["assumption"]
        close(name + " share", got["share_ai"], pi, 1e-4 if name == "none" else 1e-9)  # EM crawls towards 0
        likelihood = lambda s: np.sum(np.log(s / prior * p + (1 - s) / (1 - prior) * (1 - p)))
        beyond = lambda s: likelihood(got["share_ai"]) - likelihood(s) - stats.chi2.ppf(.95, 1) / 2
        for bound, end in zip(got["share_ai_ci"], (0, 1)):
            assert bound == end and not beyond(abs(end - 1e-9)) > 0 or abs(beyond(bound)) < 1e-6, (name, got)


def main():
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as directory:
        for case in cases():
            check_case(directory, *case)
            print("ok", case[0], flush=True)
        check_prevalence(directory)


if __name__ == "__main__":
    sys.exit(main())
