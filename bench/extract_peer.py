"""Feature extraction as a careful Python programmer would write it, for bench/extract.py to compare with:
extract_peer.py DATASET.json OUT.h5 NETWORK WEIGHTS PRECISION WORKERS THREADS BATCH [PART PARTS]. TorchCodec decodes and resizes in the workers of a DataLoader
(16 frames at 8 a second around the middle, shorter side to 256, centre 224), batches cross the borders of videos, the network runs channels-last in inference mode, and
h5py writes a dataset a video. PART of PARTS: every PARTS-th video, for several such processes side by side."""
import json
import pathlib
import sys

import h5py
import numpy as np
import torch

import networks_peers


def window(count, rate):
    """16 frames at 8 a second around the middle; what is shorter is spread."""
    if count <= 16:
        return list(range(count))
    span = (count - 1) / rate
    if span + 1 / rate < 2 - 1e-6:
        times = np.linspace(0, span, 16)
    else:
        times = span / 2 + (np.arange(16) - 7.5) / 8
    frames = np.ceil(times * rate - 0.5 - 1e-6).astype(int)
    for k in range(1, 16):
        frames[k] = max(frames[k], frames[k - 1] + 1)
    return [int(frame) for frame in np.minimum(frames, count - 16 + np.arange(16))]


class Videos(torch.utils.data.Dataset):
    def __init__(self, root, items):
        self.root, self.items = root, items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        from torchcodec.decoders import VideoDecoder
        from torchcodec.transforms import CenterCrop, Resize

        torch.set_num_threads(1)
        path = str(self.root / self.items[i])
        try:
            facts = VideoDecoder(path, seek_mode="approximate").metadata
            shorter = min(facts.height, facts.width)
            sides = 256 * facts.height // shorter, 256 * facts.width // shorter
            decoder = VideoDecoder(path, num_ffmpeg_threads=1, transforms=[Resize(sides), CenterCrop((224, 224))])
            frames = decoder.get_frames_at(window(decoder.metadata.num_frames, decoder.metadata.average_fps)).data
            return i, frames.permute(0, 2, 3, 1).contiguous()
        except Exception as error:  # one bad video is one missing dataset
            print(f"{path}: {error}", file=sys.stderr)
            return i, torch.zeros(0, 224, 224, 3, dtype=torch.uint8)


def main():
    data, out, name, weights, precision, workers, threads, batch, *part = sys.argv[1:]
    part, parts = map(int, part) if part else (0, 1)
    workers, threads, batch = int(workers), int(threads), int(batch)
    torch.set_num_threads(threads)
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    network = networks_peers.load(name, weights).to(kind).to(memory_format=torch.channels_last)
    items = [item["video_path"] for item in json.loads(pathlib.Path(data).read_text())][part::parts]
    loader = torch.utils.data.DataLoader(Videos(pathlib.Path(data).resolve().parent, items), batch_size=None, num_workers=workers,
                                         prefetch_factor=4 if workers else None)
    waiting, owners = [], []
    with h5py.File(out, "w") as store, torch.inference_mode():
        rows = {}

        def run(frames, of):
            x = networks_peers.normalised(name, frames.numpy()).to(kind).contiguous(memory_format=torch.channels_last)
            for i, row in zip(of, network(x).float().numpy()):
                rows.setdefault(i, []).append(row)

        def flush(final):
            nonlocal waiting, owners
            frames = torch.cat(waiting) if waiting else torch.zeros(0)
            while len(frames) >= batch or (final and len(frames)):
                run(frames[:batch], owners[:batch])
                frames, owners = frames[batch:], owners[batch:]
            waiting = [frames] if len(frames) else []
            for i in [i for i in rows if i not in owners]:
                store.create_dataset(items[i].replace("/", ":"), data=np.stack(rows.pop(i)))

        for i, frames in loader:
            waiting.append(frames)
            owners += [i] * len(frames)
            if sum(map(len, waiting)) >= batch:
                flush(False)
        flush(True)


main()
