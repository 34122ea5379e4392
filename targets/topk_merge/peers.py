"""What a user would pick instead of a kernel, behind the same surface, on one core.

None of them checks whether its lists are sorted: only heapq needs them to be.
"""

import heapq
import itertools
import types

import numpy as np

NO_ROW = np.uint64(2**64 - 1)


def filled(nearest):
    """Wrap ``nearest(distances, ids, starts, k)``, which returns the rows found."""

    def merge(distances, ids, starts, work, out_distances, out_ids):
        out_distances[:] = np.inf
        out_ids[:] = NO_ROW
        first, last = starts[0], starts[-1]
        k = min(len(out_ids), int(last - first))
        if k:
            found = nearest(distances, ids, starts, k)
            out_distances[:k], out_ids[:k] = found
        return k

    return types.SimpleNamespace(merge=merge)


def numpy_peer():
    """`numpy.partition` for the last distance, `numpy.lexsort` of what is not farther."""

    def nearest(distances, ids, starts, k):
        distances, ids = (a[starts[0] : starts[-1]] for a in (distances, ids))
        if k < len(distances):
            kept = np.flatnonzero(distances <= np.partition(distances, k - 1)[k - 1])
            distances, ids = distances[kept], ids[kept]
        ranked = np.lexsort((ids, distances))[:k]
        return distances[ranked], ids[ranked]

    return filled(nearest)


def heapq_peer():
    """`heapq.merge` of the lists as Python's own tuples, as far as ``k``."""

    def nearest(distances, ids, starts, k):
        bounds = itertools.pairwise(starts.tolist())
        slices = [slice(a, min(a + k, b)) for a, b in bounds]
        rows = [zip(distances[s].tolist(), ids[s].tolist(), strict=True) for s in slices]
        return zip(*itertools.islice(heapq.merge(*rows), k), strict=True)

    return filled(nearest)


def pyarrow_peer():
    """`pyarrow.compute.select_k_unstable` over both columns, which share the caller's memory."""
    import pyarrow as pa
    import pyarrow.compute as pc

    pa.set_cpu_count(1)
    keys = [("distance", "ascending"), ("id", "ascending")]

    def nearest(distances, ids, starts, k):
        columns = [pa.array(a[starts[0] : starts[-1]]) for a in (distances, ids)]
        batch = pa.record_batch(columns, names=["distance", "id"])
        found = batch.take(pc.select_k_unstable(batch, k, keys))
        return found["distance"].to_numpy(), found["id"].to_numpy()

    return filled(nearest)


PEERS = {"numpy": numpy_peer, "heapq": heapq_peer, "pyarrow": pyarrow_peer}
