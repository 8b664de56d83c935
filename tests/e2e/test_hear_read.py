"""Models that hear and read: what a data set gives as audio_path and text, and --audio and --text of single videos, give the same scores; what a video lacks is left out."""
import csv
import json
import unittest
import wave

import numpy as np

import program


class HearAndRead(program.Case):
    broken = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(1)
        cls.items = json.loads(cls.dataset.read_text())
        for i, item in enumerate(cls.items):
            item |= {"text": f"A walk through {rng.choice(['rain', 'snow', 'a town'])}", "audio_path": f"{i}.wav", "group": str(i), "split": ("train", "train", "val", "train", "train", "test")[i // 2 % 6]}
            with wave.open(str(cls.dataset.parent / item["audio_path"]), "wb") as file:
                file.setparams((1, 2, 16000, 0, "NONE", ""))
                file.writeframes(np.int16(2000 * rng.standard_normal(40000)).tobytes())
        cls.dataset.write_text(json.dumps(cls.items))
        cls.store, cls.models = cls.folder / "store", cls.folder / "models"
        program.run(2, "extract", cls.dataset, "-o", cls.store, "--audio")
        program.run(2, "train", cls.store, "--save-dir", cls.models, "--level", "high", "--size", "full", "--epochs", 1, "--batch-size", 8)

    def detect(self, item, *options):
        return json.loads(program.run(1, "detect", self.dataset.parent / item["video_path"], "--model", self.models, "--json", *options)[0])

    def test_all_ways_agree(self):
        scores, report = self.folder / "scores.jsonl", self.folder / "report"
        program.run(2, "batch", self.dataset, "--model", self.models, "-o", scores)
        program.run(2, "eval", self.store, "--model", self.models, "-o", report, "--split", "all")
        batch = [json.loads(line) for line in scores.read_text().splitlines()]
        with open(report / "scores.csv") as file:
            evaluated = {row["video_path"]: float(row["high"]) for row in csv.DictReader(file)}
        for item, result in zip(self.items, batch):
            self.assertEqual(set(result["channels"]), {"high_mlp", "high_text", "sound"})
            self.assertNotIn(None, result["channels"].values())
            self.assertEqual(result["feature_scores"]["high"], evaluated[item["video_path"]])
        item = self.items[0]
        one = self.detect(item, "--text", item["text"], "--audio", self.dataset.parent / item["audio_path"])
        for key in ("channels", "confidence"):
            self.assertEqual(one[key], batch[0][key])

    def test_what_is_lacking(self):
        item = self.items[0]  # its own track has sound
        own, deaf, read = self.detect(item), self.detect(item, "--audio", "none"), self.detect(item, "--audio", "none", "--text", "Snow")
        self.assertIsNotNone(own["channels"]["sound"])
        self.assertIsNone(own["channels"]["high_text"])
        self.assertEqual([deaf["channels"][name] for name in ("sound", "high_text")], [None, None])
        self.assertIsNotNone(read["channels"]["high_text"])
        for other in (own, read):
            self.assertEqual(other["channels"]["high_mlp"], deaf["channels"]["high_mlp"])
            self.assertNotEqual(other["confidence"], deaf["confidence"])

    def test_wrong_use(self):
        clips = [self.dataset.parent / item["video_path"] for item in self.items[:2]]
        self.assertIn("the sound of one video", program.run(1, "detect", *clips, "--model", self.models, "--audio", self.dataset.parent / "0.wav", code=1)[1])
        self.assertIn("no such sound file", program.run(1, "detect", clips[0], "--model", self.models, "--audio", self.folder / "none.wav", code=2)[1])

    def test_batch_again(self):
        """Another text is another score: what was scored with the first one does not stand."""
        scores, changed = self.folder / "again.jsonl", self.dataset.parent / "changed.json"
        changed.write_text(json.dumps(self.items[:2]))
        program.run(1, "batch", changed, "--model", self.models, "-o", scores)
        before = scores.read_text().splitlines()
        changed.write_text(json.dumps([self.items[0], self.items[1] | {"text": "Snow and rain in another town"}]))
        program.run(1, "batch", changed, "--model", self.models, "-o", scores)
        after = scores.read_text().splitlines()
        self.assertEqual(before[0], after[0])
        self.assertNotEqual(json.loads(before[1])["channels"]["high_text"], json.loads(after[1])["channels"]["high_text"])


if __name__ == "__main__":
    unittest.main()
