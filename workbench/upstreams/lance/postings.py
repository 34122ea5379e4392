"""Evidence of the posting list targets: lists out of a real index, and what Lance answers of them.

The lists come from the index's files; the answers from queries, so the two routes to the same
documents check each other.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure
from workbench.upstreams.lance import corpora, full_text, inverted
from workbench.upstreams.lance.distribution import Files
from workbench.upstreams.lance.posting_blocks import BLOCK

DOCUMENTS = 20_000
SEED = 20_260_104
# Tokens whose lists are recorded, from 110 blocks down to a single posting.
RANKS = (0, 1, 3, 8, 20, 50, 100, 300, 1_000, 4_000)
# Those a cursor is recorded on.
SEEK_RANKS = (0, 8, 100, 1_000)
SEEKS = 512
QUERIES = 8


@dataclass(frozen=True)
class Site:
    """An index of the recorded corpus, opened.

    Attributes
    ----------
    dataset : lance.LanceDataset
        What is asked.
    postings : workbench.upstreams.lance.inverted.Postings
        The lists of `RANKS`, in that order.
    """

    dataset: Any = field(repr=False)
    postings: inverted.Postings

    def ids(self, place: int) -> NDArray[np.uint32]:
        """One list, by its place in `RANKS`."""
        starts = self.postings.starts
        return self.postings.ids[starts[place] : starts[place + 1]]

    def first_ids(self, place: int) -> NDArray[np.uint32]:
        """The first ids of one list's blocks."""
        starts = self.postings.block_starts
        return self.postings.first_ids[starts[place] : starts[place + 1]]

    def matches(self, places: NDArray[np.int64], every: bool) -> NDArray[np.uint32]:
        """All documents a query of these tokens finds, ascending."""
        ranks = [RANKS[place] for place in places]
        found, _ = full_text.search(self.dataset, ranks, every, DOCUMENTS)
        return np.sort(found).astype(np.uint32)


@contextmanager
def _site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="workbench-lance-") as name:
        folder = Path(name)
        corpus = corpora.zipf_corpus(np.random.default_rng(SEED), DOCUMENTS)
        dataset = full_text.build_index(folder, corpus)
        postings = inverted.read_postings(folder, corpora.token_ids(corpus), np.array(RANKS))
        yield Site(dataset, postings)


def record_posting_intersect() -> Files:
    """Ask Lance for the evidence of target ``posting_intersect``.

    For 2, 3 and 5 tokens one request of `QUERIES` AND queries over the recorded lists, the rarest
    list first, and the documents that Lance found for each.
    """
    files: Files = {}
    rng = np.random.default_rng(SEED)
    with _site() as site:
        starts, stops = site.postings.starts[:-1], site.postings.starts[1:]
        for lists in (2, 3, 5):
            # from longest to shortest in RANKS, so the greatest place is the rarest
            queries = np.array([rng.choice(len(RANKS), lists, False) for _ in range(QUERIES)])
            queries = -np.sort(-queries, axis=1)
            found = [site.matches(query, every=True) for query in queries]
            out = np.concatenate(found)
            room = int((stops - starts)[queries[:, 0]].sum())
            files[f"k{lists}-and"] = {
                "fixture_capacity": np.array([room]),
                "request_ids": site.postings.ids[None],
                "request_starts": starts[queries][None],
                "request_stops": stops[queries][None],
                "output_out": np.pad(out, (0, room - len(out)))[None],
                "output_count": np.array([len(out)]),
                "output_counts": np.array([[len(ids) for ids in found]]),
            }
    return files


def record_posting_seek() -> Files:
    """Ask Lance for the evidence of target ``posting_seek``.

    For four tokens the list, its blocks' first ids, and seeks in it; a seek's answer comes from the
    documents that a query of the token found, a block's from the first ids that the index holds.
    ``chain`` holds all lists with AND and OR queries of two to five of them and the documents that
    Lance found, which a traversal by seeks must find too.
    """
    files: Files = {}
    rng = np.random.default_rng(SEED + 1)
    with _site() as site:
        for rank in SEEK_RANKS:
            place = RANKS.index(rank)
            found = site.matches(np.array([place]), every=True)
            if not np.array_equal(found, site.ids(place)):
                raise Infrastructure(
                    f"a query of token {rank} does not find what its list holds: see RESYNC.md"
                )
            files[f"rank{rank}-walks"] = _seeks(rng, found, site.first_ids(place))
        files["chain"] = _chain(rng, site)
    return files


def _seeks(
    rng: np.random.Generator, ids: NDArray[np.uint32], first_ids: NDArray[np.uint32]
) -> dict[str, NDArray[Any]]:
    """Two requests of ascending seeks, 16 and 128 of them from one end of the list to the other."""
    least = np.empty((2, SEEKS), np.int64)
    opens = np.zeros((2, SEEKS), np.uint8)
    for row, run in enumerate((16, 128)):
        drawn = rng.integers(DOCUMENTS + 2, size=(SEEKS // run, run))
        least[row] = np.sort(drawn, axis=1).ravel()
        opens[row, ::run] = 1
    at = np.searchsorted(ids, least)
    found = np.append(ids.astype(np.int64), 1 << 32)[at]
    return {
        "fixture_ids": ids,
        "fixture_first_ids": first_ids,
        "request_opens": opens,
        "request_shallow_id": least,
        "request_least_id": least,
        "output_block": _blocks(first_ids, ids, opens, least, at),
        "output_found": found,
    }


def _blocks(
    first_ids: NDArray[np.uint32],
    ids: NDArray[np.uint32],
    opens: NDArray[np.uint8],
    least: NDArray[np.int64],
    at: NDArray[np.intp],
) -> NDArray[np.int64]:
    """Where each block lookup ends: it starts at the block of the seek before it."""
    blocks = np.maximum(np.searchsorted(first_ids, least, side="right") - 1, 0)
    entered = np.where(at < len(ids), at // BLOCK, len(first_ids))
    blocks[:, 1:] = np.where(
        opens[:, 1:] == 1, blocks[:, 1:], np.maximum(blocks[:, 1:], entered[:, :-1])
    )
    return blocks.astype(np.int64)


def _chain(rng: np.random.Generator, site: Site) -> dict[str, NDArray[Any]]:
    """All lists, queries of two to five of them (-1 pads), and the documents of AND and of OR."""
    queries = np.full((12, 5), -1, np.int64)
    answers: dict[str, list[NDArray[np.uint32]]] = {"and": [], "or": []}
    for i, query in enumerate(queries):
        size = 2 + i % 4
        query[:size] = rng.choice(len(RANKS), size, False)
        for operator, found in answers.items():
            found.append(site.matches(query[:size], every=operator == "and"))
    arrays: dict[str, NDArray[Any]] = {
        "chain_ids": site.postings.ids,
        "chain_starts": site.postings.starts,
        "chain_first_ids": site.postings.first_ids,
        "chain_block_starts": site.postings.block_starts,
        "chain_queries": queries,
    }
    for operator, found in answers.items():
        arrays[f"chain_{operator}_ids"] = np.concatenate(found)
        arrays[f"chain_{operator}_counts"] = np.array([len(ids) for ids in found])
    return arrays
