"""Precisions, and TorchScript encoders of users' own: what they give, what is refused, and that model and store know what they are of."""
import json
import subprocess
import unittest

import h5py

import torch

import program


class Corners(torch.nn.Module):
    """Means over quarters of the picture: twelve numbers a frame that move with it. Of a black one: NaN."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        means = torch.nn.functional.adaptive_avg_pool2d(x, [2, 2]).flatten(1)
        return torch.where(means.amax(1, keepdim=True) < -1.6, float("nan"), means)


def make_half_black(path, *order):
    """20 s, of which 8 are black."""
    inputs = {"black": "color=black:s=320x240:r=25:d=8", "bright": "testsrc2=s=320x240:r=25:d=12"}
    graph = f"{inputs[order[0]]}[a];{inputs[order[1]]}[b];[a][b]concat[out0]"
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", graph, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", path], check=True)


class Encoders(program.Case):
    broken = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.file = cls.folder / "my corners.v2.pt"
        torch.jit.script(Corners()).save(str(cls.file))
        cls.store, cls.models, cls.video = cls.folder / "store", cls.folder / "models", next((cls.folder / "data").rglob("*.mp4"))
        cls.extract(cls.store)
        program.run(1, "train", cls.store, "--save-dir", cls.models)

    @classmethod
    def extract(cls, store, *more, code=0, **changed):
        options = {"extractor": cls.file, "dims": 12, **changed}
        words = [word for name, value in options.items() if value is not None for word in (f"--{name}", value)]
        return program.run(1, "extract", cls.dataset, "-o", store, "--allow-code", *words, *more, code=code)[1]

    def detect(self, *more, code=0):
        return program.run(1, "detect", self.video, "--model", self.models, *more, "--json", code=code)

    def test_store_and_model_name_it(self):
        info = json.loads(program.run(1, "info", self.store, "--json")[0])
        self.assertEqual(info["extractor"], "my_corners_v2")
        config = program.read_json(self.store / "extract.json")["config"]
        self.assertEqual((config["dims"], config["precision"], config["batch"]), (12, "fp32", 16))
        extractor = program.read_json(self.models / "v0001" / "model.json")["extractor"]
        self.assertEqual((extractor["name"], extractor["dims"], extractor["precision"]), ("my_corners_v2", 12, "fp32"))
        self.assertEqual(extractor["weights_sha256"], config["weights_sha256"])

    def test_scores_need_the_file(self):
        self.assertIn("--weights FILE.pt", self.detect(code=1)[1])
        self.assertIn("--allow-code", self.detect("--weights", self.file, code=1)[1])
        result = json.loads(self.detect("--weights", self.file, "--allow-code")[0])
        self.assertEqual(result["status"], "ok")
        other = self.folder / "other.pt"
        torch.jit.script(torch.nn.Sequential(Corners(), torch.nn.ReLU())).save(str(other))
        self.assertIn("other weights", self.detect("--weights", other, "--allow-code", code=2)[1])

    def test_numbers_that_are_none_cost_their_item_alone(self):
        for name, *order in (("begins", "black", "bright"), ("ends", "bright", "black")):
            make_half_black(self.folder / f"{name}.mp4", *order)
        dataset, store, scores = self.folder / "black.json", self.folder / "black", self.folder / "black.jsonl"
        dataset.write_text(json.dumps([{"video_path": name, "label": 0} for name in ("begins.mp4", "ends.mp4", str(self.video))]))
        program.run(1, "extract", dataset, "-o", store, "--allow-code", "--extractor", self.file, "--dims", 12, "--windows", 3, code=4)
        with h5py.File(store / "index.h5") as file:
            rows = [(path.decode(), window, reason.decode()) for path, window, reason in file["videos"][:][["video_path", "window", "reason"]]]
        said = "the extractor gave a value that is not finite"
        self.assertEqual(rows, [("begins.mp4", 0, said), *[("ends.mp4", i, said if i == 2 else "") for i in range(3)], (str(self.video), 0, "")])
        info = json.loads(program.run(1, "info", store, "--json")[0])
        self.assertEqual((info["items"], info["n_failed"], info["n_failed_windows"]), (3, 1, 1))
        program.run(1, "batch", dataset, "-o", scores, "--model", self.models, "--weights", self.file, "--allow-code", "--windows", 3, code=4)
        begins, ends, other = map(json.loads, scores.read_text().splitlines())
        self.assertEqual((begins["status"], begins["reason"], "confidence" in begins), ("unreadable", said, False))
        self.assertEqual((ends["status"], ends["warning"], ends["windows"]), ("ok", said, 2))
        self.assertEqual((other["status"], other["windows"]), ("ok", 1))

    def test_refusals(self):
        nowhere = self.folder / "nowhere"
        self.assertIn("--dims", self.extract(nowhere, dims=None, code=1))
        self.assertIn("--dims", program.run(1, "extract", self.dataset, "-o", nowhere, "--dims", 12, code=1)[1])
        self.assertIn("[N, 13]", self.extract(nowhere, dims=13, code=3))
        self.assertIn("--allow-code", program.run(1, "extract", self.dataset, "-o", nowhere, "--extractor", self.file, "--dims", 12, code=1)[1])
        self.assertIn("leave --weights out", self.extract(nowhere, weights=self.file, code=1))
        namesake = self.folder / "hybrid.pt"
        torch.jit.script(Corners()).save(str(namesake))
        self.assertIn("rename", self.extract(nowhere, extractor=namesake, code=1))
        self.assertIn("fp32 alone", program.run(1, "extract", self.dataset, "-o", nowhere, "--precision", "bf16", code=1)[1])
        self.assertIn("fp32, bf16 or fp16", self.extract(nowhere, precision="half", code=1))
        if not torch.cuda.is_available():
            self.assertIn("CUDA", self.extract(nowhere, precision="fp16", code=1))

    @unittest.skipUnless(torch.ops.mkldnn._is_mkldnn_bf16_supported(), "libtorch can't compute in bfloat16 here")
    def test_precisions_do_not_mix_unsaid(self):
        store = self.folder / "bf16"
        self.extract(store, precision="bf16")
        self.assertEqual(program.read_json(store / "extract.json")["config"]["precision"], "bf16")
        self.assertNotEqual(program.store_hash(store), program.store_hash(self.store))
        self.assertIn("precision: bf16 there, fp32 here", self.extract(store, code=2))
        self.assertIn("features in bf16", program.run(2, "eval", store, "--model", self.models, "-o", self.folder / "report")[1])
        self.assertIn("computed in bf16", self.detect("--weights", self.file, "--allow-code", "--precision", "bf16")[1])
        self.assertNotIn("trained on features", program.run(1, "eval", self.store, "--model", self.models, "-o", self.folder / "report2")[1])


if __name__ == "__main__":
    unittest.main()
