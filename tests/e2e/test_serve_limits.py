"""Services that are short of something, or told to stop: queues, rates, disks and descriptors that are full, decoders that crash and hang, clients that leave, models that are promoted, feedback; each test has services of
its own."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import time
import unittest

import program
import service


class Limits(service.Case):
    """Services of their own."""
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clip = service.video(cls.folder / "clip.mp4")

    def test_a_crash_costs_one_answer(self):
        with service.Service("--workers", 1, "--deadline", 2, environment={"DESY_TEST_HELPER": "crash:upload"}) as s:
            body = self.problem(s.upload("/detect", ("video", "clip.mp4", self.clip)), 422, "decoder died")
            self.assertEqual(body["video_status"], "crashed")
            self.assertEqual(s.request("GET", "/v2/health/ready")[0], 200)
        with service.Service("--workers", 1, "--deadline", 1, environment={"DESY_TEST_HELPER": "hang:upload"}) as s:
            self.assertEqual(self.problem(s.upload("/detect", ("video", "clip.mp4", self.clip)), 422, "longer than")["video_status"], "timeout")

    @unittest.skipIf(b"__ubsan" in pathlib.Path(program.PROGRAM).read_bytes(), "UBSan can't look at an object without a descriptor for a pipe")
    def test_an_error_of_the_machine_mixes_nothing_up(self):
        """No descriptor is left for a helper: that request fails, and the next ones have their own answers."""
        other = service.video(self.folder / "other.mp4", size="160x120")
        with service.Service("--workers", 1, descriptors=40) as s:
            held = []
            statuses = set()
            for _ in range(40):
                held.append(socket.create_connection(("127.0.0.1", s.port)))
                time.sleep(.02)
                if s.descriptors() >= 37:
                    break
            for _ in range(3):
                try:
                    statuses.add(s.upload("/detect", ("video", "a.mp4", self.clip))[0])
                except OSError:
                    pass  # not even the connection
                held.pop().close()
                time.sleep(.1)
            for connection in held:
                connection.close()
            s.settle(lambda: s.descriptors() < 25)
            self.assertTrue(statuses & {500, 503}, statuses)
            for name, data in (("b.mp4", other), ("a.mp4", self.clip), ("b.mp4", other)):
                status, _, body = s.upload("/detect", ("video", name, data))
                self.assertEqual((status, body["video_path"]), (200, name), body)
            self.assertEqual(s.request("GET", "/v2/health/ready")[0], 200)

    def test_sockets_of_others(self):
        path = self.folder / "precious"
        path.write_text("not a socket")
        self.assertIn("no socket", program.run(1, "serve", "--socket", path, code=1)[1])
        self.assertEqual(path.read_text(), "not a socket")
        live = self.folder / "live"
        with service.Service("--workers", 1, "--socket", live):
            self.assertIn("another service", program.run(1, "serve", "--socket", live, code=3)[1])
            subprocess.run(["curl", "-sf", "--unix-socket", live, "http://localhost/v2/health/live"], stdout=subprocess.DEVNULL, check=True)

    def test_slow_header(self):
        with service.Service("--workers", 1) as s, socket.create_connection(("127.0.0.1", s.port), timeout=.5) as connection:
            begun, closed = time.monotonic(), False
            connection.sendall(b"GET / HTTP/1.1\r\nX: ")
            while not closed and time.monotonic() - begun < 30:
                try:
                    connection.sendall(b"x")
                    closed = connection.recv(1) == b""
                except TimeoutError:
                    continue
                except OSError:
                    closed = True
            self.assertTrue(closed)
            self.assertLess(time.monotonic() - begun, 20)

    def test_a_client_that_left_holds_no_worker(self):
        with service.Service("--workers", 1, "--deadline", 60, environment={"DESY_TEST_HELPER": "hang:upload"}) as s:
            body, kind = service.form([("video", "clip.mp4", self.clip)])
            connection = s.connect()
            connection.request("POST", "/detect", body, {"Content-Type": kind, "Authorization": f"Bearer {s.token}"})
            s.settle(lambda: s.metric("desy_jobs_running") == 1)
            connection.close()
            s.settle(lambda: s.metric("desy_jobs_running") == 0, 10)
            self.assertEqual(s.spooled(), [])
            self.assertEqual(s.metric('desy_videos_total{status="cancelled"}'), 1)

    def test_queue_and_deadline(self):
        with service.Service("--workers", 1, "--queue", 1, "--deadline", 30, "--request-deadline", 2, environment={"DESY_TEST_HELPER": "hang:upload"}) as s:
            with concurrent.futures.ThreadPoolExecutor(6) as pool:
                answers = list(pool.map(lambda _: s.upload("/detect", ("video", "clip.mp4", self.clip)), range(6)))
            full = [answer for answer in answers if answer[0] == 503]
            self.assertGreaterEqual(len(full), 2)
            self.assertTrue(all(int(answer[1]["Retry-After"]) > 0 for answer in full))
            self.problem(full[0], 503, "--queue")
            late = [answer for answer in answers if answer[0] == 504]
            self.assertEqual(len(full) + len(late), 6)
            self.problem(late[0], 504, "POST /jobs")
            s.process.kill()
            s.process.wait()

    def test_rate(self):
        with service.Service("--workers", 1, "--rate", 2) as s:
            answers = [s.upload("/detect", ("video", "clip.mp4", self.clip)) for _ in range(3)]
            self.assertEqual([answer[0] for answer in answers], [200, 200, 429])
            self.assertGreater(int(answers[2][1]["Retry-After"]), 0)
            self.assertEqual(s.request("GET", "/metrics")[0], 200)

    def test_a_cancelled_job_is_not_begun(self):
        with service.Service("--workers", 1, "--deadline", 20, environment={"DESY_TEST_HELPER": "hang:upload"}) as s:
            ids = [s.upload("/jobs", ("video", "clip.mp4", self.clip))[2]["id"] for _ in range(4)]
            self.assertEqual(s.request("GET", f"/jobs/{ids[3]}")[2]["state"], "queued")
            before = len(s.spooled())
            self.assertEqual(s.request("DELETE", f"/jobs/{ids[3]}")[0], 204)
            self.assertEqual(len(s.spooled()), before - 1)
            self.assertEqual(s.request("GET", f"/jobs/{ids[3]}")[0], 404)
            s.process.kill()
            s.process.wait()
            left = s.spooled()
            self.assertTrue(left)
            with service.Service("--workers", 1, spool=s.spool) as next_one:  # cleans up what a killed one left
                self.assertEqual(next_one.spooled(), [])
                self.assertFalse(any(path.exists() for path in left))

    def test_nor_one_that_is_cancelled_behind_another(self):
        with service.Service("--workers", 1, "--deadline", 4, environment={"DESY_TEST_HELPER": "hang:upload"}) as s:
            first, second, third = (s.upload("/jobs", ("video", "clip.mp4", self.clip))[2]["id"] for _ in range(3))
            s.settle(lambda: s.request("GET", f"/jobs/{first}")[2]["state"] == "running")
            s.request("DELETE", f"/jobs/{first}")
            s.settle(lambda: s.request("GET", f"/jobs/{third}")[2]["state"] == "running")  # the worker has both
            s.request("DELETE", f"/jobs/{third}")
            s.settle(lambda: s.request("GET", f"/jobs/{second}")[2]["state"] == "done")
            s.settle(lambda: s.metric("desy_jobs_running") == 0, 2)
            self.assertEqual(s.metric('desy_videos_total{status="cancelled"}'), 2)

    def test_stops_when_told(self):
        with service.Service("--workers", 1) as s:
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                answers = [pool.submit(s.upload, "/detect", ("video", "clip.mp4", self.clip)) for _ in range(4)]
                s.settle(lambda: s.metric("desy_jobs_queued") + s.metric("desy_jobs_running") + s.metric('desy_videos_total{status="ok"}') >= 4)
                self.assertEqual(s.stop(), 0)
            self.assertEqual([answer.result()[0] for answer in answers], [200] * 4)
            self.assertEqual(list(s.spool.glob("desy-serve-*")), [])
        with service.Service("--workers", 1, "--grace", 2, "--deadline", 100, environment={"DESY_TEST_HELPER": "hang:upload"}) as s:  # jobs do not hold it either
            for _ in range(4):
                s.upload("/jobs", ("video", "clip.mp4", self.clip), fields=[("timeline", "1")])
            s.settle(lambda: s.metric("desy_jobs_running") == 1)
            begun = time.monotonic()
            s.process.send_signal(signal.SIGTERM)
            time.sleep(.5)
            self.problem(s.request("GET", "/v2/health/ready"), 503, "shutting down")  # while it drains
            self.problem(s.upload("/detect", ("video", "clip.mp4", self.clip)), 503, "shutting down")
            self.assertEqual(s.process.wait(30), 0)
            self.assertLess(time.monotonic() - begun, 15)
        with service.Service("--workers", 1, "--grace", 0, "--deadline", 2, environment={"DESY_TEST_HELPER": "hang:upload"}) as s:
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                answer = pool.submit(s.upload, "/detect", ("video", "clip.mp4", self.clip))
                s.settle(lambda: s.metric("desy_jobs_running") == 1)
                self.assertEqual(s.stop(), 0)
            self.problem(answer.result(), 503, "shutting down")

    def test_another_model(self):
        models = self.folder / "models"
        shutil.copytree(pathlib.Path(os.environ["DESY_SOURCE_DIR"]) / "models" / "hybrid-1", models / "v0001")
        shutil.copytree(models / "v0001", models / "v0002")
        (models / "current").write_text("v0001\n")
        with service.Service("--workers", 2, "--model", models) as s:
            statuses, names = set(), []
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                def ask(number):
                    if number == 8:
                        (models / "next").write_text("v0002\n")
                        (models / "next").rename(models / "current")
                    return s.upload("/detect", ("video", "clip.mp4", self.clip))
                for status, _, body in pool.map(ask, range(24)):
                    statuses.add(status)
                    names.append(body["model"])
            self.assertEqual(statuses, {200})
            s.settle(lambda: s.request("GET", "/v2/models/v0002/ready")[0] == 200)
            s.settle(lambda: s.metric('desy_model_reloads_total{outcome="ok"}') == 2)
            self.assertEqual((names[0], s.upload("/detect", ("video", "clip.mp4", self.clip))[2]["model"]), ("v0001", "v0002"))
            (models / "v0003").mkdir()
            (models / "v0003" / "model.json").write_text("{")
            (models / "current").write_text("v0003\n")
            s.settle(lambda: s.metric('desy_model_reloads_total{outcome="failed"}') == 1)
            self.assertEqual(s.upload("/detect", ("video", "clip.mp4", self.clip))[2]["model"], "v0002")
            self.assertIn("v0002 stays in use", s.words())

    def test_socket_and_token_file(self):
        path, token = self.folder / "socket", self.folder / "token"
        with service.Service("--workers", 1, "--socket", path) as s:
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
            answer = subprocess.run(["curl", "-s", "--unix-socket", path, "-F", f"video=@{self.folder / 'clip.mp4'}", "http://localhost/detect"], stdout=subprocess.PIPE, check=True)
            self.assertEqual(json.loads(answer.stdout)["status"], "ok")
            self.assertEqual(s.stop(), 0)
        self.assertFalse(path.exists())
        with service.Service("--workers", 1, "--token-file", token) as s:
            self.assertEqual((stat.S_IMODE(token.stat().st_mode), token.read_text().strip()), (0o600, s.token))
        with service.Service("--workers", 1, "--token-file", token) as s:
            self.assertEqual(token.read_text().strip(), s.token)
        token.chmod(0o644)
        self.assertIn("chmod 600", program.run(1, "serve", "--token-file", token, code=2)[1])

    def test_feedback(self):
        kept = self.folder / "feedback"
        with service.Service("--workers", 1) as s:
            self.problem(s.upload("/feedback", ("video", "clip.mp4", self.clip), fields=[("label", "1")]), 404, "--feedback")
        with service.Service("--workers", 1, "--feedback", kept) as s:
            self.assertTrue(s.request("GET", "/settings")[2]["feedback"])
            job = s.upload("/jobs", ("video", "clip.mp4", self.clip))[2]["id"]
            s.settle(lambda: s.request("GET", f"/jobs/{job}")[2]["state"] == "done")
            result = s.request("GET", f"/jobs/{job}")[2]["result"]
            for label in ("", "2", "real"):
                self.problem(s.upload("/feedback", ("video", "clip.mp4", self.clip), fields=[("label", label)]), 400, "label")
            self.problem(s.upload("/feedback", fields=[("label", "1")]), 400, "no file field")
            status, _, body = s.upload("/feedback", ("video", "../clip.mp4", self.clip), fields=[("label", "1"), ("job", job), ("comment", "\x1b[31mI made it")])
            self.assertEqual((status, body["state"]), (202, "pending"))
            s.upload("/feedback", ("video", "again.mp4", self.clip), fields=[("label", "1"), ("job", "no such job")])
            self.assertEqual(s.stop(), 0)
        name = hashlib.sha256(self.clip).hexdigest() + ".mp4"
        self.assertEqual([path.name for path in (kept / "videos").iterdir()], [name])
        self.assertEqual((kept / "videos" / name).read_bytes(), self.clip)
        first, second = json.loads(program.run(1, "feedback", "list", kept, "--json")[0])
        self.assertEqual((first["label"], first["verdict"], first["model"], first["source"], first["state"]), (1, int(result["is_ai_generated"]), "hybrid-1", "web", "pending"))
        self.assertNotIn("verdict", second)
        program.run(1, "feedback", "review", kept, first["entry"], "--accept")
        program.run(1, "feedback", "export", kept, "-o", self.folder / "exported.json")
        item, = json.loads((self.folder / "exported.json").read_text())
        self.assertEqual((item["label"], pathlib.Path(item["video_path"]).name), (1, name))

    def test_a_full_disk(self):
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], stderr=subprocess.PIPE)
        if mounted.returncode != 0:
            self.skipTest(f"needs a tmpfs: {mounted.stderr.decode()}")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        with service.Service("--workers", 1, spool=disk) as s:
            self.problem(s.upload("/detect", ("video", "large.mp4", bytes(3000000))), 507, "stored")
            self.assertEqual(s.upload("/detect", ("video", "clip.mp4", self.clip))[0], 200)

    def test_wrong_options(self):
        for options, code in ((["--port", "70000"], 1), (["--max-upload", "many"], 1), (["--host", "999.1.1.1"], 1), (["--queue", "0"], 1), (["video.mp4"], 1), (["--model", self.folder], 2), (["--spool", "/proc"], 3)):
            self.assertTrue(program.run(1, "serve", "--port", "0", *options, code=code)[1])
        with service.Service("--workers", 1) as s:
            self.assertIn("--port", program.run(1, "serve", "--port", s.port, code=3)[1])


if __name__ == "__main__":
    unittest.main()
