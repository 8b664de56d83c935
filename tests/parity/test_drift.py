"""What desy drift measures, against SciPy and NumPy: Kolmogorov-Smirnov, PSI, MMD, Benjamini-Hochberg, what a model keeps of its training; and, by simulation, how often it is wrong."""
import json, math, os, pathlib, shutil, subprocess, tempfile

import h5py
import numpy as np
from safetensors.numpy import load_file
from scipy import stats
from scipy.spatial.distance import cdist, pdist

FOLDER = pathlib.Path(tempfile.mkdtemp())
BUILD = pathlib.Path(os.environ["DESY_BUILD_DIR"])
PROGRAM, TOOL = os.environ["DESY_PROGRAM"], BUILD / "tests" / "tool_drift"
SHIPPED = pathlib.Path(os.environ["DESY_SOURCE_DIR"]) / "models" / "hybrid-1"


def run(*command, text=None):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, input=text)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def numbers(*command, text=None):
    return np.array([[float(word) for word in line.split()] for line in run(*command, text=text).splitlines()])


def save(name, values):
    path = FOLDER / name
    np.ascontiguousarray(values, np.float64).tofile(path)
    return path


def close(what, got, wanted, tolerance=1e-12):
    assert np.allclose(got, wanted, rtol=tolerance, atol=tolerance), f"{what}: {got!r}, not {wanted!r}"


def rounded(values):
    return np.rint(np.asarray(values) * 1e4) / 1e4


def psi(reference, values):
    """Ten bins that end with the values which k tenths of the reference do not exceed."""
    reference = np.sort(reference)
    edges = np.unique([reference[math.ceil(len(reference) * k / 10) - 1] for k in range(1, 10)])
    edges = edges[edges < reference[-1]]

    def shares(x):
        counts = np.bincount(np.searchsorted(edges, x, side="left"), minlength=len(edges) + 1)
        return (counts + .5) / (len(x) + .5 * (len(edges) + 1))

    p, q = shares(values), shares(reference)
    return np.sum((p - q) * np.log(p / q))


def model_with(reference):
    """The model that ships, with another reference for its logit."""
    folder = FOLDER / "model"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SHIPPED, folder)
    model = json.loads((folder / "model.json").read_text())
    del model["sha256"]
    model["drift"]["scores"] = {"logit": {"n": len(reference), "quantiles": sorted(reference)}}
    (folder / "model.json").write_text(json.dumps(model))
    return folder


def drift(model, scores, *options):
    return json.loads(run(PROGRAM, "drift", model, scores, "--json", "--quiet", *options))


def test_kolmogorov():
    draw = np.random.default_rng(1)
    samples = [(draw.normal(size=draw.integers(20, 200)), draw.normal(draw.normal() / 3, size=draw.integers(20, 200))) for _ in range(20)]
    samples.append((draw.normal(size=150), draw.normal(3, size=100)))  # a p of 1e-50 has its digits, too
    wanted = [stats.ks_2samp(x, y, method="exact") for x, y in samples]
    lines = ["%d %d %d" % (len(x), len(y), round(test.statistic * len(x) * len(y))) for (x, y), test in zip(samples, wanted)]
    close("p", numbers(TOOL, "kolmogorov", text="\n".join(lines))[:, 0], [test.pvalue for test in wanted], 1e-8)
    close("a small p", numbers(TOOL, "kolmogorov", text=lines[-1])[0, 0] / wanted[-1].pvalue, 1, 1e-8)
    for n, m, d in ((5000, 40000, .01), (5000, 40000, .02), (5000, 40000, .03), (4000, 4000, .005)):
        got, exact = numbers(TOOL, "kolmogorov", text=f"{n} {m} {round(d * n * m)}")[0]
        root = math.sqrt(n * m / (n + m))
        assert exact == 0
        close("asymptotic p", got, stats.kstwobign.sf((root + .12 + .11 / root) * round(d * n * m) / n / m), 1e-9)
        assert abs(got - stats.kstwo.sf(d, round(n * m / (n + m)))) < .01  # which SciPy takes for it


def test_scores():
    draw = np.random.default_rng(2)
    for case in range(6):
        reference, values = draw.normal(size=[164, 60, 500][case % 3]), draw.normal(draw.normal() / 4, 1.2, size=[900, 75][case % 2])
        if case > 3:
            reference, values = np.round(reference, 1), np.round(values, 1)  # ties
        path = FOLDER / "scores.csv"
        path.write_text("id,logit\n" + "".join(f"{i},{x!r}\n" for i, x in enumerate(values.tolist())))
        of = drift(model_with(rounded(reference).tolist()), path, "--windows", 0)
        logit, test = of["all"]["scores"]["logit"], stats.ks_2samp(rounded(reference), rounded(values), method="exact")
        close("KS", logit["ks"], test.statistic)
        close("p", logit["ks_p"], test.pvalue, 1e-8)
        close("adjusted", logit["ks_p_adjusted"], logit["ks_p"])  # one test alone
        close("PSI", logit["psi"], psi(rounded(reference), rounded(values)))
        close("by chance", logit["psi_by_chance"], (len(logit["shares"]) - 1) * (1 / len(values) + 1 / len(reference)))
        close("means", [logit["mean"], logit["reference_mean"]], [rounded(values).mean(), rounded(reference).mean()])
        close("shares", sum(logit["shares"]), 1)


def test_slices():
    """By source and by time, several scores, other columns: every figure again from the rows."""
    draw = np.random.default_rng(3)
    reference = rounded(draw.normal(size=300))
    source, time = draw.integers(0, 3, size=600), np.sort(draw.uniform(1.7e9, 1.7e9 + 5e5, size=600))
    probability = 1 / (1 + np.exp(-draw.normal(source * .4, size=600)))
    path = FOLDER / "rows.jsonl"
    with open(path, "w") as file:
        for i in range(600):
            when = time[i] if i % 2 else str(np.datetime64(round(time[i] * 1e6), "us")) + "Z"
            file.write(json.dumps({"video_path": f"{i}.mp4", "status": "ok", "confidence": probability[i], "prior": .5, "source": f"s{source[i]}", "time": when}) + "\n")
        file.write(json.dumps({"video_path": "bad.mp4", "status": "unreadable", "reason": "no"}) + "\n")
    of = drift(model_with(reference.tolist()), path, "--windows", 4)
    logit = rounded(np.log(probability / (1 - probability)))
    assert (of["n"], of["n_failed"], of["settings"]["windows_by"], len(of["windows"]), len(of["sources"])) == (600, 1, "time", 4, 3)
    pieces = [(of["all"], np.ones(600, bool))] + [(slice, source == int(slice["name"][1:])) for slice in of["sources"]]
    window = np.minimum(3, (time - time[0]) / (time[-1] - time[0]) * 4).astype(int)
    pieces += [(slice, window == w) for w, slice in enumerate(of["windows"])]
    p = []
    for slice, some in pieces:
        figures = slice["scores"]["logit"]
        assert slice["n"] == figures["n"] == some.sum()
        test = stats.ks_2samp(reference, logit[some], method="exact")
        close("KS", [figures["ks"], figures["psi"]], [test.statistic, psi(reference, logit[some])])
        close("p", figures["ks_p"], test.pvalue, 1e-8)
        p.append(figures["ks_p"])
    close("adjusted", [slice["scores"]["logit"]["ks_p_adjusted"] for slice, _ in pieces], stats.false_discovery_control(p))
    assert of["settings"]["tests"] == 8
    many = draw.uniform(size=500) ** 3
    close("Benjamini-Hochberg", numbers(TOOL, "adjust", text="\n".join(map(repr, many.tolist())))[:, 0], stats.false_discovery_control(many))


def test_stream():
    """The accumulator that a service asks again and again."""
    draw = np.random.default_rng(4)
    reference, values = rounded(draw.normal(size=120)), rounded(draw.normal(.3, size=80))
    got = numbers(TOOL, "stream", save("reference", reference), save("values", values))
    for i in range(80):
        close("PSI and KS", got[i], [psi(reference, values[:i + 1]), stats.ks_2samp(reference, values[:i + 1]).statistic])


def mmd(kernel, n):
    xx, yy, xy, m = kernel[:n, :n], kernel[n:, n:], kernel[:n, n:], len(kernel) - n
    return (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1)) - 2 * xy.mean()


def test_mmd():
    draw = np.random.default_rng(5)
    for shift, n, m, columns in ((0, 60, 50, 5), (.3, 80, 120, 12), (1, 40, 30, 1)):
        x, y = draw.normal(size=(n, columns)), draw.normal(shift, size=(m, columns))
        both = np.concatenate([x, y])
        got, bandwidth = numbers(TOOL, "mmd", save("x", x), n, save("y", y), m, columns)[0], np.median(pdist(both))
        kernel = np.exp(-cdist(both, both, "sqeuclidean") / (2 * bandwidth ** 2))
        close("bandwidth", got[1], bandwidth)
        close("MMD", got[0], mmd(kernel, n), 1e-11)
        permuted = np.array([mmd(kernel[np.ix_(order, order)], n) for order in (draw.permutation(n + m) for _ in range(1000))])
        wanted = (1 + (permuted >= got[0]).sum()) / 1001
        assert abs(got[2] - wanted) < 4 * math.sqrt(wanted * (1 - wanted) * (1 / 1000 + 1 / 999)) + .003, (got[2], wanted)
    # Nothing is there: p values are uniform.
    p = numbers(TOOL, "mmd", save("x", draw.normal(size=(200, 30, 3))), 30, save("y", draw.normal(size=(200, 25, 3))), 25, 3)[:, 2]
    assert len(p) == 200 and stats.kstest(p, "uniform").pvalue > .001, np.quantile(p, [.1, .5, .9])


def verdicts(reference, samples, windows):
    lines = run(TOOL, "assess", save("reference", reference), save("samples", samples), samples.shape[1], windows).splitlines()
    return [line.rsplit(" ", 3)[0] for line in lines]


def test_how_often_it_is_wrong():
    draw = np.random.default_rng(6)
    for size in (60, 500):  # no drift, seven tests a report: false alarms at most as often as 5 % and what 300 draws may add to it (p = .001)
        said = verdicts(draw.normal(size=400), draw.normal(size=(300, size)), 6 if size == 500 else 0)
        alarms = sum(word in ("watch", "retrain") for word in said)
        assert alarms <= stats.binom.isf(.001, 300, .05), (size, alarms)
    reference = draw.normal(size=400)
    shifted = verdicts(reference, draw.normal(.5, size=(100, 500)), 6)
    assert sum(word in ("watch", "retrain") for word in shifted) == 100, shifted
    halves = draw.normal(size=(100, 500))
    halves[:, 250:] += 1.5  # a new generator sends half of the clips, from the middle on
    assert all(word == "retrain" for word in verdicts(reference, halves, 6))
    late = draw.normal(size=(100, 600))
    late[:, 500:] += 1  # the last of six windows alone
    assert sum(word in ("watch", "retrain") for word in verdicts(reference, late, 6)) >= 95
    assert set(verdicts(reference, draw.normal(3, size=(3, 40)), 0)) == {"too little data"}
    assert set(verdicts(draw.normal(size=40), draw.normal(3, size=(3, 400)), 0)) == {"too little data"}


def test_what_a_model_keeps():
    """Quantiles of out-of-fold logits and of summaries, and the drawn rows, again from the files that training reads and writes; the summaries of a store are those of the training."""
    store, save_dir = FOLDER / "store", FOLDER / "models"
    run(BUILD / "tests" / "tool_planted_store", store, 300, "planted")
    run(PROGRAM, "train", store, "--save-dir", save_dir, "--size", "small", "--quiet")
    folder = save_dir / "v0001"
    model, out_of_fold, weights = json.loads((folder / "model.json").read_text()), load_file(folder / "out_of_fold.safetensors"), load_file(folder / "weights.safetensors")
    kept, fusion = model["drift"], model["fusion"]
    fused = fusion["bias"]
    for level in ("low", "mid", "high"):
        names = [channel["name"] for channel in model["channels"] if channel["level"] == level]
        if not names:
            assert level not in kept["scores"]
            continue
        logit = np.mean([out_of_fold[name] for name in names], 0)
        fused = fused + fusion[level]["weight"] * logit
        close(level, kept["scores"][level]["quantiles"], rounded(np.sort(fusion[level]["slope"] * logit + fusion[level]["intercept"])))
    close("logit", kept["scores"]["logit"]["quantiles"], rounded(np.sort(fused)))
    assert kept["n"] == len(fused)

    with h5py.File(store / "index.h5") as index:
        videos, features = index["videos"][:], index["features/" + model["extractor"]["name"]][:]
    rows = np.isin(videos["id"], out_of_fold["ids"])
    assert rows.sum() == len(fused)
    x = np.stack([features[video["row"], :video["n_frames"]].astype(float).mean(0) for video in videos[rows]]).astype(np.float32)
    scaled = (x - weights["mean.median"]) / weights["mean.scale"]
    wanted = {"mean encoder mean": np.clip(scaled, -3, 3).mean(1), "mean distance": np.sqrt(np.mean(np.minimum(scaled ** 2, 100), 1))}
    by_name = {feature["name"]: feature for feature in kept["features"]}
    summaries = load_file(folder / "drift.safetensors")["summaries"]
    for name, values in wanted.items():
        close(name, by_name[name]["quantiles"], rounded(np.sort(values)), 1.01e-4)
        drawn = np.sort(summaries[:, [feature["name"] for feature in kept["features"]].index(name)])
        assert len(drawn) == min(256, len(values))
        assert np.abs(np.subtract.outer(drawn, values)).min(1).max() < 1e-5

    of = drift(save_dir, store)
    assert of["n"] == len(videos) and {feature["name"] for feature in of["features"]} == set(by_name)
    assert any("knows these clips" in note or "know these clips" in note for note in of["notes"])
    assert all(feature["status"] == "stable" for feature in of["features"])
    run(BUILD / "tests" / "tool_planted_store", FOLDER / "other", 300, "shuffled")  # the same clips: features have not moved, whatever their labels
    same = drift(save_dir, FOLDER / "other")
    assert same["all"]["features_together"] == of["all"]["features_together"]


if __name__ == "__main__":
    try:
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test()
    finally:
        shutil.rmtree(FOLDER)
