"""Training that is killed at any moment, asked to stop, whose checkpoints were damaged or that has no room for them: the same command, on another
number of ranks, gives the same weights to the byte as a run that nothing disturbed."""
import json
import os
import random
import resource
import signal
import struct
import subprocess
import time
import unittest

import program

OPTIONS = ["--level", "high", "--size", "full", "--epochs", 2, "--batch-size", 3, "--accumulate", 2, "--schedule", "cosine", "--warmup-epochs", 1]
EVERY_STEP = ["--checkpoint-minutes", 0]


def checkpoints(models):
    return sorted(models.glob("checkpoints/*/*.safetensors"))


def description(path):
    """What a checkpoint says of itself."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    return json.loads(header["__metadata__"]["checkpoint"])


class TrainResume(program.Case):
    broken = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.store = cls.folder / "store"
        program.run(2, "extract", cls.dataset, "-o", cls.store)
        program.run(1, "train", cls.store, "--save-dir", cls.folder / "undisturbed", *OPTIONS)
        cls.wanted = cls.weights(cls.folder / "undisturbed")

    @staticmethod
    def weights(models):
        return [(models / "v0001" / name).read_bytes() for name in ("weights.safetensors", "out_of_fold.safetensors", "model.json")]

    def begin(self, models, ranks, steps):
        """A training that has done some steps more, and is still going."""
        process = program.start(ranks, "train", self.store, "--save-dir", models, *OPTIONS, *EVERY_STEP)
        seen, until = set(checkpoints(models)), time.monotonic() + program.PATIENCE
        wanted = len(seen) + steps
        while len(seen) < wanted:
            self.assertIsNone(process.poll(), "the training ended before it could be disturbed")
            self.assertLess(time.monotonic(), until)
            seen.update(checkpoints(models))
            time.sleep(.002)
        return process

    def finish(self, models, ranks, *options, goes_on=True):
        """The same command, to its end; its words."""
        log = program.run(ranks, "train", self.store, "--save-dir", models, *OPTIONS, *options)[1]
        self.assertEqual("goes on after epoch" in log, goes_on, log)
        self.assertEqual(self.weights(models), self.wanted)
        self.assertFalse((models / "checkpoints").exists(), "checkpoints of a published training are left")
        return log

    def test_kill_9_at_any_moment(self):
        models, moment = self.folder / "killed", random.Random(7)
        for ranks in (2, 3):
            process = self.begin(models, ranks, moment.randint(5, 12))
            time.sleep(moment.uniform(0, .1))
            program.kill_all(process)
        fits = {path.name.rsplit("-", 1)[0] for path in checkpoints(models)}
        self.assertGreater(len(fits), 1, "no fit was finished before the last kill")
        for fit in fits:
            self.assertLessEqual(len([path for path in checkpoints(models) if path.name.startswith(fit + "-")]), 2 + 1)  # one more if killed between writing and removing
        self.assertIn("without fold 1 of 5: goes on after epoch 2 and 0 of", self.finish(models, 1))
        self.assertFalse(list(models.rglob("*.tmp*")), "half-written files are left")

    def stopped(self, name, number, ranks):
        """Asked to stop at one rank alone, in the middle of an epoch: its directory."""
        models = self.folder / name
        process = self.begin(models, ranks, 4)
        os.kill(program.processes(process, "-x", "desy", "-P", str(process.pid))[-1] if ranks > 1 else process.pid, number)
        words = process.communicate(timeout=program.PATIENCE)[1]
        self.assertEqual(process.returncode, 5, words)
        self.assertIn("the same command continues it", words)
        self.assertTrue(checkpoints(models))
        return models

    def newest(self, models):
        return max(checkpoints(models), key=lambda path: (description(path)["stream"], description(path)["step"]))

    def test_a_signal_and_a_truncated_checkpoint(self):
        models = self.stopped("truncated", signal.SIGUSR2, 2)
        newest = self.newest(models)
        with open(newest, "r+b") as file:
            file.truncate(newest.stat().st_size // 2)
        log = self.finish(models, 3)
        self.assertRegex(log, f"{newest.name}.*the one before it is taken")

    def test_a_signal_and_damaged_checkpoints(self):
        models = self.stopped("damaged", signal.SIGTERM, 3)
        fit = self.newest(models).name.rsplit("-", 1)[0]
        for path in checkpoints(models):
            if path.name.startswith(fit + "-"):
                data = bytearray(path.read_bytes())
                data[len(data) // 2] ^= 1
                path.write_bytes(data)
        log = self.finish(models, 1, goes_on=fit != "high_mlp-1")
        self.assertIn("does not have its SHA-256", log)
        self.assertIn("this fit begins anew", log)

    def test_anew(self):
        models = self.stopped("anew", signal.SIGUSR2, 1)
        self.assertIn("give one of them", program.run(1, "train", self.store, "--save-dir", models, "--resume", "--no-resume", code=1)[1])
        self.finish(models, 2, "--no-resume", goes_on=False)

    def test_what_is_recorded_makes_the_same_model(self):
        models = self.folder / "recorded"
        said = program.run(1, "train", self.store, "--save-dir", models, "--empty-cache-every", 1, *OPTIONS[:4], "--epochs", 1, "--batch-size", 8, "--optimizer", "sgd", "--momentum", .8, "--clip-norm", .5, "--loss", "focal",
                    "--focal-alpha", .25, "--label-smoothing", .1, "--class-weights", "1,2.5", "--min-delta", .001, "--balance", "source")
        self.assertIn("--empty-cache-every does nothing on a CPU", said[1])
        training = program.read_json(models, "v0001", "model.json")["training"]
        for key, value in (("optimiser", "sgd"), ("momentum", .8), ("clip_norm", .5), ("label_smoothing", .1), ("class_weights", [1, 2.5]), ("min_delta", .001), ("balance", "source"), ("accumulate", 1), ("schedule", "constant")):
            self.assertEqual(training[key], value)
        words = [str({"STORE": self.store, "DIR": models}.get(word, word)) for word in training["commands"][1].split()[1:]]
        self.assertIn("nothing to do", program.run(1, *words)[1])

    def test_no_room(self):
        """A limit on files that the model stays below, and checkpoints, four times its size, do not."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as on a full disk, write fails
            resource.setrlimit(resource.RLIMIT_FSIZE, (12_000_000, 12_000_000))
        models = self.folder / "full"
        result = subprocess.run(program.command(1, "train", self.store, "--save-dir", models, *OPTIONS), capture_output=True, text=True, preexec_fn=limit, timeout=program.PATIENCE)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stderr, "no checkpoint: .*high_mlp-1.*the training goes on")
        self.assertEqual(self.weights(models), self.wanted)
        self.assertFalse([path for path in models.rglob("*") if "tmp" in path.name or "checkpoint" in path.name])


if __name__ == "__main__":
    unittest.main()
