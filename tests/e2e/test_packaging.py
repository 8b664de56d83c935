"""The systemd unit and the Containerfile: their options exist, systemd understands the unit, the image has the libraries, the health check is answered."""
import json
import os
import pathlib
import re
import shlex
import subprocess
import tempfile
import time
import unittest

import program

TREE, BUILD = (pathlib.Path(os.environ[name]) for name in ("DESY_SOURCE_DIR", "DESY_BUILD_DIR"))
UNIT = (TREE / "packaging" / "desy-serve.service").read_text()
CONTAINER = (TREE / "packaging" / "Containerfile").read_text()
RUNTIME = CONTAINER[CONTAINER.rindex("\nFROM "):]
COMMANDS = {"unit": shlex.split(re.search("^ExecStart=(.*)$", UNIT, re.MULTILINE).group(1)), "container": json.loads(re.search("^CMD (.*)$", RUNTIME, re.MULTILINE).group(1))}


class Packaging(unittest.TestCase):
    def test_options_exist(self):
        known = set(re.findall(r"--[a-z-]+", program.run(1, "serve", "--help")[0]))
        for where, command in COMMANDS.items():
            self.assertEqual(command[1], "serve")
            options = [word.split("=")[0] for word in command[2:] if word.startswith("--")]
            self.assertIn("--host", options)
            self.assertFalse(set(options) - known, where)

    def test_systemd_understands_the_unit(self):
        with tempfile.TemporaryDirectory() as folder:
            unit = pathlib.Path(folder, "desy-serve.service")
            unit.write_text(UNIT.replace("/usr/local/bin/desy", program.PROGRAM))
            verified = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], text=True, capture_output=True)
            self.assertEqual((verified.returncode, verified.stderr), (0, ""))

    def test_the_unit_waits_longer_than_the_service_needs(self):
        grace = next(float(word.split("=")[1]) for word in COMMANDS["unit"] if word.startswith("--grace="))
        self.assertGreater(float(re.search(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE).group(1)), grace + 10)

    def test_the_image_has_what_the_program_needs(self):
        """Debian's package of each library that the program names, by the packages of this machine."""
        installed = re.search(r"--no-install-recommends (.*?)&&", RUNTIME, re.DOTALL).group(1).replace("\\", "").split()
        needed = re.findall(r"NEEDED.*\[(.*)\]", subprocess.run(["readelf", "--dynamic", program.PROGRAM], text=True, capture_output=True, check=True).stdout)
        found = dict(re.findall(r"^\s*(\S+) => (/\S+)", subprocess.run(["ldd", program.PROGRAM], text=True, capture_output=True, check=True).stdout, re.MULTILINE))
        for name in needed:
            path = found.get(name, "")
            if re.match("libtorch|libc10|libcuda|libstdc|libgcc|lib[cm]\\.so|ld-", name) or not path.startswith(("/lib", "/usr/lib")):
                continue
            owner = subprocess.run(["dpkg-query", "--search", pathlib.Path(path).resolve()], text=True, capture_output=True, check=True).stdout.split(":")[0]
            self.assertIn(owner, installed, name)

    def test_the_health_check_is_answered(self):
        check = shlex.split(re.search("^HEALTHCHECK .*? CMD (.*)$", RUNTIME, re.MULTILINE).group(1))
        port = re.search(r"--port (\d+)", " ".join(COMMANDS["container"])).group(1)
        self.assertEqual(re.search(r"^EXPOSE (\d+)$", RUNTIME, re.MULTILINE).group(1), port)
        command = [program.PROGRAM, *COMMANDS["container"][1:], "--workers", "1", "--num-workers", "1", "--json"]
        command[command.index("--port") + 1] = "0"
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as service:
            try:
                own = json.loads(service.stdout.readline())["port"]
                self.assertIn(f"127.0.0.1:{port}/", check[-1])
                asked = [word.replace(f":{port}/", f":{own}/") for word in check]
                for _ in range(50):
                    code = subprocess.run(asked, stderr=subprocess.DEVNULL).returncode
                    if code == 0:
                        break
                    time.sleep(.2)
                self.assertEqual(code, 0)
            finally:
                service.terminate()

    def test_a_credential_of_systemd_is_a_token(self):
        """Of root's group, which may read all: others may not."""
        if os.geteuid() != 0:
            self.skipTest("only root may give a file to root's group")
        with tempfile.TemporaryDirectory() as folder:
            token = pathlib.Path(folder, "token")
            token.write_text("0123456789abcdef0123\n")
            for mode, group, refused in ((0o440, 0, False), (0o440, 1, True), (0o444, 0, True), (0o460, 0, True)):
                os.chown(token, 0, group)
                token.chmod(mode)
                tried = subprocess.run([program.PROGRAM, "serve", "--token-file", token, "--port", "0", "--spool", pathlib.Path(folder, "no", "such")], text=True, capture_output=True)
                self.assertEqual((tried.returncode != 0, "chmod 600" in tried.stderr), (True, refused), f"{mode:o} {group}: {tried.stderr}")


if __name__ == "__main__":
    unittest.main()
