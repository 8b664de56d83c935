"""desy serve, started and stopped, for the tests that talk to it."""
import http.client
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.parse

import hostile
import program


class Service:
    """A running service; `port`, `token`, `url`, `spool` (the parent of its directory of uploads)."""

    def __init__(self, *options, environment=None, spool=None, descriptors=None):
        self.temporary = None if spool else tempfile.TemporaryDirectory()
        self.spool = pathlib.Path(spool or self.temporary.name)
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([program.PROGRAM, "serve", "--json", *([] if "--socket" in options else ["--port", "0"]), "--spool", str(self.spool), *map(str, options)],
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True, start_new_session=True, env={**os.environ, **(environment or {})},
                                        preexec_fn=descriptors and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))))
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            raise AssertionError(f"desy serve ended with {self.process.returncode}: {self.errors.read()}")
        said = json.loads(line)
        self.port, self.token, self.url = said.get("port"), said.get("token"), said.get("url")
        if not self.token and "token_file" in said:
            self.token = pathlib.Path(said["token_file"]).read_text().strip()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.stop()
        self.process.stdout.close()
        self.errors.close()
        if self.temporary:
            self.temporary.cleanup()

    def stop(self, patience=60):
        """Its exit code, after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience)

    def words(self):
        self.errors.seek(0)
        return self.errors.read()

    def connect(self, timeout=120):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, token=True, connection=None):
        """(status, headers, body: JSON where it says so)."""
        connection = connection or self.connect()
        try:
            connection.request(method, path, body, {**({"Authorization": f"Bearer {self.token if token is True else token}"} if token else {}), **(headers or {})})
            return read(connection)
        finally:
            connection.close()

    def upload(self, path, *files, fields=(), **more):
        """POST of a form; files: (field, file name, bytes)."""
        body, kind = form(files, fields)
        return self.request("POST", path, body, {"Content-Type": kind}, **more)

    def spooled(self):
        return [path for path in self.spool.glob("desy-serve-*/*") if path.name != "in-use"]

    def metrics(self):
        return self.request("GET", "/metrics")[2].decode()

    def metric(self, name):
        """The value of a sample, its labels included in `name`; 0 where there is none."""
        return next((float(line.rsplit(" ", 1)[1]) for line in self.metrics().splitlines() if line.startswith(name + " ")), 0.)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def settle(self, what, patience=30):
        """Waits until what() holds."""
        until = time.monotonic() + patience
        while not what():
            assert time.monotonic() < until, self.metrics()
            time.sleep(.05)


def read(connection):
    response = connection.getresponse()
    body = response.read()
    kind = response.headers.get("Content-Type", "")
    return response.status, response.headers, json.loads(body) if body and "json" in kind else body


def form(files, fields=(), boundary="a-boundary-of-the-tests"):
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields]
    for field, name, data in files:
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\nContent-Type: video/mp4\r\n\r\n'.encode() + data + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def quote(text):
    return urllib.parse.quote(text, safe="")


def video(path, seconds=2, size="320x240"):
    hostile.ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25", "-t", seconds, *hostile.X264, path)
    return path.read_bytes()


class Case(unittest.TestCase):
    """Tests that share a folder."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    def problem(self, answer, status, *words):
        got, headers, body = answer
        self.assertEqual(got, status, body)
        self.assertEqual(headers["Content-Type"], "application/problem+json")
        self.assertEqual((body["status"], body["type"]), (status, "about:blank"))
        self.assertTrue(body["title"] and body["detail"], body)
        for word in words:
            self.assertIn(word, body["detail"])
        return body
