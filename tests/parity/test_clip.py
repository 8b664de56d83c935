"""What a clip carries beyond its frames: its sound is what the ffmpeg command line gives for the same stretch, its crops are the pixels of the
frames that it decodes."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np

TOOL = os.path.join(os.environ["DESY_BUILD_DIR"], "tests", "tool_clip")
X264 = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -bf 2 -g 25"
# Sweeps: each moment sounds unlike every other, so that a shift by a few samples shows. Two channels that differ.
SWEEP = "aevalsrc='0.5*sin(2*PI*(200+120*t)*t)|0.3*sin(2*PI*(900-40*t)*t)':s={rate}:d={length}"
TOLERANCE = 4  # of 32768: libswresample rounds 16-bit input at other places than the reference's floats


def ffmpeg(*arguments):
    return subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True, stdout=subprocess.PIPE).stdout


def probe(path, *entries):
    command = ["ffprobe", "-v", "error", "-of", "json", *entries, path]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def first_time(path, stream):
    """When the first frame of a stream is shown, by the container's clock."""
    frames = probe(path, "-select_streams", stream, "-read_intervals", "%+#8", "-show_entries", "frame=best_effort_timestamp_time,pts_time")["frames"]
    return float(frames[0]["best_effort_timestamp_time"])


def clip(video, sound="", frames=16):
    out = subprocess.run([TOOL, str(video), str(sound), str(frames)], check=True, stdout=subprocess.PIPE).stdout
    line, rest = out.split(b"\n", 1)
    told = json.loads(line)
    crops = np.frombuffer(rest, np.uint8, offset=2 * told["samples"]).reshape(4, 224, 224, 3)
    return told, np.frombuffer(rest, np.int16, told["samples"]).astype(int), crops


def stretches(path, start):
    """2 s from `start` seconds on, by the container's clock: all of it as ffmpeg decodes it, cut at the sample, the rest by ffmpeg again. Matroska's
    clock counts whole milliseconds: after a seek it is right to half of one, and each cut that near is one more answer."""
    stream = probe(path, "-select_streams", "a:0", "-show_entries", "stream=sample_rate,channels")["streams"][0]
    rate, channels = int(stream["sample_rate"]), stream["channels"]
    data = np.frombuffer(ffmpeg("-i", path, "-map", "a:0", "-f", "f32le", "-"), np.float32).reshape(-1, channels)
    first = round((start - first_time(path, "a:0")) * rate)
    command = ["ffmpeg", "-v", "error", "-f", "f32le", "-ar", str(rate), "-ac", str(channels), "-i", "-", "-t", "2", "-ar", "16000", "-ac", "1", "-f", "s16le", "-"]
    around = rate // 1000 if path.suffix in (".mkv", ".webm") else 0
    for shift in sorted(range(-around, around + 1), key=abs):
        cut = data[max(first + shift, 0):][:rate * 21 // 10]
        yield np.frombuffer(subprocess.run(command, input=cut.tobytes(), check=True, stdout=subprocess.PIPE).stdout, np.int16).astype(int)


class Clip(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)

    def make(self, name, how, length=8, rate=44100, size="320x240", sound=True, video="", before=()):
        path = self.folder / name
        inputs = ["-f", "lavfi", "-i", SWEEP.format(rate=rate, length=length)] if sound else []
        ffmpeg("-f", "lavfi", "-i", video or f"testsrc2=s={size}:r=25:d={length}", *before, *inputs, *how.split(), path)
        return path

    def check(self, path, sound=None, wanted=32000):
        told, samples, _ = clip(path, sound or "")
        middle = (told["first"] + told["last"]) / 2
        start = max(middle - 1, 0) + first_time(sound, "a:0") if sound else max(first_time(path, "v:0") + middle - 1, first_time(path, "a:0"))
        self.assertEqual(told["reason"], "")
        tags = {name.lower(): value for name, value in probe(path, "-show_format")["format"].get("tags", {}).items()}
        self.assertEqual(told["muxer"], tags.get("encoder", ""))
        self.assertEqual(len(samples), wanted)
        self.assertGreater(np.abs(samples).max(), 8000)
        worst = []
        for reference in stretches(sound or path, start):
            self.assertLessEqual(abs(len(reference) - wanted), 40)
            n = min(len(reference), len(samples))
            worst.append(np.abs(samples[:n] - reference[:n]).max())
            if worst[-1] <= TOLERANCE:
                break
        self.assertLessEqual(worst[-1], TOLERANCE, min(worst))
        self.assertGreater(np.abs(samples[1:n] - reference[:n - 1]).max(), 1000, "this sound does not tell a shift")

    def test_sound_is_what_ffmpeg_gives(self):
        for name, how, rate in (
            ("pcm.mkv", f"{X264} -c:a pcm_s16le", 16000), ("pcm.avi", "-c:v mpeg4 -q:v 5 -c:a pcm_s16le", 44100), ("aac.mp4", f"{X264} -c:a aac", 44100),
            ("aac.ts", f"{X264} -c:a aac", 48000), ("opus.webm", "-c:v libvpx -deadline realtime -cpu-used 8 -g 40 -c:a libopus", 48000),
            ("flac.mp4", f"{X264} -c:a flac -strict -2", 22050), ("mp3.mp4", f"{X264} -c:a libmp3lame", 44100), ("low.mov", f"{X264} -c:a pcm_s16le", 11025),
        ):
            with self.subTest(name):
                self.check(self.make(name, how, rate=rate))

    def test_streams_that_begin_at_different_times(self):
        whole = self.make("whole.mov", f"{X264} -c:a pcm_s16le", rate=8000)
        late = self.folder / "late-sound.mkv"
        ffmpeg("-i", whole, "-itsoffset", "1.3", "-i", whole, "-map", "0:v", "-map", "1:a", "-c", "copy", "-t", "8", late)
        self.check(late)
        shifted = self.folder / "shifted.mkv"
        ffmpeg("-i", whole, "-c", "copy", "-output_ts_offset", "7", shifted)
        self.check(shifted)
        pictures = self.folder / "late-pictures.mkv"
        ffmpeg("-itsoffset", "2", "-i", whole, "-i", whole, "-map", "0:v", "-map", "1:a", "-c", "copy", "-t", "10", pictures)
        self.check(pictures)

    def test_a_long_video_is_not_read_from_its_start(self):
        self.check(self.make("long.mp4", f"{X264} -c:a aac", length=60, size="64x64"))

    def test_short_sound(self):
        self.check(self.make("short.mp4", f"{X264} -c:a pcm_s16le -f mov", length=1.2, rate=48000), wanted=19200)
        after = self.make("after.mov", f"{X264} -c:a pcm_s16le -t 20", length=6, rate=16000, video="testsrc2=s=160x120:r=25:d=20")
        told, samples, _ = clip(after)  # ends before the middle
        self.assertEqual((told["reason"], told["samples"]), ("", 0))

    def test_a_file_of_its_own(self):
        video = self.make("silent.mp4", X264, sound=False)
        told, _, _ = clip(video)
        self.assertEqual((told["reason"], told["samples"]), ("", 0))
        for name, how in (("own.wav", "-c:a pcm_s16le"), ("own.mp3", "-c:a libmp3lame -q:a 4"), ("own.flac", "-c:a flac"), ("own.m4a", "-c:a aac")):
            with self.subTest(name):
                sound = self.folder / name
                ffmpeg("-f", "lavfi", "-i", SWEEP.format(rate=44100, length=9), *how.split(), sound)
                self.check(video, sound)

    def test_broken_sound_leaves_the_video_ok(self):
        video, broken = self.make("sound.mp4", f"{X264} -c:a aac"), self.folder / "broken.wav"
        broken.write_bytes(b"RIFF" + os.urandom(5000))
        for sound, words in ((broken, "its sound can't be read"), (self.folder / "missing.wav", "its sound can't be read: can't be opened"),
                             (self.folder, "its sound can't be read: is a directory")):
            told, samples, _ = clip(video, sound)
            self.assertEqual(len(samples), 0)
            self.assertIn(words, told["reason"])
        gap = self.folder / "gap.mkv"  # a second of its sound is missing, in the middle
        ffmpeg("-i", video, "-c:v", "copy", "-af", "aselect='not(between(t,3.5,4.5))'", "-c:a", "pcm_s16le", gap)
        told, samples, _ = clip(gap)
        self.assertEqual(len(samples), 0)
        self.assertIn("gap", told["reason"])

    def test_crops_are_pixels_of_the_frames(self):
        """By NumPy's padding: 'reflect' is the mirror that does not repeat the border."""
        for name, size, frames in (("wide", "640x360", 16), ("odd", "501x339", 16), ("low", "320x144", 16), ("small", "94x62", 16), ("tiny", "20x16", 7), ("few", "256x256", 4)):
            with self.subTest(name):
                w, h = map(int, size.split("x"))
                path = self.make(f"{name}.mkv", "-c:v ffv1 -pix_fmt yuv444p", length=3, size=size, sound=False)
                told, _, crops = clip(path, frames=frames)
                chosen = [told["frames"][min(round(i * (frames - 1) / 3), len(told["frames"]) - 1)] for i in range(4)]
                if frames == 16:
                    self.assertEqual(chosen, [told["frames"][i] for i in (0, 5, 10, 15)])
                choice = "+".join(f"eq(n\\,{i})" for i in chosen)
                data = ffmpeg("-i", path, "-vf", f"select={choice},crop=iw-mod(iw\\,2):ih-mod(ih\\,2):0:0:exact=1,scale=flags=bilinear,format=rgb24",
                              "-vsync", "passthrough", "-f", "rawvideo", "-")
                for crop, picture in zip(crops, np.frombuffer(data, np.uint8).reshape(4, h & ~1, w & ~1, 3)):
                    for axis in (0, 1):
                        n = picture.shape[axis]
                        first = (n - 224) // 2 // 8 * 8 if n >= 224 else 0
                        before = max(224 - n, 0) // 2 // 8 * 8
                        pad = [(0, 0)] * 3
                        pad[axis] = (before, max(224 - n - before, 0))
                        picture = np.take(np.pad(picture, pad, "reflect"), range(first, first + 224), axis)
                    self.assertTrue((crop == picture).all())

    def test_a_clip_of_few_frames(self):
        path = self.make("five.mkv", "-c:v ffv1", length=.2, sound=False)
        told, _, crops = clip(path)
        self.assertEqual(len(told["frames"]), 5)
        self.assertTrue((crops[1] != crops[0]).any())  # frame 4
        self.assertTrue((crops[1] == crops[2]).all() and (crops[1] == crops[3]).all())  # there is none after it


if __name__ == "__main__":
    unittest.main()
