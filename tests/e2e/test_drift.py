"""desy drift and desy feedback as users run them: verdicts, exit codes, the same report at any number of ranks, reviewed labels, the data set that comes of them, the page."""
import json
import math
import os
import pathlib
import random
import shutil
import unittest

import numpy as np
from sklearn.metrics import brier_score_loss, roc_auc_score

import browser as browsers
import program

SHIPPED = pathlib.Path(os.environ["DESY_SOURCE_DIR"]) / "models" / "hybrid-1"
HOSTILE = ["<script>window.hacked = 1</script>", "\"><img src=x onerror=\"window.hacked=1\">", "</title><h1>gone", "a" + "\u00e4" * 800, "\u202eeslaf\x1b[31m"]


def logits(n, shift, seed=1):
    """As of other videos of the kind that the model that ships was trained on: drawn from its own reference."""
    draw = random.Random(seed)
    reference = program.read_json(SHIPPED, "model.json")["drift"]["scores"]["logit"]["quantiles"]
    return [draw.choice(reference) + draw.gauss(shift, .1) for _ in range(n)]


def write_scores(path, values, sources=("",), **more):
    with open(path, "w") as file:
        for i, value in enumerate(values):
            file.write(json.dumps({"video_path": f"{i}.mp4", "status": "ok", "logit": value, "source": sources[i % len(sources)], "time": 1.7e9 + 1000 * i, **more}) + "\n")
    return path


class Drift(program.ModelCase):
    def report(self, *arguments, ranks=1, code=0):
        return json.loads(program.run(ranks, "drift", *arguments, "--json", "--quiet", code=code)[0])

    def test_verdicts_and_exit_codes(self):
        healthy, moved = write_scores(self.folder / "healthy.jsonl", logits(400, 0)), write_scores(self.folder / "moved.jsonl", logits(400, 2.5))
        self.assertEqual(self.report(SHIPPED, healthy, "--fail-on", "watch")["verdict"], "healthy")
        self.assertEqual(self.report(SHIPPED, moved)["verdict"], "retrain")
        self.report(SHIPPED, moved, "--fail-on", "retrain", code=6)
        self.report(SHIPPED, moved, "--fail-on", "watch", ranks=2, code=6)
        self.assertEqual(self.report(SHIPPED, moved, "--reference", write_scores(self.folder / "before.jsonl", logits(300, 2.5, 2)))["verdict"], "healthy")
        few = self.report(SHIPPED, write_scores(self.folder / "few.jsonl", logits(40, 3)), "--fail-on", "watch")
        self.assertEqual(few["verdict"], "too little data")
        words = program.run(1, "drift", SHIPPED, moved)[0]
        self.assertIn("retrain\n", words)
        self.assertIn("PSI", words)
        other = self.report(SHIPPED, write_scores(self.folder / "other.jsonl", logits(100, 0), model="v0007"))
        self.assertTrue(any("v0007" in note for note in other["notes"]))

    def test_what_batch_writes_and_a_store(self):
        """The videos of a training are its reference again: their features have not moved."""
        program.run(2, "batch", self.dataset, "-o", self.folder / "scores.jsonl", "--csv", self.folder / "scores.csv", "--model", self.models)
        one = self.report(self.models, self.folder / "scores.jsonl", "-o", self.folder / "report")
        self.assertEqual((one["n"], one["verdict"]), (24, "too little data"))
        for name in ("drift.json", "drift.html"):
            self.assertTrue((self.folder / "report" / name).is_file())
        for ranks in (1, 3):
            of = self.report(self.models, self.store, "-o", self.folder / f"store-{ranks}", ranks=ranks)
            self.assertEqual(len(of["features"]), len(program.read_json(self.models, "v0001", "model.json")["drift"]["features"]))
        for name in ("drift.json", "drift.html"):
            self.assertEqual((self.folder / "store-1" / name).read_bytes(), (self.folder / "store-3" / name).read_bytes())
        close = self.report(self.models, self.folder / "scores.csv")["all"]["scores"]["logit"]
        for name in ("mean", "psi", "ks"):
            self.assertAlmostEqual(close[name], one["all"]["scores"]["logit"][name], 9)

    def test_training_and_store_are_summarised_alike(self):
        """Whoever has them: by a training of any number of ranks, which keeps them, and by the scoring of a store; of several windows, and with views, which do not count."""
        store, models = self.folder / "windows", [self.folder / f"by-{ranks}" for ranks in (1, 3)]
        program.run(2, "extract", self.dataset, "-o", store, "--windows", "3", "--augment", "1")
        for ranks, save_dir in zip((1, 3), models):
            program.run(ranks, "train", store, "--save-dir", save_dir, "--size", "small", "--parts", "all")
        for name in ("drift.safetensors", "model.json"):
            self.assertEqual((models[0] / "v0001" / name).read_bytes(), (models[1] / "v0001" / name).read_bytes())
        of = self.report(models[0], store)
        self.assertEqual([feature["ks"] for feature in of["features"]], [0] * len(of["features"]))
        self.assertTrue(any("heads know these clips" in note for note in of["notes"]))

    def test_bad_input(self):
        good = write_scores(self.folder / "good.jsonl", logits(60, 0))
        cases = {"number.csv": ("id,score\na,.5\nb,x\n", "row 2: score"), "range.csv": ("id,score\na,1.5\n", "logit"), "none.csv": ("id,label\na,1\n", "no column"), "empty.csv": ("id,score\n", "no rows"),
                 "nan.jsonl": ('{"logit": 1}\n{"logit": "high"}\n', "line 2"), "time.jsonl": ('{"logit": 1, "time": "yesterday"}\n', "yesterday"), "failed.jsonl": ('{"status": "unreadable"}\n', "none of its 1 rows"),
                 "broken.jsonl": ('{"logit": 1}\n{"logit"', "broken.jsonl"), "array.jsonl": ("[[1]]", "not an object"), "prior.jsonl": ('{"confidence": 0.5, "prior": 1}\n', "prior")}
        for name, (text, wanted) in cases.items():
            (self.folder / name).write_text(text)
            with self.subTest(name):
                self.assertIn(wanted, program.run(1, "drift", SHIPPED, self.folder / name, code=2)[1])
        program.run(1, "drift", SHIPPED, self.folder / "nowhere.jsonl", code=2)
        program.run(2, "drift", SHIPPED, self.folder / "nowhere.jsonl", code=2)
        program.run(1, "drift", SHIPPED, good, "--feedback", self.folder / "nowhere", code=2)
        program.run(1, "drift", SHIPPED, code=1)
        program.run(1, "drift", SHIPPED, good, "--fail-on", "healthy", code=1)
        program.run(1, "drift", SHIPPED, good, "--windows", "1000", code=1)
        self.assertIn("not a feature store", program.run(1, "drift", SHIPPED, self.folder, code=2)[1])
        for name, change in {"older": lambda model: model.pop("drift"), "damaged": lambda model: model["drift"]["scores"]["logit"].update(quantiles=[2, 1])}.items():
            shutil.copytree(SHIPPED, self.folder / name)
            model = program.read_json(SHIPPED, "model.json")
            change(model)
            del model["sha256"]
            (self.folder / name / "model.json").write_text(json.dumps(model))
            self.assertIn("train it again" if name == "older" else "damaged", program.run(1, "drift", self.folder / name, good, code=2)[1])
        (self.folder / "damaged" / "model.json").write_text((SHIPPED / "model.json").read_text())
        (self.folder / "damaged" / "drift.safetensors").write_bytes(b"x")
        self.assertIn("drift.safetensors", program.run(1, "drift", self.folder / "damaged", good, code=2)[1])

    def test_feedback(self):
        """From what people say to a data set: added, listed, reviewed, exported, checked, extracted."""
        feedback, clips = self.folder / "feedback", sorted((self.folder / "data" / "clips").glob("*.mp4"))[:3]
        entries = []
        for i, clip in enumerate(clips):
            entries.append(program.run(1, "feedback", "add", feedback, clip, "--label", ["real", "ai"][i % 2], "--comment", "\x1b]0;hacked\x07 <b>\u202e no\nreview", "--confidence", ".25")[0].strip())
        conflicting = program.run(1, "feedback", "add", feedback, clips[2], "--label", "1", "--json")[0]
        listed, _ = program.run(1, "feedback", "list", feedback)
        self.assertNotRegex(listed, "[\x00-\x09\x0b-\x1f\x7f\u202e]")
        self.assertEqual(listed.count("pending"), 4)
        self.assertIn("no accepted record", program.run(1, "feedback", "export", feedback, "-o", self.folder / "labelled.json", code=2)[1])
        for entry in entries:
            program.run(1, "feedback", "review", feedback, entry, "--accept")
        program.run(1, "feedback", "review", feedback, entries[0], "--reject")
        described = json.loads(program.run(1, "feedback", "list", feedback, "--pending", "--json")[0])
        self.assertEqual([entry["entry"] for entry in described], [json.loads(conflicting)["entry"]])
        program.run(1, "feedback", "export", feedback, "-o", self.folder / "labelled.json")
        items = program.read_json(self.folder, "labelled.json")
        self.assertEqual({(item["video_path"], item["label"]) for item in items}, {(str(clip.resolve()), i % 2) for i, clip in enumerate(clips) if i > 0})
        program.run(1, "check", self.folder / "labelled.json")
        program.run(1, "extract", self.folder / "labelled.json", "-o", self.folder / "labelled-store")

        program.run(1, "feedback", "review", feedback, json.loads(conflicting)["entry"], "--accept")
        self.assertIn("labels differ", program.run(1, "feedback", "export", feedback, "-o", self.folder / "labelled.json", code=4)[1])
        self.assertEqual(len(program.read_json(self.folder, "labelled.json")), 1)
        moved = self.folder / "changed.mp4"
        shutil.copy(clips[1], moved)
        other = json.loads(program.run(1, "feedback", "add", self.folder / "one", moved, "--label", "0", "--json")[0])
        program.run(1, "feedback", "review", self.folder / "one", other["id"][:12], "--accept")
        moved.write_bytes(moved.read_bytes() + b"more")
        self.assertIn("has changed", program.run(1, "feedback", "export", self.folder / "one", "-o", self.folder / "none.json", code=2)[1])
        self.assertFalse((self.folder / "none.json").exists())

        self.assertIn("2 records", program.run(1, "feedback", "review", feedback, json.loads(conflicting)["id"], "--accept", code=2)[1])
        for code, arguments in ((1, ["review", feedback, entries[0]]), (2, ["review", feedback, "0" * 16, "--accept"]), (1, ["add", feedback, clips[0]]),
                                (1, ["add", feedback, clips[0], "--label", "fake"]), (2, ["add", feedback, self.folder / "no.mp4", "--label", "ai"]), (1, ["add", feedback, clips[0], "--label", "ai", "--confidence", "2"]),
                                (1, ["list", feedback, "--accept"]), (1, ["delete", feedback])):
            with self.subTest(arguments=arguments):
                program.run(1, "feedback", *arguments, code=code)

    def test_reviewed_labels(self):
        """AUC, Brier, accuracy against scikit-learn; which records count; what they do to the verdict."""
        draw = random.Random(3)
        scores = write_scores(self.folder / "fine.jsonl", logits(200, 0))

        def figures(name, skill, source):
            lines, kept = [], []
            for i in range(160):
                label = i % 2
                confidence = 1 / (1 + math.exp(-3 * draw.gauss(skill * (2 * label - 1), 1)))  # calibrated at a skill of 1.5
                state, model = i % 8, ["hybrid-1", "v0003"][i % 16 == 9]
                lines.append(json.dumps({"entry": f"{i:016x}", "id": f"video{i}", "label": label, "confidence": confidence, "model": model, "source": source, "time": "2026-03-01T00:00:00Z", "reviewed": False}))
                if state != 7:
                    lines.append(json.dumps({"review": f"{i:016x}", "accepted": state != 6, "time": "2026-03-02T00:00:00Z"}))
                if state < 6 and model == "hybrid-1":
                    kept.append((label, confidence))
            (self.folder / name).mkdir()
            (self.folder / name / "records.jsonl").write_text("\n".join(lines) + '\n{"entry": "torn')
            of = self.report(SHIPPED, scores, "--feedback", self.folder / name)
            label, confidence = np.array(kept).T
            self.assertEqual((of["feedback"]["n"], of["feedback"]["pending"], of["feedback"]["rejected"], of["feedback"]["other_models"]), (len(kept), 20, 20, 10))
            self.assertAlmostEqual(of["feedback"]["roc_auc"], roc_auc_score(label, confidence), 12)
            self.assertAlmostEqual(of["feedback"]["brier"], brier_score_loss(label, confidence), 12)
            self.assertAlmostEqual(of["feedback"]["accuracy"], np.mean((confidence >= of["feedback"]["threshold"]) == label), 12)
            return of

        self.assertEqual(figures("skilled", 1.5, "cli")["feedback"]["status"], "stable")
        bad = figures("chance", 0, "cli")
        self.assertEqual((bad["feedback"]["status"], bad["verdict"]), ("drift", "retrain"))
        self.assertEqual(figures("reported", 0, "web")["verdict"], "watch")  # people report what is wrong

    def test_page(self):
        write_scores(self.folder / "hostile.jsonl", logits(400, 1), HOSTILE)
        program.run(1, "drift", SHIPPED, self.folder / "hostile.jsonl", "-o", self.folder / "page")
        browser = browsers.open_browser()
        self.addCleanup(browser.quit)
        for width in (1200, 390):
            browsers.resize(browser, width)
            browser.get((self.folder / "page" / "drift.html").as_uri())
            self.assertEqual(browsers.said(browser), [])
            wide = browser.execute_script("return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.wide')).map(e => e.outerHTML.slice(0, 200))")
            self.assertEqual(wide, [], f"wider than {width} pixels")
        self.assertIsNone(browser.execute_script("return window.hacked"))
        self.assertEqual(browser.execute_script("return document.querySelectorAll('script, img, iframe, object, link').length"), 0)
        self.assertEqual(browser.execute_script("return document.querySelectorAll('h1').length"), 1)
        shown = browser.execute_script("return document.body.textContent")
        for name in HOSTILE[:3]:
            self.assertIn(name, shown)
        self.assertGreaterEqual(browser.execute_script("return document.querySelectorAll('figure svg').length"), 3)
        self.assertEqual(browsers.faults(browser), [])


if __name__ == "__main__":
    unittest.main()
