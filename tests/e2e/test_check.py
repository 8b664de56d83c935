"""desy check on data sets with faults that were planted one by one: every one is found, nothing else is, and the report is the same at any number of ranks."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import program

USAGE, DATA, ENVIRONMENT = 1, 2, 3
N = 16
TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_planted_store"


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True)


class Check(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        program.run(1, "synth", "-o", cls.folder, "--videos", N)
        cls.items = program.read_json(cls.folder / "dataset.json")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def path(self, item):
        return self.folder / item["video_path"]

    def write(self, name, items):
        path = self.folder / name
        path.write_text(json.dumps(items))
        return path

    def check(self, name, items, *options, several=False):
        """The report; the same at 3 ranks as at one."""
        dataset = self.write(name, items)
        one = json.loads(program.run(1, "check", dataset, "--json", *options)[0])
        if several:
            self.assertEqual(json.loads(program.run(3, "check", dataset, "--json", *options)[0]), one)
        return one

    def found(self, report, kind):
        return [finding for finding in report["findings"] if finding["kind"] == kind]

    def reencode(self, item, name, *options):
        ffmpeg("-i", self.path(item), *options, self.folder / name)
        return {key: item[key] for key in ("label", "source")} | {"video_path": name}

    def test_nothing_to_mend(self):
        report = self.check("sound.json", self.items)
        self.assertEqual((report["problems"], report["findings"], report["n"]), ([], [], N))
        self.assertIn(f"Nothing to mend in {N} videos", report["summary"])
        self.assertEqual(report["n_compared"], N)
        self.assertEqual(sum(source["n_pos"] + source["n_neg"] for source in report["sources"]), N)

    def test_near_duplicates(self):
        """Re-encoded, scaled, with frames left out; a flat picture is like no other one."""
        x264 = ("-an", "-c:v", "libx264", "-preset", "veryfast")
        size, drop = "scale=trunc(iw/4)*2:trunc(ih/4)*2", "select=not(eq(mod(n\\,9)\\,4))"
        copies = [(self.items[0], "half.mkv", "-vf", size, *x264, "-crf", 28), (self.items[1], "low.mp4", *x264, "-crf", 36), (self.items[2], "old.avi", "-an", "-c:v", "mpeg4", "-b:v", "500k"),
                  (self.items[3], "fewer.mp4", "-vf", drop, "-vsync", "passthrough", *x264), (self.items[4], "square.mp4", "-vf", "scale=128:128", *x264)]
        added = [self.reencode(item, name, *options) for item, name, *options in copies]
        added[1]["label"] = 1 - added[1]["label"]
        for label, color in enumerate(("black", "0x101010")):
            ffmpeg("-f", "lavfi", "-i", f"color={color}:size=128x96:duration=1:rate=12", *x264, self.folder / f"{color}.mp4")
            added.append({"video_path": f"{color}.mp4", "label": label, "source": "flat"})
        report = self.check("near.json", self.items + added, several=True)
        pairs = {(finding["same_as"], finding["video_path"]): finding for finding in self.found(report, "near_duplicate")}
        self.assertEqual(set(pairs), {(item["video_path"], name) for item, name, *_ in copies})
        self.assertTrue(all(0 <= finding["distance"] <= 4 for finding in pairs.values()))
        self.assertEqual(len({finding["cluster"] for finding in pairs.values()}), 5)
        self.assertEqual((report["n_near_duplicate"], report["n_near_duplicate_with_other_label"], report["n_compared"]), (5, 1, N + 5))
        self.assertEqual((self.found(report, "near_duplicate")[0]["video_path"], report["problems"][0]["n"]), ("low.mp4", 1))  # the worst first
        self.assertIn("other class", report["summary"])
        together = [item | ({"group": "one"} if item["video_path"] in ("half.mkv", self.items[0]["video_path"]) else {}) for item in self.items + added]
        self.assertEqual(self.check("together.json", together)["n_near_duplicate"], 4)

    def test_copies_and_groups_across_parts(self):
        items = [item | {"split": "train" if i < 10 else "test", "group": f"g{i}"} for i, item in enumerate(self.items)]
        for i, copy in ((0, "same.mp4"), (2, "other.mp4"), (4, "part.mp4")):
            shutil.copy(self.path(items[i]), self.folder / copy)
        other_part = self.reencode(items[5], "near-part.mp4", "-an", "-c:v", "libx264", "-crf", 30, "-preset", "veryfast")
        items[14]["group"] = "g3"
        items += [items[0] | {"video_path": "same.mp4"}, items[2] | {"video_path": "other.mp4", "label": 1 - items[2]["label"]},
                  items[4] | {"video_path": "part.mp4", "split": "test", "group": "x"}, items[5] | other_part | {"split": "val", "group": "y"}]
        report = self.check("parts.json", items)
        self.assertEqual((report["n_duplicate"], report["n_duplicate_with_other_label"], report["n_duplicate_across_splits"]), (3, 1, 1))
        self.assertEqual([finding["video_path"] for finding in self.found(report, "duplicate")], ["other.mp4", "part.mp4", "same.mp4"])
        [near] = self.found(report, "near_duplicate")
        self.assertEqual((near["video_path"], near["other_split"], report["n_near_duplicate_across_splits"]), ("near-part.mp4", True, 1))
        [torn] = self.found(report, "group_torn")
        self.assertEqual((torn["group"], torn["train"], torn["test"], report["n_group_torn"]), ("g3", 1, 1, 1))
        kinds = [problem["kind"] for problem in report["problems"]]
        self.assertEqual(kinds, ["duplicate", "group_torn", "duplicate", "near_duplicate", "duplicate"])

    def test_copies_of_two_labels(self):
        """Whichever copy comes first: a conflict of labels is found, among the copies and with what is only near to one of them."""
        for name in "abc":
            shutil.copy(self.path(self.items[6]), self.folder / f"{name}.mp4")
        near = self.reencode(self.items[6], "near-c.mp4", "-an", "-c:v", "libx264", "-crf", 30, "-preset", "veryfast")
        report = self.check("labels.json", [{"video_path": "a.mp4"}, {"video_path": "b.mp4", "label": 0}, {"video_path": "c.mp4", "label": 1}, near | {"label": 0}])
        self.assertEqual((report["n_duplicate"], report["n_duplicate_with_other_label"]), (2, 1))
        self.assertEqual([(finding["video_path"], finding["same_as"]) for finding in self.found(report, "duplicate")], [("c.mp4", "b.mp4"), ("a.mp4", "b.mp4")])
        [pair] = self.found(report, "near_duplicate")
        self.assertEqual((pair["video_path"], pair["same_as"], pair["other_label"], pair["cluster"]), ("near-c.mp4", "c.mp4", True, 1))
        self.assertEqual((report["n_near_duplicate_clusters"], report["n_compared"]), (1, 3))

    def test_not_read_is_no_copy(self):
        for name in ("folder0", "folder1"):
            (self.folder / name).mkdir()
        report = self.check("folders.json", [{"video_path": "folder0", "label": 0}, {"video_path": "folder1", "label": 1}])
        self.assertEqual((report["n_duplicate"], report["n_unreadable"]), (0, 2))

    def test_strict_run_again(self):
        """What stopped a run with --strict stops it again."""
        items = [item | {"split": ("train", "val", "test")[i // 2 % 3]} for i, item in enumerate(sorted(self.items, key=lambda item: item["label"]))]
        shutil.copy(self.path(items[0]), self.folder / "again.mp4")
        dataset = self.write("again.json", items + [items[0] | {"video_path": "again.mp4"}])
        for _ in range(2):
            self.assertIn("--strict was given", program.run(1, "run", dataset, "-o", self.folder / "again", "--strict", code=DATA)[1])

    def test_stdout(self):
        """No escape sequence of a name reaches a terminal; what can't be written is said."""
        dataset = self.write("names.json", [item | {"source": "cam\x1b[31m"} for item in self.items])
        text = program.run(1, "check", dataset)[0]
        self.assertIn("cam?[31m", text)
        self.assertNotIn("\x1b", text)
        with open("/dev/full", "w") as full:
            self.assertEqual(subprocess.run(program.command(1, "check", dataset), stdout=full, stderr=subprocess.DEVNULL).returncode, ENVIRONMENT)

    def test_broken_files(self):
        base = self.folder / "base.mp4"
        source = ("-f", "lavfi", "-i", "testsrc2=size=320x240:duration=4:rate=25", "-c:v", "libx264", "-preset", "veryfast")
        ffmpeg(*source, "-movflags", "faststart", base)
        for name, turn in (("late.mp4", "vflip"), ("cut.mkv", "hflip"), ("cut.avi", "hflip,vflip")):  # no near duplicates
            ffmpeg(*source, "-vf", turn, self.folder / name)
        items = [{"video_path": name, "label": i % 2} for i, name in enumerate(("cut.mp4", "late.mp4", "cut.mkv", "cut.avi", "text.mp4", "none.mp4", "tail.mp4"))]
        data = base.read_bytes()
        (self.folder / "cut.mp4").write_bytes(data[:len(data) * 6 // 10])
        (self.folder / "tail.mp4").write_bytes(data + b"\x70\xf1\x88\x01 something else")  # behind a sound video
        ffmpeg(*source, "-vf", "transpose", self.folder / "odd.avi")
        items += [{"video_path": name, "label": 0} for name in ("odd.avi", "pipe.avi")]
        odd = bytearray((self.folder / "odd.avi").read_bytes() + b"JUNK\1\0\0\0.")  # without the byte that pads it
        odd[4:8] = (len(odd) - 8).to_bytes(4, "little")
        (self.folder / "odd.avi").write_bytes(odd)
        piped = subprocess.run(["ffmpeg", "-v", "error", *source, "-vf", "transpose=2", "-f", "avi", "-"], check=True, stdout=subprocess.PIPE).stdout
        self.assertEqual(piped[4:8], b"\xff\xff\xff\xff")  # of unknown length
        (self.folder / "pipe.avi").write_bytes(piped)
        (self.folder / "text.mp4").write_text("This is no video.\n")
        for name in ("late.mp4", "cut.mkv", "cut.avi"):
            os.truncate(self.folder / name, (self.folder / name).stat().st_size * 2 // 3)
        report = self.check("broken.json", items, several=True)
        truncated = {finding["video_path"]: finding for finding in self.found(report, "truncated")}
        self.assertEqual(set(truncated), {"cut.mp4", "late.mp4", "cut.mkv", "cut.avi"})
        self.assertIn(f"promises {len(data)} bytes, {len(data) * 6 // 10} are there", truncated["cut.mp4"]["reason"])
        self.assertEqual((truncated["cut.mp4"]["status"], truncated["late.mp4"]["status"]), ("ok", "unreadable"))  # the one has its index, the other lost it
        self.assertEqual([finding["video_path"] for finding in self.found(report, "unreadable")], ["text.mp4"])
        self.assertTrue(self.found(report, "unreadable")[0]["reason"])
        [missing] = self.found(report, "missing")
        self.assertEqual(missing["video_path"], "none.mp4")
        self.assertIn("No such file", missing["reason"])
        self.assertEqual((report["n_truncated"], report["n_unreadable"], report["n_missing"], report["n_damaged"]), (4, 1, 1, 0))
        text = program.run(1, "check", self.folder / "broken.json", "-o", self.folder / "out")[0]
        self.assertTrue(text.startswith("3 things to mend before you train: 1 video is not where the list says; 1 video can't be read; 4 files are shorter"), text)
        self.assertEqual(program.read_json(self.folder, "out", "check.json"), report)
        program.run(2, "check", self.folder / "broken.json", "--strict", code=DATA)

    def test_shortcuts(self):
        items = []
        for i, item in enumerate(self.items):
            name = f"short-{i}.{'mkv' if item['label'] else 'mp4'}"
            ffmpeg("-i", self.path(item), "-an", "-c:v", "libx264", "-preset", "ultrafast", "-bitexact", self.folder / name)
            items.append(item | {"video_path": name})
        report = self.check("shortcut.json", items)
        measured = {entry["property"]: entry for entry in report["shortcuts"]}
        self.assertEqual(len(measured), 10)
        labels = [item["label"] for item in items]
        larger = max(labels.count(0), labels.count(1)) / N
        for name in ("container", "extension"):
            self.assertAlmostEqual(measured[name]["share_of_label"], 1)
            self.assertAlmostEqual(measured[name]["p_value"], .001)
            self.assertEqual((measured[name]["accuracy"], measured[name]["shortcut"]), (1, True))
            self.assertAlmostEqual(measured[name]["accuracy_of_larger_class"], larger)
        self.assertRegex(measured["container"]["words"], "^All \\d+ (real|AI-generated) videos lie in a container of the kind (mov|matroska), and no (AI-generated|real) one; .* 100 %")
        self.assertLess(measured["codec"]["share_of_label"], 1e-9)  # there is one
        self.assertFalse(measured["codec"]["shortcut"])
        self.assertIn("shortcut", [problem["kind"] for problem in report["problems"]])

    def test_balance(self):
        missing = [self.items[0] | {"video_path": f"none{i}.mp4", "label": 0, "source": "camera"} for i in range(20)]
        few = [item for item in self.items if item["label"]][:1] + missing
        report = self.check("few.json", few)
        notes = " ".join(report["notes"])
        [unbalanced] = self.found(report, "unbalanced")
        self.assertEqual((unbalanced["what"], unbalanced["n_neg"], unbalanced["n_pos"], report["n_unbalanced"]), ("classes", 20, 1, 1))
        self.assertEqual((report["problems"][-1]["kind"], report["problems"][-1]["words"]), ("unbalanced", "the classes are unbalanced: 20 real videos, 1 AI-generated"))
        for words in ("Only 1 AI-generated video:", "All 20 real videos come from one source, camera"):
            self.assertIn(words, notes)
        [one_source] = self.found(self.check("source.json", [item | ({"source": "camera"} if item["label"] == 0 else {"source": f"model{i // 2 % 2}"}) for i, item in enumerate(self.items)]), "unbalanced")
        self.assertEqual((one_source["what"], one_source["label"], one_source["source"], one_source["n_sources_of_other"]), ("sources", 0, "camera", 2))
        real = self.check("real.json", [item for item in self.items if item["label"] == 0])
        self.assertEqual(real["problems"][0]["kind"], "one_class")
        self.assertIn("no AI-generated video", [finding["kind"] for finding in real["findings"]])
        unlabelled = self.check("unlabelled.json", [{"video_path": item["video_path"]} for item in self.items[:3]])
        self.assertEqual((unlabelled["n_unlabelled"], unlabelled["problems"]), (3, []))
        self.assertNotIn("shortcuts", unlabelled)

    def test_doubtful_labels(self):
        """One label in five is wrong in a store whose classes can be told apart."""
        store, clips = self.folder / "store", 300
        subprocess.run([TOOL, store, str(clips), "flipped"], check=True)
        wrong = {i for i in range(clips) if i % 10 in (3, 8)}
        items = [{"video_path": f"{i}.mp4", "label": int((i % 2 == 1) != (i in wrong))} for i in range(clips)]
        report = self.check("doubtful.json", items, "--store", store)
        suspects = [int(finding["video_path"].removesuffix(".mp4")) for finding in self.found(report, "label_suspect")]
        self.assertEqual(report["n_label_suspect"], len(suspects))
        self.assertGreater(len(wrong & set(suspects)), .6 * len(wrong))
        self.assertGreater(len(wrong & set(suspects)), .85 * len(suspects))
        self.assertTrue(wrong.issuperset(suspects[:10]))
        for finding in self.found(report, "label_suspect"):
            other = finding["probability"] if finding["label"] == 0 else 1 - finding["probability"]
            self.assertGreater(other, .5)
            self.assertAlmostEqual(finding["margin"], 1 - 2 * other)
        self.assertIn("none of its videos", program.run(1, "check", self.write("other.json", self.items[:2]), "--store", store, code=DATA)[1])
        self.assertIn("no-store", program.run(2, "check", self.folder / "doubtful.json", "--store", self.folder / "no-store", code=DATA)[1])
        items[7]["label"] = 1 - items[7]["label"]
        self.assertIn("7.mp4", program.run(1, "check", self.write("relabelled.json", items), "--store", store, code=DATA)[1])
        program.run(1, "check", code=USAGE)


if __name__ == "__main__":
    unittest.main()
