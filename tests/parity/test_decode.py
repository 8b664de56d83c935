"""The frames of a clip are those of the same numbers that the ffmpeg command line decodes, byte for byte before any transform; and so
are the planes of every frame, in whatever order and by whatever way they are decoded."""
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

FRAMES, PLANES, READING = (os.path.join(os.environ["DESY_BUILD_DIR"], "tests", "tool_" + tool) for tool in ("frames", "planes", "reading"))
X264 = "-c:v libx264 -preset veryfast -pix_fmt yuv420p"
# name: source and how it is written. {NAME} is a clip made before.
CLIPS = {
    "b-frames.mp4": ("testsrc2=s=320x180:r=30:d=5", f"{X264} -bf 3 -g 48"),
    "one-key.mp4": ("testsrc2=s=160x120:r=24:d=6", f"{X264} -bf 3 -b_strategy 0 -x264-params keyint=infinite"),
    "open-gop.mkv": ("testsrc2=s=320x180:r=25:d=5", f"{X264} -bf 4 -g 20 -x264-params open-gop=1"),
    "refresh.mp4": ("testsrc2=s=320x180:r=25:d=5", f"{X264} -bf 2 -g 30 -x264-params intra-refresh=1"),
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
    "pyramid.mp4": ("testsrc2=s=320x180:r=30:d=4", f"{X264} -bf 8 -x264-params b-pyramid=normal:b-adapt=0:ref=4"),
    "high-422.mkv": ("testsrc2=s=322x182:r=25:d=3", "-c:v libx264 -preset veryfast -pix_fmt yuv422p10le -bf 2"),
    "interlaced.mp4": ("testsrc2=s=320x192:r=50:d=5", f"-vf interlace {X264} -bf 2 -flags +ildct+ilme -g 25"),
    "hevc-10.mkv": ("testsrc2=s=320x180:r=25:d=3", "-c:v libx265 -preset veryfast -x265-params log-level=none:keyint=30:bframes=4:b-pyramid=1 -pix_fmt yuv420p10le"),
    "hevc.ts": ("testsrc2=s=320x180:r=25:d=3", "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=20:bframes=3 -pix_fmt yuv420p"),
    "av1.mp4": ("testsrc2=s=320x180:r=25:d=3", "-c:v libsvtav1 -preset 12 -g 40 -pix_fmt yuv420p"),
    "mpeg2.ts": ("testsrc2=s=320x180:r=25:d=3", "-c:v mpeg2video -q:v 4 -bf 2 -g 15"),
    "mpeg2-interlaced.mpg": ("testsrc2=s=320x192:r=50:d=5", "-vf interlace -c:v mpeg2video -q:v 4 -bf 2 -g 15 -flags +ildct+ilme"),
    "mjpeg.avi": ("testsrc2=s=320x180:r=25:d=3", "-c:v mjpeg -q:v 4 -pix_fmt yuvj420p"),
    "mjpeg.mov": ("testsrc2=s=320x180:r=25:d=3", "-c:v mjpeg -q:v 4 -pix_fmt yuvj422p"),
    "no-times.avi": ("testsrc2=s=320x180:r=25:d=4", f"{X264} -bf 3 -g 30"),
    "plain.avi": ("testsrc2=s=320x180:r=25:d=4", f"{X264} -bf 0 -g 30"),
    "h264.flv": ("testsrc2=s=320x180:r=25:d=3", f"{X264} -bf 3 -g 30"),
    "wide-pixels.mp4": ("testsrc2=s=320x240:r=25:d=3,setsar=4/3", f"{X264} -bf 2"),
    "alpha.mov": ("testsrc2=s=160x120:r=25:d=2,format=argb,colorchannelmixer=aa=.5", "-c:v qtrle"),
    "alpha.mkv": ("testsrc2=s=160x120:r=25:d=2,format=yuva420p", "-c:v ffv1"),
    "alpha.webm": ("testsrc2=s=160x120:r=25:d=2,format=yuva420p", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 200k"),
    "theora.ogv": ("testsrc2=s=160x120:r=25:d=3", "-c:v libtheora -q:v 5"),
    "small.h264": ("testsrc2=s=160x120:r=25:d=1.6", f"{X264} -bf 2 -g 25"),
    "large.h264": ("testsrc2=s=320x180:r=25:d=1.6", f"{X264} -bf 2 -g 25"),
    "resized.h264": ("small.h264", "large.h264"),  # one after the other
    "fragmented.mp4": ("{b-frames.mp4}", "-c copy -movflags frag_keyframe+empty_moov"),
    "b-frames.mov": ("{b-frames.mp4}", "-c copy"),
    "long.mp4": ("{large.mp4}", "-c copy"),
    "long-fast.mov": ("{large.mp4}", "-c copy -movflags +faststart"),
    "rotated.mp4": ("{b-frames.mp4}", "-c copy -metadata:s:v:0 rotate=90"),
    "upside-down.mp4": ("{odd.mp4}", "-c copy -metadata:s:v:0 rotate=180"),
    "rotated-left.mov": ("{hevc.mp4}", "-c copy -metadata:s:v:0 rotate=270"),
    "cut.mp4": ("{b-frames.mp4}", "-c copy"),  # from 1 s on: an edit list, and frames before it that are decoded and not shown
    "copied.mkv": ("{b-frames.mp4}", "-c copy"),
    "late.mkv": ("{b-frames.mp4}", "-c copy -output_ts_offset 5"),
}
# Whose packets don't tell their frames: these are decoded from the start.
COUNTED = {"loop.gif", "mpeg4.avi", "mpeg2-interlaced.mpg", "odd.mkv", "alpha.mov", "alpha.mkv", "theora.ogv", "small.h264", "large.h264", "resized.h264"}
# Where two fields may be two packets or one, nothing is left out; a key frame that is a gradual refresh is not one to begin at.
REFUSING = {"interlaced.mp4", "refresh.mp4"}
ANGLES = {"rotated.mp4": 1, "upside-down.mp4": 2, "rotated-left.mov": 3}  # times 90 degrees against the clock


def make(folder, name, source, how):
    if how in CLIPS:
        (folder / name).write_bytes((folder / source).read_bytes() + (folder / how).read_bytes())
        return
    given = ["-i", folder / source[1:-1]] if source[0] == "{" else ["-f", "lavfi", "-i", source]
    start = ["-ss", "1"] if name.startswith("cut") else ["-stream_loop", "4"] if name.startswith("long") else []
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
    """Hashes of the frames of these numbers as ffmpeg gives them, an odd last row and column left out, turned upright."""
    choice = "+".join(f"eq(n\\,{i})" for i in indices)
    command = ["ffmpeg", "-v", "error", "-nostdin", "-noautorotate", "-i", path, "-vf", f"select={choice},{filters}", "-vsync", "passthrough",
               "-f", "rawvideo", "-"]
    data = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    frames = np.frombuffer(data, np.uint8).reshape(len(indices), *shape)[:, :shape[0] & ~1, :shape[1] & ~1]
    frames = np.rot90(frames, ANGLES.get(path.name, 0), (1, 2))
    return {i: hashlib.sha256(np.ascontiguousarray(frame)).hexdigest() for i, frame in zip(indices, frames)}


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
    lines = iter(subprocess.run([FRAMES, *paths], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines())
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
        size = [str(stream[side] & ~1) for side in ("width", "height")]
        size = size[::-1] if ANGLES.get(path.name, 0) % 2 else size
        assert told == ["ok", "", str(len(times)), *size], told
        assert len(frames) == min(16, len(times))
        for index, seconds, luma_hash, rgb_hash in frames:
            assert abs(float(seconds) - times[int(index)]) < 2e-6, (index, seconds, times[int(index)])
            assert luma_hash == luma[int(index)], f"luma of frame {index}"
            assert rgb_hash == rgb[int(index)], f"RGB of frame {index}"


def planes_of(paths):
    """Of each path: do its packets tell its frames; and [(way, frame, hash of planes)]."""
    lines = iter(subprocess.run([PLANES, *paths], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines())
    told, path = {}, None
    for line in lines:
        first, second, third = line.split("\t")
        if first.startswith("/"):
            path = pathlib.Path(first)
            told[path] = second == "1", []
        else:
            told[path][1].append((first, int(second), third))
    return told


def check_planes(path, exact, planes):
    command = ["ffmpeg", "-v", "error", "-nostdin", "-noautorotate", "-i", path, "-map", "0:v:0", "-autoscale", "0", "-vsync", "passthrough",
               "-f", "framehash", "-hash", "sha256", "-"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    hashes = [line.split(",")[5].strip() for line in lines if line[0] != "#"]
    assert exact == (path.name not in COUNTED), "its packets " + ("tell" if exact else "do not tell") + " its frames"
    assert {way for way, *_ in planes} == ({"all", "skipping", "alone", "counted"} if exact else {"counted"})
    for way in ("all", "counted") if exact else ("counted",):
        assert [frame for w, frame, _ in planes if w == way] == list(range(len(hashes))), f"{way}: other frames than ffmpeg's {len(hashes)}"
    refused = {way for way, frame, _ in planes if frame < 0}
    assert refused == ({"skipping", "alone"} if path.name in REFUSING else set()), f"refused: {refused}"
    for way, frame, digest in planes:
        assert frame < 0 or digest == hashes[frame], f"planes of frame {frame}, {way}"


def check_reading(folder):
    """Of a long MP4 the header and the packets that are needed; of one in fragments everything."""
    names = ["long.mp4", "long-fast.mov", "fragmented.mp4"]
    lines = subprocess.run([READING, *(folder / name for name in names)], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    shares = [int(read) / int(size) for _, size, read in (line.split("\t") for line in lines)]
    assert shares[0] < 0.5 and shares[1] < 0.5 and shares[2] > 0.9, shares


def try_clip(check, path, *told):
    try:
        check(path, *told)
        return True
    except AssertionError as error:
        print(f"{path.name}: {error}", file=sys.stderr)
        return False


with tempfile.TemporaryDirectory() as name, concurrent.futures.ThreadPoolExecutor(2) as pool:
    folder = pathlib.Path(name)
    made_of_others = {clip for clip, (source, how) in CLIPS.items() if source[0] == "{" or how in CLIPS}
    for later in (False, True):
        list(pool.map(lambda clip: make(folder, clip, *CLIPS[clip]), [clip for clip in CLIPS if (clip in made_of_others) == later]))
    # Those that repeat themselves, and one that ffmpeg would scale to one size, are compared by their planes alone.
    clips = clips_of([folder / clip for clip in CLIPS if not clip.startswith(("long", "resized"))])
    assert all(len(ways) == 4 for ways in clips.values())
    planes = planes_of([folder / clip for clip in CLIPS])
    assert len(planes) == len(CLIPS)
    good = list(pool.map(lambda path: try_clip(check, path, clips[path]), clips))
    good += list(pool.map(lambda path: try_clip(check_planes, path, *planes[path]), planes))
    check_reading(folder)
sys.exit(not all(good))
