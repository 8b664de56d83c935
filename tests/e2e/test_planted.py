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

    def test_crops(self):
        """What reads crops is trained of a store that has them, and on a CPU only if asked for: the test of its training is tests/mpi/test_low_cnn.c."""
        for how, clips in (("planted", CLIPS), ("crops", 60)):
            subprocess.run([TOOL, self.folder / how, str(clips), how], check=True)
        _, log = program.run(1, "train", self.folder / "planted", "--save-dir", self.folder / "none", "--level", "low", "--size", "full", code=2)
        self.assertIn("extract it with --crops", log)
        _, log = program.run(1, "train", self.folder / "crops", "--save-dir", self.folder / "auto", "--size", "auto", "--epochs", 1, "--batch-size", 16, "--device", "cpu")
        self.assertIn("low_cnn is left out", log)


if __name__ == "__main__":
    unittest.main()
