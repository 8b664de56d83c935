"""The program as users run it, for the end-to-end tests: run desy alone or under mpirun, look at its exit code and its words."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

PROGRAM = os.environ["DESY_PROGRAM"]
PATIENCE = 240  # seconds: a command that takes longer hangs


def command(ranks, *arguments):
    launcher = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", str(ranks)] if ranks > 1 else []
    return [*launcher, PROGRAM, *map(str, arguments)]


def run(ranks, *arguments, code=0, environment=None):
    """What it printed, (stdout, stderr); fails unless it ends with `code`."""
    result = subprocess.run(command(ranks, *arguments), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE,
                            env={**os.environ, **(environment or {})})
    if result.returncode != code:
        raise AssertionError(f"{ranks} ranks, desy {' '.join(map(str, arguments))}: exit code {result.returncode}, not {code}\n{result.stdout}{result.stderr}")
    return result.stdout, result.stderr


def start(ranks, *arguments, environment=None):
    """Begun in a session of its own; not waited for."""
    return subprocess.Popen(command(ranks, *arguments), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, **(environment or {})})


def processes(process, *criteria):
    """Ids of all processes of what was started, ranks and decode helpers too."""
    found = subprocess.run(["pgrep", "-s", str(process.pid), *criteria], stdout=subprocess.PIPE, text=True)
    return [int(pid) for pid in found.stdout.split()]


def kill_all(process):
    """kill -9 of the launcher and of every rank."""
    for pid in processes(process):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.stderr.close()
    process.wait()


def read_json(*path):
    return json.loads(pathlib.Path(*path).read_text())


def store_hash(store):
    return json.loads(run(1, "info", store, "--json")[0])["content_sha256"]


class Case(unittest.TestCase):
    """Tests that share one folder and one small data set, made once: `folder`, `dataset`."""
    videos, broken = 24, 1

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        run(2, "synth", "-o", cls.folder / "data", "--videos", cls.videos, "--broken", cls.broken)
        cls.dataset = cls.folder / "data" / "dataset.json"


class ModelCase(Case):
    """They also share a store of readable videos and a save directory of small models: `store`, `models`."""
    broken = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.store, cls.models = cls.folder / "store", cls.folder / "models"
        run(2, "extract", cls.dataset, "-o", cls.store)
        run(2, "train", cls.store, "--save-dir", cls.models, "--size", "small")


class StoreCase(Case):
    """They also share its store, made by one process in one go, and what it must hold however it is made: `whole`, `hash`."""
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.whole = cls.folder / "whole"
        run(1, "extract", cls.dataset, "-o", cls.whole, code=4)
        cls.hash = store_hash(cls.whole)
