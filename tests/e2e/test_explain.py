"""What stands beside a score: the explanation sums up to the logit and is what NumPy finds, the timeline, when no verdict is given."""
import csv
import json
import math
import re
import shutil
import struct
import subprocess
import unittest
import xml.etree.ElementTree

import h5py
import numpy

import program

SVG = "{http://www.w3.org/2000/svg}"


def make(path, source, *options):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", *options, path], check=True)
    return path


def tensors(path):
    """A safetensors file, read by its own rules."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    types = {"F64": "<f8", "F32": "<f4", "U64": "<u8"}
    return {name: numpy.frombuffer(data[8 + size:][slice(*entry["data_offsets"])], types[entry["dtype"]])
            for name, entry in json.loads(data[8:8 + size]).items() if name != "__metadata__"}


def band_of(i):
    """Of AC coefficient i of an 8 x 8 block, row-major."""
    most = max(divmod(i + 1, 8))
    return "coarse" if most <= 2 else "middle" if most <= 4 else "fine"


class Explain(program.ModelCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = program.read_json(cls.models, "v0001", "model.json")
        cls.clip = cls.dataset.parent / "clips" / "00000.mp4"
        cls.long = make(cls.folder / "long <&> 1.mp4", "testsrc2=s=320x240:r=25:d=9")

    def detect_all(self, videos, *options, model=None):
        return [json.loads(line) for line in program.run(1, "detect", *videos, "--model", model or self.models, "--json", *options)[0].splitlines()]

    def detect(self, video, *options, model=None):
        return self.detect_all([video], *options, model=model)[0]

    def altered(self, name, change):
        folder = self.folder / name
        shutil.copytree(self.models / "v0001", folder)
        model = program.read_json(folder, "model.json")
        model.pop("sha256")  # it would tell
        change(model)
        (folder / "model.json").write_text(json.dumps(model))
        return folder

    def check_sums(self, result):
        explanation = result["explanation"]
        levels, channels, blocks = (explanation[name] for name in ("levels", "channels", "blocks"))
        self.assertAlmostEqual(explanation["logit"], result["logit"], delta=1e-9)
        self.assertAlmostEqual(explanation["bias"] + sum(level["contribution"] for level in levels), result["logit"], delta=1e-9)
        for level in levels:
            of_level = [channel["contribution"] for channel in channels if channel["level"] == level["level"]]
            self.assertAlmostEqual(sum(of_level), level["contribution"], delta=1e-9)
        for channel in channels:
            of_channel = [block["contribution"] for block in blocks if block["channel"] == channel["channel"]]
            self.assertGreater(len(of_channel), 0)
            self.assertAlmostEqual(channel["constant"] + sum(of_channel), channel["contribution"], delta=1e-9)

    def test_contributions_sum_up_to_the_logit(self):
        for options in (("--windows", "3"), ("--level", "low")):
            with self.subTest(options=options):
                result = self.detect(self.long, "--explain", *options)
                self.check_sums(result)
                plain = self.detect(self.long, *options)
                for key in plain:
                    self.assertEqual(result[key], plain[key], key)
        self.assertNotIn("explanation", plain)

    def test_blocks_are_what_numpy_finds(self):
        """Of a training clip: its features from the store, the model's tensors, and sums over blocks and frequencies."""
        with h5py.File(self.store / "index.h5") as file:
            videos = file["videos"][:]
            row = videos[[path.decode() == "clips/00000.mp4" for path in videos["video_path"]]][0]
            mean = file["features/hybrid"][row["row"]][:row["n_frames"]].astype(float).mean(0).astype(numpy.float32).astype(float)
        layout, weights, result = self.model["layout"], tensors(self.models / "v0001" / "weights.safetensors"), self.detect(self.clip, "--explain")
        channel = next(channel for channel in self.model["channels"] if channel["name"] == "e")
        first = next(int(line.split("|")[2]) for line in (program.pathlib.Path(program.os.environ["DESY_SOURCE_DIR"]) / "docs/features.md").read_text().splitlines() if line.startswith("| e |"))
        self.assertGreaterEqual(first, layout["encoder"])
        x = mean[first:first + channel["inputs"]]
        z = numpy.clip((x - weights["e.median"]) / weights["e.scale"], -3, 3)
        share = self.model["fusion"]["low"]["weight"] / sum(c["level"] == "low" for c in self.model["channels"])
        found = {block["part"]: block for block in result["explanation"]["blocks"] if block["channel"] == "e"}
        self.assertEqual(set(found), {"coarse", "middle", "fine"})
        for part, block in found.items():
            chosen = numpy.array([band_of(i) == part for i in range(len(x))])
            self.assertEqual(block["inputs"], chosen.sum())
            self.assertAlmostEqual(block["contribution"], share * (weights["e.direction"] * z)[chosen].sum() / channel["logit_deviation"], delta=1e-9)
            self.assertAlmostEqual(block["value"], z[chosen].mean(), delta=1e-9)

    def test_typical_clips_are_means_over_the_training_part(self):
        """Standardised logits have mean 0 over all training clips: so have the two classes' means, weighted by their counts."""
        counts = self.model["training"]["items"]["train"]
        real, ai = self.model["reference"]["real"]["channels"], self.model["reference"]["ai"]["channels"]
        for name in real:
            self.assertAlmostEqual((counts["real"] * real[name] + counts["ai"] * ai[name]) / (counts["real"] + counts["ai"]), 0, delta=1e-6)
            self.assertLess(real[name], ai[name])

    def test_plain_answer(self):
        """The verdict as far as the calibration carries it, its odds, the strongest reasons; the numbers of --json."""
        result = self.detect(self.clip, "--explain")
        lines = program.run(1, "detect", self.clip, "--model", self.models)[0].splitlines()
        confidence, reliable = result["confidence"], result["reliability"] == "ok"
        words = "probably real" if confidence <= .5 else "probably AI-generated" if confidence >= result["threshold"] else "not clear enough to be called AI-generated"
        self.assertEqual(lines[0].split(": ", 1)[1] == words, reliable, lines[0])
        self.assertEqual(f"{100 * confidence:.1f} % likely" in lines[1], reliable or "undecided" in result["reliability"], lines[1])
        reasons = [sentence for sentence in result["explanation"]["words"] if any(sentence in line for line in lines)]
        self.assertEqual(reasons, result["explanation"]["words"][:3])
        self.assertTrue(any("where: --explain" in line for line in lines))
        for level, score in result["feature_scores"].items():
            self.assertIn(f"{level} {score:.3f}", lines[-1])
        said = program.run(1, "detect", self.clip, "--model", self.altered("uncalibrated", lambda model: model.update(calibrated=False)))[0]
        self.assertNotIn("likely", said)
        self.assertIn("no probability", said)

    def test_words(self):
        said = program.run(1, "detect", self.clip, "--model", self.models, "--explain")[0]
        for words in ("logit ", "(low)", "typical: real", "looks most AI-generated", "score of each window"):
            self.assertIn(words, said)
        bare = self.altered("bare", lambda model: (model.pop("reference"), model.pop("reliability")))
        result = self.detect(self.clip, "--explain", "--abstain", model=bare)  # of an older version: what it does not know is left out
        self.check_sums(result)
        self.assertNotIn("typical_real", json.dumps(result))
        self.assertEqual((result["reliability"], result["abstained"]), ("ok", False))
        self.assertNotIn("typical", program.run(1, "detect", self.clip, "--model", bare, "--explain")[0])
        self.assertIn(" - ", program.run(1, "fusion-weights", bare)[0])

    def test_timeline(self):
        plain, result = self.detect(self.long), self.detect(self.long, "--timeline")
        timeline = result.pop("timeline")
        self.assertEqual(result, plain)
        self.assertEqual(len(timeline), 4)  # of 2 s each in 9
        for window, after in zip(timeline, timeline[1:]):
            self.assertLess(window["end"], after["start"])
        for window in timeline:
            self.assertAlmostEqual(window["end"] - window["start"], 15 / 8, delta=.05)
            self.assertTrue(0 < window["score"] < 1)
        self.assertGreater(len({window["score"] for window in timeline}), 1)
        averaged = self.detect(self.long, "--windows", "4")  # the same windows: logits are averaged
        logits = [math.log(window["score"] / (1 - window["score"])) for window in timeline]
        self.assertAlmostEqual(sum(logits) / 4, averaged["logit"], delta=1e-9)

    def test_timeline_as_a_picture(self):
        path = self.folder / "timeline.svg"
        timeline = self.detect(self.long, "--svg", path)["timeline"]
        picture = xml.etree.ElementTree.parse(path).getroot()
        self.assertEqual(len(picture.findall(f"{SVG}line[@class='window']")), len(timeline))
        self.assertEqual(len(picture.findall(f"{SVG}line[@class='threshold']")), 1)
        texts = [text.text for text in picture.iter(f"{SVG}text")]
        self.assertIn("seconds", texts)
        self.assertTrue(any(text.startswith(str(self.long)) for text in texts))
        program.run(1, "detect", self.clip, self.long, "--model", self.models, "--svg", path, code=1)

    def test_no_verdict(self):
        static, black = make(self.folder / "static.mp4", "smptebars=s=320x240:r=25:d=4"), make(self.folder / "black.mp4", "color=c=black:s=320x240:r=25:d=4")
        tiny, short = make(self.folder / "tiny.mp4", "testsrc2=s=48x48:r=25:d=3"), make(self.folder / "short.mp4", "testsrc2=s=320x240:r=25:d=0.6")
        few = make(self.folder / "few.mp4", "testsrc2=s=320x240:r=2:d=3")
        noise = make(self.folder / "noise.mp4", "nullsrc=s=320x240:r=10:d=3,geq=lum=random(1)*255:cb=128:cr=128")
        reasons = {static: "static", black: "black", tiny: "tiny", short: "very short", few: "very short", noise: "unlike the training clips"}
        for video, reason, warned, result in zip(reasons, reasons.values(), self.detect_all(reasons), self.detect_all(reasons, "--abstain")):
            with self.subTest(video=video.name):
                self.assertIn(reason, warned["reliability"])
                self.assertIsInstance(warned["is_ai_generated"], bool)
                self.assertNotIn("abstained", warned)
                self.assertEqual((result["status"], result["is_ai_generated"], result["abstained"]), ("ok", None, True))
                self.assertIn(reason, result["abstain_reason"])
                self.assertEqual(result["confidence"], warned["confidence"])
        self.assertIn("cannot say", program.run(1, "detect", black, "--model", self.models, "--abstain")[0])
        result = self.detect(self.clip, "--abstain")
        self.assertEqual((result["reliability"], result["abstained"], result["is_ai_generated"]), ("ok", False, False))
        scores, table = self.folder / "scores.jsonl", self.folder / "scores.csv"
        program.run(2, "batch", black, self.clip, "--model", self.models, "--abstain", "-o", scores, "--csv", table)
        self.assertEqual([json.loads(line)["is_ai_generated"] for line in scores.read_text().splitlines()], [None, False])
        with open(table) as file:
            self.assertEqual([line["is_ai_generated"] for line in csv.DictReader(file)], ["", "0"])
        program.run(2, "batch", black, self.clip, "--model", self.models, "-o", scores)  # other options: scored anew
        self.assertIsInstance(json.loads(scores.read_text().splitlines()[0])["is_ai_generated"], bool)

    def test_the_undecided_band(self):
        logit = self.detect(self.clip)["logit"]
        wide, narrow = (self.altered(name, lambda model: model["reliability"].update(band_below=width, band_above=0)) for name, width in (("wide", abs(logit) + .1), ("narrow", abs(logit) - .1)))
        self.assertEqual(self.model["threshold"], .5)
        self.assertIn("undecided", self.detect(self.clip, "--abstain", model=wide)["abstain_reason"])
        self.assertFalse(self.detect(self.clip, "--abstain", model=narrow)["abstained"])
        self.assertFalse(self.detect(self.clip, "--abstain", "--threshold", .95, model=wide)["abstained"])  # the band moves with the threshold
        self.assertFalse(self.detect(self.clip, "--abstain", "--level", "low", model=wide)["abstained"])    # and is that of the fused logit

    def test_the_page_names_every_key(self):
        page = (program.pathlib.Path(program.os.environ["DESY_SOURCE_DIR"]) / "docs/explain.md").read_text()
        table = dict(re.findall(r"^\| (`.*?`) \| (.*) \|$", page.split("## In JSON")[1].split("## Over time")[0], re.MULTILINE))
        result = self.detect(self.clip, "--explain")["explanation"]
        self.assertEqual({key for keys in table for key in re.findall(r"`(\w+)`", keys)}, set(result))
        for name in ("levels", "channels", "blocks"):
            told = set(re.findall(r"`(\w+)`", table[f"`{name}`"]))
            self.assertEqual({key for entry in result[name] for key in entry}, told)

    def test_fusion_weights(self):
        report = json.loads(program.run(1, "fusion-weights", self.models, "--json")[0])
        fusion, reference = self.model["fusion"], self.model["reference"]
        self.assertEqual(report["bias"], fusion["bias"])
        self.assertEqual({level["level"] for level in report["levels"]}, {name for name in fusion if name != "bias"})
        seen = []
        for level in report["levels"]:
            for key in ("weight", "slope", "intercept"):
                self.assertEqual(level[key], fusion[level["level"]][key])
            self.assertAlmostEqual(sum(channel["weight"] for channel in level["channels"]), level["weight"], delta=1e-12)
            gap = sum(channel["weight"] * (reference["ai"]["channels"][channel["name"]] - reference["real"]["channels"][channel["name"]]) for channel in level["channels"])
            self.assertAlmostEqual(level["gap"], gap, delta=1e-12)
            seen += [channel["name"] for channel in level["channels"]]
        self.assertEqual(sorted(seen), sorted(channel["name"] for channel in self.model["channels"]))
        said = program.run(1, "fusion-weights", self.models)[0]
        for name in seen:
            self.assertIn(name, said)
        program.run(1, "fusion-weights", self.folder / "no-such", code=2)
        program.run(1, "fusion-weights", code=1)


if __name__ == "__main__":
    unittest.main()
