"""What `desy eval` says of a store beyond its scores: the probe on metadata against scikit-learn, planted copies and new sources, strata, the verdicts, thumbnails against the crops that
they show; the same bytes at any number of ranks."""
import csv, filecmp, hashlib, json, math, os, pathlib, subprocess, tempfile

import h5py
import numpy as np
from scipy import stats
from scipy.optimize import brentq
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

FOLDER = pathlib.Path(tempfile.mkdtemp())
TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_planted_store"


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, (command, done.stderr)
    return done


def evaluate(how, ranks, *options):
    """metrics.json, the rows of scores.csv, and the directory."""
    store, model, report = FOLDER / how, FOLDER / f"{how}-model", FOLDER / f"{how}-{ranks}"
    if not store.exists():
        run(TOOL, store, 60 if how == "crops" else 1000, how)
        run(os.environ["DESY_PROGRAM"], "train", store, "--save-dir", model, "--level", "high", "--size", "small", "--quiet")
    launcher = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", ranks] if ranks > 1 else []
    run(*launcher, os.environ["DESY_PROGRAM"], "eval", store, "--model", model, "-o", report, *options)
    return json.loads((report / "metrics.json").read_text()), list(csv.DictReader(open(report / "scores.csv", newline=""))), report


def ffmpeg(*arguments, data):
    return subprocess.run(["ffmpeg", "-v", "error", *map(str, arguments)], input=data, capture_output=True, check=True).stdout


def close(what, got, wanted, tolerance=1e-12):
    assert np.allclose(got, wanted, rtol=0, atol=tolerance), f"{what}: {got!r}, not {wanted!r}"


def smallest_found(pos, neg):
    """Hanley & McNeil, Radiology 1982: power 80 % at the one-sided level .05."""
    def lacks(a):
        q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
        variance = (a * (1 - a) + (pos - 1) * (q1 - a * a) + (neg - 1) * (q2 - a * a)) / (pos * neg)
        return stats.norm.ppf(.95) * math.sqrt((pos + neg + 1) / (12 * pos * neg)) + stats.norm.ppf(.8) * math.sqrt(variance) - (a - .5)

    return brentq(lacks, .5, 1 - 1e-9, xtol=1e-14)


def facts(videos):
    logs = np.stack([np.log(np.maximum(videos[key].astype(float), 1e-3)) for key in ("width", "height", "fps", "duration", "bit_rate", "size")], 1)
    codec, container = (np.array([text.decode() for text in videos[key]]) for key in ("codec", "container"))
    rest = np.stack([codec == "h264", codec == "gif", ["mp4" in text for text in container], videos["reordering"]], 1)
    return np.concatenate([logs, rest.astype(float)], 1).astype(np.float32).astype(float)


def test_lodo_of_this_store_alone():
    """Also the other way round: what `desy eval --protocol lodo` writes would be taken, were it of this store."""
    _, _, report = evaluate("controls", 1)
    for index, quoted in ((hashlib.sha256((FOLDER / "controls" / "index.h5").read_bytes()).hexdigest(), True), ("0" * 64, False)):
        (report / "lodo.json").write_text(json.dumps({"index_sha256": index, "views": {"as_is": {"fused": {"ranked_right": .91}}}}))
        assert ("leave_one_generator_out" in evaluate("controls", 1)[0]["controls"]) == quoted
    (report / "lodo.json").unlink()


def test_planted():
    metrics, rows, report = evaluate("controls", 1)
    controls = metrics["controls"]
    assert controls["verdict"] == "shortcut suspected" and any("more than chance" in reason for reason in controls["reasons"]) and "metadata" in controls["suspected"], controls["reasons"]
    with h5py.File(FOLDER / "controls" / "index.h5") as index:
        videos = index["videos"][:]
    part = np.array([split.decode() for split in videos["split"]]) if videos["split"].dtype.kind in "OS" else np.array(["", "train", "val", "test"])[videos["split"]]
    train, test, label = part == "train", part == "test", videos["label"].astype(int)
    score = np.array([float(row["score"]) for row in rows])
    assert [row["id"] for row in rows] == [f"{number:016x}" for number in videos["id"][test]]

    x = facts(videos)
    median, scale = np.median(x[train], 0), x[train].std(0) + 1e-6
    z = np.clip((x - median) / scale, -3, 3)
    weight = .5 * train.sum() / np.bincount(label[train])[label[train]]
    fitted = LogisticRegression(C=.3, tol=1e-12, max_iter=10000).fit(z[train], label[train], sample_weight=weight)
    wanted = roc_auc_score(label[test], fitted.decision_function(z[test]))
    probe = controls["metadata_probe"]
    close("probe", probe["roc_auc"], wanted)
    close("smallest found", probe["smallest_found"], smallest_found(probe["n_pos"], probe["n_neg"]), 1e-9)
    assert probe["p"] < .01 and probe["roc_auc_ci"][0] > .5

    number = np.array([int(path.decode().split(".")[0]) for path in videos["video_path"]])[test]
    copied, new = number // 10 % 4 == 0, number // 10 % 4 == 3
    leakage = controls["leakage"]
    assert leakage["copied"] == leakage["near"] == copied.sum() and leakage["torn_groups"] == 0 and (leakage["compared"], leakage["training_clips"]) == (test.sum(), train.sum())
    assert len(leakage["pairs"]) == 20
    for pair in leakage["pairs"]:
        assert int(pair["training_video_path"].split(".")[0]) == int(pair["video_path"].split(".")[0]) - 8 and pair["cosine"] > .9999, pair
    close("without", leakage["without"]["roc_auc"], roc_auc_score(label[test][~copied], score[~copied]))

    for kind, of in (("generators", 1), ("real_sources", 0)):
        sources = controls["unseen_sources"][kind]
        assert (sources["evaluated"], sources["in_training"], sources["share_in_training"]) == (4, 3, .75)
        for name, chosen in (("seen", ~new), ("unseen", new)):
            some = (label[test] != of) | chosen
            close(kind + name, sources[name]["roc_auc"], roc_auc_score(label[test][some], score[some]))

    ends = [0, 2, 5, 10, 30, math.inf]
    for stratum in metrics["strata"]["duration"]:
        at = ["under 2 s", "2 to 5 s", "5 to 10 s", "10 to 30 s", "30 s and more"].index(stratum["value"])
        some = (videos["duration"][test] >= ends[at]) & (videos["duration"][test] < ends[at + 1])
        called = score[some] >= metrics["threshold"]
        assert (stratum["n_pos"], stratum["n_neg"]) == ((label[test][some] == 1).sum(), (label[test][some] == 0).sum())
        close("stratum", [stratum["tpr"], stratum["fpr"]], [called[label[test][some] == 1].mean(), called[label[test][some] == 0].mean()])
    assert {stratum["value"] for stratum in metrics["strata"]["codec"]} == {"h264", "vp9"}
    assert sum(stratum["n_pos"] for stratum in metrics["strata"]["resolution"]) == metrics["n_pos"]

    other = evaluate("controls", 3)[2]
    for name in ("metrics.json", "breakdown.csv"):
        assert filecmp.cmp(report / name, other / name, shallow=False), name


def test_clean():
    metrics = evaluate("planted", 2)[0]
    controls = metrics["controls"]
    assert "thumbnail" not in metrics["hardest"]["missed"][0]  # no crops, and nobody knows where the videos are
    assert controls["verdict"] == "no shortcut found" and controls["leakage"]["copied"] == 0, controls
    assert "controls" not in evaluate("planted", 1, "--controls", "none")[0]


def test_few_with_crops():
    metrics, rows, report = evaluate("crops", 2)
    assert metrics["controls"]["verdict"] == "too little data", metrics["controls"]
    entries = metrics["hardest"]["missed"] + metrics["hardest"]["false_alarms"]
    assert len(entries) == len(rows) == 10
    with h5py.File(FOLDER / "crops" / "index.h5") as index:
        videos, crops = index["videos"][:], index["crops"]
        for entry in entries:
            crop = crops[int(videos["row"][videos["id"] == int(entry["id"], 16)][0]), 0]
            raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "224x224", "-i", "-"]
            reference = ffmpeg(*raw, "-sws_flags", "bicubic+accurate_rnd+bitexact", "-q:v", 4, "-pix_fmt", "yuvj420p", "-f", "mjpeg", "-", data=crop.tobytes())
            shown, wanted = (np.frombuffer(ffmpeg("-f", "mjpeg", "-i", "-", "-f", "rawvideo", "-pix_fmt", "rgb24", "-", data=jpeg), np.uint8).astype(float)
                             for jpeg in ((report / entry["thumbnail"]).read_bytes(), reference))
            assert np.abs(shown - wanted).mean() < 1, np.abs(shown - wanted).mean()
    assert "thumbnail" not in evaluate("crops", 1, "--thumbnails", "0")[0]["hardest"]["missed"][0]


if __name__ == "__main__":
    import shutil
    try:
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test()
    finally:
        shutil.rmtree(FOLDER)
