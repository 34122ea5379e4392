"""Answers of a search held against the truth: by rank, or by how many neighbours were found."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from workbench.agreement import Agreement, Array, Mismatch, first, layout, value
from workbench.elementwise import max_abs_err
from workbench.errors import Infrastructure

# From this many requests on their mean recall is held against the minimum.
RECALL_REQUESTS = 4


def top_k(
    got_ids: Array,
    got_distances: Array,
    want_ids: Array,
    want_distances: Array,
    atol: float,
    rtol: float,
) -> Agreement | Mismatch:
    """Nearest neighbours by rank (the last axis): ids may swap inside a tie.

    Each distance must be within ``max(atol, rtol * |want|)`` of the true one at its rank, and
    each id must be a true id whose true distance ties with that rank, used no more often than
    the truth uses it. The truth may list more ranks than were asked for: so a tie that
    straddles the last rank can be told from a wrong id.

    Examples
    --------
    >>> truth = np.array([7, 8, 9]), np.array([0.0, 1.0, 1.0])
    >>> top_k(np.array([7, 9]), np.array([0.0, 1.0]), *truth, atol=0.0, rtol=0.0)
    Agreement(max_abs_err=0.0, bitwise=False, recall=None)
    """
    if want_ids.ndim == 0 or want_ids.shape != want_distances.shape:
        raise Infrastructure(
            f"the truth has ids {want_ids.shape} and distances {want_distances.shape}: "
            "a top_k oracle needs an axis of ranks and one distance for each id"
        )
    ranks = got_ids.shape[-1] if got_ids.ndim else 0
    distances = max_abs_err(
        got_distances, want_distances[..., :ranks], atol, rtol, output="distances"
    )
    if isinstance(distances, Mismatch):
        return distances
    other = layout(got_ids, want_ids[..., :ranks], "ids")
    if other is not None:
        return other
    if got_ids.tobytes() == want_ids[..., :ranks].tobytes():
        return distances
    for row in np.ndindex(got_ids.shape[:-1]):
        wrong = _wrong_rank(got_ids[row], want_ids[row], want_distances[row], atol, rtol)
        if wrong is not None:
            rank, allowed, why = wrong
            return Mismatch(
                output="ids",
                index=(*row, rank),
                got=value(got_ids[row][rank]),
                want=value(want_ids[row][rank]),
                allowed=allowed,
                why=why,
            )
    return Agreement(distances.max_abs_err, bitwise=False)


def recall(
    got: Array,
    want: Array,
    k: int,
    minimum: float,
    row_minimum: float = 0.0,
    max_error: float = math.inf,
    output: str = "out",
) -> Agreement | Mismatch:
    """Recall@k of a lossy search that answers a distance for every row (the last axis).

    The ``k`` rows whose answered distance is least are a request's answer; one counts as found
    when its *true* distance is at most the k-th true distance, so any row of a tie will do.
    The mean over requests must reach ``minimum`` wherever `RECALL_REQUESTS` or more were asked:
    one request of ten neighbours knows only steps of 0.1. Each must reach ``row_minimum``. No
    distance, near or far, may be wrong by more than ``max_error`` of its request's largest.

    Examples
    --------
    >>> truth = np.array([[1.0, 2.0, 3.0, 4.0]])
    >>> recall(truth + np.array([0.25, 0.5, 0, 0]), truth, k=2, minimum=0.9)
    Agreement(max_abs_err=0.5, bitwise=False, recall=1.0)
    """
    if not (0.0 < minimum <= 1.0 and 0.0 <= row_minimum <= minimum and k >= 1 and max_error > 0):
        raise Infrastructure(
            f"[oracle] k = {k}, minimum = {minimum}, row_minimum = {row_minimum}, max_error = "
            f"{max_error}: k is at least 1, minimum above 0 and at most 1, row_minimum between 0 "
            "and minimum, max_error above 0"
        )
    other = layout(got, want, output)
    if other is not None:
        return other
    wrong = ~np.isfinite(got) & np.isfinite(want)
    if wrong.any():
        return first(wrong, got, want, 0.0, output, "not finite where the truth is")
    if want.size == 0:
        return Agreement(0.0, bitwise=True, recall=1.0)
    finite = np.isfinite(want)
    gaps = np.subtract(got, want, dtype=np.float64, where=finite, out=np.zeros(want.shape))
    error = np.abs(gaps)
    allowed = max_error * np.abs(np.where(finite, want, 0)).max(axis=-1, keepdims=True)
    if math.isfinite(max_error) and (error > allowed).any():
        why = f"off by more than {max_error:g} of the largest distance"
        return first(error > allowed, got, want, float(allowed.max()), output, why)
    rows, k = want.reshape(-1, want.shape[-1]), min(k, want.shape[-1])
    kth = np.partition(rows, k - 1, axis=-1)[:, k - 1 : k]
    answer = np.argpartition(got.reshape(rows.shape), k - 1, axis=-1)[:, :k]
    found = (np.take_along_axis(rows, answer, axis=-1) <= kth).mean(axis=-1)
    least, overall = int(found.argmin()), float(found.mean())
    at = tuple(int(i) for i in np.unravel_index(least, want.shape[:-1]))
    if found[least] < row_minimum:
        why = f"recall@{k} of this request is too low"
        return Mismatch(output, at, float(found[least]), row_minimum, 0.0, why)
    if overall < minimum and len(found) >= RECALL_REQUESTS:
        why = f"recall@{k} is too low over {len(found)} requests; this one found the least"
        return Mismatch(output, at, overall, minimum, 0.0, why)
    same = got.tobytes() == want.tobytes()
    return Agreement(float(error.max()), bitwise=same, recall=overall)


def _wrong_rank(
    got_ids: Array, want_ids: Array, want_distances: Array, atol: float, rtol: float
) -> tuple[int, float, str] | None:
    """(rank, allowed distance, why) of the first id of one answer that no tie explains."""
    ranks_of: dict[int, list[int]] = {}
    for rank, identity in enumerate(want_ids.tolist()):
        ranks_of.setdefault(identity, []).append(rank)
    used: Counter[int] = Counter()
    distances = [float(d) for d in want_distances]
    for rank, identity in enumerate(got_ids.tolist()):
        allowed = max(atol, rtol * abs(distances[rank])) if math.isfinite(distances[rank]) else 0.0
        places = ranks_of.get(identity, [])
        used[identity] += 1
        if not places:
            return rank, allowed, "this id is not among the nearest"
        if used[identity] > len(places):
            return rank, allowed, "this id is repeated"
        if not any(
            distances[place] == distances[rank]
            or abs(distances[place] - distances[rank]) <= allowed
            for place in places
        ):
            return rank, allowed, f"this id belongs at rank {places[0]}, and that is no tie"
    return None
