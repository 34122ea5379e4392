"""What a user would pick instead of a kernel, behind the same surface, on one core.

- vortex ships the FastLanes decoder that Lance's is derived from. It unpacks an array of one
  width, so chunks are gathered by width, and it takes them as one of its own serialised messages:
  a message about a real array is written once, then only its lengths, its width and its bytes are
  put in.
- numpy has no call that unpacks fields of bits (``unpackbits`` makes a byte of each bit); shifts
  and masks of whole rows of all chunks of a width are the quickest way found.

pyarrow, polars and duckdb unpack bits only inside their own file formats, from other layouts.
"""

import struct
import types

import numpy as np

ORDER = (0, 4, 2, 6, 1, 5, 3, 7)
# Any number that stands nowhere else in a message of vortex.
MODEL_ROWS = 70_001


def first_fault(words, bounds, out):
    """Code of the first bad chunk, as the surface says."""
    if len(out) != 1024 * len(bounds):
        return 4
    bits = 8 * words.itemsize
    for start, end in bounds.tolist():
        if start < 0 or end > len(words) or end <= start:
            return 1
        width = int(words[start])
        if width > bits:
            return 2
        if end - start - 1 != 1024 * width // bits:
            return 3
    return 0


def by_width(unpack):
    """Surface around ``unpack(packed, width)``, which decodes all chunks of one width at once.

    ``packed`` is [chunks, words of a chunk], the result [chunks, 1024].
    """

    def decode(words, bounds, out):
        code = first_fault(words, bounds, out)
        if code or not len(bounds):
            return code
        starts = bounds[:, 0]
        widths = words[starts]
        chunks = out.reshape(-1, 1024)
        for width in np.unique(widths).tolist():
            (chosen,) = np.nonzero(widths == width)
            if width == 0:
                chunks[chosen] = 0
                continue
            length = 128 * width // words.itemsize
            packed = words[starts[chosen, None] + 1 + np.arange(length)]
            chunks[chosen] = unpack(packed, width)
        return 0

    return types.SimpleNamespace(decode=decode)


def numpy_peer():
    """Shifts and masks of whole rows, over all chunks of a width at once."""

    def unpack(packed, width):
        bits = 8 * packed.itemsize
        lanes = 1024 // bits
        packed = packed.reshape(len(packed), width, lanes)
        mask = packed.dtype.type((1 << width) - 1)
        values = np.empty((len(packed), 1024), packed.dtype)
        for row in range(bits):
            word, shift = divmod(row * width, bits)
            found = packed[:, word] >> packed.dtype.type(shift)
            if shift + width > bits:
                found |= packed[:, word + 1] << packed.dtype.type(bits - shift)
            first = 16 * ORDER[row // 8] + 128 * (row % 8)
            np.bitwise_and(found, mask, out=values[:, first : first + lanes])
        return values

    return by_width(unpack)


def vortex_peer():
    """`vortex`: FastLanes in Rust."""
    import pyarrow as pa
    import vortex
    from vortex import serde

    messages = {}

    def message(dtype):
        """Write a message about an array of a type, and find the places of what it says."""
        values = np.random.default_rng(0).integers(1, 100, MODEL_ROWS).astype(dtype)
        array = vortex.compress(vortex.array(pa.array(values)))
        if array.id != "fastlanes.bitpacked.v2" or array.bit_width != 7:
            raise RuntimeError(f"vortex packed the model array as {array.id}")
        (size, head, pad, body, about, tail), kind = serde.encode_ipc_array_buffers(array)
        head, about = bytearray(head), bytearray(about)
        rest = len(about) + len(tail)
        places = (
            head.index(struct.pack("<Q", len(body) + rest)),
            head.index(struct.pack("<I", MODEL_ROWS)),
            about.index(struct.pack("<I", len(body))),
            about.rindex(b"\x08\x07") + 1,
        )
        return (size, head, pad, about, tail), kind, rest, places

    def unpack(packed, width):
        if packed.dtype not in messages:
            messages[packed.dtype] = message(packed.dtype)
        (size, head, pad, about, tail), kind, rest, places = messages[packed.dtype]
        body_at, rows_at, bytes_at, width_at = places
        struct.pack_into("<Q", head, body_at, packed.nbytes + rest)
        struct.pack_into("<I", head, rows_at, 1024 * len(packed))
        struct.pack_into("<I", about, bytes_at, packed.nbytes)
        about[width_at] = width
        parts = [size, bytes(head), pad, memoryview(packed).cast("B"), bytes(about), tail]
        array = serde.decode_ipc_array_buffers(parts, kind)
        return array.to_numpy(zero_copy_only=False).reshape(-1, 1024)

    return by_width(unpack)


PEERS = {"vortex": vortex_peer, "numpy": numpy_peer}
