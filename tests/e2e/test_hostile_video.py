"""Videos that are damaged, lead elsewhere, claim too much or take a decoder over, all in one run: each costs itself alone and is told
of once, and what it shows of damage is recorded."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import h5py

import hostile
import program

TOOLS = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests"
PARTIAL = 4


def extract(folder, name, paths, code, environment=None):
    """{path: its row of the store}; row["features"] too where there are some."""
    (folder / f"{name}.json").write_text(json.dumps([{"video_path": path, "label": 0} for path in paths]))
    program.run(2, "extract", folder / f"{name}.json", "-o", folder / name, "--deadline", 60, code=code, environment=environment)
    with h5py.File(folder / name / "index.h5") as store:
        videos = store["videos"][:]
        rows = [{field: row[field].decode() if isinstance(row[field], bytes) else row[field] for field in videos.dtype.names} for row in videos]
        for row in rows:
            if row["row"] >= 0:
                row["features"] = store["features/hybrid"][row["row"]].tobytes()
    return rows


def shrink_and_grow(path, stop):
    data = path.read_bytes()
    while not stop.is_set():
        os.truncate(path, len(data) // 3)
        time.sleep(.01)
        path.write_bytes(data)
        time.sleep(.01)


class HostileVideo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, folder)
        hostile.make_intact(folder)
        cls.damaged = hostile.make_truncated(folder) | hostile.make_flipped(folder) | hostile.make_endless(folder)
        cls.odd, cls.bombs, cls.codecs = hostile.make_odd(folder), hostile.make_bombs(folder), hostile.make_codecs(folder)
        cls.listener = socket.create_server(("127.0.0.1", 0))
        cls.addClassCleanup(cls.listener.close)
        cls.followed, cls.other_leads = hostile.make_leads(folder, cls.listener.getsockname()[1])
        for name in [*hostile.NAMES, "inject.mp4"]:
            os.link(folder / "start.mp4", folder / name)
        hostile.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=4", *hostile.X264, "-movflags", "+faststart", folder / "shrinks.mp4")
        bad = [*cls.damaged, *cls.odd, *cls.bombs, *cls.followed, *cls.other_leads, *hostile.NAMES, "inject.mp4", "shrinks.mp4"]
        good = [*hostile.INTACT, *cls.codecs]
        cls.paths = [path for i, path in enumerate(bad) for path in ([good[i], path] if i < len(good) else [path])]
        assert len(bad) > len(good)
        cls.alone = {row["video_path"]: row for row in extract(folder, "alone", good, 0)}
        stop = threading.Event()
        shrinking = threading.Thread(target=shrink_and_grow, args=(folder / "shrinks.mp4", stop))
        shrinking.start()
        try:
            cls.rows = extract(folder, "all", cls.paths, PARTIAL, {"DESY_TEST_HELPER": "crash:inject"})
        finally:
            stop.set()
            shrinking.join()
        cls.row = {row["video_path"]: row for row in cls.rows}

    def assert_failed(self, name, statuses, words=""):
        with self.subTest(name=name):
            self.assertIn(self.row[name]["status"], statuses, self.row[name]["reason"])
            self.assertIn(words, self.row[name]["reason"])

    def test_every_item_is_told_of_once(self):
        self.assertEqual([row["video_path"] for row in self.rows], self.paths)
        for row in self.rows:
            with self.subTest(name=row["video_path"]):
                self.assertEqual(row["status"] == "ok", row["row"] >= 0)
                self.assertTrue(row["status"] == "ok" or row["reason"])
                self.assertNotEqual(row["status"], "timeout")
        self.assertEqual([row["video_path"] for row in self.rows if row["status"] == "crashed"], ["inject.mp4"])

    def test_good_ones_are_as_if_alone(self):
        self.assertGreaterEqual(len(self.codecs), 10)
        for name, row in self.alone.items():
            with self.subTest(name=name):
                self.assertEqual((row["status"], row["reason"]), ("ok", ""))
                for field in ("features", "n_frames", "codec", "reason"):
                    self.assertEqual(row[field], self.row[name][field], field)

    def test_a_name_is_only_a_name(self):
        for name in hostile.NAMES:
            with self.subTest(name=name):
                self.assertEqual(self.row[name]["reason"], "")
                self.assertEqual(self.row[name]["features"], self.row["start.mp4"]["features"])

    def test_what_is_no_video(self):
        for name, (statuses, words) in self.odd.items():
            self.assert_failed(name, statuses, words)
            self.assertTrue(self.row[name]["reason"])

    def test_what_leads_elsewhere_is_not_followed(self):
        for name, options in self.followed.items():  # ffmpeg does follow: the file is no mere mistake
            self.assertGreaterEqual(hostile.ffmpeg(*options, "-i", self.folder / name, "-f", "framemd5", "-").count(b"\n"), 5, name)
        for name in [*self.followed, *self.other_leads]:
            self.assert_failed(name, ("unreadable",))
        self.listener.setblocking(False)
        self.assertRaises(BlockingIOError, self.listener.accept)  # nobody called

    def test_bombs_do_not_unpack(self):
        self.assert_failed("bomb.apng", ("unreadable",))
        self.assert_failed("bomb.gif", ("unreadable",))
        claims = self.row["bomb.mp4"]  # its pictures are small
        self.assertTrue(claims["status"] == "unreadable" or (claims["width"], claims["height"]) == hostile.SIZE, claims)

    def pixels(self, name):
        """{index: SHA-256 of its luma} of the frames that are sampled by default."""
        told = subprocess.run([TOOLS / "tool_frames", name], cwd=self.folder, check=True, capture_output=True, text=True).stdout.splitlines()
        head = told[0].split("\t")
        self.assertEqual(head[1], "window")
        return {int(line.split("\t")[0]): line.split("\t")[2] for line in told[1:1 + int(head[7])]}

    def complains(self, name):
        """Does ffmpeg, on decoding all of it?"""
        return bool(subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", name, "-f", "null", "-"], cwd=self.folder, stderr=subprocess.PIPE).stderr)

    def test_damage_that_shows_is_recorded(self):
        """A damaged video that is "ok" without a reason has the pixels of the intact one: unless no decoder can tell, as VP9 has no checksums."""
        size, true = hostile.SIZE[0] * hostile.SIZE[1], {}
        for name in hostile.INTACT:
            raw = hostile.ffmpeg("-i", self.folder / name, "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
            true[name] = [hashlib.sha256(raw[at:at + size]).hexdigest() for at in range(0, len(raw), size * 3 // 2)]
            self.assertEqual(len(true[name]), hostile.FRAMES)
        silent = [name for name in self.damaged if self.row[name]["status"] == "ok" and not self.row[name]["reason"]]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            found = dict(zip(silent, pool.map(self.pixels, silent)))
        for name, pixels in found.items():
            with self.subTest(name=name):
                self.assertGreaterEqual(len(pixels), 4)
                wrong = [i for i, pixel in pixels.items() if true[self.damaged[name]][i:i + 1] != [pixel]]
                self.assertFalse(wrong and self.complains(name), f"frames {wrong} are not those of {self.damaged[name]}")
        self.assertGreater(sum(self.row[name]["reason"] != "" for name in self.damaged), len(self.damaged) // 2)

    def test_mutations(self):
        """Some seconds of them; in the asan build, no report."""
        seeds = [self.folder / name for name in [*hostile.INTACT, *self.codecs[:6]]]
        result = subprocess.run([TOOLS / "tool_fuzz_video", "1", "0", "150", *seeds], cwd=self.folder, capture_output=True, text=True, timeout=240)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("AddressSanitizer", result.stderr)
        self.assertNotIn("runtime error", result.stderr)
        told = dict(line.split("\t") for line in result.stdout.splitlines() if "\t" in line)
        self.assertEqual(sum(map(int, told.values())), 150, result.stdout)
        self.assertNotIn("nonsense", result.stdout)


if __name__ == "__main__":
    unittest.main()
