"""The frames of a clip are those of the same numbers that the ffmpeg command line decodes, byte for byte before any transform."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from fractions import Fraction

import numpy as np

TOOL = os.path.join(os.environ["DESY_BUILD_DIR"], "tests", "tool_frames")
X264 = "-c:v libx264 -preset veryfast -pix_fmt yuv420p"
# name: source and how it is written. {NAME} is a clip made before.
CLIPS = {
    "b-frames.mp4": ("testsrc2=s=320x180:r=30:d=5", f"{X264} -bf 3 -g 48"),
    "one-key.mp4": ("testsrc2=s=160x120:r=24:d=6", f"{X264} -bf 3 -b_strategy 0 -x264-params keyint=infinite"),
    "open-gop.mkv": ("testsrc2=s=320x180:r=25:d=5", f"{X264} -bf 4 -g 20 -x264-params open-gop=1"),
    "vfr.mp4": ("testsrc2=s=320x180:r=30:d=6", f"-vf select='not(mod(n,3))+between(n,40,110)' -vsync vfr {X264} -bf 2"),
    "vfr.mkv": ("testsrc2=s=320x180:r=30:d=6", f"-vf select='not(mod(n,4))+between(n,60,140)' -vsync vfr {X264} -bf 2"),
    "odd.mp4": ("testsrc2=s=243x137:r=25:d=3", "-c:v libx264 -preset veryfast -pix_fmt yuv444p"),
    "odd.mkv": ("testsrc2=s=201x151:r=25:d=3", "-c:v ffv1 -pix_fmt yuv420p"),
    "large.mp4": ("testsrc2=s=1280x720:r=25:d=2.5", f"{X264} -bf 2"),
    "tagged.mp4": ("testsrc2=s=320x180:r=25:d=3", f"{X264} -colorspace bt709 -color_range tv"),
    "full-range.mp4": ("testsrc2=s=320x180:r=25:d=3", f"{X264} -vf scale=out_range=full -color_range pc"),
    "ten-bit.mkv": ("testsrc2=s=320x180:r=25:d=3", "-c:v libx264 -preset veryfast -pix_fmt yuv420p10le -bf 2"),
    "mpeg4.avi": ("testsrc2=s=320x240:r=25:d=4", "-c:v mpeg4 -q:v 5 -bf 2 -g 30"),
    "mpeg4.mp4": ("testsrc2=s=320x240:r=25:d=4", "-c:v mpeg4 -q:v 5 -bf 2 -g 30"),
    "vp9.webm": ("testsrc2=s=320x180:r=30:d=4", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 300k -auto-alt-ref 1 -lag-in-frames 16 -g 40 -pix_fmt yuv420p"),
    "vp8.webm": ("testsrc2=s=320x180:r=30:d=4", "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 300k -auto-alt-ref 1 -lag-in-frames 16 -g 40"),
    "hevc.mp4": ("testsrc2=s=320x180:r=25:d=4", "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25:bframes=3:open-gop=1 -pix_fmt yuv420p"),
    "stream.ts": ("testsrc2=s=320x180:r=25:d=4", f"{X264} -bf 2 -g 25"),
    "short.mp4": ("testsrc2=s=320x180:r=30:d=0.9", f"{X264} -bf 3"),
    "seven.mp4": ("testsrc2=s=320x180:r=30:d=0.2334", f"{X264} -bf 3"),
    "slow.mp4": ("testsrc2=s=320x180:r=4:d=9", f"{X264} -bf 3"),
    "loop.gif": ("testsrc2=s=201x150:r=20:d=3", ""),
    "rotated.mp4": ("{b-frames.mp4}", "-c copy -metadata:s:v:0 rotate=90"),
    "cut.mp4": ("{b-frames.mp4}", "-c copy"),  # from 1 s on: an edit list, and frames before it that are decoded and not shown
    "copied.mkv": ("{b-frames.mp4}", "-c copy"),
    "late.mkv": ("{b-frames.mp4}", "-c copy -output_ts_offset 5"),
}


def make(folder, name, source, how):
    given = ["-i", folder / source[1:-1]] if source[0] == "{" else ["-f", "lavfi", "-i", source]
    start = ["-ss", "1"] if name.startswith("cut") else []
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *start, *given, *how.split(), folder / name], check=True)


def describe(path):
    """Times of all frames in seconds from the first one, and the stream."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-of", "json", path, "-show_entries",
               "frame=best_effort_timestamp_time:stream=width,height,pix_fmt,r_frame_rate"]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    stream, stamps = told["streams"][0], [frame.get("best_effort_timestamp_time") for frame in told["frames"]]
    if None in stamps:  # AVI has no times of its own
        stamps = [i / Fraction(stream["r_frame_rate"]) for i in range(len(stamps))]
    return [float(stamp) - float(stamps[0]) for stamp in stamps], stream


def selected(path, indices, filters, *shape):
    """Hashes of the frames of these numbers as ffmpeg gives them, an odd last row and column left out."""
    choice = "+".join(f"eq(n\\,{i})" for i in indices)
    command = ["ffmpeg", "-v", "error", "-nostdin", "-noautorotate", "-i", path, "-vf", f"select={choice},{filters}", "-vsync", "passthrough",
               "-f", "rawvideo", "-"]
    data = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    frames = np.frombuffer(data, np.uint8).reshape(len(indices), *shape)
    return {i: hashlib.sha256(frame[:shape[0] & ~1, :shape[1] & ~1].tobytes()).hexdigest() for i, frame in zip(indices, frames)}


def reference(path, indices, stream):
    w, h, pixels = stream["width"], stream["height"], stream["pix_fmt"]
    even, shape = "crop=iw-mod(iw\\,2):ih-mod(ih\\,2):0:0:exact=1", (h & ~1, w & ~1)
    if pixels.startswith("yuv") and not pixels.endswith("10le"):
        luma = selected(path, indices, "extractplanes=y", h, w)
    else:
        luma = selected(path, indices, f"{even},scale=flags=bicubic+accurate_rnd+bitexact,format=yuv420p,extractplanes=y", *shape)
    matrix = ":in_color_matrix=bt709" if h >= 720 else ""  # untagged ones; the others are below
    return luma, selected(path, indices, f"{even},scale=flags=bilinear{matrix},format=rgb24", *shape, 3)


def clips_of(paths):
    """Of each path two clips: what the tool says of it, and its frames as [index, seconds, hash of luma, of RGB]."""
    lines = iter(subprocess.run([TOOL, *paths], check=True, capture_output=True, text=True).stdout.splitlines())
    clips = {path: [] for path in paths}
    for line in lines:
        path, _, *told, n = line.split("\t")
        clips[pathlib.Path(path)].append((told, [next(lines).split("\t") for _ in range(int(n))]))
    return clips


def check(path, clips):
    times, stream = describe(path)
    indices = sorted({int(frame[0]) for _, frames in clips for frame in frames})
    luma, rgb = reference(path, indices, stream)
    assert len(set(luma.values())) == len(indices), "the frames of this clip do not tell each other apart"
    for told, frames in clips:
        assert told == ["ok", "", str(len(times)), str(stream["width"] & ~1), str(stream["height"] & ~1)], told
        assert len(frames) == min(16, len(times))
        for index, seconds, luma_hash, rgb_hash in frames:
            assert abs(float(seconds) - times[int(index)]) < 2e-6, (index, seconds, times[int(index)])
            assert luma_hash == luma[int(index)], f"luma of frame {index}"
            assert rgb_hash == rgb[int(index)], f"RGB of frame {index}"


def try_clip(path, clips):
    try:
        check(path, clips)
        return True
    except AssertionError as error:
        print(f"{path.name}: {error}", file=sys.stderr)
        return False


with tempfile.TemporaryDirectory() as name, concurrent.futures.ThreadPoolExecutor(2) as pool:
    folder = pathlib.Path(name)
    for copied in (False, True):
        list(pool.map(lambda clip: make(folder, clip, *CLIPS[clip]), [clip for clip in CLIPS if (CLIPS[clip][0][0] == "{") == copied]))
    clips = clips_of([folder / clip for clip in CLIPS])
    assert all(len(both) == 2 for both in clips.values())
    good = list(pool.map(try_clip, clips, clips.values()))
sys.exit(not all(good))
