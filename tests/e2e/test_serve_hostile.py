"""Hostile videos by HTTP: each has the status and the reason that desy batch gives it, no answer is mixed up under load, the service lives on, and nothing is left behind."""
import concurrent.futures
import json
import pathlib
import unittest

import hostile
import program
import service


class Hostile(service.Case):
    def test_as_desy_batch(self):
        folder = self.folder
        hostile.make_intact(folder)
        hostile.make_truncated(folder)
        hostile.make_flipped(folder, (1, 2, 3))
        hostile.make_endless(folder)
        hostile.make_odd(folder)
        hostile.make_bombs(folder)
        hostile.make_leads(folder, 9)
        names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.is_symlink() and path.stat().st_size > 0)
        (folder / "list.txt").write_text("".join(f"{folder / name}\n" for name in names))
        program.run(2, "batch", folder / "list.txt", "-o", folder / "scores.jsonl", code=4)
        told = {pathlib.Path(line["video_path"]).name: line for line in map(json.loads, (folder / "scores.jsonl").read_text().splitlines())}
        self.assertGreater(len(told), 60)
        with service.Service("--workers", 2, "--queue", 200) as s:
            before = s.descriptors()
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                answers = dict(zip(names, pool.map(lambda name: s.upload("/detect", ("video", name, (folder / name).read_bytes())), names)))
            for name, (status, _, body) in answers.items():
                with self.subTest(name=name):
                    if told[name]["status"] == "ok":
                        self.assertEqual((status, body), (200, {**told[name], "video_path": name}))
                    else:
                        self.problem(answers[name], 422)
                        self.assertEqual((body["video_path"], body["video_status"]), (name, told[name]["status"]))
            s.settle(lambda: s.spooled() == [] and s.descriptors() <= before + 8)  # its helpers'
            self.assertEqual(s.request("GET", "/v2/health/ready")[0], 200)
            self.assertEqual(s.stop(), 0)


if __name__ == "__main__":
    unittest.main()
