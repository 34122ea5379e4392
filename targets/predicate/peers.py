"""What a user would pick instead of a kernel, behind the same surface, on one core.

Each peer answers node by node, as the surface asks, and writes into the caller's bitmaps. pandas
is not among them: its ``query`` hands the expression to numexpr, which is here itself.
"""

import types

import numpy as np


def _pack(answers, out):
    """Booleans as the bits of the caller's words."""
    packed = np.packbits(answers, bitorder="little")
    octets = out.view(np.uint8)
    octets[: len(packed)] = packed
    octets[len(packed) : (len(answers) + 63) // 64 * 8] = 0


def _order(bits):
    """Integers in the total order of the floats with these bits."""
    low_bits = bits.dtype.type(np.iinfo(bits.dtype).max)
    return bits ^ ((bits >> (bits.itemsize * 8 - 1)) & low_bits)


def numpy_peer():
    """Ufuncs, `numpy.isin`, `numpy.packbits`, `numpy.flatnonzero`."""
    operators = (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)

    def compare(values, op, constant, out):
        if not 0 <= op < 6:
            return -1
        if len(out) * 64 < len(values):
            return -2
        _pack(operators[op](values, constant), out)
        return 0

    def compare_total(values, op, constant, out):
        return compare(_order(values), op, _order(np.asarray(constant)), out)

    def between(values, low, high, out):
        if len(out) * 64 < len(values):
            return -2
        _pack((values >= low) & (values <= high), out)
        return 0

    def is_in(values, listed, table, out):
        if len(out) * 64 < len(values) or len(table) < 16 * len(listed):
            return -2
        _pack(np.isin(values, listed), out)
        return 0

    def and_kleene(left, left_known, right, right_known, out, known):
        words = len(out)
        if min(map(len, (left, left_known, right, right_known, known))) < words:
            return -2
        left, right = left[:words], right[:words]
        left_known, right_known = left_known[:words], right_known[:words]
        known[:words] = (left_known & right_known) | (left_known & ~left) | (right_known & ~right)
        np.bitwise_and(left, right, out=out)
        return 0

    def or_kleene(left, left_known, right, right_known, out, known):
        words = len(out)
        if min(map(len, (left, left_known, right, right_known, known))) < words:
            return -2
        left, right = left[:words], right[:words]
        left_known, right_known = left_known[:words], right_known[:words]
        known[:words] = (left_known & right_known) | (left_known & left) | (right_known & right)
        np.bitwise_or(left, right, out=out)
        return 0

    def select(bits, known, first, rows):
        if len(known) < len(bits):
            return -2
        kept = (bits & known[: len(bits)]).view(np.uint8)
        found = np.flatnonzero(np.unpackbits(kept, bitorder="little"))
        if len(found) > len(rows):
            return -2
        np.add(found, first, out=rows[: len(found)], casting="unsafe")
        return len(found)

    return types.SimpleNamespace(
        compare=compare,
        compare_total=compare_total,
        between=between,
        is_in=is_in,
        and_kleene=and_kleene,
        or_kleene=or_kleene,
        select=select,
    )


def pyarrow_peer():
    """`pyarrow.compute` over the same buffers; its answers are copied into the caller's."""
    import pyarrow as pa
    import pyarrow.compute as pc

    pa.set_cpu_count(1)
    names = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
    operators = [getattr(pc, name) for name in names]

    def column(values):
        kind = pa.from_numpy_dtype(values.dtype)
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])

    def booleans(bits, known):
        buffers = [None if known is None else pa.py_buffer(known), pa.py_buffer(bits)]
        return pa.BooleanArray.from_buffers(pa.bool_(), len(bits) * 64, buffers)

    def copy(bitmap, out, octets):
        if bitmap is None:
            out.view(np.uint8)[:octets] = 255
        else:
            out.view(np.uint8)[:octets] = np.frombuffer(bitmap, np.uint8)[:octets]

    def give(answers, out):
        rows = len(answers)
        words = (rows + 63) // 64
        if rows:
            out[words - 1] = 0
            copy(answers.buffers()[1], out, (rows + 7) // 8)
            if rows % 64:
                out[words - 1] &= np.uint64(2 ** (rows % 64) - 1)

    def compare(values, op, constant, out):
        if not 0 <= op < 6:
            return -1
        if len(out) * 64 < len(values):
            return -2
        given = column(values)
        give(operators[op](given, pa.scalar(int(constant), given.type)), out)
        return 0

    def compare_total(values, op, constant, out):
        return compare(_order(values), op, _order(np.asarray(constant)), out)

    def between(values, low, high, out):
        if len(out) * 64 < len(values):
            return -2
        given = column(values)
        above = pc.greater_equal(given, pa.scalar(int(low), given.type))
        give(pc.and_(above, pc.less_equal(given, pa.scalar(int(high), given.type))), out)
        return 0

    def is_in(values, listed, table, out):
        if len(out) * 64 < len(values) or len(table) < 16 * len(listed):
            return -2
        info = np.iinfo(values.dtype)
        known = listed[(listed >= info.min) & (listed <= info.max)].astype(values.dtype)
        give(pc.is_in(column(values), pa.array(known)), out)
        return 0

    def kleene(function, left, left_known, right, right_known, out, known):
        words = len(out)
        if min(map(len, (left, left_known, right, right_known, known))) < words:
            return -2
        if words:
            a = booleans(left[:words], left_known[:words])
            answers = function(a, booleans(right[:words], right_known[:words]))
            copy(answers.buffers()[0], known, words * 8)
        # Arrow leaves the value of an unknown answer open; the surface says what it is
        return words

    def and_kleene(left, left_known, right, right_known, out, known):
        words = kleene(pc.and_kleene, left, left_known, right, right_known, out, known)
        if words >= 0:
            np.bitwise_and(left[:words], right[:words], out=out)
        return min(words, 0)

    def or_kleene(left, left_known, right, right_known, out, known):
        words = kleene(pc.or_kleene, left, left_known, right, right_known, out, known)
        if words >= 0:
            np.bitwise_or(left[:words], right[:words], out=out)
        return min(words, 0)

    def select(bits, known, first, rows):
        if len(known) < len(bits):
            return -2
        if not len(bits):
            return 0
        kept = pc.and_(booleans(bits, None), booleans(known[: len(bits)], None))
        found = pc.indices_nonzero(kept).to_numpy()
        if len(found) > len(rows):
            return -2
        np.add(found, np.uint64(first), out=rows[: len(found)])
        return len(found)

    return types.SimpleNamespace(
        compare=compare,
        compare_total=compare_total,
        between=between,
        is_in=is_in,
        and_kleene=and_kleene,
        or_kleene=or_kleene,
        select=select,
    )


def numexpr_peer():
    """`numexpr` for comparisons; what it cannot say (IN, bitmaps) is numpy's."""
    import numexpr

    numexpr.set_num_threads(1)
    signs = ("==", "!=", "<", "<=", ">", ">=")
    other = numpy_peer()

    def evaluate(expression, **names):
        return numexpr.evaluate(expression, local_dict=names, global_dict={})

    def compare(values, op, constant, out):
        if not 0 <= op < 6:
            return -1
        if len(out) * 64 < len(values):
            return -2
        _pack(evaluate(f"v {signs[op]} c", v=values, c=constant), out)
        return 0

    def compare_total(values, op, constant, out):
        return compare(_order(values), op, _order(np.asarray(constant)), out)

    def between(values, low, high, out):
        if len(out) * 64 < len(values):
            return -2
        _pack(evaluate("(v >= a) & (v <= b)", v=values, a=low, b=high), out)
        return 0

    return types.SimpleNamespace(
        compare=compare,
        compare_total=compare_total,
        between=between,
        is_in=other.is_in,
        and_kleene=other.and_kleene,
        or_kleene=other.or_kleene,
        select=other.select,
    )


PEERS = {"numpy": numpy_peer, "numexpr": numexpr_peer, "pyarrow": pyarrow_peer}
