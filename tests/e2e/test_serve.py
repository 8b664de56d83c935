"""desy serve: the same answers as desy detect, jobs, health, metrics; everything that is wrong with a request is answered by the right status and a problem document, and nothing is left behind."""
import concurrent.futures
import json
import os
import pathlib
import socket
import time
import unittest

from prometheus_client.parser import text_string_to_metric_families

import program
import service


class Serve(service.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clip = service.video(cls.folder / "clip.mp4")
        cls.service = service.Service("--workers", 2, "--max-upload", "8M", environment={"DESY_TEST_HELPER": "hang:never"})
        cls.addClassCleanup(cls.service.__exit__)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:  # both workers have their helpers
            list(pool.map(lambda _: cls.service.upload("/detect", ("video", "clip.mp4", cls.clip)), range(8)))

    def tearDown(self):
        self.service.settle(lambda: self.service.spooled() == [])
        self.assertIsNone(self.service.process.poll(), self.service.words())

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
            try:
                connection.shutdown(socket.SHUT_WR)
            except OSError:  # it has answered and closed already
                pass
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


if __name__ == "__main__":
    unittest.main()
