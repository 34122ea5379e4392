"""Evidence of the BM25 scores that Lance gives to the documents of a query."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure
from workbench.upstreams.lance.corpora import Corpus, token_ids, zipf_corpus
from workbench.upstreams.lance.distribution import Files
from workbench.upstreams.lance.full_text import build_index, search
from workbench.upstreams.lance.inverted import check_postings, read_postings

RECORDED_DOCUMENTS = 12_000
RECORDED_SEED = 20_260_102
# Ranks of the tokens of each recorded query; -1 pads.
RECORDED_QUERIES = ((0, -1, -1, -1), (40, 3, -1, -1), (1, 150, 12, -1), (2, 0, 90, 7))
# A window of Lance's bulk search, in documents.
WINDOW = 4_096


def record_fts_bm25() -> Files:
    """Ask Lance for the evidence of target ``fts_bm25``.

    One file for each kind of corpus: its document lengths, the postings (as Lance's own index
    holds them) of four queries, and the score Lance gave to every document that matches.
    """
    files: Files = {}
    for seed, (kind, draw) in enumerate(_RECORDED_CORPORA.items(), RECORDED_SEED):
        corpus = draw(np.random.default_rng(seed))
        with tempfile.TemporaryDirectory(prefix="workbench-lance-") as name:
            files[f"{RECORDED_DOCUMENTS}x4-{kind}"] = _ask_scores(Path(name), corpus)
    return files


def _ask_scores(folder: Path, corpus: Corpus) -> dict[str, NDArray[Any]]:
    """Index a corpus and ask for the score of every document that matches each query."""
    dataset = build_index(folder, corpus)
    ranks = np.unique([rank for query in RECORDED_QUERIES for rank in query if rank >= 0])
    postings = read_postings(folder, token_ids(corpus), ranks)
    check_postings(postings, corpus)
    documents = len(corpus.lengths)
    first_ids = np.arange(0, documents, WINDOW)
    idf_of, rows = postings.idf, []
    for query in RECORDED_QUERIES:
        ids, freqs = (np.empty(0, np.uint32) for _ in range(2))
        weights, starts = np.zeros(len(query), np.float32), []
        for term, rank in enumerate(query):
            at = slice(0, 0)
            if rank >= 0:
                j = int(np.searchsorted(ranks, rank))
                at = slice(*postings.starts[j : j + 2])
                weights[term] = idf_of[j]
            bounds = np.searchsorted(postings.ids[at], [*first_ids, documents])
            starts.append(len(ids) + bounds)
            ids = np.concatenate([ids, postings.ids[at]])
            freqs = np.concatenate([freqs, postings.freqs[at]])
        scores = np.zeros((len(first_ids), WINDOW), np.float32)
        terms = [rank for rank in query if rank >= 0]
        found, reached = search(dataset, terms, every=False, limit=documents)
        scores.reshape(-1)[found] = reached
        found, reached = search(dataset, terms, every=True, limit=documents)
        if not np.array_equal(scores.reshape(-1)[found], reached):
            raise Infrastructure("Lance scores a document of an AND query otherwise: see RESYNC.md")
        rows.append((ids, freqs, weights, np.array(starts), scores))
    room = max(len(row[0]) for row in rows)
    return {
        "fixture_lengths": postings.lengths,
        "fixture_average_length": postings.average_length,
        "request_ids": np.stack([np.pad(row[0], (0, room - len(row[0]))) for row in rows]),
        "request_freqs": np.stack([np.pad(row[1], (0, room - len(row[1]))) for row in rows]),
        "request_weights": np.stack([row[2] for row in rows]),
        "request_starts": np.stack([row[3] for row in rows]),
        "request_first_ids": np.tile(first_ids, (len(rows), 1)),
        "output_scores": np.stack([row[4] for row in rows]),
        # Lance answered, so nothing was refused
        "output_status": np.zeros((len(rows), len(first_ids)), np.int64),
    }


def _uniform_corpus(rng: np.random.Generator) -> Corpus:
    """200 tokens, all equally common, 1 to 80 a document; token 0 is in every document."""
    lengths = rng.integers(1, 81, RECORDED_DOCUMENTS).astype(np.uint32)
    tokens = rng.integers(200, size=int(lengths.sum())).astype(np.int32)
    tokens[np.cumsum(lengths) - 1] = 0
    return Corpus(lengths, tokens)


def _repeating_corpus(rng: np.random.Generator) -> Corpus:
    """Few tokens a document, each in a long run: frequencies to hundreds, lengths to thousands."""
    runs = rng.integers(1, 9, RECORDED_DOCUMENTS)
    of_run = np.repeat(np.arange(RECORDED_DOCUMENTS), runs)
    sizes = (rng.pareto(1.0, len(of_run)).clip(0, 999) + 1).astype(np.int64)
    tokens = np.repeat(rng.geometric(0.02, len(of_run)).clip(1, 200) - 1, sizes)
    lengths = np.bincount(of_run, weights=sizes).astype(np.uint32)
    return Corpus(lengths, tokens.astype(np.int32))


_RECORDED_CORPORA: Mapping[str, Callable[[np.random.Generator], Corpus]] = {
    "zipf": lambda rng: zipf_corpus(rng, RECORDED_DOCUMENTS),
    "uniform": _uniform_corpus,
    "repeats": _repeating_corpus,
}
RECORDERS: Mapping[str, Callable[[], Files]] = {"fts_bm25": record_fts_bm25}
