"""The house (docs/architecture.md): which module may include which and which libraries, headers that stand alone, files of a readable length."""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import unittest

TREE = pathlib.Path(os.environ.get("DESY_SOURCE_DIR") or pathlib.Path(__file__).resolve().parents[2])
BUILD = pathlib.Path(os.environ.get("DESY_BUILD_DIR") or TREE / "build" / "release")

MAY_INCLUDE = {
    "include": set(),
    "base": set(),
    "mpi": {"base"},
    "model": {"base"},
    "features": {"base", "model"},
    "train": {"base", "mpi", "model", "features"},
    "eval": {"base", "mpi", "model", "features"},
    "detect": {"base", "model", "features", "train"},
    "serve": {"base", "train", "eval", "detect"},
    "export": {"base", "model", "features", "train"},
    "stages": {"base", "mpi", "model", "features", "train", "eval", "detect", "serve", "export"},
}
ONLY_IN = [
    (re.compile(r"mpi\.h"), {"mpi"}),
    (re.compile(r"(torch|ATen|c10|caffe2)/.*"), {"model"}),
    (re.compile(r"(libav|libsw)\w+/.*"), {"features"}),
    (re.compile(r"hdf5(_hl)?\.h|H5\w+\.h"), {"features"}),
    (re.compile(r"seccomp\.h"), {"features"}),
    (re.compile(r"popt\.h"), {"stages"}),
    (re.compile(r"microhttpd\.h"), {"serve"}),
    (re.compile(r"onnx\.pb-c\.h|protobuf-c/.*"), {"export"}),
]
MOST_LINES = 500
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def sources(*endings):
    return [path for module in MAY_INCLUDE for path in sorted((TREE / module).rglob("*")) if path.suffix in endings]


def module_of(path):
    return path.relative_to(TREE).parts[0]


def includes(path):
    return INCLUDE.findall(path.read_text())


def include_flags():
    """The -I and -isystem of every module, as CMake has them."""
    flags = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        if TREE not in path.parents or module_of(path) not in MAY_INCLUDE:
            continue
        words, found = shlex.split(entry["command"]), flags.setdefault(module_of(path), [])
        for i, word in enumerate(words):
            new = [word] if word.startswith(("-I", "-D")) else words[i:i + 2] if word == "-isystem" else []
            if new and new[-1] not in found:
                found += new
    return flags


class Structure(unittest.TestCase):
    def test_there_is_something_to_check(self):
        for module in MAY_INCLUDE:
            self.assertTrue(any(module_of(path) == module for path in sources(".h", ".c")), f"{module}/ is empty")

    def test_arrows_point_one_way(self):
        for path in sources(".c", ".h", ".cpp", ".hpp"):
            for quote, name in includes(path):
                if quote == "<" or name == "desy.h":
                    continue
                with self.subTest(file=str(path.relative_to(TREE)), include=name):
                    self.assertTrue((TREE / name).is_file(), "includes are written from the root of the tree")
                    self.assertIn(name.split("/")[0], MAY_INCLUDE[module_of(path)] | {module_of(path)})

    def test_libraries_stay_in_their_module(self):
        for path in sources(".c", ".h", ".cpp", ".hpp"):
            for _, name in includes(path):
                for library, modules in ONLY_IN:
                    if library.fullmatch(name):
                        with self.subTest(file=str(path.relative_to(TREE)), include=name):
                            self.assertIn(module_of(path), modules)

    def test_cpp_in_model_alone_behind_c_headers(self):
        for path in sources(".cpp", ".hpp", ".cc", ".cxx"):
            self.assertEqual(module_of(path), "model", path)
        for path in sources(".h"):
            for _, name in includes(path):
                self.assertFalse(name.endswith(".hpp") or name.startswith(("torch/", "ATen/")), f"{path} includes {name}: not C")

    def test_every_header_compiles_alone(self):
        flags = include_flags()
        general = [f"-I{TREE}", f"-I{TREE}/include", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x"]
        jobs = []
        for path in sources(".h"):
            jobs.append((path, ["gcc", "-std=gnu11", *general, "c"]))
            if module_of(path) == "include" or any('extern "C"' in line for line in path.read_text().splitlines()):
                jobs.append((path, ["g++", "-std=c++20", *general, "c++"]))
        jobs += [(path, ["g++", "-std=c++20", *general, "c++"]) for path in sources(".hpp")]

        def compile_alone(job):
            path, command = job
            # Included, not compiled itself: "#pragma once in main file" and the like are not meant.
            return subprocess.run([*command, *flags.get(module_of(path), []), "-"], input=f'#include "{path.relative_to(TREE)}"\n',
                                  text=True, capture_output=True)

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for (path, command), result in zip(jobs, pool.map(compile_alone, jobs)):
                with self.subTest(header=str(path.relative_to(TREE)), compiler=command[0]):
                    self.assertEqual(result.returncode, 0, result.stderr)

    def test_the_decoder_is_small(self):
        """It starts in milliseconds, and a video that takes it over finds neither networks nor stores."""
        needed = subprocess.run(["readelf", "--dynamic", BUILD / "desy-decoder"], text=True, capture_output=True, check=True).stdout
        libraries = re.findall(r"NEEDED.*\[(.*)\]", needed)
        self.assertTrue(any(name.startswith("libavcodec") for name in libraries), libraries)
        for name in libraries:
            self.assertNotRegex(name, "torch|c10|hdf5|mpi|popt")

    def test_no_file_outgrows_its_reader(self):
        folders = [*MAY_INCLUDE, "cmake", "slurm", "tests", "bench"]
        files = [path for folder in folders for path in (TREE / folder).rglob("*")] + [*TREE.glob("*.sh"), TREE / "CMakeLists.txt"]
        for path in files:
            if path.suffix in {".c", ".h", ".cpp", ".hpp", ".py", ".sh", ".cmake", ".sbatch", ".txt"}:
                with self.subTest(file=str(path.relative_to(TREE))):
                    self.assertLessEqual(len(path.read_text().splitlines()), MOST_LINES)


if __name__ == "__main__":
    unittest.main()
