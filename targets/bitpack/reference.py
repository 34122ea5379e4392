"""The truth, in the plainest code: one value after the other, from the bits that are its own.

The layout is FastLanes', which Lance uses unchanged; it was checked against the pages that pylance
14.0.2 wrote (the snapshot): a type of ``bits`` bits has ``1024 / bits`` lanes, word ``w`` of lane
``l`` is ``packed[w * lanes + l]``, and lane ``l`` holds ``bits`` values of ``width`` bits each, the
lowest bits first. Its row ``r`` is value ``16 * ORDER[r // 8] + 128 * (r % 8) + l`` of the chunk.
"""

import numpy as np
from numba import njit

ORDER = (0, 4, 2, 6, 1, 5, 3, 7)

FINE = 0
# The chunk lies outside the page, or is too short for its header.
OUTSIDE = 1
# The header asks for more bits than the type has.
TOO_WIDE = 2
# The chunk is not as long as 1,024 values of its width are.
WRONG_LENGTH = 3
# The output has not 1,024 values for each chunk.
WRONG_OUTPUT = 4


@njit
def decode(words, bounds, out):
    """Decode all chunks; the code of the first bad one, whose output is then undefined."""
    if len(out) != 1024 * len(bounds):
        return WRONG_OUTPUT
    bits = np.iinfo(words.dtype).bits
    for chunk in range(len(bounds)):
        start, end = bounds[chunk]
        if start < 0 or end > len(words) or end <= start:
            return OUTSIDE
        header = np.uint64(words[start])
        if header > np.uint64(bits):
            return TOO_WIDE
        width = np.int64(header)
        if end - start - 1 != 1024 * width // bits:
            return WRONG_LENGTH
        for row in range(bits):
            first = 1024 * chunk + 16 * ORDER[row // 8] + 128 * (row % 8)
            for lane in range(1024 // bits):
                out[first + lane] = value(words, start + 1, width, row, lane)
    return FINE


@njit
def value(words, start, width, row, lane):
    """Value of a row and lane of the chunk whose packed words begin at ``start``."""
    if width == 0:
        return np.uint64(0)
    bits = np.iinfo(words.dtype).bits
    lanes = 1024 // bits
    word, shift = row * width // bits, row * width % bits
    found = np.uint64(words[start + word * lanes + lane]) >> np.uint64(shift)
    if shift + width > bits:
        following = np.uint64(words[start + (word + 1) * lanes + lane])
        found |= following << np.uint64(bits - shift)
    return found & (~np.uint64(0) >> np.uint64(64 - width))


def answer(fixture, requests):
    """Return the true outputs of all requests.

    Parameters
    ----------
    fixture : mapping
        Empty: a page is decoded once.
    requests : mapping
        ``words`` u8, u16, u32 or u64[requests, page] and ``bounds`` i64[requests, chunks, 2].
        Of output ``out`` there are 1,024 values a chunk.

    Returns
    -------
    dict
        ``out`` [requests, 1,024 * chunks] of the words' type, all zero where a chunk is bad, and
        ``status`` i64[requests].
    """
    words, bounds = requests["words"], requests["bounds"]
    out = np.zeros((len(words), 1024 * bounds.shape[1]), words.dtype)
    status = np.zeros(len(words), np.int64)
    for i in range(len(words)):
        status[i] = decode(words[i], bounds[i], out[i])
        if status[i] != FINE:
            out[i] = 0
    return {"out": out, "status": status}
