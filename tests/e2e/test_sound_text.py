"""What comes beside the pictures: a signal that is in the sound or in the text alone is found; that a clip has them is none; any number of ranks gives the
same bytes."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import h5py
import numpy as np
from safetensors.numpy import load_file
from sklearn.metrics import roc_auc_score

import program

TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_planted_store"


class SoundText(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def train(self, how, clips, ranks, *options):
        """The model's directory, and the log."""
        store = self.folder / how
        if not store.exists():
            subprocess.run([TOOL, store, str(clips), how], check=True)
        out, log = program.run(ranks, "train", store, "--save-dir", self.folder / f"{how}-{ranks}", "--level", "high", "--batch-size", 8, "--lr", .003, *options, "--json")
        return pathlib.Path(json.loads(out)["model"]), log

    def out_of_fold(self, how, model, channel):
        """Of the clips that have a logit of that channel: their number and the area under the curve."""
        with h5py.File(self.folder / how / "index.h5") as index:
            labels = dict(zip(index["videos"]["id"], index["videos"]["label"]))
        columns = load_file(model / "out_of_fold.safetensors")
        has = ~np.isnan(columns[channel])
        truth = np.array([labels[i] for i in columns["ids"]])
        return has.sum(), roc_auc_score(truth[has], columns[channel][has])

    def test_sound(self):
        model, log = self.train("sound", 120, 2, "--epochs", 4)
        self.assertIn("sound joins level high", log)
        n, auc = self.out_of_fold("sound", model, "sound")
        self.assertEqual(n, 72 * 3 / 4)
        self.assertGreaterEqual(auc, .95)

    def test_sound_of_one_class(self):
        model, log = self.train("sound-of-one", 60, 1, "--size", "full", "--epochs", 1)
        self.assertIn("sound is left out: too few clips of a class have sound", log)
        self.assertNotIn("sound", [channel["name"] for channel in program.read_json(model, "model.json")["channels"]])

    def test_text(self):
        model, log = self.train("text", 480, 2, "--epochs", 4, "--lr", .001)
        self.assertIn("high_text joins level high", log)
        n, auc = self.out_of_fold("text", model, "high_text")
        self.assertEqual(n, 288 / 2 * (1 / 2 + 3 / 4))
        self.assertGreaterEqual(auc, .95)

    def test_text_of_one_class(self):
        model, log = self.train("text-of-one", 60, 1, "--size", "full", "--epochs", 1)
        self.assertIn("high_text is left out: too few clips of a class have a text", log)
        self.assertNotIn("high_text", [channel["name"] for channel in program.read_json(model, "model.json")["channels"]])

    def test_that_there_is_a_text_is_no_sign(self):
        clips = 300
        model = self.train("text-no-sign", clips, 2, "--size", "full", "--epochs", 4)[0]
        n = clips * 3 / 5 / 2  # of each class
        chance = 1.96 * ((2 * n + 1) / (12 * n * n)) ** .5  # Hanley & McNeil's deviation at an area of a half; that a clip has a text would be one of .75
        self.assertIn("high_text", [channel["name"] for channel in program.read_json(model, "model.json")["channels"]])
        self.assertLess(abs(program.read_json(model, "model.json")["out_of_fold"]["roc_auc"] - .5), chance)

    def test_ranks(self):
        for how, channel in (("sound", "sound."), ("text", "high_text.")):
            models = [self.train(how, 40, ranks, "--size", "full", "--epochs", 1)[0] for ranks in (1, 3)]
            for name in ("weights.safetensors", "out_of_fold.safetensors"):
                self.assertEqual(*[(model / name).read_bytes() for model in models], name)
            self.assertTrue(any(name.startswith(channel) for name in load_file(models[0] / "weights.safetensors")))


if __name__ == "__main__":
    unittest.main()
