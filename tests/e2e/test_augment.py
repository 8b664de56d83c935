"""Augmented views (--augment N): rows of their own beside the originals, the same however they are made, of what they are said to be, and left out
of evaluation."""
import json
import pathlib
import re
import subprocess
import time
import unittest

import h5py
import numpy

import program

PERTURBED = {"MALLOC_PERTURB_": "85"}  # glibc: memory that is read before it is written holds something else, which encoders must not show
VIEWS = 4  # the fourth is drawn; the fixed ones are before it
SHIM = """#include <string.h>
#include <dlfcn.h>
const void *avcodec_find_encoder_by_name(const char *name)
{
    const void *(*real)(const char *) = dlsym(RTLD_NEXT, "avcodec_find_encoder_by_name");
    return strcmp(name, "libx265") == 0 ? NULL : real(name);
}
"""


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True)


def x264(crf, how=""):
    """As features/reencode.c does it; x264 in AVX-512 has other bits, and not always the same ones."""
    slower = ["-x264-params", "asm=avx2"] if "avx512f" in pathlib.Path("/proc/cpuinfo").read_text() else []
    return [*(["-vf", how] if how else []), "-c:v", "libx264", "-preset", "veryfast", "-crf", crf, "-g", 250, "-threads", 1, *slower, "-pix_fmt", "yuv420p"]


def read(store):
    with h5py.File(store / "index.h5") as file:
        return file["videos"][:], file["features/hybrid"][:]


class Augment(program.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        items = json.loads(cls.dataset.read_text())
        cls.few = cls.dataset.with_name("few.json")
        cls.few.write_text(json.dumps(items[:4] + items[-1:]))  # the last one is broken
        cls.plain, cls.store = cls.folder / "plain", cls.folder / "store"
        cls.extract(1, cls.plain, views=0)
        cls.extract(1, cls.store)
        cls.hash = program.store_hash(cls.store)

    @classmethod
    def extract(cls, ranks, store, *options, views=VIEWS, code=4):
        return program.run(ranks, "extract", cls.few, "-o", store, *(("--augment", views) if views else ()), *options, code=code)

    def make(self, name, items, *options, code=0):
        """The store of a few videos in self.folder, read."""
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps([{"video_path": item, "label": i % 2} for i, item in enumerate(items)]))
        words = program.run(1, "extract", path, "-o", self.folder / name, *options, code=code, environment=PERTURBED)[1]
        return *read(self.folder / name), words

    def test_rows(self):
        (videos, features), (plain, before) = read(self.store), read(self.plain)
        self.assertEqual([(row["id"], row["view"]) for row in videos], [(row["id"], view) for row in plain for view in range(VIEWS + 1 if row["row"] >= 0 else 1)])
        self.assertEqual(list(videos["row"][videos["row"] >= 0]), list(range(len(features))))
        original = videos[videos["view"] == 0]
        for name in set(plain.dtype.names) - {"row"}:
            self.assertTrue((original[name] == plain[name]).all(), name)
        good = original[original["row"] >= 0]
        self.assertEqual(features[good["row"]].tobytes(), before.tobytes())
        for view in range(1, VIEWS + 1):
            rows = videos[videos["view"] == view]
            for name in ("id", "label", "source", "group", "split", "video_path"):
                self.assertTrue((rows[name] == good[name]).all(), name)
            different = numpy.abs(features[rows["row"]] - before).mean((1, 2))
            self.assertTrue((different > .02).all(), different)
            if view < 4:
                self.assertEqual(set(rows["codec"]), {b"h264"})
                heights = {1: good["height"], 2: 256, 3: good["height"] / 2}[view]
                self.assertTrue((abs(rows["height"] - heights) <= 1).all())
                self.assertTrue((abs(rows["pts"] - good["pts"]) < 1e-3).all())

    def test_the_same_however_it_is_made(self):
        for name, commands in {"ranks": [(2,)], "shards": [(2, "--shard", "2/2"), (1, "--shard", "1/2")]}.items():
            with self.subTest(name):
                for ranks, *options in commands:
                    process = program.start(ranks, "extract", self.few, "-o", self.folder / name, "--augment", VIEWS, *options, environment=PERTURBED)
                    words = process.communicate(timeout=program.PATIENCE)[1]
                    self.assertIn(process.returncode, (0, 4), words)  # the broken one is of one of the shards
                self.assertEqual(program.store_hash(self.folder / name), self.hash)

    def test_a_killed_run_goes_on(self):
        store = self.folder / "killed"
        process = program.start(2, "extract", self.few, "-o", store, "--augment", VIEWS)
        until = time.monotonic() + program.PATIENCE
        while sum(len(path.read_text().splitlines()) for path in store.glob("manifest-*.jsonl")) < 2:
            self.assertIsNone(process.poll(), "the run ended before it could be killed")
            self.assertLess(time.monotonic(), until)
            time.sleep(.01)
        program.kill_all(process)
        words = self.extract(1, store)[1]
        done, made = map(int, re.search(r"(\d+) of 5 items were already done, (\d+) were extracted now", words).groups())
        self.assertTrue(done >= 1 and done + made == 5, words)
        self.assertEqual(program.store_hash(store), self.hash)

    def test_other_options_are_refused(self):
        for store, views, words in ((self.store, 3, "augment: 4 there, 3 here"), (self.store, 0, "augment: 4 there, nothing here"), (self.plain, 4, "augment: nothing there, 4 here")):
            self.assertIn(words, self.extract(1, store, views=views, code=2)[1])
        self.assertIn("augment_seed: 1 there, 7 here", self.extract(1, self.store, "--seed", "7", code=2)[1])
        for views in (-1, 17):
            self.assertIn("--augment must be 0 to 16", self.extract(1, self.folder / "none", views=views, code=1)[1])
        self.assertEqual(program.store_hash(self.store), self.hash)

    def test_an_encoder_that_is_missing(self):
        source, library = self.folder / "shim.c", self.folder / "shim.so"
        source.write_text(SHIM)
        subprocess.run(["gcc", "-shared", "-fPIC", "-D_GNU_SOURCE", source, "-o", library], check=True)
        environment = {"LD_PRELOAD": str(library), "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0"}
        words = program.run(1, "extract", self.few, "-o", self.folder / "none", "--augment", 4, code=3, environment=environment)[1]
        self.assertIn("no encoder libx265", words)
        self.assertFalse((self.folder / "none").exists())

    def test_what_views_are(self):
        """The same frames through the ffmpeg command line, those of the window kept without loss: as good as the same numbers, which one step of quality more
        or another filter of the rescale does not give."""
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=6", "-vf", "noise=alls=12:allf=t:all_seed=3", "-c:v", "libx264", "-crf", 16, "-pix_fmt", "yuv420p",
               self.folder / "original.mp4")
        videos, features, _ = self.make("views", ["original.mp4"], "--augment", 3)
        frames, times = videos["frame_index"][0], videos["pts"][0]
        stretch = [i for i in range(150) if times[0] - .5 - 1e-6 < i / 25 < times[-1] + .5 + 1e-6]
        self.assertTrue(30 < stretch[0] < frames[0] and frames[-1] < stretch[-1] < 120)  # in the middle, and more than the window
        area = "flags=area+accurate_rnd+bitexact"
        wanted = {"1": (28, ""), "1-better": (27, ""), "1-38": (38, ""), "2": (28, f"scale=-2:256:{area}"), "2-bicubic": (28, "scale=-2:256:flags=bicubic+accurate_rnd+bitexact"),
                  "3": (32, f"scale=iw/2:ih/2:{area}"), "3-better": (31, f"scale=iw/2:ih/2:{area}")}
        cut, kept = (f"select='{'+'.join(f'eq(n,{i})' for i in numbers)}',setpts=N/25/TB" for numbers in (stretch, frames - stretch[0]))
        for name, (crf, scale) in wanted.items():
            ffmpeg("-i", self.folder / "original.mp4", *x264(crf, ",".join(filter(None, (cut, scale)))), self.folder / "encoded.mp4")
            ffmpeg("-i", self.folder / "encoded.mp4", "-vf", kept, "-c:v", "libx264", "-qp", 0, "-preset", "ultrafast", self.folder / f"view-{name}.mkv")
        references = self.make("references", [f"view-{name}.mkv" for name in wanted])[1]
        self.assertEqual(references.shape, (len(wanted), 16, 2048))
        for name, reference in zip(wanted, references):
            distance = numpy.abs(features[int(name[0])] - reference).mean()
            with self.subTest(name, distance=distance):
                if name.isdecimal():
                    self.assertLess(distance, 1e-3)
                else:
                    self.assertGreater(distance, 1e-2)

    def test_windows_and_views(self):
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=7", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", self.folder / "long.mp4")
        videos, features, _ = self.make("both", ["long.mp4"], "--windows", 2, "--augment", 2, "--audio")
        self.assertEqual(list(zip(videos["view"], videos["window"])), [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)])
        for view in (1, 2):
            self.assertTrue((abs(videos["pts"][2 * view:2 * view + 2] - videos["pts"][:2]) < 1e-3).all())
        self.assertEqual(len(features), 6)

    def test_a_view_that_cannot_be_made(self):
        """Five frames in a sixth of a second are too few for some of the drawn frame rates."""
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=0.1667", "-c:v", "libx264", "-pix_fmt", "yuv420p", self.folder / "brief.mp4")
        videos, features, words = self.make("brief", ["brief.mp4"], "--augment", 16)
        self.assertEqual(list(videos["view"]), list(range(17)))
        bad = videos[videos["row"] < 0]
        self.assertTrue(0 < len(bad) < 8 and len(features) == 17 - len(bad))
        self.assertEqual((set(bad["status"]), bad["view"].min() > 3), ({b"too_short"}, True), bad["reason"])
        self.assertIn("a later window or a view could not be read", words)
        lines = [json.loads(line) for line in (self.folder / "brief" / "quarantine.jsonl").read_text().splitlines()]
        self.assertEqual([line["view"] for line in lines], list(bad["view"]))
        for line in lines:
            self.assertRegex(line["reason"], rf"^its view {line['view']} \(lib.* frames a second\): ")
        told = json.loads(program.run(1, "info", self.folder / "brief", "--json")[0])
        self.assertEqual((told["items"], told["n_failed"], told["most_views"], told["n_failed_views"]), (1, 0, 16, len(bad)))

    def test_views_are_not_evaluated(self):
        whole, models = self.folder / "whole", self.folder / "models"
        program.run(1, "extract", self.dataset, "-o", whole, code=4)
        program.run(1, "train", whole, "--save-dir", models, "--size", "small")
        scores = []
        for store in (self.plain, self.store):
            report = self.folder / f"report-{store.name}"
            program.run(1, "eval", store, "--model", models, "--split", "all", "-o", report)
            scores.append((report / "scores.csv").read_text())
        self.assertEqual(len(scores[0].splitlines()), 6)
        self.assertEqual(*scores)


if __name__ == "__main__":
    unittest.main()
