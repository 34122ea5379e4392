"""The truth in the plainest code: the steps of RFC 6716, section 4.3.4.2, one after another.

V(n, k) comes from the recurrence of that section, in 64 bits, for all n and k. What does not fit
into 32 bits is no codebook of Opus.
"""

import numpy as np
from numba import njit

REFUSED = -1
LIMIT = 1 << 32


@njit
def setup(largest_n, most_pulses):
    """V(n, k), i64[largest_n + 1, most_pulses + 1]; 2**32 stands for 2**32 and more."""
    sizes = np.zeros((largest_n + 1, most_pulses + 1), np.int64)
    sizes[:, 0] = 1
    for n in range(1, largest_n + 1):
        for k in range(1, most_pulses + 1):
            total = sizes[n - 1, k] + sizes[n, k - 1] + sizes[n - 1, k - 1]
            sizes[n, k] = min(total, LIMIT)
    return (sizes,)


@njit
def decode(state, index, n, k, vector, at):
    """Write the vector of an index; return the sum of its squares, or -1 where there is none."""
    sizes = state[0]
    if not (1 <= n < sizes.shape[0] and 0 <= k < sizes.shape[1]):
        return REFUSED
    if sizes[n, k] >= LIMIT or index >= sizes[n, k]:
        return REFUSED
    i = np.int64(index)
    squares = 0
    for j in range(n):
        p = (sizes[n - j - 1, k] + sizes[n - j, k]) // 2
        sign = 1
        if i >= p:
            sign = -1
            i -= p
        k0 = k
        p -= sizes[n - j - 1, k]
        while p > i:
            k -= 1
            p -= sizes[n - j - 1, k]
        entry = sign * (k0 - k)
        vector[at + j] = entry
        squares += entry * entry
        i -= p
    return squares


def answer(fixture, requests):
    """Return the true outputs of all requests.

    Parameters
    ----------
    fixture : mapping
        ``largest_n``, ``most_pulses`` i64[1].
    requests : mapping
        ``indices`` u32[requests, m]; ``sizes``, ``pulses`` i32[requests, m]; ``asked``
        i64[requests], how many of the m vectors count; ``room`` i64[requests], entries of all
        of them together at most.

    Returns
    -------
    dict
        ``vectors`` i32[requests, room], of which ``count`` i64[requests] entries count;
        ``squares`` i64[requests, m], a sum for each vector, or -1.
    """
    state = setup(int(fixture["largest_n"][0]), int(fixture["most_pulses"][0]))
    n, most = requests["indices"].shape
    outputs = {
        "vectors": np.zeros((n, max(requests["room"], default=0)), np.int32),
        "squares": np.zeros((n, most), np.int64),
        "count": np.zeros(n, np.int64),
    }
    decode_all(state, *(requests[k] for k in ("indices", "sizes", "pulses", "asked")), **outputs)
    return outputs


@njit
def decode_all(state, indices, sizes, pulses, asked, vectors, squares, count):
    """One vector after another."""
    for i in range(len(indices)):
        at = 0
        for j in range(asked[i]):
            found = decode(state, indices[i, j], sizes[i, j], pulses[i, j], vectors[i], at)
            squares[i, j] = found
            if found >= 0:
                at += sizes[i, j]
        count[i] = at
