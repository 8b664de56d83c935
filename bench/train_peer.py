"""Training of the full forms as a careful Python programmer would write it, for bench/train.py to compare with:
train_peer.py CHANNEL FEATURES.h5 PROCESSES THREADS WORKERS OPTIMISER READING PRECISION BATCH EPOCHS. PyTorch DDP over gloo; the model with torch.nn's layers; the data from h5py,
a plain array in one file: READING is "items" (one by one, in the workers of a DataLoader), "batches" (one sorted selection a batch) or "memory" (read once, before the clock starts).
CHANNEL: mid_transformer reads clips of frames, high_mlp their means and deviations. PRECISION: fp32, or bf16 by autocast.
Prints training samples a second: of EPOCHS epochs, after one that warms up."""
import os
import pathlib
import sys
import time

import h5py
import numpy as np
import torch

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "parity"))
from transformer_reference import Reference


class Clips(torch.utils.data.Dataset):
    def __init__(self, path, name, by_batch):
        self.path, self.name, self.by_batch, self.file = path, name, by_batch, None

    def open(self):
        if self.file is None:  # of each worker its own
            self.file = h5py.File(self.path, "r")
            self.x, self.labels = self.file[self.name], self.file["labels"][:]

    def __getitem__(self, i):
        self.open()
        return torch.from_numpy(self.x[i]), self.labels[i]

    def __getitems__(self, indices):
        self.open()
        if not self.by_batch:
            return [self[i] for i in indices]
        order = np.argsort(indices)
        rows = np.array(indices)[order]
        return torch.from_numpy(self.x[rows]), torch.from_numpy(self.labels[rows])


def as_given(batch):
    return batch


class Mid(Reference):
    """Of whole clips."""

    def forward(self, x):
        return super().forward(x, torch.zeros(x.shape[:2], dtype=torch.bool))


class High(torch.nn.Sequential):
    def __init__(self, inputs):
        layers = [layer for i, o in ((inputs, 512), (512, 256)) for layer in (torch.nn.Linear(i, o), torch.nn.ReLU(), torch.nn.Dropout(.5))]
        super().__init__(*layers, torch.nn.Linear(256, 1), torch.nn.Flatten(0))


def batches_of(path, name, reading, workers, batches, whole):
    if reading == "memory":
        return ((whole[0][batch], whole[1][batch]) for batch in batches)
    by_batch = reading == "batches"
    return torch.utils.data.DataLoader(Clips(path, name, by_batch), batch_sampler=batches, num_workers=workers, collate_fn=as_given if by_batch else None)


def train(rank, channel, path, processes, threads, workers, optimiser, reading, precision, batch, epochs):
    torch.set_num_threads(threads)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(20000 + os.getppid() % 10000))
    name = "features" if channel == "mid_transformer" else "pooled"
    with h5py.File(path, "r") as file:
        shape = file[name].shape
        median, scale = (torch.from_numpy(file[f"{name}_{what}"][:]) for what in ("median", "scale"))
    torch.manual_seed(1)
    model = Mid(*shape[1:]) if name == "features" else High(*shape[1:])
    if processes > 1:
        torch.distributed.init_process_group("gloo", rank=rank, world_size=processes)
        model = torch.nn.parallel.DistributedDataParallel(model)
    steps = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=.01, foreach=optimiser == "foreach", fused=optimiser == "fused")
    whole = None
    if reading == "memory":
        with h5py.File(path, "r") as file:
            whole = torch.from_numpy(file[name][:]), torch.from_numpy(file["labels"][:])
    for epoch in range(1 + epochs):
        if epoch == 1:
            begin = time.monotonic()
        order = torch.randperm(shape[0], generator=torch.Generator().manual_seed(epoch)).tolist()
        mine = [part for part in (order[i:i + batch][rank::processes] for i in range(0, shape[0], batch)) if part]
        for x, labels in batches_of(path, name, reading, workers, mine, whole):
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                z = model(((x - median) / scale).clamp_(-3, 3))
            steps.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(z.float(), labels).backward()
            steps.step()
    if rank == 0:
        print(shape[0] * epochs / (time.monotonic() - begin), flush=True)


if __name__ == "__main__":
    channel, path, optimiser, reading, precision = sys.argv[1], sys.argv[2], sys.argv[6], sys.argv[7], sys.argv[8]
    processes, threads, workers, batch, epochs = (int(sys.argv[i]) for i in (3, 4, 5, 9, 10))
    arguments = (channel, path, processes, threads, workers, optimiser, reading, precision, batch, epochs)
    if processes > 1:
        torch.multiprocessing.spawn(train, arguments, processes)
    else:
        train(0, *arguments)
