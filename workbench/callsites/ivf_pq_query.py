"""The compiled part of `workbench.callsites.ivf_pq`: the query's own loop and its fixed code.

`search` and `set_up` are plain functions that `workbench.targets.specialise` compiles around a
variant; the names they take from it are declared below. Nothing here allocates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numba.typed import List

L2, COSINE, DOT = 0, 1, 2
RANK, PQ, MERGE = 0, 1, 2

# What `specialise` provides: the variant's functions, the clock, and which role is under test.
now: Any = None
aim: Any = None
tested: int = -1
nearest_partitions: Any = None
set_up_partition: Any = None
distance_table: Any = None
row_distances: Any = None
merge: Any = None


def set_up(codebook: Any, codes: Any, starts: Any) -> Any:
    """One state a partition, in a list that compiled code reads without copying."""
    states = List()
    for p in range(len(starts) - 1):
        states.append(set_up_partition(codebook, codes[starts[p] : starts[p + 1]]))
    return states


def search(
    metric: Any,
    rank_state: Any,
    states: Any,
    index: Any,
    query: Any,
    aimed: Any,
    probed: Any,
    rows: Any,
    lists: Any,
    ids: Any,
    distances: Any,
    ticks: Any,
) -> None:
    """Answer every query; arguments are grouped as `workbench.callsites.ivf_pq` says."""
    centroids, starts, row_ids = index
    target, offset = aimed
    gaps, order, partitions, partition_distances = probed
    table, found_distances = rows
    list_starts, list_distances, list_ids, work = lists
    segments = (len(starts) - 1) // len(centroids)
    k = ids.shape[1]
    for q in range(len(query)):
        begin = now()
        searched = segments if aim(query[q], target) else 0
        if tested == PQ and metric == COSINE:
            ticks[0] += now() - begin
        list_starts[0] = 0
        for s in range(searched):
            begin = now()
            found = nearest_partitions(
                rank_state, target, gaps, order, partitions, partition_distances
            )
            if tested == RANK:
                ticks[0] += now() - begin
                ticks[1] += 1
            first, kept = list_starts[s], 0
            for i in range(found):
                p = s * len(centroids) + partitions[i]
                offset_from(metric, target, centroids, partitions[i], offset)
                state, distances_of_rows = states[p], found_distances[: starts[p + 1] - starts[p]]
                begin = now()
                distance_table(state, offset, table)
                row_distances(state, table, distances_of_rows)
                if tested == PQ:
                    ticks[0] += now() - begin
                    ticks[1] += 1
                kept = keep_nearest(
                    distances_of_rows, row_ids, starts[p], list_distances, list_ids, first, k, kept
                )
            sort_kept(list_distances, list_ids, first, kept)
            list_starts[s + 1] = first + kept
        found_lists, found_rows, found_ids = list_starts[: searched + 1], distances[q], ids[q]
        begin = now()
        merge(list_distances, list_ids, found_lists, work, found_rows, found_ids)
        if tested == MERGE:
            ticks[0] += now() - begin
            ticks[1] += 1


@njit
def as_it_is(query: Any, target: Any) -> Any:
    """What is searched for, except with cosine, whose kernels scale it to length 1 themselves."""
    for d in range(len(query)):
        target[d] = query[d]
    return True


@njit
def offset_from(metric: Any, target: Any, centroids: Any, p: Any, offset: Any) -> None:
    """What the codes of partition ``p`` are compared with."""
    for d in range(len(target)):
        offset[d] = target[d] if metric == DOT else target[d] - centroids[p, d]


@njit
def keep_nearest(
    distances: Any, row_ids: Any, at: Any, best: Any, best_ids: Any, first: Any, k: Any, kept: Any
) -> Any:
    """Show the rows of a partition, ``row_ids[at:]``, to the heap that begins at ``best[first]``.

    It holds ``kept`` of at most ``k`` rows, the farthest on top; returns how many it holds then.
    Lance, too, keeps one heap for all partitions of a segment.
    """
    for i in range(len(distances)):
        if kept < k:
            best[first + kept], best_ids[first + kept] = distances[i], row_ids[at + i]
            kept += 1
            if kept == k:
                heapify(best, best_ids, first, kept)
        elif nearer(distances[i], row_ids[at + i], best[first], best_ids[first]):
            best[first], best_ids[first] = distances[i], row_ids[at + i]
            sift_down(best, best_ids, first, 0, kept)
    return kept


@njit
def sort_kept(best: Any, best_ids: Any, first: Any, kept: Any) -> None:
    """Sort what was kept, which is a heap only when it is full."""
    heapify(best, best_ids, first, kept)
    for last in range(kept - 1, 0, -1):
        swap(best, best_ids, first, first + last)
        sift_down(best, best_ids, first, 0, last)


@njit
def nearer(distance: Any, row_id: Any, other: Any, other_id: Any) -> Any:
    """Whether a row comes before another: by distance, then by row id."""
    return distance < other or (distance == other and row_id < other_id)


@njit
def swap(best: Any, best_ids: Any, i: Any, j: Any) -> None:
    """Exchange two rows."""
    best[i], best[j] = best[j], best[i]
    best_ids[i], best_ids[j] = best_ids[j], best_ids[i]


@njit
def heapify(best: Any, best_ids: Any, first: Any, size: Any) -> None:
    """Make a heap of any rows."""
    for at in range(size // 2 - 1, -1, -1):
        sift_down(best, best_ids, first, at, size)


@njit
def sift_down(best: Any, best_ids: Any, first: Any, at: Any, size: Any) -> None:
    """Restore the heap below place ``at`` of it."""
    while True:
        child = 2 * at + 1
        if child >= size:
            return
        i, j = first + child, first + child + 1
        if child + 1 < size and nearer(best[i], best_ids[i], best[j], best_ids[j]):
            child, i = child + 1, j
        if not nearer(best[first + at], best_ids[first + at], best[i], best_ids[i]):
            return
        swap(best, best_ids, first + at, i)
        at = child


@njit
def nearest_partitions_dot(
    state: Any, query: Any, gaps: Any, order: Any, partitions: Any, distances: Any
) -> Any:
    """Rank partitions by ``1 - dot product``; surface of ivf_partition, whose metric is L2."""
    centroids = state[0]
    for p in range(len(centroids)):
        total = np.float32(0.0)
        for d in range(len(query)):
            total += query[d] * centroids[p, d]
        gaps[p] = np.float32(1.0) - total
    count = min(len(partitions), len(centroids))
    for i in range(count):
        nearest = -1
        for p in range(len(centroids)):
            if gaps[p] < np.inf and (nearest < 0 or gaps[p] < gaps[nearest]):
                nearest = p
        partitions[i], distances[i] = nearest, gaps[nearest]
        gaps[nearest] = np.inf
    return count
