"""One peer of bench/decode.py, in a process of its own: reads lines of JSON {way, path, frames, seconds, output}, makes the
(n, 224, 224, 3) RGB bytes of those frames (shorter side to 256, centre 224), and answers with the CPU seconds it took."""
import json
import os
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"
import cv2
import numpy

cv2.setNumThreads(1)


def geometry(width, height):
    """Sides after the resize, and the corner of the crop, as torchvision's Resize(256) and CenterCrop(224) have them."""
    shorter = min(width, height)
    wide, high = 256 * width // shorter, 256 * height // shorter
    return wide, high, round((wide - 224) / 2), round((high - 224) / 2)


def shrink(image):
    """Native RGB to the crop: the part that shows, by area."""
    height, width = image.shape[:2]
    wide, high, left, top = geometry(width, height)
    part = image[round(top * height / high) : round((top + 224) * height / high), round(left * width / wide) : round((left + 224) * width / wide)]
    return cv2.resize(part, (224, 224), interpolation=cv2.INTER_AREA if min(width, height) > 256 else cv2.INTER_LINEAR)


def cut(image):
    height, width = image.shape[:2]
    left, top = round((width - 224) / 2), round((height - 224) / 2)
    return image[top : top + 224, left : left + 224]


def torchcodec_exact(path, frames, seconds, inside=False, mode="exact"):
    from torchcodec.decoders import VideoDecoder
    from torchcodec.transforms import CenterCrop, Resize

    if inside:
        meta = VideoDecoder(path, seek_mode="approximate").metadata
        wide, high, _, _ = geometry(meta.width, meta.height)
        decoder = VideoDecoder(path, seek_mode=mode, num_ffmpeg_threads=1, dimension_order="NHWC", transforms=[Resize((high, wide)), CenterCrop((224, 224))])
        return decoder.get_frames_at(frames).data.numpy()
    decoder = VideoDecoder(path, seek_mode=mode, num_ffmpeg_threads=1, dimension_order="NHWC")
    return numpy.stack([shrink(image) for image in decoder.get_frames_at(frames).data.numpy()])


def decord(path, frames, seconds, inside=False):
    import decord

    if not inside:
        return numpy.stack([shrink(image) for image in decord.VideoReader(path, num_threads=1).get_batch(frames).asnumpy()])
    height, width = cv2_size(path)
    wide, high, _, _ = geometry(width, height)
    return numpy.stack([cut(image) for image in decord.VideoReader(path, width=wide, height=high, num_threads=1).get_batch(frames).asnumpy()])


def cv2_size(path):
    import av

    with av.open(path) as container:
        return container.streams.video[0].height, container.streams.video[0].width


def pyav(path, frames, seconds, inside=False):
    import av

    out = []
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        start = None
        first = stream.start_time or 0
        wanted = [round(s / stream.time_base) + first for s in seconds]
        container.seek(wanted[0], stream=stream)
        for frame in container.decode(stream):
            if start is None and frame.pts is not None and frame.pts > wanted[0]:
                return None  # it went too far
            start = frame.pts
            if frame.pts < wanted[len(out)]:
                continue
            if inside:
                wide, high, _, _ = geometry(frame.width, frame.height)
                out.append(cut(frame.to_ndarray(format="rgb24", width=wide, height=high)))
            else:
                out.append(shrink(frame.to_ndarray(format="rgb24")))
            if len(out) == len(frames):
                break
    return numpy.stack(out) if len(out) == len(frames) else None


def opencv(path, frames, seconds, seek=True):
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    out, position = [], 0
    if seek:
        capture.set(cv2.CAP_PROP_POS_FRAMES, frames[0])
        position = frames[0]
    while len(out) < len(frames) and capture.grab():
        if position == frames[len(out)]:
            out.append(cv2.cvtColor(shrink(capture.retrieve()[1]), cv2.COLOR_BGR2RGB))
        position += 1
    return numpy.stack(out) if len(out) == len(frames) else None


def versions(name):
    if name == "torchcodec":
        import torchcodec

        core = __import__("torchcodec._core", fromlist=["core"])
        libav = core.get_ffmpeg_library_versions() if hasattr(core, "get_ffmpeg_library_versions") else {}
        return f"{torchcodec.__version__}, libav {libav.get('libavcodec', libav)}"
    if name == "pyav":
        import av

        return f"{av.__version__}, libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}"
    if name == "opencv":
        text = cv2.getBuildInformation()
        return f"{cv2.__version__}, {' '.join(line.strip() for line in text.splitlines() if 'avcodec' in line)}"
    import decord
    import glob

    libraries = glob.glob(os.path.join(os.path.dirname(decord.__file__), "..", "decord.libs", "libavcodec*"))
    return f"{decord.__version__}, {' '.join(os.path.basename(library) for library in libraries) or 'libav of its own'}"


WAYS = {
    "torchcodec": {
        "exact, native size": lambda *a: torchcodec_exact(*a),
        "exact, its transforms": lambda *a: torchcodec_exact(*a, inside=True),
        "approximate, native size": lambda *a: torchcodec_exact(*a, mode="approximate"),
        "approximate, its transforms": lambda *a: torchcodec_exact(*a, inside=True, mode="approximate"),
    },
    "decord": {"native size": lambda *a: decord(*a), "its resize": lambda *a: decord(*a, inside=True)},
    "pyav": {"native size": lambda *a: pyav(*a), "its resize": lambda *a: pyav(*a, inside=True)},
    "opencv": {"seeking": lambda *a: opencv(*a), "from the start": lambda *a: opencv(*a, seek=False)},
}


def main():
    name = sys.argv[1]
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print
    if name != "opencv":
        try:
            import torch

            torch.set_num_threads(1)
        except ImportError:
            pass
    print(json.dumps({"version": versions(name), "ways": list(WAYS[name])}), file=out, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        started = time.process_time()
        try:
            images = WAYS[name][request["way"]](request["path"], request["frames"], request["seconds"])
        except Exception as error:
            images, reason = None, f"{type(error).__name__}: {str(error)[:100]}"
        else:
            reason = "not the frames"
        seconds = time.process_time() - started
        if images is not None and request["output"]:
            numpy.ascontiguousarray(images).tofile(request["output"])
        print(json.dumps({"seconds": seconds, "failed": None if images is not None else reason}), file=out, flush=True)


main()
