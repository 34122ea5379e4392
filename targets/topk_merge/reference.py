"""The truth, in the plainest code: ``k`` times the nearest head of all lists.

Rows come by (distance, row id), as pylance 14.0.2 sorts them.
"""

import numpy as np
from numba import njit

NO_ROW = np.uint64(2**64 - 1)
UNSORTED = -1
BAD_STARTS = -2


@njit
def merge(distances, ids, starts, work, out_distances, out_ids):
    """Nearest ``len(out_ids)`` rows of all lists, sorted; returns how many, or an error."""
    out_distances[:] = np.inf
    out_ids[:] = NO_ROW
    size = min(len(distances), len(ids))
    if len(starts) == 0 or starts[0] < 0 or starts[-1] > size or np.any(starts[1:] < starts[:-1]):
        return BAD_STARTS
    for i in range(len(starts) - 1):
        for at in range(starts[i], starts[i + 1]):
            if np.isnan(distances[at]):
                return UNSORTED
            if at > starts[i] and (distances[at], ids[at]) < (distances[at - 1], ids[at - 1]):
                return UNSORTED
    heads = starts[:-1].copy()
    for rank in range(len(out_ids)):
        best = -1
        for i in range(len(heads)):
            if heads[i] < starts[i + 1]:
                row = distances[heads[i]], ids[heads[i]]
                if best < 0 or row < (distances[heads[best]], ids[heads[best]]):
                    best = i
        if best < 0:
            return rank
        out_distances[rank], out_ids[rank] = distances[heads[best]], ids[heads[best]]
        heads[best] += 1
    return len(out_ids)


def answer(fixture, requests):
    """Return the true outputs of all requests.

    Parameters
    ----------
    fixture : mapping
        ``k`` i64[1].
    requests : mapping
        ``distances`` f32[requests, merges, rows], ``ids`` u64 like it, ``starts``
        i64[requests, merges, lists + 1].

    Returns
    -------
    dict
        ``distances`` f32 and ``ids`` u64 [requests, merges, k], ``count`` i32[requests, merges].
    """
    merges = requests["starts"].shape[:2]
    k = int(fixture["k"][0])
    out = np.empty((*merges, k), np.float32)
    out_ids = np.empty((*merges, k), np.uint64)
    count = np.empty(merges, np.int32)
    for at in np.ndindex(merges):
        given = (requests[name][at] for name in ("distances", "ids", "starts"))
        count[at] = merge(*given, None, out[at], out_ids[at])
    return {"distances": out, "ids": out_ids, "count": count}
