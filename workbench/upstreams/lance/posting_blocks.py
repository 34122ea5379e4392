"""What an inverted index keeps, decoded: blocks of postings, and what each can reach at most.

Found by reading the files of an index (format version 2, pylance 14.0.2): a posting list
is a list of binaries of 128 postings each. A full one holds the block's largest score (f32), the
first document id (u32), a bit width and 128 packed gaps, a bit width and 128 packed frequencies,
both packed in four interleaved lanes; the last, shorter one has varints instead. Beside it, for
every block and every 32 blocks, lie the (frequency, length) pairs that no other posting of the
block beats, lengths as byte codes with four significant bits, rounded down: so what a block is
said to reach is at least what it holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

BLOCK = 128
# Lance's own: rust/lance-index/src/scalar/inverted/scorer.rs
K1 = np.float32(1.2)
B = np.float32(0.75)


@njit(cache=True)
def decode_lists(
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
def decode_impacts(
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


@njit(cache=True)
def _length_of(code: Any) -> Any:
    """The shortest document length with this byte code: codes 0 to 15 are the length itself."""
    if code < 8:
        return code
    return (8 | (code & 7)) << ((code >> 3) - 1)


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
