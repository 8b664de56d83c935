"""DESY_SIMD: pixels looked at with other instructions give the same store; one that is not there is refused."""
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

    def test_unknown_is_refused(self):
        said = program.run(2, "extract", self.dataset, "-o", self.folder / "none", code=3, environment={"DESY_SIMD": "mmx"})[1]
        self.assertIn("DESY_SIMD=mmx: there is", said)


if __name__ == "__main__":
    unittest.main()
