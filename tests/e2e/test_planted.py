"""Full forms find a signal that was planted, in the course of the frames or in their mean; and where labels are shuffled they find nothing."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import program

TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_planted_store"
CLIPS = 300


class Planted(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def out_of_fold(self, how, level):
        store = self.folder / how
        if not store.exists():
            subprocess.run([TOOL, store, str(CLIPS), how], check=True)
        out, log = program.run(2, "train", store, "--save-dir", self.folder / f"{how}-{level}", "--level", level, "--size", "full", "--epochs", 4, "--batch-size", 16, "--json")
        return program.read_json(json.loads(out)["model"], "model.json")["out_of_fold"]["roc_auc"], log

    def test_planted(self):
        for level in ("mid", "high"):
            self.assertGreaterEqual(self.out_of_fold("planted", level)[0], .99, level)

    def test_shuffled(self):
        n = CLIPS * 3 / 5 / 2  # of each class, about
        chance = 1.96 * ((2 * n + 1) / (12 * n * n)) ** .5  # Hanley & McNeil's deviation at an area of a half
        for level in ("mid", "high"):
            auc, log = self.out_of_fold("shuffled", level)
            self.assertLess(abs(auc - .5), chance, level)
            self.assertIn("shuffled", log, level)


if __name__ == "__main__":
    unittest.main()
