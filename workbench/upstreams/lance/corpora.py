"""A seeded Zipf corpus, as token ranks and as text.

A word is four letters that spell the token's rank, so a document is five bytes a token and
one million documents are text in a second. Token 0 is the commonest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

VOCABULARY = 100_000
# Tokens handled at a time: ten million documents have 350 million.
_CHUNK = 1 << 24
_LETTERS = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz012345", np.uint8)


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


def word(rank: int) -> str:
    """How a token is spelt.

    Examples
    --------
    >>> word(0), word(33)
    ('aaaa', 'bbaa')
    """
    return bytes(_LETTERS[(rank >> (5 * place)) & 31] for place in range(4)).decode()


def spelt(ranks: NDArray[Any]) -> NDArray[np.uint8]:
    """u8[n, 5]: four letters and a space for each token."""
    every = np.arange(VOCABULARY)
    words: NDArray[np.uint8] = np.full((VOCABULARY, 5), ord(" "), np.uint8)
    for place in range(4):
        words[:, place] = _LETTERS[(every >> (5 * place)) & 31]
    spelt: NDArray[np.uint8] = words[ranks]
    return spelt


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
