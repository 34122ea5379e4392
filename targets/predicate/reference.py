"""The truth, in the plainest code: one row after the other, three-valued logic as SQL has it.

What Lance does was found by asking pylance 14.0.2 and is pinned by the snapshot: a null compares
as unknown, unknown rows are not kept, floats compare in the IEEE total order of their bits (so
NaN is above infinity, -NaN below -infinity, and -0.0 below 0.0; Lance's planner rewrites
constants so that both zeros are equal in SQL), a list holds a float when their bits are equal.
"""

import numpy as np
from numba import njit

EQ, NE, LT, LE, GT, GE = 0, 1, 2, 3, 4, 5
UNKNOWN_OP = -1
TOO_SHORT = -2


@njit
def _holds(a, op, b):
    if op == EQ:
        return a == b
    if op == NE:
        return a != b
    if op == LT:
        return a < b
    if op == LE:
        return a <= b
    if op == GT:
        return a > b
    return a >= b


@njit
def _ordered(value, bits):
    """A number that orders as the float with these bits does: negative ones count backwards."""
    value = np.int64(value)
    return value if value >= 0 else value ^ ((1 << (bits - 1)) - 1)


@njit
def _clear(rows, out):
    for w in range((rows + 63) // 64):
        out[w] = 0


@njit
def _set(out, i):
    out[i // 64] |= np.uint64(1) << np.uint64(i % 64)


@njit
def compare(values, op, constant, out):
    """Write the bit ``values[i] op constant`` of every row."""
    if op < 0 or op > 5:
        return UNKNOWN_OP
    if len(out) * 64 < len(values):
        return TOO_SHORT
    _clear(len(values), out)
    for i in range(len(values)):
        if _holds(values[i], op, constant):
            _set(out, i)
    return 0


@njit
def compare_total(values, op, constant, out):
    """Compare the bits of floats (f32 as i32, f64 as i64) in the IEEE total order."""
    if op < 0 or op > 5:
        return UNKNOWN_OP
    if len(out) * 64 < len(values):
        return TOO_SHORT
    _clear(len(values), out)
    width = values.itemsize * 8
    for i in range(len(values)):
        if _holds(_ordered(values[i], width), op, _ordered(constant, width)):
            _set(out, i)
    return 0


@njit
def between(values, low, high, out):
    """``low <= values[i] <= high``."""
    if len(out) * 64 < len(values):
        return TOO_SHORT
    _clear(len(values), out)
    for i in range(len(values)):
        if low <= values[i] and values[i] <= high:
            _set(out, i)
    return 0


@njit
def is_in(values, listed, table, out):
    """Write whether ``values[i]`` is one of the ``listed`` constants; ``table`` is not used."""
    if len(out) * 64 < len(values) or len(table) < 16 * len(listed):
        return TOO_SHORT
    _clear(len(values), out)
    for i in range(len(values)):
        for k in range(len(listed)):
            if np.int64(values[i]) == listed[k]:
                _set(out, i)
    return 0


@njit
def and_kleene(left, left_known, right, right_known, out, known):
    """SQL's AND: known where both are, or where one is known to be false."""
    words = len(out)
    for part in (left, left_known, right, right_known, known):
        if len(part) < words:
            return TOO_SHORT
    for w in range(words):
        left_false, right_false = left_known[w] & ~left[w], right_known[w] & ~right[w]
        known[w] = (left_known[w] & right_known[w]) | left_false | right_false
        out[w] = left[w] & right[w]
    return 0


@njit
def or_kleene(left, left_known, right, right_known, out, known):
    """SQL's OR: known where both are, or where one is known to be true."""
    words = len(out)
    for part in (left, left_known, right, right_known, known):
        if len(part) < words:
            return TOO_SHORT
    for w in range(words):
        left_true, right_true = left_known[w] & left[w], right_known[w] & right[w]
        known[w] = (left_known[w] & right_known[w]) | left_true | right_true
        out[w] = left[w] | right[w]
    return 0


@njit
def select(bits, known, first, rows):
    """Write ``first`` + the number of every row that is known and true; return how many."""
    if len(known) < len(bits):
        return TOO_SHORT
    count = 0
    for i in range(len(bits) * 64):
        if (bits[i // 64] & known[i // 64]) >> np.uint64(i % 64) & np.uint64(1):
            count += 1
    if count > len(rows):
        return TOO_SHORT
    at = 0
    for i in range(len(bits) * 64):
        if (bits[i // 64] & known[i // 64]) >> np.uint64(i % 64) & np.uint64(1):
            rows[at] = np.uint64(first + i)
            at += 1
    return count


def answer(fixture, requests):
    """Return the true outputs of all requests, from arrays of booleans, without a bitmap.

    Parameters
    ----------
    fixture : mapping
        ``nodes`` i64[k, 7] as `bench` describes them, ``rows`` i64[1].
    requests : mapping
        ``i32``, ``i64``, ``u8``, ``f32`` (as i32) and ``f64`` (as i64), each [requests, rows]
        (no rows where the plan does not read it), ``validity`` u64[requests, 5, words] and
        ``constants`` i64[requests, n].

    Returns
    -------
    dict
        ``bits`` and ``known`` u64[requests, words], ``words`` i64[requests], ``rows``
        u64[requests, rows], ``count`` and ``status`` i64[requests].
    """
    nodes, rows = fixture["nodes"], int(fixture["rows"][0])
    requested = len(requests["constants"])
    words = (rows + 63) // 64
    outputs = {
        "bits": np.zeros((requested, words), np.uint64),
        "known": np.zeros((requested, words), np.uint64),
        "words": np.zeros(requested, np.int64),
        "rows": np.zeros((requested, rows), np.uint64),
        "count": np.zeros(requested, np.int64),
        "status": np.zeros(requested, np.int64),
    }
    for r in range(requested):
        columns = [requests[name][r] for name in ("i32", "i64", "u8", "f32", "f64")]
        stored = requests["validity"][r].view(np.uint8)
        validity = np.unpackbits(stored, axis=1, bitorder="little").astype(bool)[:, :rows]
        code = _code(nodes) if rows else 0
        outputs["status"][r] = code
        if code:
            continue
        true, known = _evaluate(nodes, columns, validity, requests["constants"][r])
        kept = np.flatnonzero(true & known)
        outputs["bits"][r], outputs["known"][r] = _packed(true, words), _packed(known, words)
        if nodes[-1, 0] < 4:  # a single comparison passes the column's validity on as it is
            outputs["known"][r] = requests["validity"][r, nodes[-1, 1]]
        outputs["words"][r], outputs["count"][r] = words, len(kept)
        outputs["rows"][r, : len(kept)] = kept
    return outputs


def _code(nodes):
    compared = nodes[nodes[:, 0] <= 1]
    return UNKNOWN_OP if ((compared[:, 2] < 0) | (compared[:, 2] > 5)).any() else 0


def _evaluate(nodes, columns, validity, constants):
    """What each node is, row by row, and where that is known; return the last."""
    found = []
    for kind, column, op, first, count, left, right in nodes.tolist():
        if kind >= 4:
            (a, a_known), (b, b_known) = found[left], found[right]
            decided = (
                (a_known & ~a) | (b_known & ~b) if kind == 4 else (a_known & a) | (b_known & b)
            )
            found.append((a & b if kind == 4 else a | b, (a_known & b_known) | decided))
            continue
        values, given = columns[column].astype(np.int64), constants[first : first + count]
        if kind == 1:
            values, given = (_order(part, columns[column].itemsize * 8) for part in (values, given))
        if kind <= 1:
            true = _OPERATORS[op](values, given[0])
        elif kind == 2:
            true = (given[0] <= values) & (values <= given[1])
        else:
            true = np.isin(values, given)
        found.append((true, validity[column]))
    return found[-1]


_OPERATORS = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)


def _order(values, bits):
    return np.where(values < 0, values ^ ((1 << (bits - 1)) - 1), values)


def _packed(booleans, words):
    packed = np.zeros(words * 8, np.uint8)
    packed[: (len(booleans) + 7) // 8] = np.packbits(booleans, bitorder="little")
    return packed.view(np.uint64)
