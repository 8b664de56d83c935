"""Bad input of every kind: one clear message, the documented exit code on every rank, no hang, and nothing already done is lost."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import h5py

import program

USAGE, DATA, ENVIRONMENT, PARTIAL = 1, 2, 3, 4


def features(store):
    """{video_path: its features' bytes} of those that have some."""
    with h5py.File(store / "index.h5") as file:
        return {row["video_path"].decode(): file["features/hybrid"][row["row"]].tobytes() for row in file["videos"][:] if row["row"] >= 0}


class BadInput(program.ModelCase):
    def refused(self, code, words, *arguments, ranks=(1, 3)):
        """One message, which has all of `words`. Its text is the last line of desy's own on stderr."""
        for n in ranks:
            with self.subTest(ranks=n, arguments=arguments):
                said = program.run(n, *arguments, code=code)[1]
                errors = [line for line in said.splitlines() if re.match(r"desy: (rank \d+: )?error: ", line)]
                self.assertEqual(len(errors), 1, said)
                for word in words:
                    self.assertIn(str(word), errors[0])

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def test_data_sets(self):
        clip = '{"video_path": "data/clips/00000.mp4", "label": 0}'
        for name, text, words in (
            ("empty.json", "", ["empty.json"]),
            ("none.json", "[]", ["none.json"]),
            ("broken.json", f"[\n{clip},\n{{\"video_path\": \n]", ["broken.json", "4"]),
            ("label.json", f"[{clip},\n {clip.replace('00000', '00001').replace(': 0}', ': 2}')}]", ["label.json", "line 2", "item 2", "label"]),
            ("twice.json", f"[{clip},\n {clip}]", ["twice.json", "item 2", "data/clips/00000.mp4"]),
            ("list.jsonl", f"{clip}\nnonsense\n", ["list.jsonl", "2"]),
        ):
            for command in ("extract", "check", "run"):
                self.refused(DATA, words, command, self.write(name, text), "-o", self.folder / "refused")
        self.refused(DATA, ["no-such.json"], "extract", self.folder / "no-such.json", "-o", self.folder / "refused")
        self.refused(DATA, ["clips"], "extract", self.dataset.parent / "clips", "-o", self.folder / "refused")

    def test_what_the_list_shows_is_said_before_extraction(self):
        items = json.loads(self.dataset.read_text())
        for item in items:
            item["video_path"] = f"data/{item['video_path']}"
        del items[5]["label"]
        missing = self.write("missing.json", json.dumps(items, indent=0))
        one = self.write("one-class.json", json.dumps([item | {"label": 1} for item in items]))
        some = self.write("some-parts.json", json.dumps([item | {"label": i % 2} | ({"split": "train"} if i < 20 else {}) for i, item in enumerate(items)]))
        for path, words in ((missing, ["missing.json", "item 6", "label"]), (one, ["no real video"]), (some, ["split"])):
            self.refused(DATA, words, "run", path, "-o", self.folder / "early")
            self.refused(DATA, words, "train", path, "--save-dir", self.folder / "early")
            self.assertFalse(list((self.folder / "early").glob("**/*.h5")))
        self.assertIn("no real video", program.run(2, "check", one)[0])

    def test_names_that_are_no_text(self):
        clip = '{"video_path": "data/clips/%s", "label": 0}'
        for name, text in (("latin.json", (clip % "x").encode().replace(b"x", b"\xe9")), ("zero.json", (clip % "a\\u0000b").encode())):
            (self.folder / name).write_bytes(b"[" + text + b"]")
            self.refused(DATA, [name, "line 1, item 1"], "extract", self.folder / name, "-o", self.folder / "refused")
        odd = self.folder / "odd"
        odd.mkdir()
        with open(os.fsencode(odd) + b"/caf\xe9.mp4", "wb") as file:
            file.write((self.dataset.parent / "clips/00000.mp4").read_bytes())
        self.assertEqual(json.loads(program.run(1, "detect", odd, "--model", self.models, "--json")[0])["status"], "ok")

    def test_stdout_that_cannot_be_written(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run(program.command(1, "info", self.models, "--json"), stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(result.returncode, ENVIRONMENT)
        self.assertIn("stdout", result.stderr)

    def test_parts_and_classes(self):
        items = [item | {"video_path": f"data/{item['video_path']}"} for item in json.loads(self.dataset.read_text())]
        real = self.write("real.json", json.dumps([item for item in items if item["label"] == 0]))
        self.refused(DATA, ["AI-generated"], "run", real, "-o", self.folder / "real")
        few = self.write("few.json", json.dumps(items[:4]))
        self.refused(DATA, ["part", "add videos"], "run", few, "-o", self.folder / "few")
        unlabelled = self.write("unlabelled.json", json.dumps([{"video_path": item["video_path"]} for item in items[:2]]))
        program.run(2, "extract", unlabelled, "-o", self.folder / "unlabelled")
        self.refused(DATA, ["label"], "train", self.folder / "unlabelled", "--save-dir", self.folder / "refused")

    def test_stores_and_models(self):
        self.refused(DATA, ["no-such"], "train", self.folder / "no-such", "--save-dir", self.folder / "refused")
        self.refused(DATA, [self.models, "store"], "train", self.models, "--save-dir", self.folder / "refused")
        self.refused(DATA, ["no-such"], "eval", self.store, "--model", self.folder / "no-such", "-o", self.folder / "refused")
        self.refused(DATA, ["model"], "eval", self.store, "--model", self.store, "-o", self.folder / "refused")
        for command in (("eval", self.store, "-o", self.folder / "refused"), ("detect", self.dataset.parent / "clips/00000.mp4")):
            said = program.run(1, *command, code=ENVIRONMENT, environment={"DESY_MODELS_DIR": str(self.folder / "none")})[1]
            self.assertIn("--model", said)
            self.assertIn("desy run", said)
        self.refused(DATA, ["no-such.mp4"], "detect", self.folder / "no-such.mp4", "--model", self.models)

    def test_training_options(self):
        for option, value, words in (("--optimizer", "adam", ["adamw or sgd"]), ("--momentum", 1, ["[0, 1)"]), ("--schedule", "linear", ["constant or cosine"]),
                                     ("--warmup-epochs", 30, ["0 to 29"]), ("--warmup-epochs", -1, ["0 to 29"]), ("--accumulate", 0, ["1 to"]), ("--clip-norm", -1, ["0 (no limit)"]),
                                     ("--label-smoothing", 1, ["[0, 1)"]), ("--num-workers", 65, ["0 (one"]), ("--empty-cache-every", -1, ["0 (never)"]), ("--balance", "group", ["none, label or source"]), ("--class-weights", "1", ["REAL,AI"]), ("--class-weights", "1,-2", ["REAL,AI"]),
                                     ("--class-weights", "1,2,3", ["REAL,AI"]), ("--min-delta", "nan", ["0 or more"]), ("--checkpoint-minutes", -1, ["0 or more"])):
            self.refused(USAGE, [option, words[-1], value], "train", self.store, "--save-dir", self.folder / "refused", option, value, ranks=(1,))

    def altered_model(self, name, change):
        model = self.folder / name
        shutil.copytree(self.models / "v0001", model)
        text = program.read_json(model, "model.json")
        text.pop("sha256")  # it would tell
        change(text)
        (model / "model.json").write_text(json.dumps(text))
        return model

    def test_models_that_do_not_fit(self):
        frames = self.altered_model("frames", lambda model: model["extractor"].update(frames=8))
        self.refused(DATA, ["16", "8", "frames"], "eval", self.store, "--model", frames, "-o", self.folder / "refused")
        other = self.altered_model("other", lambda model: model["extractor"].update(name="resnet50"))
        self.refused(DATA, ["hybrid", "resnet50"], "eval", self.store, "--model", other, "-o", self.folder / "refused")
        dims = self.altered_model("dims", lambda model: model["extractor"].update(dims=1024))
        self.refused(DATA, ["1024"], "eval", self.store, "--model", dims, "-o", self.folder / "refused")
        other = self.folder / "other-seed"
        program.run(2, "train", self.store, "--save-dir", other, "--size", "small", "--seed", "2")
        swapped = self.altered_model("swapped", lambda model: None)
        shutil.copy(other / "v0001" / "weights.safetensors", swapped)
        self.refused(DATA, ["weights.safetensors", "SHA-256"], "info", swapped, ranks=(1,))
        self.refused(DATA, ["weights.safetensors", "SHA-256"], "detect", self.dataset.parent / "clips/00000.mp4", "--model", swapped)
        cut = self.altered_model("cut", lambda model: None)
        os.truncate(cut / "weights.safetensors", 1000)
        self.refused(DATA, ["weights.safetensors"], "eval", self.store, "--model", cut, "-o", self.folder / "refused")

    def flipped(self, path, copy, at):
        data = bytearray(path.read_bytes())
        data[at] ^= 4
        copy.write_bytes(data)
        return copy

    def test_damaged_models(self):
        clip = self.dataset.parent / "clips/00000.mp4"
        other = self.altered_model("other-version", lambda model: model["extractor"].update(version=1))
        self.refused(DATA, ["version 1", "hybrid", "train again"], "detect", clip, "--model", other)
        self.refused(DATA, ["version 1", "hybrid", "extract again"], "eval", self.store, "--model", other, "-o", self.folder / "refused")
        trained = self.altered_model("other-encoder", lambda model: model["extractor"].update(weights_sha256="0" * 64))
        self.refused(DATA, ["other weights", "hybrid"], "eval", self.store, "--model", trained, "-o", self.folder / "refused")
        whole = self.models / "v0001"
        for name, words in (("missing", ["weights.safetensors"]), ("flipped", ["weights.safetensors", "SHA-256"]), ("digit", ["model.json", "SHA-256"]), ("short", ["model.json", "JSON"])):
            model = self.folder / name
            shutil.copytree(whole, model)
            if name == "missing":
                (model / "weights.safetensors").unlink()
            elif name == "flipped":
                self.flipped(whole / "weights.safetensors", model / "weights.safetensors", -100)
            elif name == "digit":
                text = (whole / "model.json").read_text()
                at = re.search(r'"bias":\s*-?\d\.(\d)', text).start(1)
                (model / "model.json").write_text(text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1:])
            else:
                os.truncate(model / "model.json", 700)
            self.refused(DATA, words, "detect", clip, "--model", model, ranks=(1,))
            self.refused(DATA, words, "fusion-weights", model, ranks=(1,))
        low = self.folder / "low"
        program.run(1, "train", self.store, "--save-dir", low, "--size", "small", "--level", "low")
        self.refused(USAGE, ["no level high"], "detect", clip, "--model", low, "--level", "high")

    def test_damaged_encoder_weights(self):
        """Truncated: refused. A flipped bit: scores are refused, for the model names its weights; features alone are made, with a warning."""
        clip, whole = self.dataset.parent / "clips/00000.mp4", pathlib.Path(os.environ["DESY_SOURCE_DIR"]) / "weights/efficientnet-lite0.safetensors"
        if not whole.exists():
            self.skipTest("the encoder's weights are elsewhere")
        cut = self.folder / "cut.safetensors"
        cut.write_bytes(whole.read_bytes()[:1 << 20])
        flipped = self.flipped(whole, self.folder / "flipped.safetensors", 1 << 23)
        self.refused(ENVIRONMENT, ["cut.safetensors", "truncated", "fetch_weights.sh"], "detect", clip, "--model", self.models, "--weights", cut)
        self.refused(ENVIRONMENT, ["none.safetensors"], "detect", clip, "--model", self.models, "--weights", self.folder / "none.safetensors")
        self.refused(DATA, ["other weights"], "detect", clip, "--model", self.models, "--weights", flipped)
        one = self.write("one.json", json.dumps([{"video_path": "data/clips/00000.mp4", "label": 0}]))
        said = program.run(1, "extract", one, "-o", self.folder / "by-flipped", "--weights", flipped)[1]
        self.assertIn("not the weights that cmake/fetch_weights.sh makes", said)
        self.assertNotIn("not the weights", program.run(1, "extract", one, "-o", self.folder / "by-whole", "--weights", whole)[1])

    def test_stores_with_numbers_that_are_none(self):
        """In the features as they lie there: training and evaluation stop; nothing is left out in silence."""
        store = self.folder / "nan"
        shutil.copytree(self.store, store)
        with h5py.File(sorted((store / "seg").glob("*/*.h5"))[0], "r+") as file:
            file["features/hybrid"][0, 0, 5] = float("nan")
        self.refused(DATA, ["not finite"], "train", store, "--save-dir", self.folder / "refused")
        self.refused(DATA, ["not finite"], "eval", store, "--model", self.models, "--split", "all", "-o", self.folder / "refused")
        self.refused(DATA, ["bytes have changed"], "info", store, ranks=(1,))

    def test_few_videos(self):
        """Too few are refused with advice; a generator with one clip is no reason to."""
        items = [item | {"video_path": f"data/{item['video_path']}"} for item in json.loads(self.dataset.read_text())]
        real, ai = ([item for item in items if item["label"] == label] for label in (0, 1))
        nine = self.write("nine.json", json.dumps(real[:5] + ai[:4]))
        self.refused(DATA, ["part 'test'", "add videos"], "run", nine, "-o", self.folder / "nine", ranks=(2,))
        parts = [item | {"split": "train"} for item in real[:3] + ai[:3]] + [item | {"split": part} for part, i in (("val", 4), ("test", 5)) for item in (real[i], ai[i])]
        few = self.write("ten.json", json.dumps(parts))
        self.refused(DATA, ["3 real training videos", "at least 4"], "run", few, "-o", self.folder / "ten", ranks=(2,))
        ai[0]["source"] = "lonely"
        lonely = self.write("lonely.json", json.dumps(real + ai))
        program.run(2, "run", lonely, "-o", self.folder / "lonely", "--size", "small")
        self.assertIn("roc_auc", program.read_json(self.folder, "lonely", "report", "metrics.json"))

    def test_weights(self):
        empty = self.folder / "no-weights"
        empty.mkdir()
        environment = {"DESY_WEIGHTS_DIR": str(empty)}
        for ranks in (1, 2):
            said = program.run(ranks, "extract", self.dataset, "-o", self.folder / "unweighted", code=ENVIRONMENT, environment=environment)[1]
            self.assertIn("fetch_weights.sh", said)
            self.assertIn(str(empty), said)
        self.refused(ENVIRONMENT, ["--weights"], "extract", self.dataset, "-o", self.folder / "unweighted", "--extractor", "resnet50")

    def test_usage(self):
        self.refused(USAGE, ["--no-such-option"], "extract", self.dataset, "-o", self.folder / "refused", "--no-such-option")
        self.refused(USAGE, ["no-such-command"], "no-such-command")
        self.refused(USAGE, ["-o"], "extract", self.dataset)
        self.refused(USAGE, ["resnet50", "hybrid"], "extract", self.dataset, "-o", self.folder / "refused", "--extractor", "other")
        self.refused(USAGE, ["--epochs"], "train", self.store, "--epochs", "0")
        self.refused(USAGE, ["alone"], "info", self.store, ranks=(2,))

    def test_outputs_that_cannot_be_written(self):
        file = self.write("a-file", "")
        for arguments in (("extract", self.dataset, "-o", file / "store"), ("run", self.dataset, "-o", file), ("synth", "-o", file / "data", "--videos", 2),
                          ("train", self.store, "--save-dir", file / "models", "--size", "small"),
                          ("eval", self.store, "--model", self.models, "-o", file / "report"),
                          ("batch", self.dataset, "--model", self.models, "-o", file / "scores.jsonl")):
            self.refused(ENVIRONMENT, ["a-file"], *arguments)

    def test_a_full_disk(self):
        """A disk of 1 MiB: extraction stops with words; what was done stays, and goes on where there is room."""
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], stderr=subprocess.PIPE)
        if mounted.returncode:
            self.skipTest(f"needs a tmpfs: {mounted.stderr.decode()}")
        try:
            for ranks in (1, 3):
                self.refused(ENVIRONMENT, ["No space left on device"], "extract", self.dataset, "-o", disk / "store", ranks=(ranks,))
                self.assertFalse(list((disk / "store").rglob("*.tmp*")), "half-written files are left")
            done = sum(len(path.read_text().splitlines()) for path in (disk / "store").glob("manifest-*"))
            self.assertGreaterEqual(done, 1)
            shutil.copytree(disk / "store", self.folder / "rescued")
        finally:
            subprocess.run(["umount", disk], check=True)
        log = program.run(2, "extract", self.dataset, "-o", self.folder / "rescued")[1]
        self.assertGreaterEqual(int(re.search(r"(\d+) of 24 items were already done", log).group(1)), 1)
        self.assertEqual(program.store_hash(self.folder / "rescued"), program.store_hash(self.store))

    def test_a_text_file_is_no_video(self):
        self.write("text.mp4", "This is no video.\n")
        listed = self.write("text.json", json.dumps([{"video_path": "text.mp4", "label": 0}, {"video_path": "data/clips/00001.mp4", "label": 1}]))
        for ranks in (1, 2):
            store = self.folder / f"text{ranks}"
            program.run(ranks, "extract", listed, "-o", store, code=PARTIAL)
            [line] = map(json.loads, (store / "quarantine.jsonl").read_text().splitlines())
            self.assertEqual((line["video_path"], line["status"]), ("text.mp4", "unreadable"))
        program.run(1, "detect", self.folder / "text.mp4", "--model", self.models, code=PARTIAL)
        self.assertIn("unreadable", program.run(2, "check", listed)[0])
        program.run(2, "check", listed, "--strict", code=DATA)

    def test_a_decoder_that_crashes_or_hangs(self):
        for how, status in (("crash:00002", "crashed"), ("hang:00002", "timeout")):
            store = self.folder / status
            program.run(2, "extract", self.dataset, "-o", store, "--deadline", "5", code=PARTIAL, environment={"DESY_TEST_HELPER": how})
            [line] = map(json.loads, (store / "quarantine.jsonl").read_text().splitlines())
            self.assertEqual(line["status"], status)
            self.assertIn("00002", line["video_path"])
            others = features(self.store)
            del others[line["video_path"]]
            self.assertEqual(features(store), others)


if __name__ == "__main__":
    unittest.main()
