"""desy serve: the same answers as desy detect, jobs, health, metrics; everything that is wrong with a request is answered by the right status and a problem document, and nothing is left behind."""
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
import tempfile
import time
import unittest

from prometheus_client.parser import text_string_to_metric_families

import hostile
import program
import service


def video(path, seconds=2, size="320x240"):
    hostile.ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25", "-t", seconds, *hostile.X264, path)
    return path.read_bytes()


class Serve(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.clip = video(cls.folder / "clip.mp4")
        cls.service = service.Service("--workers", 2, "--max-upload", "8M", environment={"DESY_TEST_HELPER": "hang:never"})
        cls.addClassCleanup(cls.service.__exit__)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:  # both workers have their helpers
            list(pool.map(lambda _: cls.service.upload("/detect", ("video", "clip.mp4", cls.clip)), range(8)))

    def tearDown(self):
        self.service.settle(lambda: self.service.spooled() == [])
        self.assertIsNone(self.service.process.poll(), self.service.words())

    def problem(self, answer, status, *words):
        got, headers, body = answer
        self.assertEqual(got, status, body)
        self.assertEqual(headers["Content-Type"], "application/problem+json")
        self.assertEqual((body["status"], body["type"]), (status, "about:blank"))
        self.assertTrue(body["title"] and body["detail"], body)
        for word in words:
            self.assertIn(word, body["detail"])
        return body

    def test_same_as_detect(self):
        told = json.loads(program.run(1, "detect", self.folder / "clip.mp4", "--json", "--explain")[0])
        for form in (True, False):
            if form:
                status, headers, body = self.service.upload("/detect", ("video", "../../etc/clip.mp4", self.clip), fields=[("explain", "1")])
            else:
                status, headers, body = self.service.request("POST", "/detect?name=clip.mp4&explain=1", self.clip, {"Content-Type": "video/mp4"})
            self.assertEqual(status, 200, body)
            self.assertEqual(body, {**told, "video_path": "clip.mp4"})
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        plain = self.service.upload("/detect", ("video", "clip.mp4", self.clip))[2]
        self.assertEqual(plain, {key: value for key, value in body.items() if key not in ("timeline", "explanation")})

    def test_names_are_text(self):
        for name, shown in (("..\\..\\boot.mp4", "boot.mp4"), ("/", "video"), ("a\x07b.mp4", "a_b.mp4"), ("<b>.mp4", "<b>.mp4"), ("n" * 3000, "n" * 255)):
            status, _, body = self.service.upload("/detect", ("video", name, self.clip))
            self.assertEqual((status, body["video_path"]), (200, shown))

    def test_no_verdict(self):
        for name, data, state in (("a.mp4", b"no video at all", "unreadable"), ("cut.mp4", self.clip[:2000], "unreadable")):
            body = self.problem(self.service.upload("/detect", ("video", name, data)), 422, "No verdict")
            self.assertEqual((body["video_path"], body["video_status"]), (name, state))
            self.assertNotIn("confidence", body)

    def test_wrong_requests(self):
        s, clip = self.service, ("video", "clip.mp4", self.clip)
        self.assertEqual(s.upload("/detect", clip, token=None)[1]["WWW-Authenticate"], 'Bearer realm="desy"')
        self.problem(s.upload("/detect", clip, token=None), 401, "token")
        self.problem(s.upload("/detect", clip, token="0" * 64), 401)
        self.problem(s.upload("/detect", clip, token=s.token[:-1]), 401)
        self.problem(s.upload("/detect", fields=[("text", "a prompt")]), 400, "no file field")
        self.problem(s.upload("/detect", clip, clip), 400, "two fields")
        self.problem(s.upload("/detect", ("video", "empty.mp4", b"")), 400, "0 bytes")
        self.problem(s.request("POST", "/detect", b"", {"Content-Type": "video/mp4"}), 400, "0 bytes")
        self.problem(s.request("POST", "/detect", b"{}", {"Content-Type": "application/json"}), 415, "multipart")
        self.problem(s.request("POST", "/detect", b"x", {"Content-Type": "multipart/form-data"}), 400, "boundary")
        self.problem(s.request("POST", "/detect", b"garbage", {"Content-Type": "multipart/form-data; boundary=b"}), 400)
        body, kind = service.form([clip])
        self.problem(s.request("POST", "/detect", body[:-40], {"Content-Type": kind}), 400)
        self.problem(s.upload("/detect", clip, fields=[("text", "t" * 9000)]), 413, "text")
        self.problem(s.upload("/detect", clip, fields=[(f"field{i}", "x") for i in range(20)]), 400, "fields")
        self.problem(s.request("GET", "/nothing"), 404)
        self.problem(s.request("GET", "/jobs/" + "0" * 32), 404)
        self.problem(s.request("GET", "/jobs/../detect"), 404)
        self.problem(s.request("GET", "/v2/models/other"), 404)
        self.problem(s.request("PUT", "/detect", b"x"), 405)
        self.assertEqual(s.request("GET", "/detect")[1]["Allow"], "POST")
        self.assertEqual(set(s.request("POST", "/jobs/abc")[1]["Allow"].split(", ")), {"GET", "HEAD", "DELETE"})
        self.problem(s.request("GET", "/metrics", headers={"Host": "evil.example"}), 403, "Host")
        self.problem(s.request("GET", "/metrics", headers={"Origin": "https://evil.example"}), 403, "sites")
        self.assertEqual(s.request("GET", "/metrics", headers={"Origin": f"http://127.0.0.1:{s.port}"})[0], 200)

    def test_head(self):
        status, headers, body = self.service.request("HEAD", "/v2/health/live", token=None)
        self.assertEqual((status, body), (200, b""))
        self.assertGreater(int(headers["Content-Length"]), 0)

    def raw(self, text, patience=60):
        """What the service sends back to these bytes until it closes."""
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=patience) as connection:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            return self.rest(connection)

    @staticmethod
    def rest(connection):
        got = b""
        while True:
            try:
                more = connection.recv(65536)
            except ConnectionResetError:
                return got
            if not more:
                return got
            got += more

    def head(self, *lines):
        return "\r\n".join(["POST /detect HTTP/1.1", f"Host: 127.0.0.1:{self.service.port}", f"Authorization: Bearer {self.service.token}", *lines, "", ""]).encode()

    def test_too_large(self):
        answer = self.raw(self.head("Content-Type: video/mp4", "Content-Length: 10000000000"))
        self.assertIn(b"413 ", answer.split(b"\r\n")[0])
        answer = self.raw(self.head("Content-Type: video/mp4", "Content-Length: 99999999999999999999999999"))
        self.assertRegex(answer.split(b"\r\n")[0], b"4(00|13) ")
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=60) as connection:  # of no announced length
            connection.sendall(self.head("Content-Type: video/mp4", "Transfer-Encoding: chunked"))
            chunk = b"100000\r\n" + bytes(0x100000) + b"\r\n"
            for _ in range(10):
                connection.sendall(chunk)
            connection.sendall(b"0\r\n\r\n")
            self.assertIn(b"413 ", connection.recv(65536).split(b"\r\n")[0])
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=60) as connection:  # and of no end
            connection.sendall(self.head("Content-Type: video/mp4", "Transfer-Encoding: chunked"))
            with self.assertRaises((BrokenPipeError, ConnectionResetError)):
                for _ in range(1000):
                    connection.sendall(chunk)

    def test_slow_drip(self):
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=60) as connection:
            connection.sendall(self.head("Content-Type: video/mp4", "Content-Length: 100000"))
            begun = time.monotonic()
            connection.settimeout(.2)
            answer = b""
            while not answer and time.monotonic() - begun < 30:
                try:
                    connection.sendall(b"x")
                    answer = connection.recv(65536)
                except TimeoutError:
                    continue
        self.assertIn(b"408 Request Timeout", answer)
        self.assertEqual(json.loads(answer.split(b"\r\n\r\n")[1])["status"], 408)

    def test_both_lengths(self):
        self.assertIn(b"400 ", self.raw(self.head("Content-Type: video/mp4", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n").split(b"\r\n")[0])
        self.assertIn(b"400 ", self.raw(self.head("Host: elsewhere", "Content-Type: video/mp4", "Content-Length: 0")).split(b"\r\n")[0])

    def test_parts_that_arrive_in_pieces(self):
        """libmicrohttpd begins a part twice if its first bytes come with another packet."""
        body, kind = service.form([("video", "clip.mp4", self.clip)], [("timeline", "0"), ("explain", "1")])
        for value in (b'name="timeline"\r\n\r\n', b'name="explain"\r\n\r\n', b"Content-Type: video/mp4\r\n\r\n"):
            for more in (0, 1, 2):
                at = body.index(value) + len(value) + more
                with socket.create_connection(("127.0.0.1", self.service.port), timeout=60) as connection:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    connection.sendall(self.head(f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close") + body[:at])
                    time.sleep(.05)
                    connection.sendall(body[at:])
                    answer = self.rest(connection)
                self.assertIn(b"200 OK", answer.split(b"\r\n")[0], answer)
                self.assertIn(b'"explanation"', answer)

    def test_gone_in_mid_upload(self):
        before = self.service.descriptors()
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", self.service.port)) as connection:
                connection.sendall(self.head("Content-Type: video/mp4", "Content-Length: 1000000") + bytes(100000))
        for _ in range(5):  # and while its video is scored
            with socket.create_connection(("127.0.0.1", self.service.port)) as connection:
                connection.sendall(self.head("Content-Type: video/mp4", f"Content-Length: {len(self.clip)}") + self.clip)
        self.service.settle(lambda: self.service.metric("desy_uploads") == 0, 10)  # long before it would count as idle
        self.service.settle(lambda: self.service.spooled() == [])
        self.service.settle(lambda: self.service.descriptors() <= before + 2)

    def test_garbage(self):
        for text in (b"\x00\xff\x16\x03\x01" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /detect HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"GET / HTTP/1.1\r\nHost: " + b"h" * 200000 + b"\r\n\r\n"):
            first = self.raw(text, 60).split(b"\r\n")[0]
            self.assertTrue(first == b"" or b" 4" in first or b" 5" in first, first)

    def test_two_hundred_connections(self):
        held = [socket.create_connection(("127.0.0.1", self.service.port)) for _ in range(200)]
        self.assertEqual(self.service.request("GET", "/v2/health/live")[0], 200)
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            answers = list(pool.map(lambda _: self.service.upload("/detect", ("video", "clip.mp4", self.clip)), range(32)))
        for connection in held:
            connection.close()
        self.assertEqual({answer[0] for answer in answers}, {200})
        self.assertEqual(len({json.dumps(answer[2]) for answer in answers}), 1)

    def test_jobs(self):
        status, headers, job = self.service.upload("/jobs", ("video", "clip.mp4", self.clip), fields=[("timeline", "1")])
        self.assertEqual(status, 202)
        self.assertRegex(job["id"], "^[0-9a-f]{32}$")
        self.assertEqual(headers["Location"], f"/jobs/{job['id']}")
        self.service.settle(lambda: self.service.request("GET", headers["Location"])[2]["state"] == "done")
        done = self.service.request("GET", headers["Location"])[2]
        self.assertEqual((done["result"]["status"], done["video_path"]), ("ok", "clip.mp4"))
        self.assertIn("timeline", done["result"])
        self.assertEqual(self.service.request("DELETE", headers["Location"])[0], 204)
        self.problem(self.service.request("GET", headers["Location"]), 404)
        broken = self.service.upload("/jobs", ("video", "a.mp4", b"text"))[2]["id"]
        self.service.settle(lambda: self.service.request("GET", f"/jobs/{broken}")[2]["state"] == "done")
        self.assertEqual(self.service.request("GET", f"/jobs/{broken}")[2]["result"]["status"], "unreadable")

    def test_health_and_model(self):
        for path in ("live", "ready"):
            self.assertEqual(self.service.request("GET", f"/v2/health/{path}", token=None)[2], {path: True})
        self.assertEqual(self.service.request("GET", "/v2")[2]["name"], "desy")
        model, = self.service.request("GET", "/v2/models")[2]["models"]
        self.assertEqual(self.service.request("GET", f"/v2/models/{model['name']}")[2], model)
        self.assertEqual(self.service.request("GET", f"/v2/models/{model['name']}/ready")[2], {"name": model["name"], "ready": True})
        self.assertEqual([tensor["name"] for tensor in model["inputs"]], ["video"])

    def test_metrics(self):
        name = 'desy_http_requests_total{method="POST",route="/detect",status="200"}'
        before = self.service.metric(name), self.service.metric('desy_videos_total{status="ok"}')
        self.service.upload("/detect", ("video", "clip.mp4", self.clip))
        families = {family.name: family for family in text_string_to_metric_families(self.service.metrics())}
        self.assertEqual((self.service.metric(name), self.service.metric('desy_videos_total{status="ok"}')), (before[0] + 1, before[1] + 1))
        self.assertEqual(families["desy_http_request_duration_seconds"].type, "histogram")
        buckets = [sample.value for sample in families["desy_job_seconds"].samples if sample.name.endswith("_bucket")]
        self.assertEqual(buckets, sorted(buckets))
        self.assertTrue(all(family.documentation for family in families.values()))

    def test_drift_in_metrics(self):
        """The figures of the last videos are those that `desy drift` gives of the same scores."""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: self.service.upload("/detect", ("video", "clip.mp4", self.clip)), range(50)))
        n = int(self.service.metric("desy_drift_videos"))
        self.assertGreaterEqual(n, 50)
        line = json.dumps(self.service.upload("/detect", ("video", "clip.mp4", self.clip))[2])
        (self.folder / "same.jsonl").write_text("".join(line.replace("clip.mp4", f"{i}.mp4") + "\n" for i in range(n + 1)))
        told = json.loads(program.run(1, "drift", pathlib.Path(os.environ["DESY_SOURCE_DIR"]) / "models" / "hybrid-1", self.folder / "same.jsonl", "--json")[0])
        logit = told["all"]["scores"]["logit"]
        self.assertEqual((logit["n"], self.service.metric("desy_drift_videos")), (n + 1, n + 1))
        for name in ("psi", "psi_by_chance", "ks", "ks_p"):
            self.assertAlmostEqual(self.service.metric(f"desy_drift_score_{name}"), logit[name], places=12)

    def test_printed_address(self):
        status, headers, _ = self.service.request("GET", f"/?token={self.service.token}", token=None)
        self.assertEqual((status, headers["Location"]), (303, "/"))
        cookie = headers["Set-Cookie"]
        self.assertNotIn(self.service.token, cookie)
        for word in ("HttpOnly", "SameSite=Strict"):
            self.assertIn(word, cookie)
        self.assertEqual(self.service.request("GET", "/", headers={"Cookie": cookie.split(";")[0]}, token=None)[0], 200)
        self.problem(self.service.request("GET", "/", token=None), 401)
        self.problem(self.service.request("GET", "/?token=wrong", token=None), 401)


class Limits(unittest.TestCase):
    """Services of their own."""
    problem = Serve.problem

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.clip = video(cls.folder / "clip.mp4")

    def test_a_crash_costs_one_answer(self):
        with service.Service("--workers", 1, "--deadline", 2, environment={"DESY_TEST_HELPER": "crash:upload"}) as s:
            body = self.problem(s.upload("/detect", ("video", "clip.mp4", self.clip)), 422, "decoder died")
            self.assertEqual(body["video_status"], "crashed")
            self.assertEqual(s.request("GET", "/v2/health/ready")[0], 200)
        with service.Service("--workers", 1, "--deadline", 1, environment={"DESY_TEST_HELPER": "hang:upload"}) as s:
            self.assertEqual(self.problem(s.upload("/detect", ("video", "clip.mp4", self.clip)), 422, "longer than")["video_status"], "timeout")

    def test_an_error_of_the_machine_mixes_nothing_up(self):
        """No descriptor is left for a helper: that request fails, and the next ones have their own answers."""
        other = video(self.folder / "other.mp4", size="160x120")
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
