"""Full forms from a store to a verdict: the same bytes at any number of ranks, and the logits that PyTorch makes of the model's files and the store."""
import json
import os
import pathlib
import shutil
import struct
import sys
import unittest

import h5py
import numpy as np
import torch

import program

sys.path.append(str(pathlib.Path(os.environ["DESY_SOURCE_DIR"]) / "tests" / "parity"))
from transformer_reference import Reference, torch_name

ENCODER = 1280


def read_safetensors(path):
    data = path.read_bytes()
    size = struct.unpack_from("<Q", data)[0]
    kinds = {"F64": np.float64, "F32": np.float32}
    return {name: np.frombuffer(data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]], kinds[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in json.loads(data[8:8 + size]).items() if name != "__metadata__"}


class FullForms(program.Case):
    broken = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.store, cls.models = cls.folder / "store", cls.folder / "one"
        items = json.loads(cls.dataset.read_text())
        for i, item in enumerate(items):
            item["split"], item["group"] = ("train", "train", "train", "val", "val", "test")[i // 2 % 6], str(i)
        cls.dataset.write_text(json.dumps(items))
        program.run(2, "extract", cls.dataset, "-o", cls.store)
        for ranks, name in ((1, "one"), (3, "three")):
            program.run(ranks, "train", cls.store, "--save-dir", cls.folder / name, "--num-workers", ranks, "--size", "full", "--epochs", "2", "--batch-size", "5")

    def test_same_bytes(self):
        for name in ("weights.safetensors", "out_of_fold.safetensors", "model.json"):
            one, three = ((self.folder / run / "v0001" / name).read_bytes().replace(str(self.folder / run).encode(), b"") for run in ("one", "three"))
            self.assertTrue(one == three, name)
        model = program.read_json(self.models, "v0001", "model.json")
        self.assertEqual({channel["name"]: channel.get("frames") for channel in model["channels"] if channel["form"] == "full"}, {"mid_transformer": 16, "high_mlp": None})
        self.assertEqual({name: len(curve["epochs"]) for name, curve in model["training"]["curves"].items()}, {"mid_transformer": 2, "high_mlp": 2})

    def test_fast(self):
        """bfloat16 where the processor has it, and that the model says so; near what it is without."""
        program.run(2, "train", self.store, "--save-dir", self.folder / "fast", "--size", "full", "--epochs", "2", "--batch-size", "5", "--fast")
        fast, plain = (program.read_json(models, "v0001", "model.json")["training"] for models in (self.folder / "fast", self.models))
        has_bf16 = "avx512f" in pathlib.Path("/proc/cpuinfo").read_text().split()
        self.assertEqual((fast["mixed_precision"], plain["mixed_precision"]), ("bf16" if has_bf16 else "fp32", "fp32"))
        self.assertEqual((fast["reproducible"], plain["reproducible"]), (False, True))
        for name, curve in fast["curves"].items():
            losses = [[epoch["loss"] for epoch in curves] for curves in (curve["epochs"], plain["curves"][name]["epochs"])]
            np.testing.assert_allclose(*losses, rtol=.02)
            self.assertEqual(losses[0] != losses[1], has_bf16 and name == "mid_transformer", name)

    def test_logits(self):
        model = program.read_json(self.models, "v0001", "model.json")
        channel = next(channel for channel in model["channels"] if channel["name"] == "mid_transformer")
        tensors = {name.split(".", 1)[1]: torch.from_numpy(values.copy()).double() for name, values in read_safetensors(self.models / "v0001" / "weights.safetensors").items()
                   if name.startswith("mid_transformer.")}
        with h5py.File(self.store / "index.h5") as file:
            rows, features = file["videos"][:], torch.from_numpy(file["features/hybrid"][:].astype(np.float64))
        there = torch.arange(16) < torch.from_numpy(rows["n_frames"])[:, None]
        means = (features * there[..., None]).sum(1) / there.sum(1)[:, None]
        training = means[[row["split"] == b"train" for row in rows]]
        np.testing.assert_allclose(tensors["median"], np.median(training, 0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(tensors["scale"], training.numpy().std(0) + 1e-6, rtol=1e-4, atol=1e-6)
        net = Reference(16, features.shape[2]).double()
        net.load_state_dict({torch_name(name): values for name, values in tensors.items() if name not in ("median", "scale")})
        z = net(((features - tensors.pop("median")) / tensors.pop("scale")).clip(-3, 3), ~there).detach().numpy()
        expected = {row["video_path"].decode(): logit for row, logit in zip(rows, (z - channel["logit_mean"]) / channel["logit_deviation"])}
        scores = self.folder / "scores.jsonl"
        program.run(2, "batch", self.dataset, "--model", self.models, "-o", scores)
        lines = [json.loads(line) for line in scores.read_text().splitlines()]
        self.assertEqual(len(lines), len(expected))
        for line in lines:
            self.assertAlmostEqual(line["channels"]["mid_transformer"], expected[line["video_path"]], delta=1e-4)
        self.assertGreater(np.ptp(list(expected.values())), .1)

    def test_quantised(self):
        """A model in 8 bits is one like any other, at any number of ranks."""
        small = self.folder / "int8"
        table, log = program.run(1, "quantize", self.models, "-o", small, "--store", self.store, "--split", "all", "--max-loss", "0.1")
        self.assertIn("mid_transformer  full   int8", table)
        self.assertIn("runs alone", program.run(2, "quantize", self.models, "-o", self.folder / "none", code=1)[1])
        program.run(1, "drift", small, self.store)
        scores = {}
        for model, ranks, name in ((self.models, 1, "fp32"), (small, 1, "one"), (small, 3, "three")):
            program.run(ranks, "batch", self.dataset, "--model", model, "-o", self.folder / f"{name}.jsonl")
            scores[name] = [json.loads(line) for line in (self.folder / f"{name}.jsonl").read_text().splitlines()]
        self.assertEqual(scores["one"], scores["three"])
        for name, size in (("mid_transformer", "int8"), ("high_mlp", "int8"), ("energy", "fp32")):
            before, after = ([clip["channels"][name] for clip in scores[which]] for which in ("fp32", "one"))
            np.testing.assert_allclose(after, before, atol=.15 * np.std(before))
            self.assertEqual(before != after, size == "int8", name)
        clip = next(self.dataset.parent.rglob("*.mp4"))
        self.assertEqual(json.loads(program.run(1, "detect", clip, "--model", small, "--json")[0])["model"], "int8")
        shown = json.loads(program.run(1, "info", small, "--json")[0])
        self.assertEqual({channel["name"]: channel.get("linear_layers") for channel in shown["channels"] if channel["form"] == "full"}, {"mid_transformer": "int8", "high_mlp": "int8"})

    def test_frames_that_do_not_fit(self):
        """A clip with fewer frames than the network reads must not be read beyond its end."""
        model = self.folder / "altered"
        shutil.copytree(self.models / "v0001", model)
        text = program.read_json(model, "model.json")
        text.pop("sha256")  # it would tell
        text["extractor"]["frames"] = 8
        (model / "model.json").write_text(json.dumps(text))
        said = program.run(1, "detect", next(self.dataset.parent.rglob("*.mp4")), "--model", model, code=2)[1]
        self.assertIn("mid_transformer reads 16 frames, and a clip has 8", said)


if __name__ == "__main__":
    unittest.main()
