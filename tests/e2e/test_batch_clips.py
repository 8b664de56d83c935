"""Clips in batches across videos: on a CPU the same store whatever the batch; as a device does it, the batch is part of the configuration, and is halved where memory does not hold it."""
import concurrent.futures
import json
import shutil
import subprocess
import unittest

import h5py
import numpy

import program
import service

DEVICE = {"DESY_BACKBONE_OPERATORS": "1"}  # a CPU does what a device does


class BatchClips(program.StoreCase):
    videos, broken = 5, 1
    made = 0

    def extract(self, *options, ranks=1, store=None, code=4, **environment):
        if store is None:
            BatchClips.made += 1
            store = self.folder / f"store{self.made}"
        words = program.run(ranks, "extract", self.dataset, "-o", store, *options, code=code, environment=environment)[1]
        return store, words

    def config(self, store):
        return program.read_json(store / "extract.json")["config"]

    def features(self, store):
        with h5py.File(store / "index.h5") as file:
            return file["features/hybrid"][:], file["videos"]["status"][:].tolist()

    def test_the_same_bits_on_a_cpu(self):
        for batch, ranks in ((1, 1), (3, 2), (8, 1)):
            store, _ = self.extract("--batch-clips", batch, ranks=ranks)
            self.assertEqual(program.store_hash(store), self.hash, f"{batch} clips, {ranks} ranks")
            self.assertEqual(program.read_json(store / "extract.json")["config_sha256"], program.read_json(self.whole / "extract.json")["config_sha256"])

    def test_views_and_windows(self):
        hashes = {program.store_hash(self.extract("--batch-clips", batch, "--windows", 2, "--augment", 1, "--crops")[0]) for batch in (1, 4)}
        self.assertEqual(len(hashes), 1)

    def test_resumed_with_another_batch(self):
        store = self.folder / "resumed"
        shutil.copytree(self.whole, store)
        sorted((store / "seg").rglob("*.h5"))[0].unlink()
        self.extract("--batch-clips", 5, store=store)
        self.assertEqual(program.store_hash(store), self.hash)

    def test_as_a_device_does_it(self):
        """Close to what the CPU makes, the same whoever does which block, and the batch decides."""
        one, _ = self.extract("--batch-clips", 3, **DEVICE)
        two, _ = self.extract("--batch-clips", 3, ranks=2, **DEVICE)
        self.assertEqual(program.store_hash(one), program.store_hash(two))
        self.assertEqual((self.config(one)["batch"], self.config(self.whole)["batch"]), (48, 4))
        ours, expected = self.features(one), self.features(self.whole)
        self.assertEqual(ours[1], expected[1])
        numpy.testing.assert_allclose(ours[0], expected[0], rtol=1e-3, atol=1e-3)
        _, words = self.extract("--batch-clips", 2, store=one, code=2, **DEVICE)
        self.assertIn("batch: 48 there, 32 here", words)
        self.assertIn("--batch-clips 3", words)

    def test_memory_that_holds_less(self):
        store, words = self.extract("--batch-clips", 8, DESY_TEST_OUT_OF_MEMORY="2", **DEVICE)
        self.assertIn("--batch-clips 2", words)
        self.assertEqual(self.config(store)["batch"], 32)
        _, words = self.extract("--batch-clips", 2, store=store, **DEVICE)
        self.assertIn("0 were extracted now", words)
        _, words = self.extract("--batch-clips", 2, store=store, code=2, DESY_TEST_OUT_OF_MEMORY="1", **DEVICE)
        self.assertIn("a device that has more", words)
        self.assertIn("--batch-clips 2", words)
        _, words = self.extract(code=3, DESY_TEST_OUT_OF_MEMORY="0", **DEVICE)
        self.assertIn("memory of the device is full", words)

    def test_the_smallest_over_ranks(self):
        store = self.folder / "uneven"
        rank = [program.PROGRAM, "extract", str(self.dataset), "-o", str(store), "--batch-clips", "8"]
        done = subprocess.run(["mpirun", "--allow-run-as-root", "--oversubscribe", "-x", "DESY_BACKBONE_OPERATORS=1", "-n", "1", *rank, ":",
                               "-x", "DESY_BACKBONE_OPERATORS=1", "-n", "1", "env", "DESY_TEST_OUT_OF_MEMORY=4", *rank], text=True, capture_output=True, timeout=program.PATIENCE)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertEqual(done.stderr.count("--batch-clips 4"), 1, done.stderr)
        self.assertEqual(self.config(store)["batch"], 64)

    def test_memory_that_goes_away(self):
        """What is done is kept."""
        options = ("--batch-clips", 2)
        whole, _ = self.extract(*options, **DEVICE)
        store, words = self.extract(*options, code=3, DESY_TEST_OUT_OF_MEMORY="1:4", **DEVICE)
        self.assertIn("does not any more", words)
        self.assertEqual(len(list((store / "seg").rglob("*.h5"))), 1)
        self.extract(*options, store=store, **DEVICE)
        self.assertEqual(program.store_hash(store), program.store_hash(whole))

    def test_batch(self):
        videos = sorted((self.folder / "data" / "clips").glob("*.mp4"))
        scores = []
        for name, options in (("one", ()), ("some", ("--batch-clips", 3)), ("many", ("--batch-clips", 16, "--timeline"))):
            output = self.folder / f"{name}.jsonl"
            program.run(1, "batch", *videos, "-o", output, *options, code=4)
            lines = [json.loads(line) for line in output.read_text().splitlines()]
            for line in lines:
                line.pop("timeline", None)
            scores.append(lines)
        self.assertEqual(len(scores[0]), len(videos))
        self.assertEqual(scores[1], scores[0])
        self.assertEqual(scores[2], scores[0])

    def ask(self, clips, *options, **environment):
        """Answers of a service that all of them reach at once, and the calls of the network that it took."""
        with service.Service("--workers", 1, "--num-workers", 4, *options, environment=environment) as it, concurrent.futures.ThreadPoolExecutor(len(clips)) as pool:
            answers = list(pool.map(lambda clip: it.upload("/detect", ("video", "clip.mp4", clip.read_bytes())), clips))
            self.assertEqual([status for status, _, _ in answers], [200] * len(clips), answers)
            self.assertEqual(it.metric('desy_videos_total{status="ok"}'), len(clips))
            return [body for _, _, body in answers], it.metric("desy_network_calls_total")

    def test_across_requests(self):
        clips = sorted((self.folder / "data" / "clips").glob("0*.mp4"))
        told = [json.loads(line) for line in program.run(1, "detect", *clips, "--json")[0].splitlines()] * 4
        clips *= 4
        answers, calls = self.ask(clips, "--batch-clips", 4)
        self.assertEqual(answers, [{**one, "video_path": "clip.mp4"} for one in told])
        self.assertLess(calls, len(clips))
        answers, calls = self.ask(clips, "--batch-clips", 4, **DEVICE)
        numpy.testing.assert_allclose([one["confidence"] for one in answers], [one["confidence"] for one in told], atol=1e-3)
        self.assertLess(calls, len(clips))
        alone, calls = self.ask(clips[:1], "--batch-clips", 4, **DEVICE)  # waits for no other, and is told the same
        self.assertAlmostEqual(alone[0]["confidence"], answers[0]["confidence"], 6)
        self.assertEqual(calls, 1)

    def test_words(self):
        nowhere = self.folder / "nowhere"
        for words in ("-1", "257"):
            self.assertIn("--batch-clips", self.extract("--batch-clips", words, store=nowhere, code=1)[1])
        self.assertIn("cuda:K", self.extract("--device", "gpu", store=nowhere, code=1)[1])
        for command in (("train", self.whole, "--save-dir", nowhere), ("batch", self.dataset, "-o", self.folder / "no.jsonl"), ("eval", self.whole, "--model", nowhere, "-o", nowhere)):
            self.assertIn("cuda:K", program.run(1, *command, "--device", "cuda:", code=1)[1])


if __name__ == "__main__":
    unittest.main()
