"""Reports: metrics.json keeps to its schema, altered videos are scored as such, reports are put side by side, CSV cells can't become formulas."""
import csv
import json
import pathlib
import random
import unittest

import h5py
import jsonschema
import numpy
from sklearn.metrics import roc_auc_score

import program

SCHEMA = jsonschema.Draft202012Validator(json.loads((pathlib.Path(program.os.environ["DESY_SOURCE_DIR"]) / "docs" / "metrics.schema.json").read_text()))
ALTERATIONS = ["as_is", "crf23", "crf28", "crf35", "crf40", "jpeg", "half", "blur", "noise", "crop", "flip", "drop", "repeat", "4fps"]


def write_scores(path, seed, shift, names=("a", "b", "=HYPERLINK(0)", "@d")):
    draw = random.Random(seed)
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "label", "score", "source"])
        for i in range(300):
            rows.writerow([f"-{i}", i % 2, min(1, max(0, draw.gauss(.5 - shift + 2 * shift * (i % 2), .2))), names[i % 4]])


class Report(program.ModelCase):
    videos = 24

    def check(self, report):
        metrics = program.read_json(report, "metrics.json")
        self.assertEqual([f"{list(error.absolute_path)}: {error.message[:200]}" for error in SCHEMA.iter_errors(metrics)], [])
        return metrics

    def test_robustness(self):
        """The altered videos are those of the part and of validation; what is said of each view is what its scores say; a second run extracts nothing, at any number of ranks."""
        report = self.folder / "robust"
        program.run(2, "eval", self.store, "--model", self.models, "--robustness", "--bootstrap", 20, "-o", report)
        metrics = self.check(report)
        entries = metrics["robustness"]["alterations"]
        self.assertEqual([entry["name"] for entry in entries], ALTERATIONS)
        for key in ("n", "roc_auc", "roc_auc_ci", "tpr", "fpr", "accuracy", "threshold"):
            self.assertEqual(entries[0][key], metrics[key], key)
        self.assertTrue(all(entry["n"] == metrics["n"] and 0 <= entry["verdicts_changed"] <= 1 for entry in entries[1:]))
        with h5py.File(report / "robustness" / "store" / "index.h5") as file, h5py.File(self.store / "index.h5") as original:
            videos, features, before = file["videos"][:], file["features/hybrid"][:], original["videos"][:]
            clean = original["features/hybrid"][:]
        self.assertEqual(sorted(set(videos["view"])), list(range(len(ALTERATIONS))))
        evaluated = videos[(videos["view"] == 0) & (videos["split"] == b"test")]
        self.assertEqual(len(evaluated), metrics["n"])
        for row in videos[videos["view"] == 0]:  # as they are: the same numbers as in the store
            same = [other for other in before if row["video_path"].endswith(other["video_path"])]
            self.assertEqual(len(same), 1)
            self.assertEqual(features[row["row"]].tobytes(), clean[same[0]["row"]].tobytes())
        self.assertGreater(numpy.abs(features[videos["row"][videos["view"] == 4]] - features[videos["row"][videos["view"] == 0]]).mean(), .02)
        words = program.run(3, "eval", self.store, "--model", self.models, "--robustness", "--bootstrap", 20, "-o", report)[1]
        self.assertIn(" 0 were extracted now", words)
        self.assertEqual(program.read_json(report, "metrics.json"), metrics)
        program.run(1, "eval", report / "robustness" / "store", "--model", self.models, "-o", self.folder / "of-views")  # view 0 alone
        self.assertEqual(program.read_json(self.folder / "of-views", "metrics.json")["roc_auc"], metrics["roc_auc"])

    def test_robustness_refused(self):
        words = program.run(2, "eval", self.store, "--model", self.models, "--robustness", "--dataset", self.folder / "none.json", "-o", self.folder / "no", code=2)[1]
        self.assertIn("is not there: add --dataset FILE", words)
        other = self.dataset.with_name("other.json")
        other.write_text(json.dumps(json.loads(self.dataset.read_text())[1:]))
        words = program.run(2, "eval", self.store, "--model", self.models, "--robustness", "--dataset", other, "-o", self.folder / "no", code=2)[1]
        self.assertIn("is not the list that", words)
        self.assertFalse((self.folder / "no" / "metrics.json").exists())

    def test_compare(self):
        for name, shift in ("good", .2), ("poor", .05):
            write_scores(self.folder / f"{name}.csv", 1, shift)
            program.run(1, "eval", "--scores", self.folder / f"{name}.csv", "--bootstrap", 50, "-o", self.folder / name)
            self.check(self.folder / name)
        program.run(2, "eval", "--compare", self.folder / "good", self.folder / "poor", "-o", self.folder / "both")
        compared = program.read_json(self.folder / "both", "compare.json")
        self.assertEqual(compared["notes"], [])
        for run, name in zip(compared["runs"], ("good", "poor")):
            metrics = program.read_json(self.folder / name, "metrics.json")
            self.assertEqual((run["roc_auc"], run["roc_auc_ci"], run["scores"]), (metrics["roc_auc"], metrics["roc_auc_ci"], f"{name}.csv"))
            with open(self.folder / f"{name}.csv", newline="") as file:
                rows = list(csv.DictReader(file))
            self.assertAlmostEqual(run["roc_auc"], roc_auc_score([int(row["label"]) for row in rows], [float(row["score"]) for row in rows]), delta=1e-12)
        self.assertEqual((self.folder / "both" / "compare.html").read_text().count("<figure"), 3)
        program.run(1, "eval", self.store, "--model", self.models, "--split", "all", "-o", self.folder / "other")
        program.run(1, "eval", "--compare", self.folder / "good", self.folder / "other", "-o", self.folder / "both")
        self.assertIn("of other clips", program.read_json(self.folder / "both", "compare.json")["notes"][0])
        self.assertIn("it has no metrics.json", program.run(2, "eval", "--compare", self.folder / "good", self.folder, "-o", self.folder / "both", code=2)[1])
        self.assertIn("two reports or more", program.run(1, "eval", "--compare", self.folder / "good", "-o", self.folder / "both", code=1)[1])

    def test_csv_safe(self):
        write_scores(self.folder / "risky.csv", 2, .1)
        for option in (), ("--csv-safe",):
            program.run(2, "eval", "--scores", self.folder / "risky.csv", "--bootstrap", 0, *option, "-o", self.folder / "risky")
            for name, columns in ("scores.csv", ("id", "source")), ("breakdown.csv", ("generator", "real_source")):
                with open(self.folder / "risky" / name, newline="") as file:
                    cells = [row[column] for row in csv.DictReader(file) for column in columns]
                self.assertEqual(any(cell[:1] in tuple("=+-@") for cell in cells), not option, name)
            self.assertTrue(any(cell.lstrip("'") == "=HYPERLINK(0)" for cell in cells))


if __name__ == "__main__":
    unittest.main()
