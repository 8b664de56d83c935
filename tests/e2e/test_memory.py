"""What a data set of a million items costs: `desy extract` on two ranks, stopped as soon as it works, against the same with ten.

mpirun starts this file again as `test_memory.py rank WORK PROGRAM...`, which runs the program and notes the peak of its memory."""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

MANY, FEW, RANKS = 1000000, 10, 2
MOST_MB = {0: 300, 1: 30}  # that a million items may add
SEGMENTS = 20  # the plan is made and the queue hands out by then
ITEM = '{"video_path": "clips/source-%d/%08d.mp4", "label": %d, "source": "source-%d", "group": "prompt-%07d"}\n'


def rank(work, *command):
    mine = pathlib.Path(work) / os.environ["OMPI_COMM_WORLD_RANK"]
    process = subprocess.Popen(command)
    mine.with_suffix(".pid").write_text(str(process.pid))
    _, status, usage = os.wait4(process.pid, 0)
    mine.with_suffix(".end").write_text(f"{os.waitstatus_to_exitcode(status)} {usage.ru_maxrss / 1024}")


def stop_when_it_works(job, work):
    while len(list((work / "store").glob("seg/*/*.h5"))) < SEGMENTS:
        assert job.poll() is None, "extract ended by itself"
        time.sleep(.2)
    for r in range(RANKS):
        os.kill(int((work / f"{r}.pid").read_text()), signal.SIGTERM)


def peaks(items, code):
    """The peak of each rank in MB; `code`: what the program must exit with."""
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        with open(work / "dataset.jsonl", "w") as file:
            file.writelines(ITEM % (i % 6, i, i % 2, i % 6, i // 3) for i in range(items))
        program = [os.environ["DESY_PROGRAM"], "extract", str(work / "dataset.jsonl"), "-o", str(work / "store"), "--num-workers", "1", "--quiet"]
        with open(work / "log", "w+") as log:
            job = subprocess.Popen(["mpirun", "--oversubscribe", "-n", str(RANKS), sys.executable, __file__, "rank", name, *program], stdout=log, stderr=log)
            try:
                if items > FEW:
                    stop_when_it_works(job, work)
                job.wait(300)
                ends = [(work / f"{r}.end").read_text().split() for r in range(RANKS)]
                assert [int(end[0]) for end in ends] == [code] * RANKS, ends
            except BaseException:
                job.kill()
                log.seek(0)
                print(log.read(), file=sys.stderr)
                raise
        return [float(end[1]) for end in ends]


def main():
    if "-fsanitize=address" in (pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "CMakeCache.txt").read_text():
        print("SKIP: AddressSanitizer's own memory would be measured")
        return 77
    few, many = peaks(FEW, 4), peaks(MANY, 5)
    for r in range(RANKS):
        print(f"rank {r}: {few[r]:.0f} MB with {FEW} items, {many[r]:.0f} MB with {MANY}; {MOST_MB[r]} MB more are allowed")
    assert all(many[r] - few[r] < MOST_MB[r] for r in range(RANKS))
    assert many[0] - few[0] > 30  # else the list was not measured
    return 0


if __name__ == "__main__":
    sys.exit(rank(*sys.argv[2:]) if sys.argv[1:2] == ["rank"] else main())
