"""Training level by level and then the fusion gives what training all at once does; the guide's spelling of the options."""
import json
import unittest

import program


class Levels(program.Case):
    broken = 0

    def test_stage_by_stage(self):
        whole, parts = self.folder / "whole", self.folder / "parts"
        store = whole / "store"
        log = program.run(2, "train", "--data_dir", self.dataset, "--batch_size", 2, "--epochs", 1, "--lr", 0.001, "--save_dir", whole, "--num_workers", 2, "--size", "small")[1]
        self.assertIn("24 were extracted now", log)
        program.run(1, "train", store, "--save-dir", parts, "--level", "low", "--size", "small")
        self.assertIn("two levels at least", program.run(2, "train", store, "--save-dir", parts, "--level", "fusion", code=2)[1])
        program.run(2, "train", store, "--save-dir", parts, "--level", "mid", "--size", "small")
        program.run(3, "train", store, "--save-dir", parts, "--level", "high", "--size", "small")
        said = json.loads(program.run(2, "train", store, "--save-dir", parts, "--level", "fusion", "--json")[0])
        self.assertEqual(said["model"], str(parts / "v0004"))
        for name in ("weights.safetensors", "out_of_fold.safetensors"):
            self.assertEqual((whole / "v0001" / name).read_bytes(), (parts / "v0004" / name).read_bytes())
        one, other = (program.read_json(model, "model.json") for model in (whole / "v0001", parts / "v0004"))
        for key in ("channels", "fusion", "threshold", "out_of_fold", "validation", "reference", "reliability"):
            self.assertEqual(one[key], other[key])
        self.assertEqual([channel["level"] for channel in program.read_json(parts, "v0002", "model.json")["channels"]], ["mid"])
        self.assertIn("there is none", program.run(1, "train", store, "--save-dir", parts, "--level", "fusion", "--seed", 2, code=2)[1])


if __name__ == "__main__":
    unittest.main()
