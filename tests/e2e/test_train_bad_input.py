"""Bad input of a training by epochs: a store that changes under it, parts that lack a class or anything, batches larger than the data, more ranks than
items. Every rank ends with one message or, where nothing is wrong, with the same bytes."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest

import program

TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_planted_store"
FULL = ["--size", "full", "--epochs", 2]


def errors(said):
    return [line for line in said.splitlines() if re.match(r"desy: (rank \d+: )?error: ", line)]


class TrainBadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    def store(self, name, items):
        subprocess.run([TOOL, self.folder / name, str(items), "planted"], check=True)
        return self.folder / name

    def test_a_store_that_changes(self):
        """While it is read: a segment that is written to, one that is cut, an index that goes, each on one of two ranks' watch."""
        def write(segment, _):
            with open(segment, "r+b") as file:
                file.seek(-1, os.SEEK_END)
                last = file.read(1)
                file.seek(-1, os.SEEK_END)
                file.write(bytes([last[0] ^ 1]))

        changes = (("changed", "high", write), ("shrunk", "mid", lambda segment, _: os.truncate(segment, segment.stat().st_size // 2)), ("gone", "high", lambda _, index: index.unlink()))
        for word, level, change in changes:
            store, models = self.store(word, 60), self.folder / f"models-{word}"
            process = program.start(2, "train", store, "--save-dir", models, "--level", level, "--size", "full", "--epochs", 100000, "--patience", 100000, "--batch-size", 8,
                                    "--checkpoint-minutes", 0)
            until = time.monotonic() + program.PATIENCE
            while not list(models.glob("checkpoints/*/*")):
                self.assertIsNone(process.poll())
                self.assertLess(time.monotonic(), until)
                time.sleep(.01)
            change(sorted((store / "seg").glob("*/*.h5"))[0], store / "index.h5")
            said = process.communicate(timeout=program.PATIENCE)[1]
            self.assertEqual(process.returncode, 2, said)
            [error] = errors(said)
            self.assertRegex(error, rf"{store}/.*(has {word}|cannot be read|truncated)")
            self.assertFalse((models / "v0001").exists(), "a model of it was published")

    def test_parts_that_lack_something(self):
        """Said of the list, before anything is extracted."""
        def listed(name, lacks):
            items = [{"video_path": f"{part}-{label}-{i}.mp4", "label": label, "split": part, "source": f"s{label}{i % 4}", "group": f"{part}{label}{i}"}
                     for part in ("train", "val", "test") for label in (0, 1) for i in range(8) if not lacks(part, label)]
            (self.folder / name).write_text(json.dumps(items))
            return self.folder / name

        for name, lacks, words in (("one-class.json", lambda part, label: part == "train" and label == 0, ["'train'", "real"]), ("no-val.json", lambda part, label: part == "val", ["'val'"])):
            for ranks in (1, 3):
                [error] = errors(program.run(ranks, "train", listed(name, lacks), "--save-dir", self.folder / "refused", *FULL, code=2)[1])
                for word in words:
                    self.assertIn(word, error)
        self.assertFalse(list(self.folder.glob("refused/**/*.h5")))

    def test_large_batches_and_many_ranks(self):
        """12 training items: one padded batch holds them all, and of 16 ranks some have nothing to do."""
        store = self.store("small", 20)
        for ranks in (1, 16):
            log = program.run(ranks, "train", store, "--save-dir", self.folder / f"small-{ranks}", *FULL, "--batch-size", 500)[1]
            self.assertIn("Epoch 2", log)
        files = [[(self.folder / f"small-{ranks}" / "v0001" / name).read_bytes() for name in ("weights.safetensors", "model.json")] for ranks in (1, 16)]
        self.assertEqual(files[0], files[1])


if __name__ == "__main__":
    unittest.main()
