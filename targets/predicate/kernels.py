"""Lance's filtered scan, as plain numba loops: what trials edit.

A filter runs on each batch of rows as a tree of Arrow kernels. A comparison packs 64 answers into
a word at a time; a list of up to three constants is compared one by one, a longer one is a hash
set that is probed once a row; AND and OR work on whole words, values and validity apart. Last,
nulls are masked off, the rows that are left are counted, and their numbers are written down: bit
by bit, or run by run where more than four fifths are left.

Bitmaps are u64 words: row ``i`` is bit ``i % 64`` of word ``i // 64``, bits beyond the last row of
a result are 0. Codes: -1 an operator that is not one of 0..5, -2 an output or a table too short
(is_in wants 16 elements of its table for each constant).
"""

import numpy as np
from numba import njit

NE, LT, LE, GE = 1, 2, 3, 5  # and 0 is equal, 4 greater
UNKNOWN_OP = -1
TOO_SHORT = -2
# 2 ** 64 divided by the golden ratio, odd: the multiplier of Fibonacci hashing.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@njit
def compare(values, op, constant, out):
    """Write the bit ``values[i] op constant`` of every row."""
    if op < 0 or op > 5:
        return UNKNOWN_OP
    if len(out) * 64 < len(values):
        return TOO_SHORT
    if op <= NE:
        _equal(values, constant, op == NE, out)
    elif op in (LT, GE):
        _less(values, constant, op == GE, out)
    else:
        _greater(values, constant, op == LE, out)
    return 0


@njit
def compare_total(values, op, constant, out):
    """Compare the bits of floats (f32 as i32, f64 as i64) in the IEEE total order."""
    if op < 0 or op > 5:
        return UNKNOWN_OP
    if len(out) * 64 < len(values):
        return TOO_SHORT
    if op <= NE:
        _equal(values, constant, op == NE, out)
    elif op in (LT, GE):
        _less_total(values, constant, op == GE, out)
    else:
        _greater_total(values, constant, op == LE, out)
    return 0


@njit
def between(values, low, high, out):
    """``low <= values[i] <= high``: two comparisons, then the AND of their words."""
    if len(out) * 64 < len(values):
        return TOO_SHORT
    _less(values, low, True, out)
    start = 0
    for w in range(len(values) // 64):
        word = np.uint64(0)
        for b in range(64):
            word |= np.uint64(values[start + b] <= high) << np.uint64(b)
        out[w] &= word
        start += 64
    if start < len(values):
        word = np.uint64(0)
        for b in range(len(values) - start):
            word |= np.uint64(values[start + b] <= high) << np.uint64(b)
        out[start // 64] &= word
    return 0


@njit
def is_in(values, listed, table, out):
    """Write whether ``values[i]`` is one of the ``listed`` constants; ``table`` is scratch."""
    if len(out) * 64 < len(values) or len(table) < 16 * len(listed):
        return TOO_SHORT
    if len(listed) <= 3:
        return _is_one_of_three(values, listed, out)
    # a quarter full at most, as DataFusion sizes its tables of constants
    size = 16
    shift = 60
    while size < 4 * len(listed):
        size *= 2
        shift -= 1
    # the keys, and behind them whether a slot is taken
    for slot in range(size):
        table[size + slot] = 0
    for k in range(len(listed)):
        slot = _slot(listed[k], shift)
        while table[size + slot] != 0 and table[slot] != listed[k]:
            slot = (slot + 1) & (size - 1)
        table[slot] = listed[k]
        table[size + slot] = 1
    word = np.uint64(0)
    for i in range(len(values)):
        value = np.int64(values[i])
        slot = _slot(value, shift)
        while table[size + slot] != 0 and table[slot] != value:
            slot = (slot + 1) & (size - 1)
        word |= np.uint64(table[size + slot]) << np.uint64(i & 63)
        if i & 63 == 63:
            out[i >> 6] = word
            word = np.uint64(0)
    if len(values) & 63:
        out[len(values) >> 6] = word
    return 0


@njit
def and_kleene(left, left_known, right, right_known, out, known):
    """SQL's AND: false wins over unknown."""
    words = len(out)
    if _shortest(left, left_known, right, right_known) < words or len(known) < words:
        return TOO_SHORT
    for w in range(words):
        known[w] = (
            (left_known[w] & right_known[w])
            | (left_known[w] & ~left[w])
            | (right_known[w] & ~right[w])
        )
    for w in range(words):
        out[w] = left[w] & right[w]
    return 0


@njit
def or_kleene(left, left_known, right, right_known, out, known):
    """SQL's OR: true wins over unknown."""
    words = len(out)
    if _shortest(left, left_known, right, right_known) < words or len(known) < words:
        return TOO_SHORT
    for w in range(words):
        known[w] = (
            (left_known[w] & right_known[w])
            | (left_known[w] & left[w])
            | (right_known[w] & right[w])
        )
    for w in range(words):
        out[w] = left[w] | right[w]
    return 0


@njit
def select(bits, known, first, rows):
    """Write ``first`` + the number of every row that is known and true; return how many."""
    if len(known) < len(bits):
        return TOO_SHORT
    count = 0
    for w in range(len(bits)):
        count += _ones(bits[w] & known[w])
    if count > len(rows):
        return TOO_SHORT
    if count * 5 > len(bits) * 64 * 4:
        return _select_runs(bits, known, first, rows)
    at = 0
    for w in range(len(bits)):
        word = bits[w] & known[w]
        base = np.uint64(first + w * 64)
        while word != 0:
            rows[at] = base + np.uint64(_trailing_zeros(word))
            at += 1
            word &= word - np.uint64(1)
    return at


@njit
def _select_runs(bits, known, first, rows):
    """The same, one run of neighbouring rows at a time."""
    at = 0
    for w in range(len(bits)):
        word = bits[w] & known[w]
        base = np.uint64(first + w * 64)
        done = 0
        while word != 0:
            skipped = _trailing_zeros(word)
            word >>= np.uint64(skipped)
            done += skipped
            length = 64 if ~word == 0 else _trailing_zeros(~word)
            for i in range(length):
                rows[at + i] = base + np.uint64(done + i)
            at += length
            done += length
            word = np.uint64(0) if length == 64 else word >> np.uint64(length)
    return at


@njit
def _equal(values, constant, negated, out):
    flip = np.uint64(0) - np.uint64(negated)
    start = 0
    for w in range(len(values) // 64):
        word = np.uint64(0)
        for b in range(64):
            word |= np.uint64(values[start + b] == constant) << np.uint64(b)
        out[w] = word ^ flip
        start += 64
    if start < len(values):
        word = np.uint64(0)
        for b in range(len(values) - start):
            word |= np.uint64((values[start + b] == constant) != negated) << np.uint64(b)
        out[start // 64] = word


@njit
def _less(values, constant, negated, out):
    flip = np.uint64(0) - np.uint64(negated)
    start = 0
    for w in range(len(values) // 64):
        word = np.uint64(0)
        for b in range(64):
            word |= np.uint64(values[start + b] < constant) << np.uint64(b)
        out[w] = word ^ flip
        start += 64
    if start < len(values):
        word = np.uint64(0)
        for b in range(len(values) - start):
            word |= np.uint64((values[start + b] < constant) != negated) << np.uint64(b)
        out[start // 64] = word


@njit
def _greater(values, constant, negated, out):
    flip = np.uint64(0) - np.uint64(negated)
    start = 0
    for w in range(len(values) // 64):
        word = np.uint64(0)
        for b in range(64):
            word |= np.uint64(values[start + b] > constant) << np.uint64(b)
        out[w] = word ^ flip
        start += 64
    if start < len(values):
        word = np.uint64(0)
        for b in range(len(values) - start):
            word |= np.uint64((values[start + b] > constant) != negated) << np.uint64(b)
        out[start // 64] = word


@njit
def _less_total(values, constant, negated, out):
    flip = np.uint64(0) - np.uint64(negated)
    last = values.itemsize * 8 - 1
    low_bits = values.dtype.type(~(-1 << last))
    limit = constant ^ (values.dtype.type(constant >> last) & low_bits)
    start = 0
    for w in range(len(values) // 64):
        word = np.uint64(0)
        for b in range(64):
            value = values[start + b]
            key = value ^ (values.dtype.type(value >> last) & low_bits)
            word |= np.uint64(key < limit) << np.uint64(b)
        out[w] = word ^ flip
        start += 64
    if start < len(values):
        word = np.uint64(0)
        for b in range(len(values) - start):
            value = values[start + b]
            key = value ^ (values.dtype.type(value >> last) & low_bits)
            word |= np.uint64((key < limit) != negated) << np.uint64(b)
        out[start // 64] = word


@njit
def _greater_total(values, constant, negated, out):
    flip = np.uint64(0) - np.uint64(negated)
    last = values.itemsize * 8 - 1
    low_bits = values.dtype.type(~(-1 << last))
    limit = constant ^ (values.dtype.type(constant >> last) & low_bits)
    start = 0
    for w in range(len(values) // 64):
        word = np.uint64(0)
        for b in range(64):
            value = values[start + b]
            key = value ^ (values.dtype.type(value >> last) & low_bits)
            word |= np.uint64(key > limit) << np.uint64(b)
        out[w] = word ^ flip
        start += 64
    if start < len(values):
        word = np.uint64(0)
        for b in range(len(values) - start):
            value = values[start + b]
            key = value ^ (values.dtype.type(value >> last) & low_bits)
            word |= np.uint64((key > limit) != negated) << np.uint64(b)
        out[start // 64] = word


@njit
def _is_one_of_three(values, listed, out):
    """One comparison a constant, each ORed into the words."""
    for w in range((len(values) + 63) // 64):
        out[w] = 0
    for k in range(len(listed)):
        constant = values.dtype.type(listed[k])
        if np.int64(constant) != listed[k]:
            continue  # not a value of the column's type
        start = 0
        for w in range(len(values) // 64):
            word = np.uint64(0)
            for b in range(64):
                word |= np.uint64(values[start + b] == constant) << np.uint64(b)
            out[w] |= word
            start += 64
        if start < len(values):
            word = np.uint64(0)
            for b in range(len(values) - start):
                word |= np.uint64(values[start + b] == constant) << np.uint64(b)
            out[start // 64] |= word
    return 0


@njit
def _slot(value, shift):
    return np.int64((np.uint64(value) * GOLDEN) >> np.uint64(shift))


@njit
def _shortest(left, left_known, right, right_known):
    return min(min(len(left), len(left_known)), min(len(right), len(right_known)))


@njit
def _ones(word):
    """Number of bits set; LLVM makes one instruction of it."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit
def _trailing_zeros(word):
    """Position of the lowest bit set; the word is not 0."""
    return _ones(~word & (word - np.uint64(1)))
