"""Training of the mid level's full form as a careful Python programmer would write it, for bench/train.py to compare with:
train_peer.py FEATURES.h5 PROCESSES THREADS WORKERS OPTIMISER READING BATCH EPOCHS. PyTorch DDP over gloo; the model with torch.nn's layers; the data from h5py,
a plain array in one file: READING is "items" (one by one, in the workers of a DataLoader) or "batches" (one sorted selection a batch).
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
    def __init__(self, path, by_batch):
        self.path, self.by_batch, self.file = path, by_batch, None

    def open(self):
        if self.file is None:  # of each worker its own
            self.file = h5py.File(self.path, "r")
            self.x, self.labels = self.file["features"], self.file["labels"][:]

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


def train(rank, path, processes, threads, workers, optimiser, reading, batch, epochs):
    torch.set_num_threads(threads)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(20000 + os.getppid() % 10000))
    with h5py.File(path, "r") as file:
        n, frames, dims = file["features"].shape
        median, scale = torch.from_numpy(file["median"][:]), torch.from_numpy(file["scale"][:])
    torch.manual_seed(1)
    model = Reference(frames, dims)
    if processes > 1:
        torch.distributed.init_process_group("gloo", rank=rank, world_size=processes)
        model = torch.nn.parallel.DistributedDataParallel(model)
    steps = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=.01, foreach=optimiser == "foreach", fused=optimiser == "fused")
    clips, by_batch = Clips(path, reading == "batches"), reading == "batches"
    for epoch in range(1 + epochs):
        if epoch == 1:
            begin = time.monotonic()
        order = torch.randperm(n, generator=torch.Generator().manual_seed(epoch)).tolist()
        mine = [part for part in (order[i:i + batch][rank::processes] for i in range(0, n, batch)) if part]
        for x, labels in torch.utils.data.DataLoader(clips, batch_sampler=mine, num_workers=workers, collate_fn=as_given if by_batch else None):
            absent = torch.zeros(len(x), frames, dtype=torch.bool)
            z = model(((x - median) / scale).clamp_(-3, 3), absent)
            steps.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(z, labels).backward()
            steps.step()
    if rank == 0:
        print(n * epochs / (time.monotonic() - begin), flush=True)


if __name__ == "__main__":
    path, optimiser, reading = sys.argv[1], sys.argv[5], sys.argv[6]
    processes, threads, workers, batch, epochs = (int(sys.argv[i]) for i in (2, 3, 4, 7, 8))
    arguments = (path, processes, threads, workers, optimiser, reading, batch, epochs)
    if processes > 1:
        torch.multiprocessing.spawn(train, arguments, processes)
    else:
        train(0, *arguments)
