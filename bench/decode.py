#!/usr/bin/env python3
"""bench/decode.py [--data FILE.json] [--sampling window|keyframe|uniform] [--repeats 5] [--clips N]

Decodes the same 16 frames of every clip to (16, 224, 224, 3) RGB with one thread: DeSY, TorchCodec, decord, PyAV and OpenCV, each at the
best of the ways printed (chosen by a first pass over all clips), interleaved clip by clip; CPU seconds, medians over the repeats, summed. Without --data: over clips that
it generates with the ffmpeg command line, one a codec. The floor is the same libavcodec fed, from memory, just the packets from the key
frame to the last wanted one, with nothing around it; "floor, skipping" leaves out what nothing refers to, as DeSY does. What a peer gives is compared with DeSY's
picture; clips where it fails, or gives other frames, are left out of the comparison with it (and counted).
Exits with 1 below the bars: 1.3 times the best peer in total; 1.8 times for HEVC and for H.264 with many B-frames; .97 for every codec; 1.05 times the floor. With
--sampling keyframe: 1.0 times each peer."""
import argparse
import collections
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent / "build"
PEERS = os.environ.get("DESY_PEERS", str(BUILD / "peers" / "bin" / "python3"))
PROGRAM = os.environ.get("DESY_BENCH_DECODE", str(BUILD / "release" / "bench" / "bench_decode"))
NAMES = ["torchcodec", "decord", "pyav", "opencv"]
FLOORS = ["floor", "floor-skipping"]
SAME = 0.98  # correlation of every frame's grey levels: other matrices and resizes keep it, another frame does not where anything moves

SOURCE = "testsrc2=size=1280x720:rate=30,noise=alls=6:allf=t"
COLOURS = "-colorspace smpte170m -color_primaries smpte170m -color_trc smpte170m".split()
GENERATED = {
    "h264 (x264's defaults).mp4": "-c:v libx264 -crf 23",
    "h264, many B-frames.mp4": "-c:v libx264 -crf 23 -bf 8 -b_strategy 0 -g 120",
    "h264, no B-frames.mp4": "-c:v libx264 -crf 23 -bf 0",
    "hevc.mp4": "-c:v libx265 -crf 26 -x265-params log-level=error -tag:v hvc1",
    "vp8.webm": "-c:v libvpx -b:v 3M -deadline realtime -cpu-used 8",
    "vp9.webm": "-c:v libvpx-vp9 -b:v 2M -deadline realtime -cpu-used 8",
    "av1.mp4": "-c:v libsvtav1 -preset 10 -crf 40",
    "mpeg4.mp4": "-c:v mpeg4 -q:v 4 -bf 2",
    "mpeg2.ts": "-c:v mpeg2video -q:v 4 -bf 2 -g 15",
    "mjpeg.avi": "-c:v mjpeg -q:v 4 -pix_fmt yuvj420p",
}


def generate(folder):
    clips = [folder / name for name in GENERATED]
    if all(clip.exists() for clip in clips):
        return clips
    folder.mkdir(parents=True, exist_ok=True)
    raw = folder / "source.mkv"
    ffmpeg = ["ffmpeg", "-v", "error", "-y"]
    subprocess.run([*ffmpeg, "-f", "lavfi", "-i", SOURCE, "-t", "6", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", raw], check=True)
    for name, how in GENERATED.items():
        subprocess.run([*ffmpeg, "-i", raw, "-pix_fmt", "yuv420p", *COLOURS, *how.split(), folder / name], check=True, stderr=subprocess.DEVNULL)
    return clips


class Worker:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


class Bench:
    def __init__(self, sampling, scratch):
        self.sampling, self.scratch = sampling, scratch
        self.desy = Worker([PROGRAM])
        self.peers, self.ways, self.clips, self.pictures = {}, {}, {}, {}
        for name in NAMES:
            self.peers[name] = Worker([PEERS, str(HERE / "decode_peers.py"), name])
            hello = json.loads(self.peers[name].process.stdout.readline())
            self.ways[name] = hello["ways"]
            print(f"{name}: {hello['version']}")

    def ours(self, clip, way="desy", output="-"):
        return self.desy.ask(f"{way} {self.sampling} {output} {clip}")

    def peer(self, name, way, clip, output=""):
        facts = self.clips[clip]
        return self.peers[name].ask(json.dumps({"way": way, "path": str(clip), "frames": facts["frames"], "seconds": facts["times"], "output": output}))

    def same(self, name, way, clip):
        """Does this way give the frames that DeSY gives? Also its seconds."""
        mine, theirs = self.pictures.setdefault(clip, self.scratch / str(len(self.pictures))), self.scratch / "theirs"
        theirs.unlink(missing_ok=True)
        if not mine.exists():
            self.ours(clip, output=mine)
        answer = self.peer(name, way, clip, str(theirs))
        if answer["failed"]:
            return None, answer["failed"]
        a, b = numpy.fromfile(mine, numpy.uint8), numpy.fromfile(theirs, numpy.uint8)
        if a.size != b.size:
            return None, "another number of frames"
        a, b = (x.reshape(-1, 224 * 224, 3).mean(axis=2) for x in (a, b))
        worst = min(float(numpy.corrcoef(x, y)[0, 1]) if x.std() > 1 else float(abs(x.mean() - y.mean()) < 8) for x, y in zip(a, b))
        return (answer["seconds"], None) if worst >= SAME else (None, "other pictures")

    def choose(self, clips):
        """The best way of each peer, by a pass over all clips; and the clips that it can do."""
        best, able = {}, {}
        for name in NAMES:
            totals, good, reasons = {}, {}, collections.Counter()
            for way in self.ways[name]:
                results = {clip: self.same(name, way, clip) for clip in clips}
                good[way] = {clip for clip, (seconds, _) in results.items() if seconds is not None}
                totals[way] = sum(seconds for seconds, _ in results.values() if seconds is not None)
                reasons.update(reason.split(" (")[0][:60] for _, reason in results.values() if reason)
                print(f"  {name}, {way}: {totals[way]:.3f} s, {len(good[way])} of {len(clips)} clips")
            best[name] = min(self.ways[name], key=lambda way: (-len(good[way]) // max(1, len(clips) // 50), totals[way]))
            able[name] = good[best[name]]
            print(f"  {name} at its best: {best[name]}" + (f"; failures: {dict(reasons)}" if reasons else ""))
        return best, able


def measure(bench, clips, best, repeats):
    """(way, clip) -> median CPU seconds; all ways of a clip one after another, again and again."""
    times = collections.defaultdict(list)
    for _ in range(repeats):
        for clip in clips:
            times["desy", clip].append(bench.ours(clip)["seconds"])
            for name in NAMES:
                times[name, clip].append(bench.peer(name, best[name], clip)["seconds"])
            for floor in FLOORS if bench.sampling != "keyframe" else []:
                times[floor, clip].append(bench.ours(clip, floor)["seconds"])
    return {key: statistics.median(values) for key, values in times.items()}


def ratio(times, peer, clips):
    return sum(times[peer, clip] for clip in clips) / sum(times["desy", clip] for clip in clips) if clips else float("nan")


def report(title, times, clips, able):
    """One line of the table. The best peer, over the clips that it can do, and the floors."""
    cells, best = [f"{sum(times['desy', clip] for clip in clips):.3f}"], float("inf")
    for name in NAMES:
        mine = [clip for clip in clips if clip in able[name]]
        value = ratio(times, name, mine)
        if len(mine) > len(clips) / 2:
            best = min(best, value)
        cells.append("-" if not mine else f"{value:.2f}" + ("" if len(mine) == len(clips) else f" ({len(mine)})"))
    with_floor = [clip for clip in clips if times.get(("floor", clip), 0) > 0]
    floors = [1 / ratio(times, floor, with_floor) if with_floor else float("nan") for floor in FLOORS]
    print(f"| {title} | {len(clips)} | " + " | ".join(cells) + " | " + " | ".join(f"{floor:.2f}" for floor in floors) + " |", flush=True)
    return best, floors[0]


def kind_of(facts, clip, generated):
    return clip.stem if generated else facts["codec"] + (" with B-frames" if facts["reordering"] else "")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data")
    parser.add_argument("--sampling", default="window")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--clips", type=int)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        if arguments.data:
            root = pathlib.Path(arguments.data).resolve().parent
            clips = [root / item["video_path"] for item in json.loads(pathlib.Path(arguments.data).read_text())][: arguments.clips]
        else:
            clips = generate(BUILD / "bench-clips")
        bench = Bench(arguments.sampling, scratch)
        bench.clips = {clip: bench.ours(clip) for clip in clips}
        clips = [clip for clip in clips if bench.clips[clip]["status"] == "ok"]
        best, able = bench.choose(clips)
        times = measure(bench, clips, best, arguments.repeats)
    print("\nCPU seconds of DeSY; how many times as long each peer takes (in brackets: clips that it could do); DeSY over the floors\n")
    print("| what | clips | DeSY | " + " | ".join(NAMES) + " | floor | floor, skipping |\n" + "| --- " * (5 + len(NAMES)) + "|")
    kinds = collections.defaultdict(list)
    for clip in clips:
        kinds[kind_of(bench.clips[clip], clip, not arguments.data)].append(clip)
    total, floor = report("all", times, clips, able)
    by_kind = {kind: report(kind, times, members, able)[0] for kind, members in sorted(kinds.items())}
    bars = [("all, the best peer", total, 1.3 if arguments.sampling != "keyframe" else 1.0)]
    if arguments.sampling != "keyframe":
        bars += [("all, floor", 1.05 / floor, 1.0)]
        bars += [(kind, value, 1.8 if kind == "hevc" or "many B" in kind else 0.97) for kind, value in by_kind.items()]
    failed = [f"{what}: {value:.3f}, and {bar} is the bar" for what, value, bar in bars if not value >= bar]
    print("\n" + ("\n".join(["Below the bar:", *failed]) if failed else "All bars are met."))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
