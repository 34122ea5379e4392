"""Between registers and arrays. See the package for what an index means and what is checked."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from workbench.simd.emit import (
    I1,
    I8,
    I32,
    I64,
    PTR,
    broadcast,
    call,
    constant,
    guard,
    operation,
    require,
    require_array,
    signature,
    vector_type,
)
from workbench.simd.vectors import Vector


def address(context: Any, builder: Any, sig: Any, args: Any, position: int, count: Any) -> Any:
    """Pointer to the element that arguments ``position`` (array) and the next (index) name.

    ``count`` elements from there on will be touched, for the bounds check: none may be anywhere.
    """
    array = context.make_array(sig.args[position])(context, builder, args[position])
    index = args[position + 1]

    def touches_others() -> Any:
        late = builder.icmp_signed(">", builder.add(index, count), array.nitems)
        outside = builder.or_(late, builder.icmp_signed("<", index, I64(0)))
        return builder.and_(outside, builder.icmp_signed(">", count, I64(0)))

    guard(context, builder, touches_others)
    return builder.bitcast(builder.gep(array.data, [index]), PTR)


def first_lanes(builder: Any, vector: Vector, count: Any) -> tuple[Any, Any]:
    """``count`` clipped to the lanes there are, and the mask of as many first lanes."""
    count = call(builder, "llvm.smax.i64", I64, count, I64(0))
    count = call(builder, "llvm.smin.i64", I64, count, I64(vector.lanes))
    bytes_ = ir.VectorType(I8, vector.lanes)
    limit = broadcast(builder, bytes_, builder.trunc(count, I8))
    return count, builder.icmp_unsigned("<", constant(bytes_, list(range(vector.lanes))), limit)


@operation
def load(typingctx: Any, vector: Any, array: Any, index: Any) -> Any:
    """``load(vector, array, index)``: the lanes found from element ``index`` on."""
    kind = vector_type("load", vector)
    require_array(f"load({kind}) takes", array, kind.element)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = address(context, builder, sig, args, 1, I64(kind.lanes))
        return builder.load(pointer, typ=kind.llvm, align=kind.lane_bits // 8)

    return signature(kind, vector, array, types.intp), generate


@operation
def load_first(typingctx: Any, vector: Any, array: Any, index: Any, count: Any) -> Any:
    """``load_first(vector, array, index, count)``: ``count`` lanes are read, the others are 0."""
    kind = vector_type("load_first", vector)
    require_array(f"load_first({kind}) takes", array, kind.element)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        count, mask = first_lanes(builder, kind, args[3])
        pointer = address(context, builder, sig, args, 1, count)
        name, other = f"llvm.masked.load.{kind.suffix}.p0", ir.Constant(kind.llvm, None)
        return call(builder, name, kind.llvm, pointer, mask, other)

    return signature(kind, vector, array, types.intp, types.intp), generate


@operation
def store(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """``store(array, index, value)``: write all lanes from element ``index`` on."""
    require(isinstance(value, Vector), "store writes vectors", value)
    require_array(f"store of {value} takes", array, value.element, mutable=True)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = address(context, builder, sig, args, 0, I64(value.lanes))
        pointer = builder.bitcast(pointer, value.llvm.as_pointer())
        builder.store(args[2], pointer, align=value.lane_bits // 8)

    return signature(types.void, array, types.intp, value), generate


@operation
def store_first(typingctx: Any, array: Any, index: Any, value: Any, count: Any) -> Any:
    """``store_first(array, index, value, count)``: only the first ``count`` lanes are written."""
    require(isinstance(value, Vector), "store_first writes vectors", value)
    require_array(f"store_first of {value} takes", array, value.element, mutable=True)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        count, mask = first_lanes(builder, value, args[3])
        pointer = address(context, builder, sig, args, 0, count)
        name = f"llvm.masked.store.{value.suffix}.p0"
        call(builder, name, ir.VoidType(), args[2], pointer, mask)

    return signature(types.void, array, types.intp, value, types.intp), generate


@operation
def gather(typingctx: Any, array: Any, index: Any) -> Any:
    """``gather(array, index)``: lane ``i`` is element ``index[i]`` of the array.

    The index is a vector of integers; the array may hold any scalar type of that many lanes.
    """
    good = isinstance(index, Vector) and not (index.is_float or index.is_mask)
    require(good, "gather takes a vector of integers as its index", index)
    require_array("gather takes", array, array.dtype)
    kind = Vector(array.dtype, index.lanes)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(array)(context, builder, args[0])
        wide = ir.VectorType(I64, kind.lanes)
        index64 = builder.sext(args[1], wide) if index.is_signed else builder.zext(args[1], wide)

        def outside() -> Any:
            late = builder.icmp_unsigned(">=", index64, broadcast(builder, wide, data.nitems))
            bits = ir.IntType(kind.lanes)
            return builder.icmp_unsigned("!=", builder.bitcast(late, bits), bits(0))

        guard(context, builder, outside)
        base = builder.bitcast(data.data, PTR)
        bases = broadcast(builder, ir.VectorType(PTR, kind.lanes), base)
        pointers = builder.gep(bases, [index64], source_etype=kind.llvm.element)
        name, every = f"llvm.masked.gather.{kind.suffix}.v{kind.lanes}p0", kind.mask().llvm
        other = ir.Constant(kind.llvm, None)
        return call(builder, name, kind.llvm, pointers, constant(every, 1), other)

    return signature(kind, array, index), generate


def places(
    context: Any, builder: Any, array: Any, value: Any, offset: Any, index: Any, lanes: Any
) -> list[Any]:
    """Pointers to elements ``offset + lanes[i]`` of the array, each a scalar address."""
    data = context.make_array(array)(context, builder, value)
    extend = builder.sext if index.is_signed else builder.zext
    numbers = [builder.extract_element(lanes, I32(i)) for i in range(index.lanes)]
    steps = [extend(number, I64) for number in numbers]

    def outside() -> Any:
        late = I1(0)
        for step in steps:
            element = builder.add(offset, step)
            late = builder.or_(late, builder.icmp_unsigned(">=", element, data.nitems))
        return late

    guard(context, builder, outside)
    start = builder.gep(data.data, [offset])
    return [builder.gep(start, [step]) for step in steps]


@operation
def gather_each(typingctx: Any, array: Any, index: Any) -> Any:
    """``gather_each(array, index)``: what `gather` returns, by one scalar load a lane.

    For CPUs whose own gather is slower than that (AMD's to Zen 5: 0.18 ns more a lane), and best
    with an index that was just loaded and serves nothing else: it is then never in a register.
    """
    good = isinstance(index, Vector) and not (index.is_float or index.is_mask)
    require(good, "gather_each takes a vector of integers as its index", index)
    require_array("gather_each takes", array, array.dtype)
    kind = Vector(array.dtype, index.lanes)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        result = ir.Constant(kind.llvm, ir.Undefined)
        pointers = places(context, builder, array, args[0], I64(0), index, args[1])
        for i, pointer in enumerate(pointers):
            value = builder.load(pointer, typ=kind.llvm.element, align=kind.lane_bits // 8)
            result = builder.insert_element(result, value, I32(i))
        return result

    return signature(kind, array, index), generate


@operation
def add_each(typingctx: Any, array: Any, offset: Any, index: Any, value: Any) -> Any:
    """``add_each(array, offset, index, value)``: ``array[offset + index[i]] += value[i]``.

    One lane after another, so an index may repeat. Every element must lie in the array.
    """
    good = isinstance(index, Vector) and not (index.is_float or index.is_mask)
    good = good and isinstance(value, Vector) and not value.is_mask and value.lanes == index.lanes
    require(good, "add_each takes an integer index and as many numbers", index, value)
    require_array(f"add_each of {value} takes", array, value.element, mutable=True)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        add = builder.fadd if value.is_float else builder.add
        pointers = places(context, builder, array, args[0], args[1], index, args[2])
        for i, pointer in enumerate(pointers):
            old = builder.load(pointer, typ=value.llvm.element, align=value.lane_bits // 8)
            total = add(old, builder.extract_element(args[3], I32(i)))
            typed = builder.bitcast(pointer, value.llvm.element.as_pointer())
            builder.store(total, typed, align=value.lane_bits // 8)

    return signature(types.void, array, types.intp, index, value), generate


@operation
def prefetch(typingctx: Any, array: Any, index: Any) -> Any:
    """``prefetch(array, index)``: a hint that this element will be read soon; never faults."""
    require_array("prefetch takes", array, array.dtype)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(array)(context, builder, args[0]).data
        pointer = builder.bitcast(builder.gep(data, [args[1]]), PTR)
        read, keep, data_cache = I32(0), I32(3), I32(1)
        call(builder, "llvm.prefetch.p0", ir.VoidType(), pointer, read, keep, data_cache)

    return signature(types.void, array, types.intp), generate
