"""The installed tree, moved elsewhere: what is in it, what libdesy exports and needs, programs built against it in every way that docs/library.md names, man pages."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import program

TREE, BUILD = (pathlib.Path(os.environ[name]) for name in ("DESY_SOURCE_DIR", "DESY_BUILD_DIR"))
HEADER = (TREE / "include" / "desy.h").read_text()
VERSION = re.search(r'#define DESY_VERSION "(.*)"', HEADER).group(1)
FUNCTIONS = set(re.findall(r"^(?!typedef).*?\b(desy_\w+)\(", re.sub(r"/\*.*?\*/", "", HEADER, flags=re.DOTALL), re.MULTILINE))
EXAMPLE = TREE / "examples" / "detect.c"
STRICT = ["-Wall", "-Wextra", "-pedantic", "-Werror"]


def run(*command, code=0, **environment):
    result = subprocess.run(list(map(str, command)), text=True, capture_output=True, timeout=program.PATIENCE, env={**os.environ, **environment})
    if result.returncode != code:
        raise AssertionError(f"{' '.join(map(str, command))}: exit code {result.returncode}, not {code}\n{result.stdout}{result.stderr}")
    return result


def dynamic(file, tag):
    return re.findall(rf"\({tag}\).*\[(.*)\]", run("readelf", "--dynamic", file).stdout)


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        run("cmake", "--install", BUILD, "--prefix", cls.folder / "first")
        cls.prefix = cls.folder / "second" / "desy"
        cls.prefix.parent.mkdir()
        (cls.folder / "first").rename(cls.prefix)
        cls.desy, cls.lib = cls.prefix / "bin" / "desy", cls.prefix / "lib"
        cls.videos = [cls.folder / "clip.mp4", cls.folder / "not-a-video.mp4"]
        run("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "mandelbrot=size=320x240:rate=25", "-frames:v", "50", "-pix_fmt", "yuv420p", cls.videos[0])
        cls.videos[1].write_text("This is a text that calls itself a video.\n")
        cls.answers = run(cls.desy, "detect", "--json", *cls.videos, code=4).stdout

    def pkg_config(self, *options):
        return run("pkg-config", *options, "desy", PKG_CONFIG_PATH=str(self.lib / "pkgconfig")).stdout.split()

    def check_example(self, executable, **environment):
        self.assertEqual(run(executable, "-j", *self.videos, code=4, **environment).stdout, self.answers)

    def test_everything_is_there(self):
        for name in ("bin/desy", "libexec/desy/desy-decoder", f"lib/libdesy.so.{VERSION}", "lib/libdesy.so", "lib/libdesy.a", "include/desy.h", "lib/pkgconfig/desy.pc",
                     "lib/cmake/desy/desyConfig.cmake", "lib/cmake/desy/desyConfigVersion.cmake", "share/man/man1/desy.1", "share/man/man3/libdesy.3",
                     "share/desy/models/hybrid-1/model.json", "share/desy/weights/efficientnet-lite0.safetensors", "share/doc/desy/docs/library.md", "share/doc/desy/examples/detect.c"):
            self.assertTrue((self.prefix / name).exists(), name)
        self.assertEqual(dynamic(self.lib / "libdesy.so", "SONAME"), [f"libdesy.so.{VERSION.split('.')[0]}"])

    def test_exports_are_those_of_the_header(self):
        self.assertGreaterEqual(len(FUNCTIONS), 10)
        lines = run("nm", "--dynamic", "--defined-only", "--with-symbol-versions", self.lib / "libdesy.so").stdout.splitlines()
        exported = {line.split()[-1] for line in lines if " A " not in line}
        self.assertEqual({name.split("@")[0] for name in exported}, FUNCTIONS)
        for name in exported:
            self.assertRegex(name, r"@@DESY_\d+\.\d+$")
        lines = run("nm", "--extern-only", "--defined-only", self.lib / "libdesy.a").stdout.splitlines()
        self.assertEqual({line.split()[-1] for line in lines if len(line.split()) == 3}, FUNCTIONS)

    def test_needs_no_more_than_it_uses(self):
        needed = dynamic(self.lib / "libdesy.so", "NEEDED")
        self.assertTrue(any(name.startswith("libavcodec") for name in needed), needed)
        for name in needed:
            self.assertNotRegex(name, "mpi|popt|microhttpd|hdf5")
        for file in (self.desy, self.lib / "libdesy.so", self.prefix / "libexec" / "desy" / "desy-decoder"):
            for path in dynamic(file, "RUNPATH"):
                for directory in path.split(":"): # an empty one is the working directory, and whoever may write there
                    self.assertTrue(pathlib.Path(directory).is_absolute() and str(BUILD) not in directory, f"{file}: {path}")

    def test_decoder_model_and_weights_are_those_of_the_tree(self):
        """Damaged there, they are complained of, although the build has whole ones."""
        damaged = self.folder / "damaged"
        shutil.copytree(self.prefix, damaged, symlinks=True)
        script = (TREE / "examples" / "detect.py", self.videos[0])
        library = str(damaged / "lib" / "libdesy.so.0")
        for name in ("share/desy/weights/efficientnet-lite0.safetensors", "share/desy/models/hybrid-1/model.json", "libexec/desy/desy-decoder"):
            (damaged / name).write_bytes(b"damaged")
            self.assertIn(str(damaged / name), run(sys.executable, *script, code=1, LIBDESY=library).stderr.replace("/lib/..", ""))
        self.assertIn(str(damaged), run(damaged / "bin" / "desy", "detect", self.videos[0], code=2).stderr)

    def test_pkg_config_shared(self):
        executable = self.folder / "shared"
        run("cc", "-std=c99", *STRICT, EXAMPLE, "-o", executable, *self.pkg_config("--cflags", "--libs"))
        self.check_example(executable, LD_LIBRARY_PATH=str(self.lib))
        self.assertIn("clip.mp4: ", run(executable, self.videos[0], LD_LIBRARY_PATH=str(self.lib)).stdout)
        self.assertIn("threshold", run(executable, "-t", "2", self.videos[0], code=1, LD_LIBRARY_PATH=str(self.lib)).stderr)

    def test_pkg_config_static(self):
        executable = self.prefix / "bin" / "static"
        run("cc", "-std=c99", *STRICT, EXAMPLE, "-o", executable, *self.pkg_config("--static", "--define-variable=library=-l:libdesy.a", "--cflags", "--libs"))
        self.assertFalse([name for name in dynamic(executable, "NEEDED") if "desy" in name])
        self.check_example(executable)

    def test_cmake_package(self):
        built = self.folder / "cmake"
        run("cmake", "-S", TREE / "examples", "-B", built, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", built)
        self.check_example(built / "detect")

    def test_cpp(self):
        """A host in C++ that has templates of its own, the archive's among them."""
        source, executable = self.folder / "host.cpp", self.prefix / "bin" / "host"
        source.write_text('#include <desy.h>\n#include <cstdio>\n#include <map>\n#include <string>\n#include <vector>\n'
                          'int desy_error(const std::string &text) { return std::puts(text.c_str()); }\n'
                          'int main(int, char **argv) { std::map<std::string, std::vector<std::string>> all{{argv[1], {desy_version()}}}; char *json = nullptr; desy_detector *detector = nullptr;\n'
                          'if (desy_detector_open(&detector, nullptr) == DESY_OK && desy_detect(detector, all.begin()->first.c_str(), &json) == DESY_OK) desy_error(json);\n'
                          'desy_free(json); desy_detector_close(&detector); return all.begin()->second[0] != DESY_VERSION; }\n')
        run("c++", "-std=c++17", *STRICT, source, "-o", executable, *self.pkg_config("--static", "--define-variable=library=-l:libdesy.a", "--cflags", "--libs"))
        self.assertEqual(run(executable, self.videos[0]).stdout, self.answers.splitlines(keepends=True)[0])
        run("c++", "-x", "c++", "-std=c++17", *STRICT, "-fsyntax-only", *self.pkg_config("--cflags"), EXAMPLE)

    def test_python(self):
        script = TREE / "examples" / "detect.py"
        self.assertLessEqual(len(script.read_text().splitlines()), 30)
        printed = run(sys.executable, script, *self.videos, LIBDESY=str(self.lib / "libdesy.so.0")).stdout
        self.assertEqual([json.loads(line) for line in printed.splitlines()], [json.loads(line) for line in self.answers.splitlines()])

    def test_man_pages(self):
        pages = {name: (self.prefix / "share" / "man" / name).read_text() for name in ("man1/desy.1", "man3/libdesy.3")}
        for name, text in pages.items():
            self.assertEqual(run("groff", "-man", "-Tutf8", "-ww", "-z", self.prefix / "share" / "man" / name).stderr, "")
            self.assertIn(VERSION, text.splitlines()[0])
        listed = re.findall(r"^  ([\w-]+) +(.*)$", run(self.desy, "--help").stdout, re.MULTILINE)
        self.assertEqual(re.findall(r"^\.TP\n\.B ([a-z-]+)\n(.*)$", pages["man1/desy.1"], re.MULTILINE), listed)
        self.assertEqual(set(re.findall(r'^\.BI ".*?\b(desy_\w+)\(', pages["man3/libdesy.3"], re.MULTILINE)), FUNCTIONS)


if __name__ == "__main__":
    if "-fsanitize" in (BUILD / "CMakeCache.txt").read_text():
        sys.exit(77)  # programs of others are built without
    unittest.main()
