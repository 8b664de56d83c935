"""POST /detect as a careful Python programmer would write it, for bench/serve.py to compare with: FastAPI under uvicorn, PyAV for the 16 frames (those of `desy`'s window sampling), PyTorch for
EfficientNet-Lite0, a logistic head over its mean; serve_peer.py WEIGHTS PORT PROCESSES THREADS. It computes no forensic numbers: that is less work than `desy serve` does. GET /embedding: the mean of
what was posted last, for a comparison."""
import os
import pathlib
import sys
import tempfile

import av
import fastapi
import numpy as np
import torch
import uvicorn

import networks_peers

WEIGHTS, PORT, PROCESSES, THREADS = sys.argv[1], *map(int, sys.argv[2:5])
app = fastapi.FastAPI()
state = {}


@app.on_event("startup")
def load():
    torch.set_num_threads(THREADS)
    state["network"] = networks_peers.load("efficientnet", WEIGHTS).to(memory_format=torch.channels_last)
    state["head"] = torch.randn(1280, generator=torch.Generator().manual_seed(1)) / 36


def wanted(count, rate):
    span = (count - 1) / rate
    if count <= 16:
        return list(range(count))
    times = np.linspace(0, span, 16) if span + 1 / rate < 2 - 1e-6 else span / 2 + (np.arange(16) - 7.5) / 8
    return sorted(set(int(f) for f in np.minimum(np.ceil(times * rate - .5 - 1e-6), count - 1)))


def frames_of(path):
    """Only frames that are wanted are converted; decoding stops after the last."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        rate = float(stream.average_rate)
        count = stream.frames or int(float(container.duration) / 1e6 * rate)
        targets, found = set(wanted(count, rate)), []
        for number, frame in enumerate(container.decode(stream)):
            if number in targets:
                shorter = min(frame.width, frame.height)
                frame = frame.reformat(256 * frame.width // shorter, 256 * frame.height // shorter, "rgb24", interpolation="AREA")
                pixels = frame.to_ndarray()
                top, left = (pixels.shape[0] - 224) // 2, (pixels.shape[1] - 224) // 2
                found.append(pixels[top:top + 224, left:left + 224])
            if number >= max(targets):
                break
    return np.stack(found)


@app.post("/detect")
def detect(video: fastapi.UploadFile):
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        while piece := video.file.read(1 << 20):
            file.write(piece)
        file.flush()
        try:
            frames = frames_of(file.name)
        except (av.FFmpegError, ValueError) as error:
            raise fastapi.HTTPException(422, str(error)) from error
    with torch.inference_mode():
        features = state["network"](networks_peers.normalised("efficientnet", frames).contiguous(memory_format=torch.channels_last)).float().mean(0)
        confidence = torch.sigmoid(features @ state["head"]).item()
    state["mean"] = features
    return {"video_path": video.filename, "status": "ok", "confidence": confidence, "is_ai_generated": confidence >= .5}


@app.get("/embedding")
def embedding():
    return state["mean"].tolist()


@app.get("/ready")
def ready():
    return os.getpid()


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    uvicorn.run("serve_peer:app", port=PORT, workers=PROCESSES, log_level="warning")
