"""Posting lists out of a real inverted index, and the weights that Lance gives their tokens."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure
from workbench.upstreams.lance.corpora import VOCABULARY, Corpus
from workbench.upstreams.lance.distribution import pylance
from workbench.upstreams.lance.posting_blocks import BLOCK, decode_impacts, decode_lists


@dataclass(frozen=True)
class Postings:
    """Posting lists of some tokens, decoded, with what Lance keeps beside them.

    Attributes
    ----------
    ranks : ndarray
        i64[lists], the token of each list.
    ids, freqs : ndarray
        u32[postings], the lists one after another: ascending document ids, term frequencies.
    starts : ndarray
        i64[lists + 1], where each list starts.
    first_ids : ndarray
        u32[blocks], the first id of each block of 128 postings; a block never spans two lists.
    block_weights : ndarray
        f32[blocks], what no document weight (a score but for the token's idf) in the block exceeds.
    block_starts : ndarray
        i64[lists + 1], where each list's blocks start.
    lengths : ndarray
        u32[documents].
    average_length : ndarray
        f32[1].
    """

    ranks: NDArray[np.int64]
    ids: NDArray[np.uint32] = field(repr=False)
    freqs: NDArray[np.uint32] = field(repr=False)
    starts: NDArray[np.int64] = field(repr=False)
    first_ids: NDArray[np.uint32] = field(repr=False)
    block_weights: NDArray[np.float32] = field(repr=False)
    block_starts: NDArray[np.int64] = field(repr=False)
    lengths: NDArray[np.uint32] = field(repr=False)
    average_length: NDArray[np.float32] = field(repr=False)

    @property
    def idf(self) -> NDArray[np.float32]:
        """f32[lists], the query weight of each token."""
        return idf(np.diff(self.starts), len(self.lengths))


def idf(documents_with_token: Any, documents: int) -> NDArray[np.float32]:
    """Inverse document frequency as Lance rounds it, ``ln((N - n + 0.5) / (n + 0.5) + 1)``.

    Every step is float32. The logarithm here is the correctly rounded one; Lance takes the C
    library's, and glibc's differs from it by one unit for about 1 argument in 700.
    """
    n, half = np.asarray(documents_with_token).astype(np.float32), np.float32(0.5)
    ratio = (np.float32(documents) - n + half) / (n + half) + np.float32(1)
    return np.log(ratio.astype(np.float64)).astype(np.float32)


def average_length(lengths: NDArray[np.uint32]) -> NDArray[np.float32]:
    """f32[1], tokens per document, as Lance rounds it."""
    return np.array([np.float32(lengths.sum(dtype=np.uint64)) / np.float32(len(lengths))])


def read_postings(folder: Path, numbers: NDArray[np.int64], ranks: NDArray[np.int64]) -> Postings:
    """Decode the posting lists of some tokens out of the index's own files.

    Parameters
    ----------
    folder : Path
        Where `build_index` wrote.
    numbers : ndarray
        From `workbench.upstreams.lance.corpora.token_ids`: which list is which token's.
    ranks : ndarray
        i64[lists], which tokens to read; all of them appear in the corpus.

    Raises
    ------
    Infrastructure
        If the files are not laid out as this module knows them.
    """
    lists = _read(folder, "invert")
    documents = _read(folder, "docs")
    lengths = documents["_num_tokens"].to_numpy().astype(np.uint32)
    if not np.array_equal(documents["_rowid"].to_numpy(), np.arange(len(lengths))):
        raise _other_layout("document ids are not row ids")
    if int(numbers.max()) + 1 != lists.num_rows:
        raise _other_layout(f"{lists.num_rows} posting lists for {numbers.max() + 1} tokens")
    chosen = lists.take(numbers[ranks]).combine_chunks()
    sizes = chosen["_length"].to_numpy().astype(np.int64)
    starts = _bounds(sizes)
    block_starts = _bounds(-(-sizes // BLOCK))
    ids, freqs = (np.empty(starts[-1], np.uint32) for _ in range(2))
    postings = chosen["_posting"].combine_chunks()
    offsets, data = _binaries(postings.flatten())
    if not decode_lists(data, offsets, starts, block_starts, ids, freqs):
        raise _other_layout("a posting block does not decode")
    entries = chosen["_impacts"].combine_chunks()
    entry_offsets, entry_data = _binaries(entries.flatten())
    entry_starts = _bounds(entries.value_lengths().to_numpy())
    average = average_length(lengths)
    block_weights = np.empty(block_starts[-1], np.float32)
    if not decode_impacts(
        entry_data, entry_offsets, entry_starts, block_starts, average[0], block_weights
    ):
        raise _other_layout("an impact entry does not decode")
    firsts = [ids[start:stop:BLOCK] for start, stop in itertools.pairwise(starts)]
    return Postings(
        ranks=ranks,
        ids=ids,
        freqs=freqs,
        starts=starts,
        first_ids=np.concatenate(firsts),
        block_weights=block_weights,
        block_starts=block_starts,
        lengths=lengths,
        average_length=average,
    )


def check_postings(postings: Postings, corpus: Corpus) -> None:
    """Hold each list's total frequency and the lengths against the corpus that was indexed.

    Raises
    ------
    Infrastructure
        If they differ: then tokens are not numbered as `token_ids` says.
    """
    occurrences = np.bincount(corpus.tokens, minlength=VOCABULARY)[postings.ranks]
    totals = np.add.reduceat(postings.freqs, postings.starts[:-1], dtype=np.int64)
    if not np.array_equal(totals, occurrences):
        raise _other_layout("tokens are not numbered in order of appearance")
    if not np.array_equal(postings.lengths, corpus.lengths):
        raise _other_layout("the document lengths are not those of the corpus")


def _read(folder: Path, part: str) -> Any:
    """One file of the only partition of the index, as a table."""
    from lance.file import LanceFileReader

    found = sorted(folder.glob(f"documents.lance/_indices/*/part_*_{part}.lance"))
    if len(found) != 1:
        raise _other_layout(f"{len(found)} files part_*_{part}.lance instead of one")
    return LanceFileReader(str(found[0])).read_all().to_table()


def _other_layout(what: str) -> Infrastructure:
    return Infrastructure(
        f"Lance {pylance().__version__} lays an inverted index out otherwise: {what}; "
        "see snapshots/lance/RESYNC.md"
    )


def _bounds(sizes: NDArray[Any]) -> NDArray[np.int64]:
    bounds = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=bounds[1:])
    return bounds


def _binaries(array: Any) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Offsets and bytes of a large-binary array."""
    _, offsets, data = array.buffers()
    bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return bounds, np.frombuffer(data, np.uint8)
