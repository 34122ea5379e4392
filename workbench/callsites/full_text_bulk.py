"""The loops of a full-text query that go by windows of documents.

As in Lance's rust/lance-index/src/scalar/inverted/wand.rs:

- `stream_any`: MAXSCORE. In each window, lists that together cannot reach the tenth best are only
  probed; the others are scored in bulk into 4,096 slots, one per document.
- `merge_every`: windows that lie in one block of every list; slices intersected, matches scored.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.callsites.full_text_lists import (
    BLOCK,
    NONE,
    WINDOW,
    block_end,
    find,
    keep,
    list_bound,
    sort_by,
    trailing_zeros,
    widening,
)

# `specialise` gives these, functions of `full_text_calls` and `full_text_lists`.
move: Any = None
glance: Any = None
rate: Any = None
rate_at: Any = None
meet: Any = None
opened: Any = None
competitive: Any = None


def stream_any(search: Any) -> None:
    """OR, windows at a time: MAXSCORE."""
    terms, lists, scoring, index, room, ticks, log, best_ids, best_scores = search
    cursors, docs, order, spans, bounds, prefixes, parts, slot, window, touched = room[:10]
    starts, ids, freqs = index[:3]
    idf = index[6]
    count = len(terms)
    states = opened(lists, terms)
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
                            rate_at(scoring, index, terms[j], at, doc, slot, ticks, log)
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
                                rate_at(scoring, index, terms[j], at, doc, slot, ticks, log)
                                parts[j] = slot[0]
                            reached += parts[j]
                    held = keep(doc, reached, held, best_ids, best_scores)
                    if held == len(best_scores):
                        floor = np.float64(best_scores[-1])
            inner = top + 1
        start = end + 1


def merge_every(search: Any) -> None:
    """AND, a block window at a time."""
    terms, lists, scoring, index, room, ticks, log, best_ids, best_scores = search
    cursors, docs, order, spans, bounds = room[:5]
    window, _, matched, matched_freqs = room[8:]
    starts, ids, freqs = index[:3]
    idf = index[6]
    count = len(terms)
    states = opened(lists, terms)
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
        target, end = competitive(terms, states, index, cursors, target, floor, slack, ticks, log)
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
