"""The safetensors container: 8 bytes of length, a JSON header, the data. Small enough to write without a dependency."""

from __future__ import annotations

import json

import numpy as np

ALIGNMENT = 64  # of the data's beginning, in bytes: a cache line
DTYPES = {"F64": "<f8", "U32": "<u4", "U8": "|u1"}  # widest first: then every tensor is aligned to its own width
HEADER_BYTES_MAX = 100_000_000  # the limit that the readers of the format agree on


def write_tensors(path: str, tensors: dict) -> None:
    """Write arrays of float64, uint32 or uint8 under their names, in an order that depends on nothing but them."""
    names = {np.dtype(code): name for name, code in DTYPES.items()}
    arrays = {}
    for name, values in tensors.items():
        dtype = names[values.dtype.newbyteorder("<") if values.dtype.itemsize > 1 else values.dtype]
        arrays[name] = (dtype, np.ascontiguousarray(values, dtype=DTYPES[dtype]))
    order = sorted(arrays, key=lambda name: (list(DTYPES).index(arrays[name][0]), name))
    header, offset = {}, 0
    for name in order:
        dtype, array = arrays[name]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    encoded = json.dumps(header, separators=(",", ":")).encode("utf-8")
    encoded += b" " * (-(8 + len(encoded)) % ALIGNMENT)
    with open(path, "wb") as file:
        file.write(len(encoded).to_bytes(8, "little"))
        file.write(encoded)
        for name in order:
            file.write(arrays[name][1].data)


def read_tensors(path: str) -> dict:
    """The arrays of a file written by `write_tensors`, with the checks that a careful reader makes."""
    with open(path, "rb") as file:
        content = file.read()
    length = int.from_bytes(content[:8], "little")
    if length > min(len(content) - 8, HEADER_BYTES_MAX):
        raise ValueError("the header is longer than the file")
    header, data = json.loads(content[8 : 8 + length]), memoryview(content)[8 + length :]
    tensors, expected = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        array = np.frombuffer(data[begin:end], dtype=DTYPES[entry["dtype"]])
        if begin != expected or end != begin + array.nbytes:
            raise ValueError(f"{name}: its bytes do not follow the tensor before")
        tensors[name], expected = array.reshape(entry["shape"]), end
    if expected != len(data):
        raise ValueError("bytes are left after the last tensor")
    return tensors
