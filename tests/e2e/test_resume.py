"""Extraction that is killed or asked to stop, and stores that were damaged: the same command continues, and the store is the same by hash."""
import json
import os
import re
import shutil
import signal
import time
import unittest

import program


class Resume(program.StoreCase):
    def lines(self, store):
        """Whole ones: a run that is killed as it writes leaves a torn one at worst."""
        return [line for manifest in store.glob("manifest-*.jsonl") for line in manifest.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def finish(self, store, ranks):
        """The same command again, to its end: how many items it did not do again."""
        log = program.run(ranks, "extract", self.dataset, "-o", store, code=4)[1]
        self.assertEqual(program.store_hash(store), self.hash)
        done, made = map(int, re.search(r"(\d+) of 25 items were already done, (\d+) were extracted now", log).groups())
        self.assertEqual(done + made, 25)
        return done

    def begun(self, store):
        """A run with at least two closed segments, still going."""
        process = program.start(2, "extract", self.dataset, "-o", store)
        until = time.monotonic() + program.PATIENCE
        while len(self.lines(store)) < 2:
            self.assertIsNone(process.poll(), "the run ended before it could be killed")
            self.assertLess(time.monotonic(), until)
            time.sleep(.01)
        return process

    def test_kill_9_of_the_whole_job(self):
        store = self.folder / "killed"
        program.kill_all(self.begun(store))
        closed = len(self.lines(store))
        self.assertFalse((store / "index.h5").exists())
        self.assertGreaterEqual(self.finish(store, 2), min(closed, 2))
        self.assertFalse(list(store.rglob("*.tmp*")), "temporaries of the killed run are left")

    def test_a_signal_finishes_what_is_in_work(self):
        for number in (signal.SIGTERM, signal.SIGUSR2):
            with self.subTest(signal=number.name):
                store = self.folder / number.name
                process = self.begun(store)
                for pid in program.processes(process, "-x", "desy"):
                    os.kill(pid, number)
                words = process.communicate(timeout=program.PATIENCE)[1]
                self.assertEqual(process.returncode, 5, words)
                self.assertIn("same command continues", words)
                self.assertGreaterEqual(self.finish(store, 3), 2)

    def test_a_signal_stops_detect(self):
        models = self.folder / "models"
        program.run(2, "train", self.whole, "--save-dir", models, "--size", "small")
        for ranks in (1, 2):
            process = program.start(ranks, "detect", self.dataset.parent / "clips", "--model", models, "--deadline", "6", environment={"DESY_TEST_HELPER": "hang:00002"})
            time.sleep(3)  # it has begun, and waits for a decoder that hangs
            for pid in program.processes(process, "-x", "desy"):
                os.kill(pid, signal.SIGUSR2)
            words = process.communicate(timeout=program.PATIENCE)[1]
            self.assertEqual(process.returncode, 5, words)

    def test_a_changed_video_is_extracted_again(self):
        data, store = self.folder / "changed", self.folder / "changed-store"
        shutil.copytree(self.dataset.parent, data)
        program.run(1, "extract", data / "dataset.json", "-o", store, code=4)
        third, fourth = (data / item["video_path"] for item in json.loads(self.dataset.read_text())[2:4])
        fourth.write_bytes(third.read_bytes())
        log = program.run(2, "extract", data / "dataset.json", "-o", store, code=4)[1]
        self.assertIn("24 of 25 items were already done, 1 were extracted now", log)
        self.assertNotEqual(program.store_hash(store), self.hash)

    def test_a_damaged_store(self):
        store = self.folder / "damaged"
        shutil.copytree(self.whole, store)
        segments = sorted((store / "seg").rglob("*.h5"))
        segments[4].unlink()
        words = program.run(1, "info", store, code=2)[1]
        self.assertIn(segments[4].name, words)
        words = program.run(3, "train", store, "--save-dir", self.folder / "none", code=2)[1]
        self.assertIn(segments[4].name, words)
        self.assertEqual(self.finish(store, 1), 24)
        data = bytearray(segments[7].read_bytes())
        data[len(data) // 2] ^= 1
        segments[7].write_bytes(data)
        self.assertIn(segments[7].name, program.run(1, "info", store, code=2)[1])
        with open(segments[9], "r+b") as file:
            file.truncate(1000)
        self.assertIn(segments[9].name, program.run(2, "train", store, "--save-dir", self.folder / "none", code=2)[1])
        segments[7].unlink()
        self.assertEqual(self.finish(store, 2), 23)

    def test_other_options_are_refused(self):
        words = program.run(2, "extract", self.dataset, "-o", self.whole, "--sampling", "uniform", code=2)[1]
        self.assertIn("sampling: window there, uniform here", words)
        self.assertEqual(program.store_hash(self.whole), self.hash)


if __name__ == "__main__":
    unittest.main()
