"""The real Lance: an inverted index built from a known corpus, read back from its own files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import Infrastructure
from workbench.upstreams.lance import full_text, inverted
from workbench.upstreams.lance.corpora import Corpus, token_ids, zipf_corpus
from workbench.upstreams.lance.inverted import Postings
from workbench.upstreams.lance.posting_blocks import BLOCK, K1, B, decode_impacts, decode_lists

DOCUMENTS = 6_000
# Lists of one posting, of part of a block, of whole blocks and of more than 32 of them.
RANKS = np.array([0, 1, 5, 40, 300, 2_000])


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, Path, Any]:
    folder = tmp_path_factory.mktemp("index")
    corpus = zipf_corpus(np.random.default_rng(0), DOCUMENTS)
    return corpus, folder, full_text.build_index(folder, corpus)


@pytest.fixture(scope="module")
def postings(indexed: tuple[Corpus, Path, Any]) -> Postings:
    corpus, folder, _ = indexed
    return inverted.read_postings(folder, token_ids(corpus), RANKS)


def definition(corpus: Corpus, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Documents that have a token, and how often."""
    of_token = np.repeat(np.arange(len(corpus.lengths)), corpus.lengths)
    return np.unique(of_token[corpus.tokens == rank], return_counts=True)


def test_lists_read_back_are_those_of_the_corpus(
    indexed: tuple[Corpus, Path, Any], postings: Postings
) -> None:
    corpus = indexed[0]
    for j, rank in enumerate(RANKS):
        at = slice(*postings.starts[j : j + 2])
        ids, freqs = definition(corpus, rank)
        np.testing.assert_array_equal(postings.ids[at], ids)
        np.testing.assert_array_equal(postings.freqs[at], freqs)
        blocks = slice(*postings.block_starts[j : j + 2])
        np.testing.assert_array_equal(postings.first_ids[blocks], ids[::BLOCK])
    sizes = np.diff(postings.starts)
    assert sizes.max() > 32 * BLOCK
    assert (sizes % BLOCK > 0).any()
    np.testing.assert_array_equal(postings.lengths, corpus.lengths)
    inverted.check_postings(postings, corpus)


def test_no_weight_exceeds_its_blocks_bound_and_most_bounds_are_close(
    postings: Postings,
) -> None:
    lengths = postings.lengths[postings.ids].astype(np.float64)
    norms = 1.2 * (0.25 + 0.75 * lengths / postings.average_length[0])
    weights = 2.2 * postings.freqs / (postings.freqs + norms)
    for j in range(len(RANKS)):
        start, stop = postings.starts[j : j + 2]
        best = np.maximum.reduceat(weights[start:stop], np.arange(0, stop - start, BLOCK))
        bound = postings.block_weights[slice(*postings.block_starts[j : j + 2])]
        assert (best <= bound * (1 + 1e-6)).all()
        # lengths keep four significant bits there: at most an eighth is lost
        assert (bound < best * 1.13).all()


def test_a_corpus_that_was_not_indexed_is_noticed(
    indexed: tuple[Corpus, Path, Any], postings: Postings
) -> None:
    corpus = indexed[0]
    other = zipf_corpus(np.random.default_rng(1), DOCUMENTS)
    with pytest.raises(Infrastructure, match="order of appearance"):
        inverted.check_postings(postings, other)
    longer = replace(corpus, lengths=corpus.lengths + np.uint32(1))
    with pytest.raises(Infrastructure, match="lengths"):
        inverted.check_postings(postings, longer)


@pytest.mark.parametrize("every", [False, True])
def test_scores_are_the_float32_sum_in_the_order_of_the_query(
    indexed: tuple[Corpus, Path, Any], postings: Postings, every: bool
) -> None:
    _, _, dataset = indexed
    query = [3, 0, 2]
    found, reached = full_text.search(dataset, RANKS[query].tolist(), every, DOCUMENTS)
    scores, matched = np.zeros(DOCUMENTS, np.float32), np.zeros(DOCUMENTS, np.int64)
    one, quarter = np.float32(1), np.float32(1) - B
    average = postings.average_length[0]
    for j in query:
        at = slice(*postings.starts[j : j + 2])
        ids, freqs = postings.ids[at], postings.freqs[at].astype(np.float32)
        norms = K1 * (quarter + B * postings.lengths[ids].astype(np.float32) / average)
        scores[ids] += postings.idf[j] * ((K1 + one) * freqs / (freqs + norms))
        matched[ids] += 1
    np.testing.assert_array_equal(
        np.sort(found), np.flatnonzero(matched == 3 if every else matched > 0)
    )
    np.testing.assert_array_equal(reached, scores[found])


def test_a_term_that_nobody_wrote_finds_nothing(indexed: tuple[Corpus, Path, Any]) -> None:
    corpus, _, dataset = indexed
    absent = int(np.flatnonzero(token_ids(corpus) < 0)[0])
    assert len(full_text.search(dataset, [absent], False, 10)[0]) == 0
    assert len(full_text.search(dataset, [0, absent], True, 10)[0]) == 0
    assert len(full_text.search(dataset, [0], False, 0)[0]) == 0


def test_truncated_blocks_and_impacts_do_not_decode() -> None:
    block = np.frombuffer(b"\0\0\0\0" + bytes([5, 2, 1, 7]), np.uint8)  # 5 and 7, once and 7 times
    starts, one_block = np.array([0, 2]), np.array([0, 1])
    ids, freqs = np.empty(2, np.uint32), np.empty(2, np.uint32)
    for size in range(9):
        bounds = np.array([0, size])
        assert decode_lists(block, bounds, starts, one_block, ids, freqs) == (size == 8)
    np.testing.assert_array_equal(ids, [5, 7])
    np.testing.assert_array_equal(freqs, [1, 7])
    entry = np.frombuffer(bytes([7, 2, 1, 8, 3, 6]), np.uint8)  # (1, 8), (3, 14)
    weights = np.empty(1, np.float32)
    for size in range(7):
        bounds = np.array([0, size])
        done = decode_impacts(entry, bounds, one_block, one_block, np.float32(10), weights)
        assert done == (size == 6)
    assert weights[0] == pytest.approx(2.2 * 3 / (3 + 1.2 * (0.25 + 0.75 * 14 / 10)))


def test_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Infrastructure, match="instead of one"):
        inverted.read_postings(tmp_path, np.zeros(1, np.int64), np.zeros(1, np.int64))
