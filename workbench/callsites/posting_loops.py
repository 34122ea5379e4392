"""The loops of a full-text query, plain functions that `workbench.targets.specialise` compiles.

Four ways through the posting lists, as Lance has them in
rust/lance-index/src/scalar/inverted/wand.rs (the document-at-a-time OR is that of
Lance 1.0; later ones keep one behind LANCE_FTS_MAXSCORE=0):

- `seek_any`: block-max WAND. Lists in order of their current document; the first whose summed
  bounds can beat the tenth best is the pivot; block maxima there decide whether to skip blocks.
- `seek_every`: all lists follow the shortest; windows that block maxima rule out are skipped.
- `stream_any`: MAXSCORE. In each window, lists that together cannot reach the tenth best are only
  probed; the others are scored in bulk into 4,096 slots, one per document.
- `merge_every`: windows that lie in one block of every list; slices intersected, matches scored.

A score is the float32 sum of its terms' contributions in the order of the query, whatever order
found them, because that is the score Lance reports. Bounds are summed in float64 and widened, so
that no document is skipped that could win. Where scores tie, the earlier document stays.

All document ids are int64 here; `NONE` (2**32) is the id of an exhausted list.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench import ticks as clock

LISTS = 5
BLOCK = 128
WINDOW = 4_096
WORDS = WINDOW // 64
NONE = 1 << 32

# The caller's working memory, in the order in which `room` holds it.
SCRATCH = {
    "cursors": ((LISTS, 2), "int64"),
    "docs": ((LISTS,), "int64"),
    "order": ((LISTS,), "int64"),
    "spans": ((2, LISTS), "int64"),
    "bounds": ((LISTS,), "float64"),
    "prefixes": ((LISTS,), "float64"),
    "parts": ((LISTS,), "float32"),
    "slot": ((1,), "float32"),
    "window": ((WINDOW,), "float32"),
    "touched": ((WORDS,), "uint64"),
    "matched": ((BLOCK,), "uint32"),
    "matched_freqs": ((LISTS, BLOCK), "uint32"),
}
# What of the fixture the loops read, in the order in which `index` holds it.
INDEX = ("starts", "ids", "freqs", "block_starts", "first_ids", "block_weights", "idf")
# Which role's kernel each of the calls below is.
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
move: Any = None
glance: Any = None
rate: Any = None
meet: Any = None
rivals: Any = None
search_any: Any = None
search_every: Any = None


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


@njit()
def widening(count: int) -> float:
    """Factor that covers any float32 order of adding ``count`` bounds, as Lance takes it."""
    return 1.0 if count <= 2 else 1.0 + 2.0 * (count - 1) * 2.0**-23


@njit()
def keep(doc: Any, reached: Any, held: int, ids: Any, scores: Any) -> int:
    """Insert a document into the best so far, behind its equals; return how many are held."""
    room = len(scores)
    if held == room and not reached > scores[room - 1]:
        return held
    place = min(held, room - 1)
    while place > 0 and scores[place - 1] < reached:
        scores[place] = scores[place - 1]
        ids[place] = ids[place - 1]
        place -= 1
    scores[place] = reached
    ids[place] = doc
    return min(held + 1, room)


@njit()
def sort_by(order: Any, keys: Any, count: int) -> None:
    """Order list numbers by key, in place; there are at most five."""
    for i in range(1, count):
        j, place = order[i], i
        while place > 0 and keys[order[place - 1]] > keys[j]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = j


@njit()
def block_end(index: Any, term: int, block: int) -> Any:
    """Last id that can lie in a block of a list."""
    first = index[3][term] + block
    return np.int64(index[4][first + 1]) - 1 if first + 1 < index[3][term + 1] else NONE - 1


@njit()
def block_bound(index: Any, term: int, block: int) -> float:
    """What no posting of a block of a list can exceed."""
    return np.float64(index[6][term] * index[5][index[3][term] + block])


@njit()
def list_bound(index: Any, term: int, block: int, last_id: int) -> float:
    """What no posting of a list from a block on up to an id can exceed."""
    bound = np.float64(0)
    first, stop = index[3][term] + block, index[3][term + 1]
    while first < stop and index[4][first] <= last_id:
        bound = max(bound, np.float64(index[6][term] * index[5][first]))
        first += 1
    return bound


@njit()
def find(ids: Any, start: int, stop: int, doc: int) -> int:
    """Position of a document among the ids of a slice; -1 where it is not."""
    low, high = start, stop
    while low < high:
        middle = (low + high) >> 1
        if ids[middle] < doc:
            low = middle + 1
        else:
            high = middle
    return low if low < stop and ids[low] == doc else -1


@njit()
def trailing_zeros(low: Any) -> Any:
    """Place of the only bit that is set: a float64 holds a power of two in its exponent."""
    return (np.float64(low).view(np.int64) >> 52) - 1_023


def answer_queries(
    requests: Any,
    lists: Any,
    scoring: Any,
    index: Any,
    room: Any,
    ticks: Any,
    log: Any,
    ids: Any,
    scores: Any,
) -> None:
    """Answer every query into ``ids`` and ``scores``, best first, padded with -1 and 0."""
    terms, every = requests
    for i in range(len(terms)):
        count = 0
        while count < LISTS and terms[i, count] >= 0:
            count += 1
        ids[i, :] = -1
        scores[i, :] = 0
        if count > 0:
            search = (terms[i, :count], lists, scoring, index, room, ticks, log, ids[i], scores[i])
            if every[i]:
                search_every(*search)
            else:
                search_any(*search)


def seek_any(
    terms: Any,
    lists: Any,
    scoring: Any,
    index: Any,
    room: Any,
    ticks: Any,
    log: Any,
    best_ids: Any,
    best_scores: Any,
) -> None:
    """OR, a document at a time: block-max WAND."""
    cursors, docs, order, _, bounds, _, _, slot = room[:8]
    starts, ids, freqs = index[:3]
    idf = index[6]
    count = len(terms)
    last = count - 1
    # a tuple of equal types may be indexed by a variable, and is cheaper to read than a list
    states = (
        lists[terms[0]],
        lists[terms[min(1, last)]],
        lists[terms[min(2, last)]],
        lists[terms[min(3, last)]],
        lists[terms[min(4, last)]],
    )
    slack = widening(count)
    for j in range(count):
        cursors[j, :] = 0
        docs[j] = move(states[j], cursors[j], 0, ticks, log)
        bounds[j] = list_bound(index, terms[j], 0, NONE)
        order[j] = j
    held = 0
    while True:
        sort_by(order, docs, count)
        floor = np.float64(best_scores[-1]) if held == len(best_scores) else -1.0
        reach, pivot = 0.0, -1
        for i in range(count):
            if docs[order[i]] == NONE:
                break
            reach += bounds[order[i]]
            if reach * slack > floor:
                pivot = i
                break
        if pivot < 0:
            break
        doc = docs[order[pivot]]
        while pivot + 1 < count and docs[order[pivot + 1]] == doc:
            pivot += 1
        reach = 0.0
        for i in range(pivot + 1):
            j = order[i]
            block = glance(states[j], cursors[j], doc, ticks, log)
            reach += block_bound(index, terms[j], block)
        if reach * slack <= floor:
            # nothing before the next block of one of them, or the next list's document, can win
            least = docs[order[pivot + 1]] if pivot + 1 < count else NONE
            furthest = order[0]
            for i in range(pivot + 1):
                j = order[i]
                least = min(least, block_end(index, terms[j], cursors[j, 1]) + 1)
                if bounds[j] > bounds[furthest]:
                    furthest = j
            docs[furthest] = move(states[furthest], cursors[furthest], least, ticks, log)
        elif docs[order[0]] == doc:
            slot[0] = 0
            for j in range(count):
                if docs[j] == doc:
                    at = starts[terms[j]] + cursors[j, 0]
                    rate(
                        scoring,
                        ids[at : at + 1],
                        freqs[at : at + 1],
                        idf[terms[j]],
                        doc,
                        slot,
                        ticks,
                        log,
                    )
                    docs[j] = move(states[j], cursors[j], doc + 1, ticks, log)
            held = keep(doc, slot[0], held, best_ids, best_scores)
        else:
            for i in range(pivot, -1, -1):
                j = order[i]
                if docs[j] < doc:
                    docs[j] = move(states[j], cursors[j], doc, ticks, log)
                    if docs[j] != doc:
                        break


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


def seek_every(
    terms: Any,
    lists: Any,
    scoring: Any,
    index: Any,
    room: Any,
    ticks: Any,
    log: Any,
    best_ids: Any,
    best_scores: Any,
) -> None:
    """AND, a document at a time: the shortest list leads, the others follow."""
    cursors, docs, order, _, bounds, _, _, slot = room[:8]
    starts, ids, freqs = index[:3]
    idf = index[6]
    count = len(terms)
    last = count - 1
    states = (
        lists[terms[0]],
        lists[terms[min(1, last)]],
        lists[terms[min(2, last)]],
        lists[terms[min(3, last)]],
        lists[terms[min(4, last)]],
    )
    slack = widening(count)
    for j in range(count):
        cursors[j, :] = 0
        docs[j] = move(states[j], cursors[j], 0, ticks, log)
        bounds[j] = np.float64(starts[terms[j] + 1] - starts[terms[j]])
        order[j] = j
    sort_by(order, bounds, count)
    lead = order[0]
    held, floor, end = 0, -1.0, -1
    doc = docs[lead]
    while doc < NONE:
        target = doc
        for i in range(1, count):
            j = order[i]
            if docs[j] < doc:
                docs[j] = move(states[j], cursors[j], doc, ticks, log)
            if docs[j] > doc:
                target = docs[j]
                break
        if target > end and target < NONE:
            target, end = rivals(terms, states, index, cursors, target, floor, slack, ticks, log)
        if target == NONE:
            break
        if target > doc:
            doc = move(states[lead], cursors[lead], target, ticks, log)
            continue
        docs[lead] = doc
        slot[0] = 0
        for j in range(count):
            at = starts[terms[j]] + cursors[j, 0]
            rate(
                scoring, ids[at : at + 1], freqs[at : at + 1], idf[terms[j]], doc, slot, ticks, log
            )
        held = keep(doc, slot[0], held, best_ids, best_scores)
        if held == len(best_scores):
            floor = np.float64(best_scores[-1])
        doc = move(states[lead], cursors[lead], doc + 1, ticks, log)


def stream_any(
    terms: Any,
    lists: Any,
    scoring: Any,
    index: Any,
    room: Any,
    ticks: Any,
    log: Any,
    best_ids: Any,
    best_scores: Any,
) -> None:
    """OR, windows at a time: MAXSCORE."""
    cursors, docs, order, spans, bounds, prefixes, parts, slot, window, touched = room[:10]
    starts, ids, freqs = index[:3]
    idf = index[6]
    count = len(terms)
    last = count - 1
    states = (
        lists[terms[0]],
        lists[terms[min(1, last)]],
        lists[terms[min(2, last)]],
        lists[terms[min(3, last)]],
        lists[terms[min(4, last)]],
    )
    slack = widening(count)
    window[:] = 0
    touched[:] = 0
    start = NONE
    for j in range(count):
        cursors[j, :] = 0
        docs[j] = move(states[j], cursors[j], 0, ticks, log)
        start = min(start, docs[j])
        order[j] = j
    held, floor = 0, -1.0
    essential, considered, windows, smallest = 0, 0, 0, 1
    while start < NONE:
        # the window ends with a block of a list that was essential in the last one ...
        end, live = NONE - 1, 0
        for i in range(count):
            j = order[i]
            if docs[j] < NONE:
                live += 1
                block = glance(states[j], cursors[j], max(docs[j], start), ticks, log)
                if i >= min(essential, count - 1):
                    end = min(end, block_end(index, terms[j], block))
        if live == 0:
            break
        if live > 1:
            # ... but not before it has 32 documents a list on average, within 4,096
            few = considered < windows * 32 * live
            smallest = min(2 * smallest, WINDOW) if few else 1
            end = max(end, min(start + smallest - 1, NONE - 1))
        windows += 1
        for j in range(count):
            bounds[j] = 0.0
            if docs[j] <= end:
                bounds[j] = list_bound(index, terms[j], cursors[j, 1], end)
        essential, prefix = 0, 0.0
        sort_by(order, bounds, count)
        for i in range(count):
            prefix += bounds[order[i]]
            if prefix * widening(i + 1) > floor:
                break
            prefixes[i] = prefix
            essential = i + 1
        rest = prefixes[essential - 1] if essential > 0 else 0.0
        inner = start
        while essential < count:
            nearest = NONE
            for i in range(essential, count):
                nearest = min(nearest, docs[order[i]])
            inner = max(inner, nearest)
            if inner > end:
                break
            top = min(end, inner + WINDOW - 1)
            for j in range(count):
                spans[:, j] = 0
            for j in range(count):
                own = False
                for i in range(essential, count):
                    own |= order[i] == j
                if own and docs[j] <= top:
                    if docs[j] < inner:
                        docs[j] = move(states[j], cursors[j], inner, ticks, log)
                    a = starts[terms[j]] + cursors[j, 0]
                    docs[j] = move(states[j], cursors[j], top + 1, ticks, log)
                    b = starts[terms[j]] + cursors[j, 0]
                    spans[0, j], spans[1, j] = a, b
                    if a < b:
                        rate(
                            scoring,
                            ids[a:b],
                            freqs[a:b],
                            idf[terms[j]],
                            inner,
                            window[: top - inner + 1],
                            ticks,
                            log,
                        )
                    for at in range(a, b):
                        place = np.int64(ids[at]) - inner
                        touched[place >> 6] |= np.uint64(1) << np.uint64(place & 63)
            for w in range(((top - inner) >> 6) + 1):
                word = touched[w]
                touched[w] = 0
                while word != 0:
                    low = word & (~word + np.uint64(1))
                    word ^= low
                    place = 64 * w + trailing_zeros(low)
                    reached = window[place]
                    window[place] = 0
                    considered += 1
                    doc = inner + place
                    reach = np.float64(reached)
                    if (reach + rest) * slack <= floor:
                        continue
                    for j in range(count):
                        parts[j] = 0
                    wins = True
                    for i in range(essential - 1, -1, -1):
                        if (reach + prefixes[i]) * slack <= floor:
                            wins = False
                            break
                        j = order[i]
                        if docs[j] < doc:
                            docs[j] = move(states[j], cursors[j], doc, ticks, log)
                        if docs[j] == doc:
                            at = starts[terms[j]] + cursors[j, 0]
                            slot[0] = 0
                            rate(
                                scoring,
                                ids[at : at + 1],
                                freqs[at : at + 1],
                                idf[terms[j]],
                                doc,
                                slot,
                                ticks,
                                log,
                            )
                            parts[j] = slot[0]
                            reach += np.float64(slot[0])
                    if not wins or reach * slack <= floor:
                        continue
                    if essential > 0:
                        # again in the order of the query, as float32 sums depend on it
                        reached = np.float32(0)
                        for j in range(count):
                            at = find(ids, spans[0, j], spans[1, j], doc)
                            if at >= 0:
                                slot[0] = 0
                                rate(
                                    scoring,
                                    ids[at : at + 1],
                                    freqs[at : at + 1],
                                    idf[terms[j]],
                                    doc,
                                    slot,
                                    ticks,
                                    log,
                                )
                                parts[j] = slot[0]
                            reached += parts[j]
                    held = keep(doc, reached, held, best_ids, best_scores)
                    if held == len(best_scores):
                        floor = np.float64(best_scores[-1])
            inner = top + 1
        start = end + 1


def merge_every(
    terms: Any,
    lists: Any,
    scoring: Any,
    index: Any,
    room: Any,
    ticks: Any,
    log: Any,
    best_ids: Any,
    best_scores: Any,
) -> None:
    """AND, a block window at a time."""
    cursors, docs, order, spans, bounds = room[:5]
    window, _, matched, matched_freqs = room[8:]
    starts, ids, freqs = index[:3]
    idf = index[6]
    count = len(terms)
    last = count - 1
    states = (
        lists[terms[0]],
        lists[terms[min(1, last)]],
        lists[terms[min(2, last)]],
        lists[terms[min(3, last)]],
        lists[terms[min(4, last)]],
    )
    slack = widening(count)
    window[:] = 0
    for j in range(count):
        cursors[j, :] = 0
        docs[j] = move(states[j], cursors[j], 0, ticks, log)
        bounds[j] = np.float64(starts[terms[j] + 1] - starts[terms[j]])
        order[j] = j
    sort_by(order, bounds, count)
    held, floor = 0, -1.0
    while True:
        target = docs[0]
        for j in range(1, count):
            target = max(target, docs[j])
        target, end = rivals(terms, states, index, cursors, target, floor, slack, ticks, log)
        if target == NONE:
            break
        for i in range(count):
            j = order[i]
            if docs[j] < target:
                docs[j] = move(states[j], cursors[j], target, ticks, log)
            target = max(target, docs[j])
        if target > end:
            continue
        for i in range(count):
            j = order[i]
            spans[0, i] = starts[terms[j]] + cursors[j, 0]
            docs[j] = move(states[j], cursors[j], end + 1, ticks, log)
            spans[1, i] = starts[terms[j]] + cursors[j, 0]
        found = meet(ids, spans[0, :count], spans[1, :count], matched, ticks, log)
        # a wrong kernel may say anything: nothing it says is used unchecked as a place
        found = min(found, BLOCK)
        for i in range(count):
            at, stop = spans[0, i], spans[1, i]
            for m in range(found):
                while at < stop and ids[at] < matched[m]:
                    at += 1
                matched_freqs[order[i], m] = freqs[at] if at < stop else 0
        a = 0
        while a < found:
            # as many matches as lie in 4,096 documents
            first, b = np.int64(matched[a]), a + 1
            while b < found and 0 <= np.int64(matched[b]) - first < WINDOW:
                b += 1
            for j in range(count):
                rate(
                    scoring,
                    matched[a:b],
                    matched_freqs[j, a:b],
                    idf[terms[j]],
                    first,
                    window,
                    ticks,
                    log,
                )
            for m in range(a, b):
                place = np.int64(matched[m]) - first
                held = keep(np.int64(matched[m]), window[place], held, best_ids, best_scores)
                window[place] = 0
            if held == len(best_scores):
                floor = np.float64(best_scores[-1])
            a = b
