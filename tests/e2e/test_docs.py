"""What the README and docs/ say: their commands and options exist, the files and pages they name too."""
import os
import pathlib
import re
import unittest

import program

TREE = pathlib.Path(os.environ["DESY_SOURCE_DIR"])
PAGES = [TREE / "README.md", TREE / "CONTRIBUTING.md", *sorted((TREE / "docs").glob("*.md"))]
COMMANDS = re.findall(r"^  ([\w-]+) ", program.run(1, "--help")[0], re.MULTILINE)
HELP = {name: program.run(1, name, "--help")[0] for name in COMMANDS}


class Docs(unittest.TestCase):
    def each(self, pattern):
        """Every occurrence in every page."""
        found = [(page, match) for page in PAGES for match in re.finditer(pattern, page.read_text())]
        self.assertGreater(len(found), 5, f"nothing left to check for {pattern}")
        return found

    def test_commands_exist(self):
        self.assertGreaterEqual(len(COMMANDS), 10)
        for page, found in self.each(r"(?:release/|mpirun -n \d+ |`)desy ([a-z][a-z-]*)\b"):
            self.assertIn(found.group(1), COMMANDS, f"{page.name}: {found.group(0)}")

    def test_options_exist(self):
        """On a line that names a command, every --option is one of that command's, or of a program around it."""
        around = {"--oversubscribe", "--allow-run-as-root", "--ntasks-per-node", "--time", "--wait", "--bind-to", "--mpi", "--help", "--preset", "--build", "--target"}
        for _, found in self.each(r"(?m)^.*\bdesy ([a-z][a-z-]*)\b.*$"):
            command = found.group(1)
            for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", found.group(0)) if command in HELP else []:
                self.assertTrue(option in around or f"{option}" in HELP[command], f"desy {command} has no {option}")

    def test_every_help_has_an_example_that_parses(self):
        for name, text in HELP.items():
            with self.subTest(command=name):
                example = re.search(r"^example: .*\bdesy ([\w-]+)(.*)$", text, re.MULTILINE)
                self.assertEqual(example.group(1), name)
                for option in re.findall(r"--[a-z-]+", example.group(2)):
                    self.assertIn(option, text)

    def test_files_exist(self):
        for page, found in self.each(r"\]\(([^)#:]+)\)"):
            self.assertTrue((page.parent / found.group(1)).is_file(), f"{page.name}: {found.group(0)}")
        for page, found in self.each(r"`((?:base|mpi|model|features|train|eval|stages|slurm|tests|cmake|bench|docs|include|examples|packaging)/[\w./-]+)`"):
            self.assertTrue(re.search("NAME|EXTRACTOR", found.group(1)) or (TREE / found.group(1)).exists(), f"{page.name}: {found.group(0)}")


if __name__ == "__main__":
    unittest.main()
