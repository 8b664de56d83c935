"""--shard K/N: parts that know nothing of each other, in any order and at the same time, make the store and the scores of a single run."""
import json
import re
import shutil
import unittest

import h5py
import program


class Shard(program.StoreCase):
    def together(self, *commands):
        """All at once; every one must end with 0 or with 4 (a video could not be read). What they said."""
        begun = [program.start(ranks, *arguments) for ranks, arguments in commands]
        words = [process.communicate(timeout=program.PATIENCE)[1] for process in begun]
        for process, said in zip(begun, words):
            self.assertIn(process.returncode, (0, 4), said)
        return words

    def whole_store(self, store):
        self.assertEqual(program.store_hash(store), self.hash)
        self.assertFalse(list(store.rglob("*.tmp*")))

    def blocks(self, store):
        """Of each manifest."""
        return {path.name: {json.loads(line)["block"] for line in path.read_text().splitlines()} for path in store.glob("manifest-*.jsonl")}

    def test_at_the_same_time(self):
        store = self.folder / "together"
        self.together(*[(2 if k == 2 else 1, ("extract", self.dataset, "-o", store, "--shard", f"{k}/3")) for k in (1, 2, 3)])
        self.whole_store(store)  # whoever ended last wrote the index
        blocks = self.blocks(store)
        self.assertEqual(sorted(sum(map(list, blocks.values()), [])), list(range(25)))
        self.assertTrue({"manifest-100000.jsonl", "manifest-300000.jsonl"} < set(blocks), blocks)
        for k in (1, 3):
            self.assertIn(len(blocks[f"manifest-{k}00000.jsonl"]), (8, 9))
        # All is there but the index, and all are at their end at once.
        for _ in range(3):
            (store / "index.h5").unlink()
            self.together(*[(1, ("extract", self.dataset, "-o", store, "--shard", f"{k}/3")) for k in (1, 2, 3)])
            self.whole_store(store)

    def test_one_after_the_other_and_the_rest_without(self):
        store = self.folder / "parts"
        for k in (3, 1):
            words = self.together((1, ("extract", self.dataset, "-o", store, "--shard", f"{k}/4")))[0]
            self.assertIn(f"shard {k} of 4 is done", words)
            self.assertIn("of other shards, are missing: the index will be written by", words)
            self.assertFalse((store / "index.h5").exists())
        self.assertIn("run the same extract command again", program.run(1, "info", store, code=2)[1])
        words = program.run(2, "extract", self.dataset, "-o", store, code=4)[1]
        self.assertRegex(words, r"1[23] of 25 items were already done")
        self.whole_store(store)
        summary = json.loads(program.run(1, "extract", self.dataset, "-o", store, "--shard", "1/4", "--json", code=4)[0])
        self.assertEqual((summary["n"], summary["n_failed"], summary["missing_blocks"], summary["shard"]), (25, 1, 0, "1/4"))

    def test_the_data_set_changed(self):
        """No index joins what is new with what other shards have not looked at yet; what stayed right is not extracted again."""
        for edited in (slice(None), slice(3, 4)):
            store, dataset = self.folder / f"edited-{edited.stop}", self.dataset.with_name(f"edited-{edited.stop}.json")
            shutil.copytree(self.whole, store)
            items = program.read_json(self.dataset)
            for item in items[edited]:
                item["label"] = 1 - item["label"]
            dataset.write_text(json.dumps(items))
            made, labels = 0, [item["label"] for item in items]
            for k in (1, 2, 3):
                words = self.together((1, ("extract", dataset, "-o", store, "--shard", f"{k}/3")))[0]
                made += int(re.search(r"(\d+) were extracted now", words)[1])
                self.assertEqual("are missing" in words, k < 3, words)
            self.assertEqual(made, len(items[edited]))
            with h5py.File(store / "index.h5") as file:
                self.assertEqual(list(file["videos"]["label"]), labels)

    def test_no_such_shard(self):
        for command in ("extract", "batch"):
            for shard, said in (("0/3", "numbered from 1 to 3"), ("4/3", "numbered from 1 to 3"), ("3", "K/N"), ("1/3x", "K/N")):
                self.assertIn(said, program.run(1, command, self.dataset, "-o", self.folder / "none", "--shard", shard, code=1)[1])
        self.assertIn("unknown option", program.run(1, "run", self.dataset, "-o", self.folder / "none", "--shard", "1/2", code=1)[1])
        self.assertFalse((self.folder / "none").exists())

    def test_batch(self):
        models = self.folder / "models"
        program.run(1, "train", self.whole, "--save-dir", models, "--size", "small")
        one, scores = self.folder / "one.jsonl", self.folder / "scores.jsonl"
        program.run(1, "batch", self.dataset, "-o", one, "--model", models, code=4)
        command = ("batch", self.dataset, "-o", scores, "--model", models, "--shard")
        summary, words = program.run(1, *command, "2/2", "--json", code=4)  # the broken one is the last
        self.assertIn("shard 2 of 2 is done; 16 of 25 videos, of other shards, are missing", words)
        self.assertEqual(json.loads(summary), {"shard": "2/2", "missing": 16, "n": 9, "n_failed": 1})
        self.assertFalse(scores.exists())
        self.together((2, (*command, "1/2")))
        self.assertEqual(scores.read_text(), one.read_text())
        scores.unlink()
        self.together((1, (*command, "1/2")), (1, (*command, "2/2")))
        self.assertEqual(scores.read_text(), one.read_text())
        if program.read_json(self.whole / "extract.json")["config"]["isa"] != "DEFAULT":  # scores of one list are of one instruction set
            words = program.run(1, *command[:-1], code=4, environment={"ATEN_CPU_CAPABILITY": "default"})[1]
            self.assertNotIn("scored already", words)
        self.assertIn("25 of 25 videos were scored already", program.run(1, *command[:-1], "--threads", 2, code=4)[1])  # which decide nothing
        self.assertFalse(list(self.folder.glob("scores.jsonl.tmp*")))


if __name__ == "__main__":
    unittest.main()
