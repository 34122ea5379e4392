"""Full-text indices: a seeded Zipf corpus, its real inverted index, and what Lance answers.

A word is four letters that spell the token's rank, so a document is five bytes a token and
one million documents are text in a second. Token 0 is the commonest.

What an index keeps, found by reading its files (format version 2, pylance 14.0.2): a posting list
is a list of binaries of 128 postings each. A full one holds the block's largest score (f32), the
first document id (u32), a bit width and 128 packed gaps, a bit width and 128 packed frequencies,
both packed in four interleaved lanes; the last, shorter one has varints instead. Beside it, for
every block and every 32 blocks, lie the (frequency, length) pairs that no other posting of the
block beats, lengths as byte codes with four significant bits, rounded down: so what a block is
said to reach is at least what it holds.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workbench.errors import Infrastructure
from workbench.upstreams.lance.distribution import pylance

VOCABULARY = 100_000
BLOCK = 128
# Lance's own: rust/lance-index/src/scalar/inverted/scorer.rs
K1 = np.float32(1.2)
B = np.float32(0.75)

_COLUMN = "text"
# Tokens exactly as written, so that a query's terms are the corpus's.
_TOKENIZER = {
    "base_tokenizer": "whitespace",
    "stem": False,
    "remove_stop_words": False,
    "ascii_folding": False,
    "lower_case": False,
}
# Tokens handled at a time: ten million documents have 350 million.
_CHUNK = 1 << 24
_LETTERS = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz012345", np.uint8)

Files = dict[str, dict[str, NDArray[Any]]]


@dataclass(frozen=True)
class Corpus:
    """Documents as token ranks.

    Attributes
    ----------
    lengths : ndarray
        u32[documents], tokens of each; never 0, for Lance does not index an empty document.
    tokens : ndarray
        i32[sum of lengths], the documents one after another.
    """

    lengths: NDArray[np.uint32]
    tokens: NDArray[np.int32]


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


def word(rank: int) -> str:
    """How a token is spelt.

    Examples
    --------
    >>> word(0), word(33)
    ('aaaa', 'bbaa')
    """
    return bytes(_LETTERS[(rank >> (5 * place)) & 31] for place in range(4)).decode()


def zipf_corpus(rng: np.random.Generator, documents: int) -> Corpus:
    """Draw a corpus: token ranks by a Zipf-Mandelbrot law, lengths log-normal (median 30)."""
    share = 1 / (np.arange(VOCABULARY) + 2.7) ** 1.05
    lengths = rng.lognormal(3.4, 0.6, documents).astype(np.uint32).clip(1, 500)
    cumulative = (np.cumsum(share) / share.sum()).astype(np.float32)
    tokens = np.empty(int(lengths.sum()), np.int32)
    for start in range(0, len(tokens), _CHUNK):
        part = tokens[start : start + _CHUNK]
        part[:] = np.searchsorted(cumulative, rng.random(len(part), dtype=np.float32))
    np.minimum(tokens, VOCABULARY - 1, out=tokens)
    return Corpus(lengths, tokens)


def build_index(folder: Path, corpus: Corpus) -> Any:
    """Write a corpus as a Lance dataset under ``folder`` and index it; return the dataset.

    One million documents take 7 s.
    """
    lance = pylance()
    import pyarrow as pa

    offsets = np.zeros(len(corpus.lengths) + 1, np.int64)
    np.cumsum(5 * corpus.lengths.astype(np.int64), out=offsets[1:])
    text = _spelt(corpus.tokens)
    column = pa.LargeStringArray.from_buffers(
        len(corpus.lengths), pa.py_buffer(offsets), pa.py_buffer(text)
    )
    # one fragment, so that row ids are positions
    dataset = lance.write_dataset(
        pa.table({_COLUMN: column}),
        str(folder / "documents.lance"),
        max_rows_per_file=len(corpus.lengths),
    )
    # one worker numbers tokens in the order in which it meets them
    dataset.create_scalar_index(
        _COLUMN, "INVERTED", with_position=False, num_workers=1, **_TOKENIZER
    )
    return lance.dataset(str(folder / "documents.lance"))


def open_index(folder: Path) -> Any:
    """Open the dataset that `build_index` wrote."""
    return pylance().dataset(str(folder / "documents.lance"))


def token_ids(corpus: Corpus) -> NDArray[np.int64]:
    """i64[vocabulary]: Lance numbers tokens in order of appearance; -1 for one that has none."""
    first = np.full(VOCABULARY, -1, np.int64)
    for start in range((len(corpus.tokens) - 1) // _CHUNK * _CHUNK, -1, -_CHUNK):
        part = corpus.tokens[start : start + _CHUNK][::-1]
        # of several tokens alike the last one written stays: the earliest
        first[part] = np.arange(start + len(part) - 1, start - 1, -1)
    met = np.flatnonzero(first >= 0)
    numbers = np.full(VOCABULARY, -1, np.int64)
    numbers[met[first[met].argsort()]] = np.arange(len(met))
    return numbers


def read_postings(folder: Path, numbers: NDArray[np.int64], ranks: NDArray[np.int64]) -> Postings:
    """Decode the posting lists of some tokens out of the index's own files.

    Parameters
    ----------
    folder : Path
        Where `build_index` wrote.
    corpus : Corpus
        What was indexed: says which list is which token's.
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
    if not _decode_lists(data, offsets, starts, block_starts, ids, freqs):
        raise _other_layout("a posting block does not decode")
    entries = chosen["_impacts"].combine_chunks()
    entry_offsets, entry_data = _binaries(entries.flatten())
    entry_starts = _bounds(entries.value_lengths().to_numpy())
    average = average_length(lengths)
    block_weights = np.empty(block_starts[-1], np.float32)
    if not _decode_impacts(
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


def search(
    dataset: Any, ranks: Sequence[int], every: bool, limit: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Row ids and scores of the ``limit`` best documents, best first, as Lance ranks them.

    Parameters
    ----------
    dataset : lance.LanceDataset
        From `open_index` or `build_index`.
    ranks : sequence of int
        The query's tokens.
    every : bool
        Whether a document must have all of them (AND) or one (OR).
    limit : int
        How many to return at most.
    """
    from lance.query import FullTextOperator, MatchQuery

    found = dataset.to_table(
        columns=["_score"],
        with_row_id=True,
        limit=limit,
        full_text_query=MatchQuery(
            " ".join(map(word, ranks)),
            _COLUMN,
            operator=FullTextOperator.AND if every else FullTextOperator.OR,
        ),
    )
    return found["_rowid"].to_numpy().astype(np.int64), found["_score"].to_numpy()


def _spelt(ranks: NDArray[Any]) -> NDArray[np.uint8]:
    """u8[n, 5]: four letters and a space for each token."""
    every = np.arange(VOCABULARY)
    words: NDArray[np.uint8] = np.full((VOCABULARY, 5), ord(" "), np.uint8)
    for place in range(4):
        words[:, place] = _LETTERS[(every >> (5 * place)) & 31]
    spelt: NDArray[np.uint8] = words[ranks]
    return spelt


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


@njit(cache=True)
def _varint(data: Any, at: Any, stop: Any) -> Any:
    """(value, next place) of an unsigned varint; next place -1 where it is cut off."""
    value, shift = np.int64(0), 0
    while at < stop and shift < 35:
        byte = np.int64(data[at])
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7
    return 0, -1


@njit(cache=True)
def _unpack(data: Any, at: Any, stop: Any, out: Any) -> Any:
    """Unpack 128 values after their bit width; return the next place, -1 where it is cut off.

    Value ``i`` is in lane ``i % 4``; a lane's words are every fourth 32-bit word.
    """
    if at >= stop or data[at] > 32:
        return -1
    width = np.int64(data[at])
    at += 1
    if at + 16 * width > stop:
        return -1
    mask = (1 << width) - 1
    for i in range(BLOCK):
        bit = (i // 4) * width
        word = at + 16 * (bit // 32) + 4 * (i % 4)
        value = np.int64(0)
        for b in range(4):
            value |= np.int64(data[word + b]) << (8 * b) if width else 0
        value >>= bit % 32
        if bit % 32 + width > 32:
            for b in range(4):
                value |= np.int64(data[word + 16 + b]) << (8 * b + 32 - bit % 32)
        out[i] = value & mask
    return at + 16 * width


@njit(cache=True)
def _decode_lists(
    data: Any, offsets: Any, starts: Any, block_starts: Any, ids: Any, freqs: Any
) -> bool:
    """Decode every block of every list; False where one is malformed."""
    for j in range(len(starts) - 1):
        for block in range(block_starts[j], block_starts[j + 1]):
            first = starts[j] + (block - block_starts[j]) * BLOCK
            size = min(BLOCK, starts[j + 1] - first)
            # the block's largest score comes first
            at, stop = offsets[block] + 4, offsets[block + 1]
            if size == BLOCK:
                if at + 4 > stop:
                    return False
                current = np.int64(0)
                for b in range(4):
                    current |= np.int64(data[at + b]) << (8 * b)
                at = _unpack(data, at + 4, stop, ids[first : first + BLOCK])
                if at < 0:
                    return False
                for i in range(first, first + BLOCK):
                    current += ids[i]
                    ids[i] = current
                at = _unpack(data, at, stop, freqs[first : first + BLOCK])
            else:
                current = np.int64(0)
                for i in range(first, first + size):
                    gap, at = _varint(data, at, stop)
                    if at < 0:
                        return False
                    current += gap
                    ids[i] = current
                for i in range(first, first + size):
                    freqs[i], at = _varint(data, at, stop)
                    if at < 0:
                        return False
            if at != stop:
                return False
    return True


@njit(cache=True)
def _length_of(code: Any) -> Any:
    """The shortest document length with this byte code: codes 0 to 15 are the length itself."""
    if code < 8:
        return code
    return (8 | (code & 7)) << ((code >> 3) - 1)


@njit(cache=True)
def _decode_impacts(
    data: Any, offsets: Any, entry_starts: Any, block_starts: Any, average: Any, weights: Any
) -> bool:
    """Largest document weight of every block, from its undominated pairs; False if malformed.

    A list's first entries are those of its blocks; one for every 32 blocks follows, unused here.
    """
    for j in range(len(block_starts) - 1):
        for block in range(block_starts[j], block_starts[j + 1]):
            entry = entry_starts[j] + block - block_starts[j]
            if entry >= entry_starts[j + 1]:
                return False
            at, stop = offsets[entry], offsets[entry + 1]
            _, at = _varint(data, at, stop)
            if at < 0:
                return False
            pairs, at = _varint(data, at, stop)
            freq, code, best = np.int64(0), np.int64(0), np.float32(0)
            for _ in range(pairs):
                if at < 0:
                    return False
                step, at = _varint(data, at, stop)
                freq += (step >> 1) + 1
                gap = np.int64(1)
                if step & 1:
                    if at < 0:
                        return False
                    gap, at = _varint(data, at, stop)
                code += gap
                length = np.float32(_length_of(code))
                norm = K1 * (np.float32(1) - B + B * length / average)
                weight = (K1 + np.float32(1)) * np.float32(freq) / (np.float32(freq) + norm)
                best = max(best, weight)
            if at != stop:
                return False
            weights[block] = best
    return True


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
