"""Calls of the three kernels in a full-text query, plain and counted, and what is built of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench import ticks as clock
from workbench.callsites.full_text_lists import NONE, block_bound, block_end

# Which role's kernel each of the calls is.
KERNEL_OF = {"move": "seek", "glance": "seek", "rate": "score", "meet": "intersect"}


@njit()
def unnoted(log: Any, axis: int, value: int) -> None:
    """Nobody asked."""


@njit()
def noted(log: Any, axis: int, value: int) -> None:
    """Append a value to one axis; its first element counts the values, a full axis drops them."""
    count = log[axis, 0]
    if count + 1 < log.shape[1]:
        log[axis, count + 1] = value
        log[axis, 0] = count + 1


# `specialise` gives these: kernels of the three roles, the clock, and functions of this file.
seek: Any = None
score: Any = None
intersect: Any = None
now: Any = clock.off
note: Any = unnoted
glance: Any = None
rate: Any = None


def plain_move(state: Any, cursor: Any, least_id: int, ticks: Any, log: Any) -> Any:
    """First id of a list that is at least ``least_id``."""
    return seek.next(state, cursor, least_id)


def timed_move(state: Any, cursor: Any, least_id: int, ticks: Any, log: Any) -> Any:
    """The same, counted."""
    before = cursor[0] >> 7
    begin = now()
    doc = seek.next(state, cursor, least_id)
    ticks[0] += now() - begin
    ticks[1] += 1
    note(log, 0, (cursor[0] >> 7) - before)
    return doc


def plain_glance(state: Any, cursor: Any, least_id: int, ticks: Any, log: Any) -> Any:
    """Block of a list in which ``least_id`` would lie."""
    return seek.shallow_next(state, cursor, least_id)


def timed_glance(state: Any, cursor: Any, least_id: int, ticks: Any, log: Any) -> Any:
    """The same, counted."""
    before = cursor[1]
    begin = now()
    block = seek.shallow_next(state, cursor, least_id)
    ticks[0] += now() - begin
    ticks[1] += 1
    note(log, 1, block - before)
    return block


def plain_rate(
    state: Any, ids: Any, freqs: Any, weight: Any, first_id: int, out: Any, ticks: Any, log: Any
) -> Any:
    """Add the scores of some postings into ``out``, whose first slot is document ``first_id``."""
    return score.score(state, ids, freqs, weight, first_id, out)


def timed_rate(
    state: Any, ids: Any, freqs: Any, weight: Any, first_id: int, out: Any, ticks: Any, log: Any
) -> Any:
    """The same, counted."""
    begin = now()
    status = score.score(state, ids, freqs, weight, first_id, out)
    ticks[0] += now() - begin
    ticks[1] += 1
    note(log, 0, len(ids))
    for freq in freqs:
        note(log, 1, np.int64(freq))
    return status


def plain_meet(ids: Any, starts: Any, stops: Any, out: Any, ticks: Any, log: Any) -> Any:
    """Ids that every slice has."""
    return intersect.intersect(ids, starts, stops, out)


def timed_meet(ids: Any, starts: Any, stops: Any, out: Any, ticks: Any, log: Any) -> Any:
    """The same, counted."""
    begin = now()
    count = intersect.intersect(ids, starts, stops, out)
    ticks[0] += now() - begin
    ticks[1] += 1
    note(log, 0, len(starts))
    for i in range(len(starts)):
        note(log, 1, stops[i] - starts[i])
    note(log, 2, count)
    return count


def rate_at(
    scoring: Any, index: Any, term: Any, at: Any, doc: Any, slot: Any, ticks: Any, log: Any
) -> None:
    """Add the score of the posting at ``at``, which is of a document, into its slot."""
    one = slice(at, at + 1)
    rate(scoring, index[1][one], index[2][one], index[6][term], doc, slot, ticks, log)


def competitive(
    terms: Any,
    states: Any,
    index: Any,
    cursors: Any,
    target: int,
    floor: float,
    slack: float,
    ticks: Any,
    log: Any,
) -> tuple[int, int]:
    """First document at or after ``target`` whose blocks can win with all lists, and their end.

    The window lies in one block of every list. ``(NONE, NONE)`` where there is none.
    """
    while target < NONE:
        reach, end = 0.0, NONE - 1
        for j in range(len(terms)):
            block = glance(states[j], cursors[j], target, ticks, log)
            reach += block_bound(index, terms[j], block)
            end = min(end, block_end(index, terms[j], block))
        if reach * slack > floor:
            return target, end
        target = end + 1
    return NONE, NONE
