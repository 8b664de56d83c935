"""Other instructions and threads: pixels looked at with DESY_SIMD give the same store, and the model that ships scores within 1e-4 of a logit
whatever instructions its network is computed with; a level that is not there is refused."""
import json
import unittest

import program


class Simd(program.Case):
    videos, broken = 6, 0

    def test_scalar_gives_the_same_store(self):
        hashes = {}
        for name, environment in (("best", {"DESY_SIMD": ""}), ("scalar", {"DESY_SIMD": "scalar"})):
            self.assertEqual("scalar instructions" in program.run(1, "doctor", environment=environment)[0], name == "scalar")
            program.run(1, "extract", self.dataset, "-o", self.folder / name, environment=environment)
            hashes[name] = program.store_hash(self.folder / name)
        self.assertEqual(hashes["best"], hashes["scalar"])

    def test_scores_hardly_move(self):
        ways = [({}, 1), ({"DESY_SIMD": "scalar"}, 1), ({}, 3), ({"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"}, 1),
                ({"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}, 2)]
        clips = sorted((self.dataset.parent / "clips").glob("*.mp4"))
        logits = []
        for environment, threads in ways:
            out = program.run(1, "detect", *clips, "--json", "--threads", threads, environment=environment)[0]
            results = [json.loads(line) for line in out.splitlines()]
            self.assertEqual({result["model"] for result in results}, {"hybrid-1"})  # by default
            logits.append([result["logit"] for result in results])
        for other in logits[1:]:
            for one, same in zip(logits[0], other, strict=True):
                self.assertAlmostEqual(one, same, delta=1e-4)
        self.assertNotEqual(logits[0], logits[3])  # the instructions were others

    def test_unknown_is_refused(self):
        said = program.run(2, "extract", self.dataset, "-o", self.folder / "none", code=3, environment={"DESY_SIMD": "mmx"})[1]
        self.assertIn("DESY_SIMD=mmx: there is", said)


if __name__ == "__main__":
    unittest.main()
