"""GET /openapi.json: a valid document, of all routes of the program and of no other; what the service answers is what it says."""
import json
import os
import pathlib
import re
import shutil
import tempfile
import time
import unittest

import jsonschema
import openapi_spec_validator

import hostile
from service import Service, read

TREE = pathlib.Path(os.environ["DESY_SOURCE_DIR"])


def strict(schema):
    """Of a schema, one that takes no member that is not named in it: else a new member of an answer would go unseen."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" else {}
    return {**closed, **{key: strict(part) for key, part in schema.items()}}


def routes():
    return set(re.findall(r'^    \{"([A-Z]+)", "(/[^"]*)", \w+, ', (TREE / "serve/routes.c").read_text(), re.MULTILINE))


class Openapi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        hostile.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=128x96:r=25", "-t", 5, *hostile.X264, cls.folder / "clip.mp4")
        cls.video = (cls.folder / "clip.mp4").read_bytes()
        cls.service = cls.enterClassContext(Service("--workers", "1", "--max-upload", "2M"))
        cls.document = cls.service.request("GET", "/openapi.json")[2]

    def resolve(self, part):
        while "$ref" in part:
            here = self.document
            for key in part["$ref"].removeprefix("#/").split("/"):
                here = here[key]
            part = here
        return part

    def validate(self, schema, body):
        jsonschema.Draft202012Validator({**strict(schema), "components": strict(self.document["components"])}).validate(body)

    def check(self, path, method, answer, status):
        """The answer has that status, and the document says so, with its type, its headers and a schema that the body follows."""
        got, headers, body = answer
        self.assertEqual(got, status, body)
        documented = self.resolve(self.document["paths"][path][method.lower()]["responses"][str(status)])
        for name in ("Location", "Retry-After", "WWW-Authenticate", "Set-Cookie"):
            self.assertEqual(name in headers, name in documented.get("headers", {}), f"{method} {path}: {status}: {name}")
        if "content" not in documented:
            self.assertEqual(body, b"")
            return body
        content = documented["content"][headers["Content-Type"].split(";")[0]]
        if "json" in headers["Content-Type"]:
            self.validate(content["schema"], body)
        return body

    def test_valid(self):
        openapi_spec_validator.validate(self.document)
        self.assertEqual(self.document, json.loads((TREE / "serve/page/openapi.json").read_text()))

    def test_routes(self):
        table = routes()
        self.assertGreaterEqual(len(table), 15)
        described = {(method.upper(), path) for path, item in self.document["paths"].items() for method in item if method != "parameters"}
        self.assertEqual(described, table)
        for method, path in table:  # a wrong method shows that the address is one
            self.assertEqual(self.service.request("PATCH", re.sub(r"\{\w+\}", "x", path))[0], 405, path)

    def test_open_ones(self):
        """Where the document asks for no token the service does not, and nowhere else."""
        for method, path in routes():
            needs = self.document["paths"][path][method.lower()].get("security", self.document["security"]) != [{}]
            answer = self.service.request(method, re.sub(r"\{\w+\}", "desy.css", path), token=False)
            self.assertEqual(answer[0] == 401, needs, f"{method} {path}")
            if needs:
                self.check(path, method, answer, 401)

    def test_detect(self):
        send = lambda *files, **more: self.service.upload("/detect", *files, **more)
        video = ("video", "a.mp4", self.video)
        plain = self.check("/detect", "post", send(video), 200)
        self.assertNotIn("timeline", plain)
        self.assertIn("timeline", self.check("/detect", "post", send(video, fields=[("timeline", "1")]), 200))
        full = self.check("/detect", "post", self.service.request("POST", "/detect?explain=1&name=b.mp4", self.video, {"Content-Type": "video/mp4"}), 200)
        self.assertIn("explanation", full)
        for spoilt in ({**full, "confidence": 2}, {key: value for key, value in full.items() if key != "prior"}, {**full, "more": 1}):
            with self.assertRaises(jsonschema.ValidationError):
                self.validate({"$ref": "#/components/schemas/Result"}, spoilt)
        self.check("/detect", "post", send(("video", "a.txt", b"words")), 422)

    def headers_alone(self, path, *headers):
        connection = self.service.connect()
        connection.putrequest("POST", path)
        for name, value in (("Authorization", f"Bearer {self.service.token}"), *headers):
            connection.putheader(name, value)
        connection.endheaders()
        try:
            return read(connection)
        finally:
            connection.close()

    def test_wrong_uploads(self):
        for path in ("/detect", "/jobs"):
            self.check(path, "post", self.service.upload(path, ("file", "a.mp4", b"no field of this name")), 400)
            self.check(path, "post", self.service.request("POST", path, b"{}", {"Content-Type": "application/json"}), 415)
            self.check(path, "post", self.service.request("POST", path, b"x", {"Host": "elsewhere.example"}), 403)
            self.check(path, "post", self.headers_alone(path), 411)
            self.check(path, "post", self.headers_alone(path, ("Content-Length", 3 << 20)), 413)

    def test_jobs(self):
        job = self.check("/jobs", "post", self.service.upload("/jobs", ("video", "a.mp4", self.video), fields=[("explain", "1")]), 202)
        while job["state"] in ("queued", "running"):
            job = self.check("/jobs/{id}", "get", self.service.request("GET", f"/jobs/{job['id']}"), 200)
            time.sleep(.05)
        self.assertEqual(job["state"], "done")
        self.check("/jobs/{id}", "delete", self.service.request("DELETE", f"/jobs/{job['id']}"), 204)
        for method in ("GET", "DELETE"):
            self.check("/jobs/{id}", method, self.service.request(method, f"/jobs/{job['id']}"), 404)
        job = self.service.upload("/jobs", ("video", "a.txt", b"words"))[2]
        self.service.settle(lambda: self.service.request("GET", f"/jobs/{job['id']}")[2]["state"] == "done")
        self.check("/jobs/{id}", "get", self.service.request("GET", f"/jobs/{job['id']}"), 200)

    def test_others(self):
        model = self.check("/v2/models", "get", self.service.request("GET", "/v2/models"), 200)["models"][0]["name"]
        for path in ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/{name}", "/v2/models/{name}/ready", "/metrics", "/settings", "/openapi.json", "/"):
            self.check(path, "get", self.service.request("GET", path.replace("{name}", model)), 200)
        for path in ("/v2/models/{name}", "/v2/models/{name}/ready"):
            self.check(path, "get", self.service.request("GET", path.replace("{name}", "other")), 404)
        self.check("/settings", "get", self.service.request("GET", "/settings", b"x"), 413)
        self.check("/", "get", self.service.request("GET", f"/?token={self.service.token}", token=False), 303)
        for file in (TREE / "serve/page").iterdir():
            if file.suffix != ".json":
                self.assertEqual(self.check("/page/{file}", "get", self.service.request("GET", f"/page/{file.name}"), 200), file.read_bytes())
        self.check("/page/{file}", "get", self.service.request("GET", "/page/none"), 404)

    def test_busy(self):
        with Service("--workers", "1", "--rate", "2") as service:
            for _ in range(2):
                service.upload("/jobs", ("video", "a.txt", b"words"))
            self.check("/jobs", "post", service.upload("/jobs", ("video", "a.mp4", self.video)), 429)
        with Service("--workers", "1", "--queue", "1", environment={"DESY_TEST_HELPER": "hang:upload"}) as service:
            answers = [service.upload("/jobs", ("video", "a.mp4", b"never read")) for _ in range(6)]
            self.check("/jobs", "post", next(answer for answer in answers if answer[0] != 202), 503)
            service.process.kill()  # what hangs would keep it from stopping
            service.process.wait()


if __name__ == "__main__":
    unittest.main()
