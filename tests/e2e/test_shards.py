"""Videos in tar shards: the same features and the same scores as from files, by either notation; a shard that was cut costs the member that was cut."""
import json
import os
import tarfile
import unittest

import h5py
import numpy as np
import program


class Shards(program.Case):
    broken = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        items = program.read_json(cls.dataset)
        cls.files = [cls.folder / "data" / item["video_path"] for item in items]
        cls.shards = [cls.folder / "00000.tar", cls.folder / "00001.tar"]
        places = {}
        for shard, kind in zip(cls.shards, (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)):
            with tarfile.open(shard, "w", format=kind) as tar:
                for i in range(cls.shards.index(shard), len(items), 2):
                    tar.add(cls.dataset, f"./{i:09}.json")
                    tar.add(cls.files[i], f"./{i:09}{cls.files[i].suffix}")
            with tarfile.open(shard) as tar:
                places |= {int(m.name[2:11]): (shard.name, m) for m in tar.getmembers() if not m.name.endswith("json")}
        for i, item in enumerate(items):
            shard, member = places[i]
            item["video_path"] = f"{shard}#{member.offset_data}+{member.size}" if i % 3 else f"{shard}/{member.name[2:]}"
        cls.packed = cls.folder / "packed.json"
        cls.packed.write_text(json.dumps(items))
        cls.store = cls.folder / "store"
        program.run(2, "extract", cls.dataset, "-o", cls.store)

    def rows(self, store):
        with h5py.File(store / "index.h5") as file:
            return file["features/hybrid"][:], file["videos"][:]

    def test_features(self):
        store = self.folder / "packed"
        program.run(2, "extract", self.packed, "-o", store)
        (ours, videos), (theirs, plain) = self.rows(store), self.rows(self.store)
        self.assertTrue(np.array_equal(ours, theirs))
        for column in ("size", "duration", "bit_rate", "total_frames", "container"):
            self.assertEqual(videos[column].tolist(), plain[column].tolist(), column)
        self.assertEqual(videos["size"].tolist(), [file.stat().st_size for file in self.files])

    def test_scores(self):
        models, by_file, by_shard = self.folder / "models", self.folder / "file.jsonl", self.folder / "shard.jsonl"
        program.run(2, "train", self.store, "--save-dir", models, "--size", "small")
        program.run(2, "batch", self.dataset, "-o", by_file, "--model", models)
        program.run(2, "batch", *self.shards, "-o", by_shard, "--model", models)
        read = lambda path: [json.loads(line) for line in path.read_text().splitlines()]
        ours, theirs = read(by_shard), read(by_file)
        order = [*range(0, 24, 2), *range(1, 24, 2)]
        self.assertEqual([item["video_path"] for item in ours], [f"{self.shards[i % 2]}/{i:09}{self.files[i].suffix}" for i in order])
        self.assertEqual([item["logit"] for item in ours], [theirs[i]["logit"] for i in order])
        self.assertIn("24 of 24 videos were scored already", program.run(1, "batch", *self.shards, "-o", by_shard, "--model", models)[1])
        listed = self.folder / "shards.txt"
        listed.write_text(f"{self.shards[1]}\n{self.shards[0]}/000000000.mp4\n")
        told = [json.loads(line) for line in program.run(3, "detect", listed, "--json", "--model", models)[0].splitlines()]
        self.assertEqual([item["logit"] for item in told], [theirs[i]["logit"] for i in [*range(1, 24, 2), 0]])

    def test_a_shard_that_was_cut(self):
        whole, cut, dataset, store = self.shards[0].read_bytes(), self.folder / "cut.tar", self.folder / "cut.json", self.folder / "cut"
        with tarfile.open(self.shards[0]) as tar:
            last = tar.getmembers()[-1]
        cut.write_bytes(whole[:last.offset_data + last.size * 2 // 3])
        items = [dict(item, video_path=item["video_path"].replace("00000.tar", "cut.tar")) for item in program.read_json(self.packed)[18:24:2]]
        dataset.write_text(json.dumps(items))
        program.run(1, "extract", dataset, "-o", store, code=4)
        ours, videos = self.rows(store)
        self.assertEqual([status for status in videos["status"]], [b"ok", b"ok", b"unreadable"])
        self.assertIn(b"is cut off", videos["reason"][2])
        self.assertTrue(np.array_equal(ours, self.rows(self.store)[0][18:22:2]))
        report = json.loads(program.run(1, "check", dataset, "--json")[0])
        self.assertEqual((report["n_unreadable"], report["n_missing"], report["n_duplicate"]), (1, 0, 0))
        self.assertEqual(report["findings"][0]["video_path"], items[2]["video_path"])
        again = lambda: program.run(1, "extract", dataset, "-o", store, code=4)[1]
        self.assertIn("3 of 3 items were already done", again())
        os.utime(cut, (1, 1))  # the shard is another one, as far as anybody can tell
        self.assertIn("0 of 3 items were already done", again())

    def test_check_reads_members(self):
        """The same video twice, once in a shard and once as a file; and one that is in no shard."""
        items = program.read_json(self.packed)[:3]
        items[1]["video_path"] = str(self.files[0])
        items[2]["video_path"] = "00000.tar/none.mp4"
        dataset = self.folder / "twice.json"
        dataset.write_text(json.dumps(items))
        report = json.loads(program.run(1, "check", dataset, "--json")[0])
        self.assertEqual((report["n_unreadable"], report["n_missing"], report["n_duplicate"]), (0, 1, 1))

    def test_words(self):
        packed = self.folder / "x.tar.gz"
        packed.write_bytes(b"\x1f\x8b" + bytes(1000))
        for path, words in ((packed, "unpack it to a .tar"), (f"{packed}/a.mp4", "only a plain .tar"), (f"{self.shards[0]}/none.mp4", "no such member"),
                            (f"{self.shards[0]}#x", "#OFFSET+BYTES"), (self.folder / "none.tar", "No such file")):
            said = program.run(1, "detect", path, code=2)[1]
            self.assertIn(words, said)


if __name__ == "__main__":
    unittest.main()
