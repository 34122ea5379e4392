"""Rearrangements whose order is known when they are compiled: a few shuffles on every CPU."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from workbench.simd.emit import I32, constant, operation, require, signature
from workbench.simd.vectors import Vector


def shuffle(builder: Any, a: Any, b: Any, picks: list[int]) -> Any:
    """Lanes ``picks`` of the row that ``a`` and ``b`` make."""
    return builder.shuffle_vector(a, b, constant(ir.VectorType(I32, len(picks)), picks))


def of_two(name: str, a: Any, b: Any, picks: Any) -> Any:
    """Signature and generator of a shuffle of two vectors; ``picks(lanes)`` says which lanes."""
    good = isinstance(a, Vector) and a == b and not a.is_mask
    require(good, f"{name} takes two vectors of one type", a, b)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return shuffle(builder, args[0], args[1], picks(a.lanes))

    return signature(a, a, a), generate


@operation
def evens(typingctx: Any, a: Any, b: Any) -> Any:
    """``evens(a, b)``: a0 a2 a4 ... b0 b2 b4 ..."""
    return of_two("evens", a, b, lambda lanes: list(range(0, 2 * lanes, 2)))


@operation
def odds(typingctx: Any, a: Any, b: Any) -> Any:
    """``odds(a, b)``: a1 a3 a5 ... b1 b3 b5 ..."""
    return of_two("odds", a, b, lambda lanes: list(range(1, 2 * lanes, 2)))


def alternating(lanes: int, start: int) -> list[int]:
    """Lanes ``start, start + 1, ...`` of two vectors by turns, as many as one vector holds."""
    return [start + i // 2 + i % 2 * lanes for i in range(lanes)]


@operation
def weave_low(typingctx: Any, a: Any, b: Any) -> Any:
    """``weave_low(a, b)``: a0 b0 a1 b1 ... of the lower halves of the whole vectors."""
    return of_two("weave_low", a, b, lambda lanes: alternating(lanes, 0))


@operation
def weave_high(typingctx: Any, a: Any, b: Any) -> Any:
    """``weave_high(a, b)``: the same of the upper halves, so low and high undo evens and odds."""
    return of_two("weave_high", a, b, lambda lanes: alternating(lanes, lanes // 2))


@operation
def reverse(typingctx: Any, a: Any) -> Any:
    """``reverse(a)``: the last lane first."""
    require(isinstance(a, Vector) and not a.is_mask, "reverse takes a vector", a)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return shuffle(builder, args[0], args[0], list(reversed(range(a.lanes))))

    return signature(a, a), generate


@operation
def transpose(typingctx: Any, rows: Any) -> Any:
    """``transpose(rows)``: lane ``j`` of row ``i`` becomes lane ``i`` of row ``j``.

    ``rows`` is a tuple of as many vectors as each has lanes of 32 bits, 8 or 16.
    """
    good = isinstance(rows, types.UniTuple) and isinstance(rows.dtype, Vector)
    good = good and rows.count == rows.dtype.lanes and rows.dtype.lane_bits == 32
    require(good, "transpose takes as many vectors as each has lanes of 32 bits", rows)
    lanes = rows.count
    # Inside 128 bits by unpacking words, then pairs of words; whole blocks of 128 bits after that.
    # Each is one instruction of AVX, which a blend of single words would not be.
    starts, two = range(0, lanes, 4), (0, 1)
    words = [[b + h + i + s * lanes for b in starts for i in two for s in two] for h in (0, 2)]
    pairs = [[b + h + i + s * lanes for b in starts for s in two for i in two] for h in (0, 2)]

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        row = [builder.extract_value(args[0], i) for i in range(lanes)]
        block = [[row[i + k] for k in range(4)] for i in range(0, lanes, 4)]
        for four in block:
            low, high = (
                [shuffle(builder, four[i], four[i + 1], picks) for i in (0, 2)] for picks in words
            )
            four[:] = [shuffle(builder, x, y, picks) for x, y in (low, high) for picks in pairs]
        span = 1
        while 4 * span < lanes:
            for i in range(lanes // 4):
                if i & span:
                    continue
                for k in range(4):
                    a, b = block[i][k], block[i + span][k]
                    block[i][k] = shuffle(builder, a, b, blocks(lanes, span, 0))
                    block[i + span][k] = shuffle(builder, a, b, blocks(lanes, span, span))
            span *= 2
        result = ir.Constant(context.get_value_type(rows), ir.Undefined)
        for i in range(lanes):
            result = builder.insert_value(result, block[i // 4][i % 4], i)
        return result

    return signature(rows, rows), generate


def blocks(lanes: int, span: int, side: int) -> list[int]:
    """Exchange blocks of four lanes with the row ``span`` blocks below: the ``side`` that stays."""
    picks = []
    for block in range(lanes // 4):
        low = block & ~span
        start = 4 * (low + side) + (lanes if block & span else 0)
        picks += list(range(start, start + 4))
    return picks
