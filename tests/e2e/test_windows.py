"""What clips carry beyond frames: several windows of long videos, crops and sound, from extraction to scores, at 1 and 3 ranks."""
import csv
import json
import subprocess
import unittest

import h5py
import numpy

import program

OPTIONS = ("--windows", "3", "--crops", "--audio")


def make_long(path, label, seconds, sound):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", f"testsrc2=s=320x240:r=25:d={seconds}",
                    *(["-f", "lavfi", "-i", f"sine=f={400 + 300 * label}:d={seconds}"] if sound else []),
                    "-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "25", "-x264-params", "mbtree=0",  # with it, x264 in AVX-512 gives other bits at times
                    "-pix_fmt", "yuv420p", path], check=True)


class Windows(program.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        data = cls.dataset.parent
        items = json.loads(cls.dataset.read_text())
        for label, seconds, sound in ((0, 20, True), (1, 9, False)):
            make_long(data / "clips" / f"long-{label}.mp4", label, seconds, sound)
            items.append({"video_path": f"clips/long-{label}.mp4", "label": label, "source": items[label]["source"]})
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", "sine=f=700:d=9", data / "own.wav"], check=True)
        items[-1]["audio_path"] = "own.wav"
        cls.dataset = data / "windows.json"
        cls.dataset.write_text(json.dumps(items))
        cls.items = items
        cls.stores = {ranks: cls.folder / f"store{ranks}" for ranks in (1, 3)}
        for ranks, store in cls.stores.items():
            program.run(ranks, "extract", cls.dataset, "-o", store, *OPTIONS, code=4)  # one item is broken
        cls.model = cls.folder / "models"
        program.run(1, "train", cls.stores[1], "--save-dir", cls.model, "--size", "small")

    def test_the_same_at_any_number_of_ranks(self):
        self.assertEqual(len({program.store_hash(store) for store in self.stores.values()}), 1)

    def test_arrays_open_in_h5py(self):
        with h5py.File(self.stores[3] / "index.h5") as file:
            videos, features, crops, audio = file["videos"][:], file["features/hybrid"][:], file["crops"], file["audio"]
            read = videos[videos["row"] >= 0]
            n = len(read)
            self.assertEqual((features.shape, crops.shape, audio.shape), ((n, 16, 2048), (n, 4, 224, 224, 3), (n, 32000)))
            self.assertEqual((features.dtype, crops.dtype, audio.dtype), (numpy.float32, numpy.uint8, numpy.int16))
            self.assertEqual(list(read["row"]), list(range(n)))
            self.assertTrue((crops[:].reshape(n * 4, -1).std(1) > 0).all())
            audio = audio[:]
        for row, samples in zip(read, audio):
            self.assertEqual(samples[row["audio_samples"]:].any(), False)
            self.assertEqual(row["audio_samples"] > 0, bool(samples.any()))
        paths = [path.decode() for path in videos["video_path"]]
        self.assertEqual(list(dict.fromkeys(paths)), [item["video_path"] for item in self.items])
        for path, windows in (("clips/long-0.mp4", 3), ("clips/long-1.mp4", 3), ("clips/broken-00000.mp4", 1)):
            rows = videos[[p == path for p in paths]]
            self.assertEqual(list(rows["window"]), list(range(windows)))
            self.assertEqual(len(set(rows["id"])), 1)
        long = videos[[p == "clips/long-0.mp4" for p in paths]]
        self.assertTrue((numpy.diff(long["frame_index"][:, 0]) > 100).all())
        self.assertEqual([list(long[name]) for name in ("audio_samples", "key_frames", "longest_gop", "rotation", "view")],
                         [[32000] * 3, [20] * 3, [25] * 3, [0] * 3, [0] * 3])
        self.assertTrue((long["reordering"] > 0).all())
        own = videos[[p == "clips/long-1.mp4" for p in paths]]  # has no sound track
        self.assertEqual(list(own["audio_samples"]), [32000] * 3)
        tone = numpy.abs(numpy.fft.rfft(audio[own["row"][1]].astype(float))).argmax() / 2
        self.assertEqual(tone, 700)

    def test_a_missing_segment_is_noticed(self):
        segment = sorted((self.stores[3] / "seg").rglob("*.h5"))[5]
        away = segment.rename(self.folder / "away.h5")
        try:
            _, words = program.run(1, "info", self.stores[3], code=2)
            self.assertIn(segment.name, words)
        finally:
            away.rename(segment)

    def test_another_configuration_is_not_mixed_in(self):
        for options in (("--windows", "2", "--crops", "--audio"), ("--windows", "3", "--audio"), ("--windows", "3", "--crops")):
            _, words = program.run(1, "extract", self.dataset, "-o", self.stores[1], *options, code=2)
            self.assertIn("another configuration", words)
        _, words = program.run(2, "extract", self.dataset, "-o", self.stores[1], *OPTIONS, code=4)
        self.assertIn("0 were extracted now", words)

    def test_info_tells_what_the_videos_are(self):
        told = json.loads(program.run(1, "info", self.stores[1], "--json")[0])
        self.assertEqual((told["items"], told["n_failed"], told["most_windows"], told["crops"], told["audio"]), (len(self.items), 1, 3, True, True))
        self.assertGreater(told["rows"], len(self.items))
        self.assertEqual(sum(told["codecs"].values()), len(self.items) - 1)
        self.assertEqual(told["duration"][1], 20)
        self.assertGreaterEqual(told["n_with_sound"], 2)

    def test_scores_are_of_items(self):
        report = self.folder / "report"
        program.run(2, "eval", self.stores[1], "--model", self.model, "--split", "all", "-o", report)
        with open(report / "scores.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([row["video_path"] for row in rows], [item["video_path"] for item in self.items])
        scores = {row["video_path"]: row["score"] for row in rows}
        clips = [self.dataset.parent / "clips" / f"long-{label}.mp4" for label in (0, 1)]
        found = [json.loads(line) for line in program.run(1, "detect", *clips, "--model", self.model, "--windows", "3", "--json")[0].splitlines()]
        self.assertEqual([line["windows"] for line in found], [3, 3])
        self.assertEqual([line["confidence"] for line in found], [float(scores[f"clips/{clip.name}"]) for clip in clips])
        single = json.loads(program.run(1, "detect", clips[0], "--model", self.model, "--json")[0])
        self.assertEqual(single["windows"], 1)
        self.assertNotEqual(single["confidence"], found[0]["confidence"])
        output = self.folder / "scores.jsonl"
        program.run(2, "batch", *clips, "-o", output, "--model", self.model, "--windows", "3")
        self.assertEqual([json.loads(line) for line in output.read_text().splitlines()], found)

    def test_a_later_window_that_cannot_be_read(self):
        """A stretch of noise in the fourth quarter: the three windows before it stay."""
        clip = self.folder / "damaged.ts"
        make_long(clip, 0, 20, False)
        data = bytearray(clip.read_bytes())
        for i in range(len(data) * 80 // 100, len(data) * 86 // 100):
            if i % 188 > 20:  # the packets' headers stay
                data[i] = i * 7919 >> 3 & 255
        clip.write_bytes(data)
        (self.folder / "damaged.json").write_text('[{"video_path": "damaged.ts", "label": 0}]')
        store = self.folder / "damaged"
        _, words = program.run(1, "extract", self.folder / "damaged.json", "-o", store, "--windows", "4")
        self.assertIn("a later window could not be read", words)
        with h5py.File(store / "index.h5") as file:
            videos = file["videos"][:]
            self.assertEqual(len(file["features/hybrid"]), 3)
        self.assertEqual((list(videos["window"]), list(videos["row"])), ([0, 1, 2, 3], [0, 1, 2, -1]))
        self.assertEqual([status.decode() for status in videos["status"]], ["ok", "ok", "ok", "unreadable"])
        line = json.loads((store / "quarantine.jsonl").read_text())
        self.assertEqual((line["window"], line["reason"]), (3, videos["reason"][3].decode()))
        found = json.loads(program.run(1, "detect", clip, "--model", self.model, "--windows", "4", "--json")[0])
        self.assertEqual((found["status"], found["windows"], found["warning"]), ("ok", 3, line["reason"]))

    def test_bad_numbers_of_windows(self):
        for windows in ("0", "65"):
            _, words = program.run(1, "extract", self.dataset, "-o", self.folder / "none", "--windows", windows, code=1)
            self.assertIn("--windows must be 1 to 64", words)


if __name__ == "__main__":
    unittest.main()
