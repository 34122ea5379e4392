"""Lance's filtered scan: comparisons are intervals, long lists a hash without collisions.

Every comparison asks whether a value lies in one interval of the integers modulo 2 ** width: a
subtraction and an unsigned comparison, whole registers at a time, whose masks are the bits. Lists
of up to eight constants are compared one by one; a longer one is hashed so that no two constants
meet, and a row needs one look. AND and OR work on whole words, values and validity apart. Last,
nulls are masked off and the numbers of the rows that are left are written down.

Bitmaps are u64 words: row ``i`` is bit ``i % 64`` of word ``i // 64``, bits beyond the last row of
a result are 0. Codes: -1 an operator that is not one of 0..5, -2 an output or a table too short
(is_in wants 16 elements of its table for each constant).
"""

import numpy as np
from numba import njit

from workbench import simd

NE, LT, LE, GT, GE = 1, 2, 3, 4, 5  # and 0 is equal
UNKNOWN_OP = -1
TOO_SHORT = -2
# 2 ** 64 divided by the golden ratio, odd: the multiplier of Fibonacci hashing.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@njit
def compare(values, op, constant, out):
    """Write the bit ``values[i] op constant`` of every row."""
    return _compare(values, op, np.uint64(constant), np.uint64(np.iinfo(values.dtype).min), out)


@njit
def compare_total(values, op, constant, out):
    """Compare the bits of floats (f32 as i32, f64 as i64) in the IEEE total order.

    Beside a positive constant that is the order of integers. Beside a negative one it is that of
    unsigned integers, backwards: negative floats count down, and positive ones are past them all.
    """
    if constant < 0:
        mirrored = op ^ 6 if op in (LT, LE, GT, GE) else op
        return _compare(values, mirrored, np.uint64(constant), np.uint64(0), out)
    return compare(values, op, constant, out)


@njit
def between(values, low, high, out):
    """``low <= values[i] <= high``."""
    start, span = np.uint64(low), np.uint64(high) - np.uint64(low)
    if low > high:
        return _within(values, np.uint64(0), ~np.uint64(0), ~np.uint64(0), np.uint64(0), out)
    return _within(values, start, span, np.uint64(0), np.uint64(0), out)


@njit
def _compare(values, op, constant, lowest, out):
    """Compare integers whose order begins at ``lowest`` and goes round once.

    So each operator asks for an interval, from the constant or to it, or for all but one.
    """
    if op < 0 or op > 5:
        return UNKNOWN_OP
    start, span = constant, np.uint64(0)
    if op in (GE, LT):
        span = lowest - np.uint64(1) - constant
    elif op in (LE, GT):
        start, span = lowest, constant - lowest
    negated = op in (NE, LT, GT)
    return _within(values, start, span, np.uint64(0) - np.uint64(negated), np.uint64(0), out)


@njit
def _within(values, start, span, flip, keep, out):
    """Write ``values[i] - start <= span``, unsigned in the column's width.

    Each bit is flipped where ``flip`` has one, and ORed to those of ``out`` that ``keep`` keeps.
    """
    if len(out) * 64 < len(values):
        return TOO_SHORT
    bits = np.iinfo(values.dtype).bits
    if bits == 8:
        _within_8(values.view(np.uint8), np.uint8(start), np.uint8(span), flip, keep, out)
    elif bits == 32:
        _within_32(values.view(np.uint32), np.uint32(start), np.uint32(span), flip, keep, out)
    else:
        _within_64(values.view(np.uint64), start, span, flip, keep, out)
    return 0


@njit
def _first(rows):
    """A word with its first ``rows`` bits set, of 1 to 63."""
    return ~(~np.uint64(0) << np.uint64(rows))


@njit
def _within_8(values, start, span, flip, keep, out):
    i = 0
    for w in range(len(values) // 64):
        word = simd.bits(simd.load(simd.u8x64, values, i) - start <= span)
        out[w] = (out[w] & keep) | (word ^ flip)
        i += 64
    if i < len(values):
        rest = len(values) - i
        word = simd.bits(simd.load_first(simd.u8x64, values, i, rest) - start <= span)
        out[i // 64] = (out[i // 64] & keep) | ((word ^ flip) & _first(rest))


@njit
def _within_32(values, start, span, flip, keep, out):
    i = 0
    for w in range(len(values) // 64):
        word = simd.bits(simd.load(simd.u32x16, values, i) - start <= span)
        for part in range(16, 64, 16):
            answers = simd.load(simd.u32x16, values, i + part) - start <= span
            word |= simd.bits(answers) << np.uint64(part)
        out[w] = (out[w] & keep) | (word ^ flip)
        i += 64
    if i < len(values):
        rest = len(values) - i
        word = np.uint64(0)
        for part in range(0, rest, 16):
            answers = simd.load_first(simd.u32x16, values, i + part, rest - part) - start <= span
            word |= simd.bits(answers) << np.uint64(part)
        out[i // 64] = (out[i // 64] & keep) | ((word ^ flip) & _first(rest))


@njit
def _within_64(values, start, span, flip, keep, out):
    i = 0
    for w in range(len(values) // 64):
        word = simd.bits(simd.load(simd.u64x8, values, i) - start <= span)
        for part in range(8, 64, 8):
            answers = simd.load(simd.u64x8, values, i + part) - start <= span
            word |= simd.bits(answers) << np.uint64(part)
        out[w] = (out[w] & keep) | (word ^ flip)
        i += 64
    if i < len(values):
        rest = len(values) - i
        word = np.uint64(0)
        for part in range(0, rest, 8):
            answers = simd.load_first(simd.u64x8, values, i + part, rest - part) - start <= span
            word |= simd.bits(answers) << np.uint64(part)
        out[i // 64] = (out[i // 64] & keep) | ((word ^ flip) & _first(rest))


@njit
def is_in(values, listed, table, out):
    """Write whether ``values[i]`` is one of the ``listed`` constants; ``table`` is scratch."""
    if len(out) * 64 < len(values) or len(table) < 16 * len(listed):
        return TOO_SHORT
    if len(listed) <= 8:
        for w in range((len(values) + 63) // 64):
            out[w] = 0
        for k in range(len(listed)):
            # a constant that is no value of the column's type is equal to none
            if np.int64(values.dtype.type(listed[k])) == listed[k]:
                _within(
                    values,
                    np.uint64(listed[k]),
                    np.uint64(0),
                    np.uint64(0),
                    ~np.uint64(0),
                    out,
                )
        return 0
    shift, multiplier, reach = _fill(table, listed)
    i = 0
    for w in range((len(values) + 63) // 64):
        rows = min(len(values) - i, 64)
        out[w] = _probe(values, i, rows, table, shift, multiplier, reach)
        i += 64
    return 0


@njit
def _fill(table, listed):
    """Hash the constants into a power of two of the table's slots, a 16th full at most.

    The other slots hold the first constant too: a row that meets it there is listed, or differs.
    Multipliers are tried until no two constants meet, so that a row needs one look; where none is
    good the last one leaves constants in the next free slot, ``reach`` looks away at most.
    """
    shift = 60
    while (np.uint64(2) << np.uint64(64 - shift)) <= np.uint64(16 * len(listed)):
        shift -= 1
    size = 1 << (64 - shift)
    first = listed[0]
    for slot in range(size):
        table[slot] = first
    multiplier = GOLDEN
    for _ in range(32):
        multiplier += np.uint64(0x2545F4914F6CDD1E)  # even, so that it stays odd
        placed = _place(table, listed, shift, multiplier)
        if placed == len(listed):
            return shift, multiplier, 1
        for k in range(placed):
            table[_slot(listed[k], shift, multiplier)] = first
    home = _slot(first, shift, multiplier)
    reach = 1
    for k in range(len(listed)):
        slot, looks = _slot(listed[k], shift, multiplier), 1
        while table[slot] != listed[k] and (slot == home or table[slot] != first):
            slot, looks = (
                (slot + np.uint64(1)) & (np.uint64(size) - np.uint64(1)),
                looks + 1,
            )
        table[slot] = listed[k]
        reach = max(reach, looks)
    return shift, multiplier, reach


@njit
def _place(table, listed, shift, multiplier):
    """Put constants in their slots until two meet; return how many have theirs."""
    home = _slot(listed[0], shift, multiplier)
    for k in range(len(listed)):
        slot = _slot(listed[k], shift, multiplier)
        if table[slot] != listed[k] and (slot == home or table[slot] != listed[0]):
            return k
        table[slot] = listed[k]
    return len(listed)


@njit
def _probe(values, i, rows, table, shift, multiplier, reach):
    """Answer 64 rows or fewer, from the last: doubling a word and adding a bit is one instruction.

    Anything that LLVM can turn into gathers takes three times as long.
    """
    word = np.uint64(0)
    if reach == 1:
        for b in range(rows):
            value = np.int64(values[np.uint64(i + rows - 1 - b)])
            slot = _slot(value, shift, multiplier)
            word = word + word + np.uint64(table[slot] == value)
        return word
    for b in range(rows):
        value = np.int64(values[np.uint64(i + rows - 1 - b)])
        slot = _slot(value, shift, multiplier)
        found = np.uint64(0)
        for _ in range(reach):
            found |= np.uint64(table[slot] == value)
            slot = (slot + np.uint64(1)) & ((np.uint64(1) << np.uint64(64 - shift)) - np.uint64(1))
        word = word + word + found
    return word


@njit
def _slot(value, shift, multiplier):
    return (np.uint64(value) * multiplier) >> np.uint64(shift)


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
def _shortest(left, left_known, right, right_known):
    return min(min(len(left), len(left_known)), min(len(right), len(right_known)))


@njit
def select(bits, known, first, rows):
    """Write ``first`` + the number of every row that is known and true; return how many.

    Eight rows at a time, their numbers compressed and all eight lanes stored: how many are left
    costs no branch. The last 64 are stored exactly, so that nothing behind them is written.
    """
    if len(known) < len(bits):
        return TOO_SHORT
    total = 0
    for w in range(len(bits)):
        total += simd.count(simd.mask(simd.u8x64, bits[w] & known[w]))
    if total > len(rows):
        return TOO_SHORT
    at = 0
    for w in range(len(bits)):
        word = bits[w] & known[w]
        if word == 0:
            continue
        exactly = total - at < 64
        numbers = simd.iota(simd.u64x8) + np.uint64(first + w * 64)
        for _ in range(8):
            chosen = simd.mask(simd.u64x8, word)
            if exactly:
                simd.store_first(rows, at, simd.compress(numbers, chosen), simd.count(chosen))
            else:
                simd.store(rows, at, simd.compress(numbers, chosen))
            at += simd.count(chosen)
            numbers += np.uint64(8)
            word >>= np.uint64(8)
    return total
