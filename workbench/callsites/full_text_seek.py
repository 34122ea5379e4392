"""The loops of a full-text query that go document by document.

As in Lance's rust/lance-index/src/scalar/inverted/wand.rs (the OR is that of Lance 1.0; later ones
keep one behind LANCE_FTS_MAXSCORE=0):

- `seek_any`: block-max WAND. Lists in order of their current document; the first whose summed
  bounds can beat the tenth best is the pivot; block maxima there decide whether to skip blocks.
- `seek_every`: all lists follow the shortest; windows that block maxima rule out are skipped.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.callsites.full_text_lists import (
    NONE,
    block_bound,
    block_end,
    keep,
    list_bound,
    sort_by,
    widening,
)

# `specialise` gives these, functions of `full_text_calls` and `full_text_lists`.
move: Any = None
glance: Any = None
rate_at: Any = None
opened: Any = None
competitive: Any = None


def seek_any(search: Any) -> None:
    """OR, a document at a time: block-max WAND."""
    terms, lists, scoring, index, room, ticks, log, best_ids, best_scores = search
    cursors, docs, order, _, bounds, _, _, slot = room[:8]
    starts = index[0]
    count = len(terms)
    states = opened(lists, terms)
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
                    rate_at(scoring, index, terms[j], at, doc, slot, ticks, log)
                    docs[j] = move(states[j], cursors[j], doc + 1, ticks, log)
            held = keep(doc, slot[0], held, best_ids, best_scores)
        else:
            for i in range(pivot, -1, -1):
                j = order[i]
                if docs[j] < doc:
                    docs[j] = move(states[j], cursors[j], doc, ticks, log)
                    if docs[j] != doc:
                        break


def seek_every(search: Any) -> None:
    """AND, a document at a time: the shortest list leads, the others follow."""
    terms, lists, scoring, index, room, ticks, log, best_ids, best_scores = search
    cursors, docs, order, _, bounds, _, _, slot = room[:8]
    starts = index[0]
    count = len(terms)
    states = opened(lists, terms)
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
            target, end = competitive(
                terms, states, index, cursors, target, floor, slack, ticks, log
            )
        if target == NONE:
            break
        if target > doc:
            doc = move(states[lead], cursors[lead], target, ticks, log)
            continue
        docs[lead] = doc
        slot[0] = 0
        for j in range(count):
            at = starts[terms[j]] + cursors[j, 0]
            rate_at(scoring, index, terms[j], at, doc, slot, ticks, log)
        held = keep(doc, slot[0], held, best_ids, best_scores)
        if held == len(best_scores):
            floor = np.float64(best_scores[-1])
        doc = move(states[lead], cursors[lead], doc + 1, ticks, log)
