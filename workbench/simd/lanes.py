"""Across lanes: table lookups, shuffles, reductions, and the same bits as another type."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from workbench.simd.cpu import HAS_BYTE_DOT, PERMUTES
from workbench.simd.emit import (
    I32,
    I64,
    broadcast,
    call,
    constant,
    operation,
    require,
    signature,
    tools,
    vector_type,
)
from workbench.simd.vectors import Vector, i32x16, u8x64


def look_up_permuting(builder: Any, table: Vector, parts: list[Any], index: Any) -> Any:
    """Permute registers pair by pair, then choose between the results by the index's high bits."""
    one, two = (f"llvm.x86.avx512.{name}.512" for name in PERMUTES[table])
    if len(parts) == 1:
        return call(builder, one, table.llvm, parts[0], index)
    found = [
        call(builder, two, table.llvm, low, index, high)
        for low, high in zip(parts[::2], parts[1::2], strict=True)
    ]
    bit = 2 * table.lanes
    while len(found) > 1:
        high = builder.and_(index, constant(index.type, bit))
        mask = builder.icmp_unsigned("!=", high, constant(index.type, 0))
        found = [
            builder.select(mask, odd, even)
            for even, odd in zip(found[::2], found[1::2], strict=True)
        ]
        bit *= 2
    return found[0]


def look_up_in_memory(builder: Any, table: Vector, parts: list[Any], index: Any) -> Any:
    """Spill the table to the stack and load lane by lane: what every CPU can do."""
    spill = tools.alloca_once(builder, ir.ArrayType(table.llvm, len(parts)))
    for i, part in enumerate(parts):
        builder.store(part, builder.gep(spill, [I32(0), I32(i)]))
    wrap = ir.Constant(index.type.element, len(parts) * table.lanes - 1)
    result = ir.Constant(table.llvm, ir.Undefined)
    for lane in range(table.lanes):
        at = builder.zext(builder.and_(builder.extract_element(index, I32(lane)), wrap), I64)
        entry = builder.gep(spill, [at], source_etype=table.llvm.element)
        value = builder.load(entry, typ=table.llvm.element)
        result = builder.insert_element(result, value, I32(lane))
    return result


@operation
def lookup(typingctx: Any, tables: Any, index: Any) -> Any:
    """``lookup(tables, index)``: lane ``i`` is entry ``index[i]`` of all tables in a row.

    ``tables`` is a tuple of 1, 2, 4, 8 or 16 vectors of one type, ``index`` a vector of integers
    with as many and as wide lanes. An index beyond the last entry wraps. So four ``u8x64`` make
    a table of all 256 bytes, and sixteen ``f32x16`` one of 256 floats.
    """
    good = isinstance(tables, types.UniTuple) and isinstance(tables.dtype, Vector)
    good = good and tables.count in (1, 2, 4, 8, 16) and isinstance(index, Vector)
    table: Any = tables.dtype if good else None
    good = good and not (index.is_float or index.is_mask or table.is_mask)
    good = good and (table.lanes, table.lane_bits) == (index.lanes, index.lane_bits)
    good = good and tables.count * table.lanes <= 2**index.lane_bits
    require(good, "lookup takes 1, 2, 4, 8 or 16 vectors and an integer index", tables, index)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        parts = [builder.extract_value(args[0], i) for i in range(tables.count)]
        look_up = look_up_permuting if table in PERMUTES else look_up_in_memory
        return look_up(builder, table, parts, args[1])

    return signature(table, tables, index), generate


@operation
def permute(typingctx: Any, value: Any, index: Any) -> Any:
    """``permute(value, index)``: lane ``i`` is lane ``index[i]`` of ``value``; indices wrap."""
    good = isinstance(value, Vector) and isinstance(index, Vector)
    good = good and not (index.is_float or index.is_mask or value.is_mask)
    good = good and (value.lanes, value.lane_bits) == (index.lanes, index.lane_bits)
    require(good, "permute takes a vector and an integer index of its width", value, index)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        look_up = look_up_permuting if value in PERMUTES else look_up_in_memory
        return look_up(builder, value, [args[0]], args[1])

    return signature(value, value, index), generate


def interleave(a: Any, b: Any, high: bool) -> Any:
    """Signature and generator of both interleavings."""
    good = isinstance(a, Vector) and a == b and not a.is_mask and a.bits >= 128
    require(good, "interleave_* takes two vectors of one type, of 128 bits or more", a, b)
    block = 128 // a.lane_bits
    picks = [
        start + high * block // 2 + i + source * a.lanes
        for start in range(0, a.lanes, block)
        for i in range(block // 2)
        for source in (0, 1)
    ]

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.shuffle_vector(*args, constant(ir.VectorType(I32, a.lanes), picks))

    return signature(a, a, a), generate


@operation
def interleave_low(typingctx: Any, a: Any, b: Any) -> Any:
    """``interleave_low(a, b)``: in each 128 bits, the low halves as a0 b0 a1 b1 ..."""
    return interleave(a, b, high=False)


@operation
def interleave_high(typingctx: Any, a: Any, b: Any) -> Any:
    """``interleave_high(a, b)``: in each 128 bits, the high halves as a8 b8 a9 b9 ... (bytes)."""
    return interleave(a, b, high=True)


@operation
def bitcast(typingctx: Any, vector: Any, value: Any) -> Any:
    """``bitcast(vector, value)``: the same bits as another type of the same width."""
    kind = vector_type("bitcast", vector)
    good = isinstance(value, Vector) and kind.bits == value.bits
    require(good, "bitcast keeps the width", kind, value)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.bitcast(args[1], kind.llvm)

    return signature(kind, vector, value), generate


@operation
def convert(typingctx: Any, vector: Any, value: Any) -> Any:
    """``convert(vector, value)``: integer lanes as wider, narrower (wrapping) or float lanes."""
    kind = vector_type("convert", vector)
    good = isinstance(value, Vector) and value.lanes == kind.lanes
    good = good and not (value.is_float or value.is_mask or kind.is_mask)
    require(good, "convert takes integer lanes to as many others", kind, value)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if kind.is_float:
            cast = builder.sitofp if value.is_signed else builder.uitofp
        elif kind.lane_bits > value.lane_bits:
            cast = builder.sext if value.is_signed else builder.zext
        else:
            cast = builder.trunc if kind.lane_bits < value.lane_bits else builder.bitcast
        return cast(args[1], kind.llvm)

    return signature(kind, vector, value), generate


@operation
def compress(typingctx: Any, value: Any, mask: Any) -> Any:
    """``compress(value, mask)``: the lanes where the mask is true move to the front, then 0."""
    good = isinstance(value, Vector) and mask == value.mask()
    require(good, "compress takes a vector and a mask of as many lanes", value, mask)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        # as integers: LLVM 22 aborts on float lanes where the CPU has no such instruction
        whole = Vector(types.Integer.from_bitwidth(value.lane_bits, signed=False), value.lanes)
        name, other = f"llvm.experimental.vector.compress.{whole.suffix}", constant(whole.llvm, 0)
        bits = builder.bitcast(args[0], whole.llvm)
        return builder.bitcast(call(builder, name, whole.llvm, bits, args[1], other), value.llvm)

    return signature(value, value, mask), generate


@operation
def count(typingctx: Any, mask: Any) -> Any:
    """``count(mask)``: how many lanes are true."""
    require(isinstance(mask, Vector) and mask.is_mask, "count takes a mask", mask)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        bits = ir.IntType(mask.lanes)
        total = call(builder, f"llvm.ctpop.i{mask.lanes}", bits, builder.bitcast(args[0], bits))
        return total if mask.lanes == 64 else builder.zext(total, I64)

    return signature(types.intp, mask), generate


@operation
def bits(typingctx: Any, mask: Any) -> Any:
    """``bits(mask)``: the mask as an unsigned integer; lane ``i`` is bit ``i``."""
    require(isinstance(mask, Vector) and mask.is_mask, "bits takes a mask", mask)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        word = builder.bitcast(args[0], ir.IntType(mask.lanes))
        return word if mask.lanes == 64 else builder.zext(word, I64)

    return signature(types.uint64, mask), generate


@operation
def mask(typingctx: Any, vector: Any, word: Any) -> Any:
    """``mask(vector, word)``: a mask for such vectors; lane ``i`` is bit ``i`` of an integer."""
    kind = vector_type("mask", vector)
    require(isinstance(word, types.Integer), "mask takes an integer of a bit per lane", word)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        word = args[1]
        if kind.lanes < 64:
            word = builder.trunc(word, ir.IntType(kind.lanes))
        return builder.bitcast(word, kind.mask().llvm)

    return signature(kind.mask(), vector, types.uint64), generate


@operation
def reduce_add(typingctx: Any, value: Any) -> Any:
    """``reduce_add(value)``: the sum of all lanes, folded in halves (that order, everywhere)."""
    good = isinstance(value, Vector) and not value.is_mask
    require(good, "reduce_add takes a vector of numbers", value)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        total, half = args[0], value.lanes // 2
        add = builder.fadd if value.is_float else builder.add
        while half:
            low, up = (
                constant(ir.VectorType(I32, half), list(range(start, start + half)))
                for start in (0, half)
            )
            total = add(
                builder.shuffle_vector(total, total, low), builder.shuffle_vector(total, total, up)
            )
            half //= 2
        return builder.extract_element(total, I32(0))

    return signature(value.element, value), generate


@operation
def dot_bytes(typingctx: Any, total: Any, a: Any, b: Any) -> Any:
    """``dot_bytes(total, a, b)``: lane ``i`` adds ``a[4 i + j] * byte j of b[i]``, j = 0 to 3.

    ``total`` and ``b`` are ``i32x16``, ``a`` is ``u8x64``; the bytes of ``b`` have a sign, the
    lowest is the first. The sum wraps. A number for ``b`` is four bytes for every lane.
    """
    good = total == i32x16 and a == u8x64 and (b == i32x16 or isinstance(b, types.Integer))
    require(good, "dot_bytes takes i32x16, u8x64, and i32x16 or a number", total, a, b)
    words, wide = i32x16.llvm, i32x16.element

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        total, a, b = args
        b = b if b.type == words else broadcast(builder, words, b)
        if HAS_BYTE_DOT:
            b = builder.bitcast(b, u8x64.llvm)
            return call(builder, "llvm.x86.avx512.vpdpbusd.512", words, total, a, b)
        a = builder.bitcast(a, words)
        for low in range(0, 32, 8):
            unsigned = builder.and_(builder.lshr(a, constant(words, low)), constant(words, 255))
            signed = builder.shl(b, constant(words, 24 - low))
            signed = builder.ashr(signed, constant(words, 24))
            total = builder.add(total, builder.mul(unsigned, signed))
        return total

    return signature(i32x16, total, a, b if b == i32x16 else wide), generate
