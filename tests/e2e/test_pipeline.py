"""desy run at 1, 2 and 4 ranks, on a set with a broken file: the same store, model and scores; figures checked by h5py and scikit-learn;
nothing is done twice; detect and batch give the scores of the report."""
import csv
import hashlib
import json
import math
import unittest

import h5py
import numpy
from sklearn.metrics import roc_auc_score

import program

OPTIONS = ("--epochs", "2", "--split", "all")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def scores_of(report):
    with open(report / "scores.csv", newline="") as file:
        return list(csv.DictReader(file))


class Pipeline(program.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.runs = {ranks: cls.folder / f"run{ranks}" for ranks in (1, 2, 4)}
        cls.logs = {ranks: program.run(ranks, "run", cls.dataset, "-o", output, *OPTIONS, code=4)[1] for ranks, output in cls.runs.items()}

    def test_the_same_at_any_number_of_ranks(self):
        hashes = {program.store_hash(output / "store") for output in self.runs.values()}
        self.assertEqual(len(hashes), 1)
        for name in ("best_models_pth/v0001/model.json", "best_models_pth/v0001/weights.safetensors", "report/scores.csv", "report/roc.csv",
                     "report/pr.csv", "report/thresholds.csv", "report/metrics.json", "check.json"):
            self.assertEqual(len({digest(output / name) for output in self.runs.values()}), 1, name)

    def test_the_log_has_epochs(self):
        for log in self.logs.values():
            self.assertRegex(log, r"Epoch 1: Loss=\d\.\d+, Acc=\d\.\d+")
            self.assertRegex(log, r"Epoch 2: Loss=\d\.\d+, Acc=\d\.\d+")

    def test_the_store_opens_in_h5py(self):
        with h5py.File(self.runs[2] / "store" / "index.h5") as file:
            features, videos = file["features/hybrid"], file["videos"][:]
            self.assertEqual(features.shape, (24, 16, 2048))
            self.assertEqual(features.dtype, numpy.float32)
            self.assertTrue(numpy.isfinite(features[:]).all())
            self.assertTrue((numpy.abs(features[:]).max(axis=(1, 2)) > 0).all())
        listed = [item["video_path"] for item in json.loads(self.dataset.read_text())]
        self.assertEqual([path.decode() for path in videos["video_path"]], listed)
        self.assertEqual(list(videos["row"]), [*range(24), -1])

    def test_the_blocks_are_those_of_the_page(self):
        blocks = json.loads(program.run(1, "info", self.runs[1] / "store", "--json")[0])["blocks"]
        counts = [b["count"] for b in blocks]
        self.assertEqual(sum(counts), 2048)
        self.assertEqual([b["first"] for b in blocks], [sum(counts[:i]) for i in range(len(counts))])
        page = (program.pathlib.Path(program.os.environ["DESY_SOURCE_DIR"]) / "docs" / "features.md").read_text()
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
        table = [row for row in rows[rows.index(["name", "first", "count", "scale", "formula", "source"]) + 2:] if len(row) == 6]
        self.assertEqual(table, [[b["name"], str(b["first"]), str(b["count"]), b["scale"], b["formula"], b["source"]] for b in blocks])

    def test_the_broken_file_is_data(self):
        lines = (self.runs[4] / "store" / "quarantine.jsonl").read_text().splitlines()
        self.assertEqual([json.loads(line)["video_path"] for line in lines], ["clips/broken-00000.mp4"])
        self.assertTrue(json.loads(lines[0])["reason"])
        row = scores_of(self.runs[4] / "report")[-1]
        self.assertEqual((row["video_path"], row["score"], row["low"], row["mid"], row["high"]), ("clips/broken-00000.mp4", "", "", "", ""))
        metrics = program.read_json(self.runs[4], "report", "metrics.json")
        self.assertEqual((metrics["n"], metrics["n_failed"]), (24, 1))

    def test_figures_equal_scikit_learns(self):
        rows = [row for row in scores_of(self.runs[2] / "report") if row["score"]]
        metrics = program.read_json(self.runs[2], "report", "metrics.json")
        labels, scores = [int(row["label"]) for row in rows], [float(row["score"]) for row in rows]
        self.assertAlmostEqual(metrics["roc_auc"], roc_auc_score(labels, scores), delta=1e-12)
        self.assertAlmostEqual(metrics["accuracy"], numpy.mean([(s >= metrics["threshold"]) == (y == 1) for y, s in zip(labels, scores)]), delta=1e-12)
        model = program.read_json(self.runs[2], "best_models_pth", "v0001", "model.json")
        self.assertEqual((metrics["threshold"], metrics["threshold_from"]), (model["threshold"], "validation"))

    def test_the_validation_part_chooses_thresholds(self):
        store, model, reports = self.runs[2] / "store", self.runs[2] / "best_models_pth", {part: self.folder / f"part-{part}" for part in ("val", "test")}
        for part, report in reports.items():
            program.run(2, "eval", store, "--model", model, "--split", part, "-o", report)
        rows = {part: [(float(row["score"]), int(row["label"])) for row in scores_of(report) if row["score"]] for part, report in reports.items()}
        thresholds = program.read_json(reports["test"], "metrics.json")["thresholds"]
        youden = next(entry for entry in thresholds["validation"] if entry["rule"] == "youden")
        rate = lambda t, label: numpy.mean([score >= t for score, y in rows["val"] if y == label])
        self.assertEqual(youden["threshold"], max(sorted({score for score, _ in rows["val"]}, reverse=True), key=lambda t: rate(t, 1) - rate(t, 0)))
        self.assertEqual([youden["tp"], youden["fp"]], [sum(score >= youden["threshold"] for score, y in rows["test"] if y == label) for label in (1, 0)])
        self.assertNotIn("validation", program.read_json(reports["val"], "metrics.json")["thresholds"])

    def test_the_hardest_videos_have_pictures(self):
        report = self.runs[2] / "report"
        hardest = program.read_json(report, "metrics.json")["hardest"]
        listed = hardest["missed"] + hardest["false_alarms"]
        self.assertEqual(len(listed), 24)
        for entry in listed:
            self.assertEqual((report / entry["thumbnail"]).read_bytes()[:3], b"\xff\xd8\xff", entry)

    def test_the_report_needs_no_network(self):
        page = (self.runs[1] / "report" / "report.html").read_text()
        self.assertGreaterEqual(page.count("<svg"), 3)
        for word in ("<script src", "<link", "http://", "https://", "url("):
            self.assertNotIn(word, page.replace("url(#", ""))  # a hatch of the page itself

    def test_a_second_run_does_nothing_twice(self):
        output = self.runs[2]
        made = {path: path.stat().st_mtime_ns for path in (output / "store").rglob("*.h5")}
        report = [path.stat().st_mtime_ns for path in sorted((output / "report").iterdir())]
        log = program.run(3, "run", self.dataset, "-o", output, *OPTIONS, code=4)[1]
        self.assertIn("check: done already", log)
        self.assertIn("25 of 25 items were already done, 0 were extracted now", log)
        self.assertEqual(log.count("nothing to do"), 2, log)
        self.assertEqual(report, [path.stat().st_mtime_ns for path in sorted((output / "report").iterdir())])
        self.assertEqual(made, {path: path.stat().st_mtime_ns for path in (output / "store").rglob("*.h5")})
        self.assertEqual([path.name for path in (output / "best_models_pth").glob("v*")], ["v0001"])

    def test_detect_and_batch_score_as_the_report_does(self):
        model, clips = self.runs[2] / "best_models_pth", self.dataset.parent / "clips"
        expected = {row["video_path"].split("/")[-1]: float(row["score"]) for row in scores_of(self.runs[2] / "report") if row["score"]}
        out = program.run(1, "detect", clips / "00000.mp4", clips / "broken-00000.mp4", "--model", model, "--json", code=4)[0]
        good, bad = map(json.loads, out.splitlines())
        self.assertEqual(good["confidence"], expected["00000.mp4"])
        self.assertEqual(good["is_ai_generated"], good["confidence"] >= good["threshold"])
        self.assertAlmostEqual(1 / (1 + math.exp(-good["logit"])), good["confidence"], delta=1e-12)
        self.assertEqual(bad["status"], "unreadable")
        self.assertTrue(bad["reason"])
        self.assertFalse({"confidence", "logit", "is_ai_generated", "feature_scores"} & bad.keys())
        lists = []
        for ranks in (1, 3):
            output = self.folder / f"scores{ranks}.jsonl"
            program.run(ranks, "batch", clips, "-o", output, "--csv", output.with_suffix(".csv"), "--model", model, code=4)
            lists.append([json.loads(line) for line in output.read_text().splitlines()])
            with open(output.with_suffix(".csv"), newline="") as file:
                table = list(csv.DictReader(file))
            self.assertEqual([(row["video_path"], row["status"]) for row in table], [(line["video_path"], line["status"]) for line in lists[-1]])
        self.assertEqual(lists[0], lists[1])
        found = {line["video_path"].split("/")[-1]: line["confidence"] for line in lists[0] if line["status"] == "ok"}
        self.assertEqual(found, expected)

    def test_a_level_alone(self):
        model = self.runs[2] / "best_models_pth"
        for level in ("low", "mid", "high"):
            report = self.folder / f"report-{level}"
            program.run(2, "eval", self.runs[2] / "store", "--model", model, "--level", level, "--split", "all", "-o", report)
            self.assertEqual([row["score"] for row in scores_of(report)], [row[level] for row in scores_of(self.runs[2] / "report")])

    def test_rank_logs(self):
        logs = self.folder / "logs"
        program.run(2, "eval", self.runs[2] / "store", "--model", self.runs[2] / "best_models_pth", "--split", "all", "-o", self.folder / "logged", "--log-dir", logs)
        self.assertEqual(sorted(path.name for path in logs.iterdir()), ["log-00000.jsonl", "log-00001.jsonl"])
        lines = [json.loads(line) for line in (logs / "log-00000.jsonl").read_text().splitlines()]
        self.assertTrue(any("ROC AUC" in line["message"] and line["rank"] == 0 and line["level"] == "info" for line in lines))


if __name__ == "__main__":
    unittest.main()
