"""A batch of full-text queries, each answered by the loop for its kind.

A score is the float32 sum of its terms' contributions in the order of the query, whatever order
found them, because that is the score Lance reports. Where scores tie, the earlier document stays.
"""

from __future__ import annotations

from typing import Any

from workbench.callsites.full_text_lists import LISTS

# `specialise` gives these, a pair of `full_text_seek` or of `full_text_bulk`.
search_any: Any = None
search_every: Any = None


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
                search_every(search)
            else:
                search_any(search)
