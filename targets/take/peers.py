"""What a user would pick instead of a kernel, behind the same surface, on one core.

Every peer checks its ids, as the surface asks; numpy and pandas know no strings of varying width
in one buffer, so there they do what their users do: index arithmetic, or an array of objects.
"""

import types

import numpy as np


def _beyond(ids, rows):
    return len(ids) > 0 and int(ids.max()) >= rows


def numpy_peer():
    """`numpy.take`; strings by a gather of bytes with `numpy.repeat`."""

    def take_fixed(values, ids, out):
        if len(out) < len(ids) or out.shape[1:] < values.shape[1:]:
            return -2
        if _beyond(ids, len(values)):
            return -1
        # checked above: clip keeps numpy from buffering `out`
        if len(ids):
            np.take(values, ids.view(np.int64), axis=0, out=out[: len(ids)], mode="clip")
        return 0

    def take_variable(data, offsets, ids, out_data, out_offsets):
        if len(out_offsets) < len(ids) + 1:
            return -2
        if _beyond(ids, len(offsets) - 1):
            return -1
        rows = ids.view(np.int64)
        starts = offsets[rows].astype(np.int64)
        sizes = offsets[rows + 1].astype(np.int64) - starts
        if (starts < 0).any() or (sizes < 0).any() or (starts + sizes > len(data)).any():
            return -3
        ends = np.cumsum(sizes)
        total = int(ends[-1]) if len(ends) else 0
        if total > len(out_data):
            return -2
        out_offsets[0] = 0
        out_offsets[1 : len(ids) + 1] = ends
        shift = np.repeat(starts - (ends - sizes), sizes)
        out_data[:total] = data[shift + np.arange(total)]
        return 0

    def take_bits(bits, ids, out):
        if len(out) * 64 < len(ids):
            return -2
        if _beyond(ids, len(bits) * 64):
            return -1
        octets = bits.view(np.uint8)[(ids >> np.uint64(3)).view(np.int64)]
        chosen = (octets >> (ids & np.uint64(7)).astype(np.uint8)) & np.uint8(1)
        packed = np.packbits(chosen, bitorder="little")
        words = out.view(np.uint8)[: (len(ids) + 63) // 64 * 8]
        words[: len(packed)] = packed
        words[len(packed) :] = 0
        return 0

    return types.SimpleNamespace(
        take_fixed=take_fixed, take_variable=take_variable, take_bits=take_bits
    )


def pyarrow_peer():
    """`pyarrow.compute.take` over the same buffers; its answers are copied into the caller's."""
    import pyarrow as pa
    import pyarrow.compute as pc

    pa.set_cpu_count(1)

    def integers(array):
        kind = pa.from_numpy_dtype(array.dtype)
        return pa.Array.from_buffers(kind, len(array), [None, pa.py_buffer(array)])

    def take(column, ids):
        try:
            return pc.take(column, integers(ids), boundscheck=True)
        except IndexError:
            return None

    def take_fixed(values, ids, out):
        if len(out) < len(ids) or out.shape[1:] < values.shape[1:]:
            return -2
        if values.ndim == 1:
            found = take(integers(values), ids)
        else:
            flat = integers(values.reshape(-1))
            found = take(pa.FixedSizeListArray.from_arrays(flat, values.shape[1]), ids)
        if found is None:
            return -1
        flat = found if values.ndim == 1 else found.flatten()
        out[: len(ids)] = flat.to_numpy().reshape(len(ids), *values.shape[1:])
        return 0

    def take_variable(data, offsets, ids, out_data, out_offsets):
        if len(out_offsets) < len(ids) + 1:
            return -2
        if _beyond(ids, len(offsets) - 1):
            return -1
        starts, stops = offsets[:-1], offsets[1:]
        # Arrow trusts its offsets: they must be checked before they are handed over
        if len(ids) and (starts.min() < 0 or (stops < starts).any() or stops.max() > len(data)):
            return -3
        buffers = [pa.py_buffer(offsets), pa.py_buffer(data)]
        column = pa.StringArray.from_buffers(len(starts), *buffers)
        found = take(column, ids)
        out_offsets[0] = 0
        if len(ids):
            _, bounds, stored = found.buffers()
            marks = np.frombuffer(bounds, np.int32)[: len(ids) + 1]
            if marks[-1] > len(out_data):
                return -2
            out_offsets[: len(ids) + 1] = marks
            out_data[: marks[-1]] = np.frombuffer(stored or b"", np.uint8)[: marks[-1]]
        return 0

    def take_bits(bits, ids, out):
        if len(out) * 64 < len(ids):
            return -2
        column = pa.BooleanArray.from_buffers(
            pa.bool_(), len(bits) * 64, [None, pa.py_buffer(bits)]
        )
        found = take(column, ids)
        if found is None:
            return -1
        if len(ids):
            words, octets = (len(ids) + 63) // 64, (len(ids) + 7) // 8
            out[words - 1] = 0
            stored = np.frombuffer(found.buffers()[1], np.uint8)[:octets]
            out.view(np.uint8)[:octets] = stored
            if len(ids) % 64:
                out[words - 1] &= np.uint64(2 ** (len(ids) % 64) - 1)
        return 0

    return types.SimpleNamespace(
        take_fixed=take_fixed, take_variable=take_variable, take_bits=take_bits
    )


def pandas_peer():
    """`pandas.api.extensions.take`; for strings and bitmaps a user of pandas has numpy."""
    from pandas.api.extensions import take

    other = numpy_peer()

    def take_fixed(values, ids, out):
        if len(out) < len(ids) or out.shape[1:] < values.shape[1:]:
            return -2
        try:
            out[: len(ids)] = take(values, ids.view(np.int64), axis=0)
        except IndexError:
            return -1
        return 0

    return types.SimpleNamespace(
        take_fixed=take_fixed, take_variable=other.take_variable, take_bits=other.take_bits
    )


PEERS = {"numpy": numpy_peer, "pandas": pandas_peer, "pyarrow": pyarrow_peer}
