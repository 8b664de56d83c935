"""What `desy eval --robustness` does to videos, frame by frame, against NumPy, SciPy and the ffmpeg command line."""
import os
import pathlib
import subprocess
import tempfile

import numpy as np
import scipy.ndimage

TOOL = pathlib.Path(os.environ["DESY_BUILD_DIR"]) / "tests" / "tool_alter"
WIDTH, HEIGHT, FPS, COUNT = 160, 96, 24, 30
rng = np.random.default_rng(2)


def make_frames():
    """Planes Y, U, V of moving shapes with some grain."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    frames = []
    for t in range(COUNT):
        luma = 120 + 60 * np.sin((x + 3 * t) / 9) * np.cos((y - t) / 13) + 30 * (((x + 2 * t) // 20 + y // 16) % 2) + rng.normal(0, 3, (HEIGHT, WIDTH))
        chroma = [128 + 40 * np.sin((x[::2, ::2] + sign * 2 * t) / 15) for sign in (1, -1)]
        frames.append([np.clip(np.rint(plane), 0, 255).astype(np.uint8) for plane in (luma, *chroma)])
    return frames


FRAMES = make_frames()
RAW = b"".join(plane.tobytes() for frame in FRAMES for plane in frame)


def split(raw, width, height):
    planes = np.frombuffer(raw, np.uint8).reshape(-1, width * height * 3 // 2)
    luma, half = width * height, width * height // 4
    return [[frame[:luma].reshape(height, width), frame[luma:luma + half].reshape(height // 2, width // 2), frame[luma + half:].reshape(height // 2, width // 2)] for frame in planes]


def ffmpeg(*arguments, data):
    return subprocess.run(["ffmpeg", "-v", "error", "-nostdin", *map(str, arguments)], input=data, check=True, stdout=subprocess.PIPE).stdout


def probe(path, what):
    return subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", what, "-of", "csv=p=0", path], check=True, stdout=subprocess.PIPE, text=True).stdout.split()


def alter(name, folder):
    """Frames as planes, and the times at which they are shown."""
    result = subprocess.run([TOOL, name, str(WIDTH), str(HEIGHT), str(FPS)], input=RAW, capture_output=True)
    assert result.returncode == 0 and not result.stderr, result.stderr.decode()
    path = pathlib.Path(folder) / f"{name}.mp4"
    path.write_bytes(result.stdout)
    width, height = map(int, probe(path, "stream=width,height")[0].split(","))
    times = [float(time.rstrip(",")) for time in probe(path, "frame=pts_time")]
    raw = ffmpeg("-i", path, "-f", "rawvideo", "-fps_mode", "passthrough", "-pix_fmt", "yuv420p", "-", data=b"")
    return split(raw, width, height), np.array(times)


def same(ours, theirs, most=0):
    assert len(ours) == len(theirs), (len(ours), len(theirs))
    for a, b in zip(ours, theirs):
        for ours_plane, theirs_plane in zip(a, b):
            assert ours_plane.shape == theirs_plane.shape
            assert np.abs(ours_plane.astype(int) - theirs_plane).max() <= most


def psnr(a, b):
    return 10 * np.log10(255 ** 2 / np.mean([(x[0].astype(float) - y[0]) ** 2 for x, y in zip(a, b)]))


def main():
    shown = np.arange(COUNT) / FPS
    with tempfile.TemporaryDirectory() as folder:
        altered = lambda name: alter(name, folder)
        frames, times = altered("flip")
        same(frames, [[plane[:, ::-1] for plane in frame] for frame in FRAMES])
        assert np.allclose(times, shown, atol=1e-4)
        frames, _ = altered("crop")
        assert frames[0][0].shape == (76, 128)  # 76.8 and 128, to a whole even number
        same(frames, [[FRAMES[i][0][10:86, 16:144], FRAMES[i][1][5:43, 8:72], FRAMES[i][2][5:43, 8:72]] for i in range(COUNT)])
        frames, times = altered("drop")
        kept = [i for i in range(COUNT) if i % 5 != 4]
        same(frames, [FRAMES[i] for i in kept])
        assert np.allclose(times, shown[kept], atol=1e-4)
        frames, times = altered("repeat")
        same(frames, [FRAMES[i - (i % 5 == 4)] for i in range(COUNT)])
        assert np.allclose(times, shown, atol=1e-4)
        frames, times = altered("4fps")
        assert np.allclose(times, np.arange(len(times)) / 4, atol=1e-4)
        same(frames, [FRAMES[int(np.floor(time * FPS + 1e-6))] for time in times])
        frames, _ = altered("blur")
        blurred = lambda plane, sigma: np.floor(scipy.ndimage.gaussian_filter(plane.astype(float), sigma, mode="nearest", radius=int(np.ceil(3 * sigma))) + .5)
        same(frames, [[blurred(frame[0], 1.5), blurred(frame[1], .75), blurred(frame[2], .75)] for frame in FRAMES], most=1)
        frames, _ = altered("noise")
        noise = np.array([(ours[0].astype(int) - theirs[0]).ravel() for ours, theirs in zip(frames, FRAMES)])
        inside = np.array([((frame[0] > 20) & (frame[0] < 235)).ravel() for frame in FRAMES])
        assert abs(noise[inside].mean()) < .1 and abs(noise[inside].std() - 4) < .1, noise[inside].std()
        assert abs(np.corrcoef(noise[0], noise[1])[0, 1]) < .05  # another one in each frame
        same([frame[1:] for frame in frames], [frame[1:] for frame in FRAMES])  # on luma alone
        as_raw = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{WIDTH}x{HEIGHT}", "-r", FPS, "-i", "-")
        scaled = ffmpeg(*as_raw, "-vf", f"scale={WIDTH // 2}:{HEIGHT // 2}:flags=area+accurate_rnd+bitexact,scale={WIDTH}:{HEIGHT}:flags=bicubic+accurate_rnd+bitexact", "-f", "rawvideo", "-", data=RAW)
        same(altered("half")[0], split(scaled, WIDTH, HEIGHT), most=1)
        jpeg = ffmpeg("-f", "rawvideo", "-pix_fmt", "yuvj420p", "-s", f"{WIDTH}x{HEIGHT}", "-r", FPS, "-i", "-", "-c:v", "mjpeg", "-q:v", 4, "-f", "avi", "-", data=RAW)
        same(altered("jpeg")[0], split(ffmpeg("-i", "-", "-f", "rawvideo", "-pix_fmt", "yuvj420p", "-", data=jpeg), WIDTH, HEIGHT), most=2)
        quality = [psnr(altered(f"crf{crf}")[0], FRAMES) for crf in (23, 28, 35, 40)]
        for crf, ours in zip((23, 28, 35, 40), quality):
            coded = ffmpeg(*as_raw, "-c:v", "libx264", "-preset", "veryfast", "-crf", crf, "-g", 250, "-threads", 1, "-f", "matroska", "-", data=RAW)
            theirs = psnr(split(ffmpeg("-i", "-", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-", data=coded), WIDTH, HEIGHT), FRAMES)
            assert abs(ours - theirs) < .3, (crf, ours, theirs)
        assert quality == sorted(quality, reverse=True)
    print("alterations as NumPy, SciPy and ffmpeg make them; PSNR by CRF", [round(float(value), 1) for value in quality])


if __name__ == "__main__":
    main()
