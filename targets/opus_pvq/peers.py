"""What a user would pick instead of a kernel, behind the same surface, on one core.

No package on the registry decodes PVQ codewords; bindings of libopus do not show them. So the
peers are what can be put together without a compiler: for each n a sorted row of the indices at
which the vectors with r pulses in their last n - 1 entries begin, searched by halves, with Python's
integers and lists or with NumPy.
"""

import bisect
import types

import numpy as np


def codebook_sizes(largest_n, most_pulses):
    """V(n, k) as lists of Python integers, exact."""
    sizes = [[1] + [0] * most_pulses]
    for n in range(1, largest_n + 1):
        before, row = sizes[n - 1], [1]
        for k in range(1, most_pulses + 1):
            row.append(before[k] + row[k - 1] + before[k - 1])
        sizes.append(row)
    return sizes


def rows_of(sizes):
    """For each n and r from 0 on, how many vectors come before those that leave r pulses."""
    rows = [[]]
    for n in range(1, len(sizes)):
        pairs = zip(sizes[n], sizes[n - 1], strict=True)
        rows.append([0] + [(here + before) // 2 for here, before in pairs])
    return rows


def decoder(search, prepare, zeros):
    """Surface of a peer: ``search(row, pulses, index)`` is the last r whose vectors have begun."""

    def setup(largest_n, most_pulses):
        sizes = codebook_sizes(largest_n, most_pulses)
        return sizes, rows_of(sizes), [prepare(row) for row in rows_of(sizes)]

    def decode(state, index, n, k, vector, at):
        sizes, rows, searched = state
        n, pulses, left = int(n), int(k), int(index)
        if not (1 <= n < len(sizes) and 0 <= pulses < len(sizes[0])):
            return -1
        if sizes[n][pulses] >= 1 << 32 or left >= sizes[n][pulses]:
            return -1
        found = zeros(n)
        for j in range(n):
            if pulses == 0:
                break
            row = rows[n - j]
            sign = 1
            if left >= row[pulses + 1]:
                left -= row[pulses + 1]
                sign = -1
            rest = search(searched[n - j], pulses, left)
            left -= row[rest]
            found[j] = sign * (pulses - rest)
            pulses = rest
        vector[at : at + n] = found
        return int(np.dot(found, found))

    return types.SimpleNamespace(setup=setup, decode=decode)


def numpy_peer():
    """``np.searchsorted`` in rows of u64; what does not fit is the largest number."""

    def prepare(row):
        return np.array([min(number, 2**63) for number in row], np.uint64)

    def search(row, pulses, left):
        return int(row[: pulses + 1].searchsorted(np.uint64(left), "right")) - 1

    return decoder(search, prepare, lambda n: np.zeros(n, np.int64))


def python_peer():
    """``bisect`` in lists of Python's integers."""

    def search(row, pulses, left):
        return bisect.bisect_right(row, left, 0, pulses + 1) - 1

    return decoder(search, list, lambda n: [0] * n)


PEERS = {"numpy": numpy_peer, "python": python_peer}
