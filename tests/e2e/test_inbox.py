"""Where videos come from: stdin, a list on stdin, a quoted pattern; and an inbox, whose videos each get exactly one line whatever was killed."""
import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import hostile
import program


class Inbox(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.clips = cls.folder / "clips"
        cls.clips.mkdir()
        for i in range(4):
            hostile.ffmpeg("-f", "lavfi", "-i", f"mandelbrot=s=160x120:r=25:start_scale={i + 1}", "-t", 1.2, *hostile.X264, cls.clips / f"{i}.mp4")

    def lines(self, path):
        return [json.loads(line) for line in path.read_text().splitlines()]

    def test_stdin(self):
        told = json.loads(program.run(1, "detect", self.clips / "0.mp4", "--json")[0])
        with open(self.clips / "0.mp4", "rb") as file:
            got = subprocess.run([program.PROGRAM, "detect", "-", "--json"], stdin=file, stdout=subprocess.PIPE, check=True)
        self.assertEqual(json.loads(got.stdout), {**told, "video_path": "-"})
        got = subprocess.run([program.PROGRAM, "detect", "-"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.assertEqual(got.returncode, 2)
        self.assertIn("stdin is empty", got.stderr)

    def test_list_on_stdin_and_pattern(self):
        paths = [str(self.clips / f"{i}.mp4") for i in (2, 0, 3)]
        for ranks in (1, 2):
            got = subprocess.run(program.command(ranks, "batch", "-", "-o", self.folder / f"list{ranks}.jsonl"), input="\n".join(paths), text=True, stderr=subprocess.PIPE)
            self.assertEqual(got.returncode, 0, got.stderr)
            self.assertEqual([line["video_path"] for line in self.lines(self.folder / f"list{ranks}.jsonl")], paths)
        program.run(1, "batch", self.clips / "[13].mp4", "-o", self.folder / "pattern.jsonl")
        self.assertEqual([line["video_path"] for line in self.lines(self.folder / "pattern.jsonl")], [str(self.clips / "1.mp4"), str(self.clips / "3.mp4")])
        self.assertIn("nothing there", program.run(1, "batch", self.clips / "9*.mp4", "-o", self.folder / "none.jsonl", code=2)[1])

    def wait_for(self, output, n, process):
        until = time.monotonic() + 60
        while not output.exists() or output.read_text().count("\n") < n:
            self.assertIsNone(process.poll(), "it ended")
            self.assertLess(time.monotonic(), until, output.read_text() if output.exists() else "nothing written")
            time.sleep(.05)

    def test_watch(self):
        inbox, output = self.folder / "inbox", self.folder / "inbox.jsonl"
        inbox.mkdir()
        begin = lambda: program.start(1, "batch", inbox, "--watch", "-o", output)
        process = begin()
        shutil.copy(self.clips / "0.mp4", inbox / "a.mp4")
        shutil.copy(self.clips / "1.mp4", inbox / "b.mp4")
        (inbox / "broken.mp4").write_text("text")
        (inbox / "notes.txt").write_text("not looked at")
        self.wait_for(output, 3, process)
        program.kill_all(process)
        with open(output, "a") as file:
            file.write('{"video_path":"half a li')  # as a killed run leaves it
        process = begin()
        shutil.copy(self.clips / "2.mp4", inbox / "c.mp4")
        self.wait_for(output, 4, process)
        shutil.copy(self.clips / "3.mp4", inbox / "a.mp4")  # another video under the same name
        self.wait_for(output, 5, process)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(30), 0)
        process.stderr.close()
        lines = self.lines(output)
        self.assertEqual(sorted(pathlib.Path(line["video_path"]).name for line in lines), ["a.mp4", "a.mp4", "b.mp4", "broken.mp4", "c.mp4"])
        status = {pathlib.Path(line["video_path"]).name: line["status"] for line in lines}
        self.assertEqual(status, {"a.mp4": "ok", "b.mp4": "ok", "c.mp4": "ok", "broken.mp4": "unreadable"})
        told = json.loads(program.run(1, "detect", self.clips / "3.mp4", "--json")[0])
        self.assertEqual({key: lines[-1][key] for key in told if key != "video_path"}, {key: told[key] for key in told if key != "video_path"})
        self.assertEqual(lines[-1]["bytes"], (self.clips / "3.mp4").stat().st_size)
        self.assertRegex(lines[-1]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_watch_refuses(self):
        other = self.folder / "other.jsonl"
        other.write_text('{"video_path": "x.mp4", "status": "ok"}\n')
        before = other.read_bytes()
        self.assertIn("line 1", program.run(1, "batch", self.clips, "--watch", "-o", other, code=2)[1])
        self.assertEqual(other.read_bytes(), before)
        other.write_text("a note without a newline")
        self.assertIn("line 1", program.run(1, "batch", self.clips, "--watch", "-o", other, code=2)[1])
        self.assertEqual(other.read_text(), "a note without a newline")
        self.assertIn("directories", program.run(1, "batch", self.clips / "0.mp4", "--watch", "-o", self.folder / "x.jsonl", code=2)[1])
        self.assertIn("--csv", program.run(1, "batch", self.clips, "--watch", "-o", self.folder / "x.jsonl", "--csv", self.folder / "x.csv", code=1)[1])
        self.assertIn("alone", program.run(2, "batch", self.clips, "--watch", "-o", self.folder / "x.jsonl", code=1)[1])


if __name__ == "__main__":
    unittest.main()
