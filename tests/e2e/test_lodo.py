"""eval --protocol lodo: who is left out with whom, that what is left out is not learnt from, the same figures at any number of ranks."""
import csv
import hashlib
import itertools
import json
import subprocess
import unittest

import h5py
import numpy as np

import program


class Lodo(program.Case):
    broken = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        data = cls.dataset.parent
        items = json.loads(cls.dataset.read_text())
        for i, item in enumerate(items):
            item["source"] += f"-{i % 4 // 2}"  # more sources, of few clips
            item.pop("group", None)
            if i % 8 < 4:  # another packaging
                path = cls.folder / f"{i}-{item['video_path'].rsplit('/')[-1]}"
                subprocess.run(["ffmpeg", "-v", "error", "-i", data / item["video_path"], "-c", "copy", path], check=True)
                item["video_path"] = str(path)
        cls.items = items
        cls.dataset = data / "lodo.json"
        cls.dataset.write_text(json.dumps(items))
        cls.store = cls.folder / "store"
        program.run(2, "extract", cls.dataset, "-o", cls.store, "--augment", "1")

    def figures(self, ranks, name, *options):
        out, _ = program.run(ranks, "eval", self.store, "--protocol", "lodo", "-o", self.folder / name, "--json", *options)
        self.assertEqual(json.loads(out), program.read_json(self.folder / name, "lodo.json"))
        return json.loads(out)

    def test_figures(self):
        one, three = self.figures(1, "one"), self.figures(3, "three")
        self.assertEqual(one, three)
        self.assertEqual(one["index_sha256"], hashlib.sha256((self.store / "index.h5").read_bytes()).hexdigest())
        counts = [sum(item["label"] == label for item in self.items) for label in (0, 1)]
        self.assertEqual([one["n_real"], one["n_ai"]], counts)
        generators = {item["source"] for item in self.items if item["label"] == 1}
        self.assertEqual(one["cells"], 4 * len(generators))
        self.assertEqual({row["source"] for row in one["by_generator"]}, generators)
        self.assertEqual(set(one["views"]), {"as_is", "view_1"})
        self.assertNotIn("metadata", one["views"]["view_1"])  # a view's packaging is not its video's
        channels = ["d3", "d3_vec", "ttr", "restrav", "energy", "warp"]
        for kinds in one["views"].values():
            self.assertEqual(set(kinds) - {"metadata"}, {"fused", "low", "mid", "high", "stall", *channels, *("fused+" + name for name in channels)})
            for kind in kinds.values():
                self.assertEqual(kind["pairs"], counts[0] * counts[1])  # every pair once
                self.assertLessEqual(kind["ci_sources"][0], kind["ranked_right"])
        for row in one["by_generator"] + one["by_real_source"]:
            self.assertTrue(0 <= row["ci_clips"][0] <= row["ci_clips"][1] <= 1)
        self.assertEqual(set(one["controls"]) - {"equal_packaging", "equal_packaging_metadata"}, {"content_matched", "real_against_real"})
        self.check_folds(one)
        self.assertGreater(one["calibration"]["brier_of_base_rate"], one["calibration"]["brier"])
        self.assertEqual(sum(row["clips"] for row in one["operating_point"]["by_source"]), counts[0])

    def check_folds(self, figures):
        """Shares of pairs counted anew from folds.csv; of one packaging by what the store says of its videos."""
        with h5py.File(self.store / "index.h5") as file:
            videos = [row for row in file["videos"][:] if row["view"] == 0]
        packaging = {row["video_path"].decode(): tuple(row[name] for name in ("codec", "container", "muxer")) + (round(row["fps"] * 10), round(row["duration"])) for row in videos}
        self.assertEqual({key[2][:4] for key in packaging.values()}, {b"", b"Lavf"})
        self.assertEqual((self.folder / "one" / "folds.csv").read_bytes(), (self.folder / "three" / "folds.csv").read_bytes())
        with open(self.folder / "one" / "folds.csv", newline="") as stream:
            rows = list(csv.DictReader(stream))
        for kind in ("fused", "low", "mid", "high", "metadata"):
            right = {True: [], False: []}
            for ai, real in itertools.product(*([row for row in rows if row["label"] == label and row["view"] == "0"] for label in "10")):
                if ai["cell"] == real["cell"]:
                    first, second = float(ai[kind]), float(real[kind])
                    right[packaging[ai["video_path"]] == packaging[real["video_path"]]].append((first > second) + (first == second) / 2)
            self.assertEqual(len(right[True] + right[False]), figures["views"]["as_is"][kind]["pairs"])
            self.assertAlmostEqual(np.mean(right[True] + right[False]), figures["views"]["as_is"][kind]["ranked_right"], 12)
            if kind == "fused":
                self.assertEqual(len(right[True]), figures["controls"]["equal_packaging"]["pairs"])
                self.assertAlmostEqual(np.mean(right[True]), figures["controls"]["equal_packaging"]["ranked_right"], 12)

    def test_what_is_left_out_is_not_learnt_from(self):
        """Labels that are a matter of the source alone can't be known of a source that was not seen."""
        items = json.loads(json.dumps(self.items))
        for item in items:
            item["label"], item["source"] = int(item["source"].endswith("0")), item["source"] + "-renamed"
        dataset = self.dataset.parent / "coin.json"
        dataset.write_text(json.dumps(items))
        program.run(2, "extract", dataset, "-o", self.folder / "coin")
        out, _ = program.run(2, "eval", self.folder / "coin", "--protocol", "lodo", "-o", self.folder / "coin-report", "--json")
        share = json.loads(out)["views"]["as_is"]["fused"]["ranked_right"]
        self.assertLess(share, .8)

    def test_refused(self):
        _, words = program.run(1, "eval", self.store, "--protocol", "lodo", "-o", self.folder / "no", "--split", "all", code=1)
        self.assertIn("--split does not go with --protocol lodo", words)
        _, words = program.run(1, "eval", self.store, "--protocol", "lodo", "-o", self.folder / "no", "--false-alarms", "2", code=1)
        self.assertIn("--false-alarms must lie in [0, 1]", words)
        program.run(1, "run", self.dataset, "-o", self.folder / "no", "--protocol", "lodo", code=1)  # it has a model and a part
        items = [item for item in self.items if item["label"] == 0 or item["source"] == self.items[-1]["source"]]
        dataset = self.dataset.parent / "one.json"
        dataset.write_text(json.dumps([item | {"source": "same"} for item in items]))
        program.run(2, "extract", dataset, "-o", self.folder / "one-source")
        _, words = program.run(2, "eval", self.folder / "one-source", "--protocol", "lodo", "-o", self.folder / "no", code=2)
        self.assertIn("real sources: the protocol lodo leaves sources out", words)


if __name__ == "__main__":
    unittest.main()
