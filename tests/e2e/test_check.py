"""desy check on data sets with faults that were planted one by one: every one is found, nothing else is, and the report is the same at any number of ranks."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import program

DATA, USAGE = 2, 1
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
        self.assertEqual([finding["video_path"] for finding in self.found(report, "missing")], ["none.mp4"])
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
        notes = " ".join(self.check("few.json", few)["notes"])
        for words in ("Only 1 AI-generated video:", "Unbalanced: 20 real videos and 1 AI-generated", "All 20 real videos come from one source, camera"):
            self.assertIn(words, notes)
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
