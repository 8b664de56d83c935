"""Memory of a training with many clips: pooled vectors are pages of a scratch file, which the kernel can write out and drop. The same training with and
without such a file: what it saves of the process's own memory."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import program

TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_planted_store"
CLIPS, DIMS = 2000, 512
VECTORS = CLIPS * 4 * (3 * DIMS + 45)  # bytes: mean, deviation and step, temporal numbers and whether there are any
ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}  # what is freed goes back at once: what is asked for is measured, not what glibc keeps


def resident_of_scratch(process):
    """Bytes in memory of its mapped file that has no name (a scratch file), counted by itself: pages of libraries in RssFile come and go by more than that."""
    is_scratch, bytes = False, 0
    for line in pathlib.Path(f"/proc/{process.pid}/smaps").read_text().splitlines():
        if "-" in line.split(" ")[0]:
            is_scratch = " rw-s " in line and line.endswith("(deleted)") and "/dev/shm/" not in line
        elif is_scratch and line.startswith("Rss:"):
            bytes += 1024 * int(line.split()[1])
    return bytes


def train(folder, name, temporary):
    """Peaks of its own memory and of what is in memory of its scratch file, in bytes, its words, and the model's weights."""
    process = subprocess.Popen(program.command(1, "train", folder / "store", "--save-dir", folder / name, "--level", "high", "--size", "full", "--epochs", 1, "--batch-size", 64),
                               env={**os.environ, **ENVIRONMENT, "TMPDIR": temporary}, stderr=subprocess.PIPE, text=True)
    own = scratch = 0
    while process.poll() is None:
        try:
            status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines())
            scratch = max(scratch, resident_of_scratch(process))
        except (FileNotFoundError, ProcessLookupError):
            continue
        own = max(own, 1024 * int(status.get("RssAnon", "0").split()[0]))
        time.sleep(.01)
    said = process.stderr.read()
    assert process.returncode == 0, said
    return own, scratch, said, (folder / name / "v0001" / "weights.safetensors").read_bytes()


def main():
    if "-fsanitize=address" in (pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "CMakeCache.txt").read_text():
        print("SKIP: AddressSanitizer's own memory would be measured")
        return 77
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        subprocess.run([TOOL, folder / "store", str(CLIPS), "planted", str(DIMS)], check=True)
        memory, none, said, weights = train(folder, "memory", str(folder / "no-such-directory"))
        file, mapped, _, same = train(folder, "file", "")
        assert "memory is used instead" in said, said
        assert weights == same
        assert not list(folder.glob("file/scratch*")), "a scratch file is left"
    finally:
        shutil.rmtree(folder)
    print(f"own memory {memory >> 20} MB, with a scratch file {file >> 20} MB, {mapped >> 20} MB of which were in memory; vectors {VECTORS >> 20} MB")
    assert memory - file > .8 * VECTORS and none == 0 and mapped > .8 * VECTORS
    return 0


if __name__ == "__main__":
    sys.exit(main())
