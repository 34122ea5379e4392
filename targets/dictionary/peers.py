"""What a user would pick instead of a kernel, behind the same surface, on one core."""

import itertools
import types

import numpy as np


def refusal(state, indices, out_offsets=None):
    """Code of what is wrong with the dictionary or an index; 0 if nothing."""
    width, items = state[:2]
    if items < 0 or (width == 0) != (out_offsets is not None):
        return -1
    if len(indices) and indices.max() >= items:
        return -2
    if out_offsets is not None and len(out_offsets) <= len(indices):
        return -3
    return 0


def items_of(values, offsets, width):
    """Return the number of values; -1 if this is no dictionary."""
    if width < 0:
        return -1
    if width:
        return -1 if len(values) % width else len(values) // width
    if len(offsets) == 0:
        return 0
    good = offsets[0] >= 0 and offsets[-1] <= len(values) and (offsets[1:] >= offsets[:-1]).all()
    return len(offsets) - 1 if good else -1


def peer(prepare, fixed, variable):
    """Surface of a peer.

    ``fixed(prepared, indices)`` gives the bytes; ``variable(prepared, indices)`` the bytes and
    the offsets.
    """

    def setup(values, offsets, width):
        items = items_of(values, offsets, width)
        prepared = prepare(values, offsets, width, items) if items > 0 else None
        return width, items, prepared

    def decode_fixed(state, indices, out):
        code = refusal(state, indices)
        if code:
            return code
        size = state[0] * len(indices)
        if size > len(out):
            return -3
        if size:
            out[:size] = fixed(state[2], indices)
        return size

    def decode_variable(state, indices, out, out_offsets):
        code = refusal(state, indices, out_offsets)
        if code:
            return code
        if not len(indices):
            out_offsets[0] = 0
            return 0
        data, ends = variable(state[2], indices)
        if ends[-1] > len(out):
            return -3
        out[: ends[-1]] = data
        out_offsets[: len(ends)] = ends
        return int(ends[-1])

    return types.SimpleNamespace(
        setup=setup, decode_fixed=decode_fixed, decode_variable=decode_variable
    )


def numpy_peer():
    """`numpy.take` of rows; of strings, of every byte."""
    words = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64, 16: np.complex128}

    def prepare(values, offsets, width, items):
        if width:
            return values.view(words.get(width, f"V{width}"))
        return values, offsets[:-1].astype(np.int64), np.diff(offsets).astype(np.int64)

    def fixed(values, indices):
        return values.take(indices).view(np.uint8)

    def variable(state, indices):
        values, starts, sizes = state
        size = sizes.take(indices)
        ends = np.concatenate(([0], np.cumsum(size)))
        places = np.repeat(starts.take(indices) - ends[:-1], size)
        places += np.arange(ends[-1])
        return values.take(places), ends

    return peer(prepare, fixed, variable)


def pyarrow_peer():
    """``pyarrow.Array.take`` of the dictionary, which is what ``dictionary_decode`` does."""
    import pyarrow as pa

    def prepare(values, offsets, width, items):
        if width:
            return pa.Array.from_buffers(pa.binary(width), items, [None, pa.py_buffer(values)])
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(values)]
        return pa.Array.from_buffers(pa.binary(), items, buffers)

    def fixed(array, indices):
        taken = array.take(pa.array(indices))
        return np.frombuffer(taken.buffers()[1], np.uint8)[: len(taken) * array.type.byte_width]

    def variable(array, indices):
        _, ends, data = array.take(pa.array(indices)).buffers()
        ends = np.frombuffer(ends, np.int32, len(indices) + 1)
        return np.frombuffer(data, np.uint8)[: ends[-1]] if data else np.zeros(0, np.uint8), ends

    return peer(prepare, fixed, variable)


def pandas_peer():
    """`pandas.Categorical` and its values as an array; strings are Python's, joined again."""
    import pandas as pd

    def prepare(values, offsets, width, items):
        if width == 8:
            return values.view(np.int64)
        bounds = range(0, len(values) + 1, width) if width else offsets.tolist()
        data = values.tobytes()
        rows = np.empty(items, object)
        rows[:] = [data[a:b] for a, b in itertools.pairwise(bounds)]
        return rows

    def taken(rows, indices):
        # categories must differ from each other, which equal strings of a dictionary do not
        kind = pd.CategoricalDtype(range(len(rows)))
        column = pd.Categorical.from_codes(indices.astype(np.int32), dtype=kind)
        return rows[np.asarray(column)]

    def fixed(rows, indices):
        found = taken(rows, indices)
        if found.dtype == object:
            return np.frombuffer(b"".join(found), np.uint8)
        return found.view(np.uint8)

    def variable(rows, indices):
        found = taken(rows, indices).tolist()
        ends = np.concatenate(([0], np.cumsum([len(row) for row in found])))
        return np.frombuffer(b"".join(found), np.uint8), ends

    return peer(prepare, fixed, variable)


PEERS = {"numpy": numpy_peer, "pandas": pandas_peer, "pyarrow": pyarrow_peer}
