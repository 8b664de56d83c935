"""desy train --lr-find: the same losses at any number of ranks, a rate that trains, words for what diverges, and no model."""
import json
import math
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import program

TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_planted_store"


class LearningRate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        subprocess.run([TOOL, cls.folder / "planted", "300", "planted"], check=True)

    def find(self, ranks, *options, code=0):
        return program.run(ranks, "train", self.folder / "planted", "--save-dir", self.folder / "models", "--lr-find", *options, code=code)

    def test_search(self):
        options = ["--size", "full", "--batch-size", 16]
        out = self.find(1, *options, "--json")[0]
        self.assertEqual(out, self.find(3, *options, "--json")[0])
        sweeps = {sweep["channel"]: sweep for sweep in json.loads(out)["sweeps"]}
        self.assertEqual(set(sweeps), {"mid_transformer", "high_mlp"})
        for sweep in sweeps.values():
            self.assertEqual(len(sweep["rates"]), len(sweep["losses"]))
            self.assertLess(abs(sweep["smoothed"][20] - math.log(2)), .1)  # rates as low as that change nothing
        self.assertFalse((self.folder / "models").exists(), "a search writes nothing")
        table = self.find(2, *options)[0]
        for name, sweep in sweeps.items():
            rate = f"{sweep['learning_rate']:.2g}"
            self.assertIn(f"{name}: --lr {rate}, ", table)
            model, _ = program.run(2, "train", self.folder / "planted", "--save-dir", self.folder / name, *options, "--level", name.split("_")[0], "--lr", rate, "--epochs", 3, "--json")
            self.assertGreater(json.loads(model)["out_of_fold_auc"], .98)

    def test_rates_that_are_too_high(self):
        """SGD without bounds ends the search, not the program."""
        out = self.find(2, "--size", "full", "--level", "mid", "--optimizer", "sgd", "--momentum", .99, "--batch-size", 8, "--json")[0]
        [sweep] = json.loads(out)["sweeps"]
        self.assertTrue(sweep["diverged"])
        self.assertLess(len(sweep["rates"]), 100)

    def test_nothing_to_find(self):
        self.assertIn("--size full", self.find(2, "--size", "small", code=1)[1])


if __name__ == "__main__":
    unittest.main()
