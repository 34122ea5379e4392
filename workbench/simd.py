"""Vector types and operations that a kernel may use inside ``njit`` functions.

A vector is a fixed number of lanes held in registers: ``f32x16``, ``u8x64`` ... It exists
only inside compiled code, is made by `load`, `splat`, `iota` or `gather`, and obeys Python's
operators lane by lane; a plain number beside a vector means that number in every lane.

>>> import numpy as np
>>> from numba import njit
>>> from workbench import simd
>>> @njit
... def twice(a, out):
...     for i in range(0, len(a), 16):
...         simd.store(out, i, simd.load(simd.f32x16, a, i) * 2)
>>> a = np.arange(32, dtype=np.float32)
>>> twice(a, a)
>>> float(a[31])
62.0

**Every operation means the same on every CPU.** Nearly all are generic LLVM IR, which lowers
everywhere. Only `lookup` and `permute` pick an instruction by what the CPU that numba compiles
for can do (``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` are honoured), and `HAS_BYTE_PERMUTE`
and `HAS_WORD_PERMUTE` tell a kernel that they did, so that it can choose a layout.

**No index is checked** unless numba's boundscheck is on (``NUMBA_BOUNDSCHECK=1``); negative
indices do not wrap. Arrays are C-contiguous and an index counts elements of the flat array;
no alignment is asked for.

Float arithmetic is strict: no contraction (`fma` is a name of its own because it changes
bits), no reassociation.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.errors import TypingError
from numba.core.registry import cpu_target
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, register_model

I1, I32, I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)


class Vector(types.Type):
    """``lanes`` numbers of one scalar type (``element``), or truth values: then it is a mask."""

    def __init__(self, element: types.Type, lanes: int) -> None:
        self.element, self.lanes = element, lanes
        bits = 1 if element is types.boolean else element.bitwidth
        kind = "b" if bits == 1 else "f" if self.is_float else "i" if self.is_signed else "u"
        scalar = ir.FloatType() if self.is_float else ir.IntType(bits)
        self.llvm = ir.VectorType(scalar, lanes)
        self.bits = bits * lanes
        super().__init__(name=f"{kind}{bits}x{lanes}")

    @property
    def is_float(self) -> bool:
        """Whether lanes are floating-point numbers."""
        return isinstance(self.element, types.Float)

    @property
    def is_signed(self) -> bool:
        """Whether lanes are signed integers."""
        return bool(getattr(self.element, "signed", False))

    @property
    def mask(self) -> Vector:
        """The type that a comparison of two such vectors gives."""
        return Vector(types.boolean, self.lanes)


f32x16: Final = Vector(types.float32, 16)
i32x16: Final = Vector(types.int32, 16)
u32x16: Final = Vector(types.uint32, 16)
u16x32: Final = Vector(types.uint16, 32)
u8x16: Final = Vector(types.uint8, 16)
u8x64: Final = Vector(types.uint8, 64)


@register_model(Vector)
class VectorModel(models.PrimitiveModel):  # type: ignore[misc] # numba ships no types
    """A vector is one LLVM value."""

    def __init__(self, dmm: Any, fe_type: Vector) -> None:
        super().__init__(dmm, fe_type, fe_type.llvm)


# ---- what the CPU can do ---------------------------------------------------------------------


def _shuffles_with(vector: Vector, instruction: str) -> bool:
    """Whether numba's target shuffles two such registers with ``vperm{i,t}2<instruction>``.

    Asks LLVM itself to compile an irregular constant shuffle (2 ms), so that a CPU name, its
    implied features and added ones all count.
    """
    triple, cpu, features = cpu_target.target_context.codegen().magic_tuple()
    target = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features)
    picks = ", ".join(f"i32 {(7 * i * i + 5) % (2 * vector.lanes)}" for i in range(vector.lanes))
    v = str(vector.llvm)
    code = f"""define {v} @f({v} %a, {v} %b) {{
        %r = shufflevector {v} %a, {v} %b, <{vector.lanes} x i32> <{picks}>
        ret {v} %r }}"""
    assembly = target.emit_assembly(llvm.parse_assembly(code))
    return any(f"vperm{form}2{instruction}" in assembly for form in "it")


HAS_BYTE_PERMUTE: Final = _shuffles_with(u8x64, "b")
"""Whether 64 bytes are looked up in 128 by one instruction (x86 AVX-512 VBMI)."""

HAS_WORD_PERMUTE: Final = _shuffles_with(f32x16, "ps")
"""Whether 16 words are looked up in 32 by one instruction (x86 AVX-512)."""

# lane type -> (usable here, one-table permute, two-table permute); index operand second
_PERMUTES: Final = {
    f32x16: (HAS_WORD_PERMUTE, "permvar.sf", "vpermi2var.ps"),
    i32x16: (HAS_WORD_PERMUTE, "permvar.si", "vpermi2var.d"),
    u32x16: (HAS_WORD_PERMUTE, "permvar.si", "vpermi2var.d"),
    u8x64: (HAS_BYTE_PERMUTE, "permvar.qi", "vpermi2var.qi"),
}


# ---- helpers of the code generators ----------------------------------------------------------


def _constant(vector: ir.VectorType, values: int | list[int]) -> ir.Constant:
    return ir.Constant(vector, values if isinstance(values, list) else [values] * vector.count)


def _splat(builder: Any, vector: ir.VectorType, value: Any) -> Any:
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, I32(0))
    return builder.shuffle_vector(first, first, _constant(ir.VectorType(I32, vector.count), 0))


def _call(builder: Any, name: str, result: Any, *args: Any) -> Any:
    function = ir.FunctionType(result, [a.type for a in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, function, name), args)


def _require(condition: bool, rule: str, *given: Any) -> None:
    if not condition:
        raise TypingError(f"{rule}; given {', '.join(map(str, given))}")


def _array_of(rule: str, array: Any, element: Any, mutable: bool = False) -> None:
    good = isinstance(array, types.Array) and array.layout == "C" and array.dtype == element
    _require(good and (array.mutable or not mutable), f"{rule} takes a C-contiguous array", array)


def _guard(context: Any, builder: Any, bad: Callable[[], Any]) -> None:
    """Raise IndexError where ``bad()`` is true, if numba's boundscheck is on."""
    if context.enable_boundscheck:
        with cgutils.if_unlikely(builder, bad()):
            context.call_conv.return_user_exc(builder, IndexError, ("simd index out of bounds",))


def _address(context: Any, builder: Any, sig: Any, args: Any, at: int, count: Any) -> Any:
    """Pointer to element ``args[at + 1]`` of array ``args[at]``; ``count`` elements are touched."""
    array = context.make_array(sig.args[at])(context, builder, args[at])
    index = args[at + 1]

    def outside() -> Any:
        late = builder.icmp_signed(">", builder.add(index, count), array.nitems)
        return builder.or_(late, builder.icmp_signed("<", index, I64(0)))

    _guard(context, builder, outside)
    return builder.gep(array.data, [index])


def _align(vector: Vector) -> int:
    return int(vector.element.bitwidth) // 8


# ---- operators -------------------------------------------------------------------------------

# operator -> IR builder's method for floats, unsigned and signed integers
_ARITHMETIC: Final = {
    operator.add: ("fadd", "add", "add"),
    operator.sub: ("fsub", "sub", "sub"),
    operator.mul: ("fmul", "mul", "mul"),
    operator.and_: (None, "and_", "and_"),
    operator.or_: (None, "or_", "or_"),
    operator.xor: (None, "xor", "xor"),
    operator.lshift: (None, "shl", "shl"),
    operator.rshift: (None, "lshr", "ashr"),
}
_COMPARISONS: Final = {
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
    operator.ne: "!=",
}


def _kind(vector: Vector) -> int:
    return 0 if vector.is_float else 2 if vector.is_signed else 1


def _compare(builder: Any, sign: str, vector: Vector, a: Any, b: Any) -> Any:
    """Ordered comparison, but NaN differs from everything, as in Python."""
    if vector.is_float:
        test = builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered
    else:
        test = builder.icmp_signed if vector.is_signed else builder.icmp_unsigned
    return test(sign, a, b)


def _register_operator(function: Callable[..., Any]) -> None:
    """Teach numba one operator for vector-vector, vector-number and number-vector."""

    @infer_global(function)
    class Typing(AbstractTemplate):  # type: ignore[misc] # numba ships no types
        def generic(self, args: Any, kws: Any) -> Any:
            vectors = {a for a in args if isinstance(a, Vector)}
            if len(vectors) != 1 or not all(isinstance(a, Vector | types.Number) for a in args):
                return None
            (vector,) = vectors
            if function in _COMPARISONS:
                result = vector.mask
            elif _ARITHMETIC[function][_kind(vector)]:
                result = vector
            else:
                return None
            wanted = (vector if isinstance(a, Vector) else vector.element for a in args)
            return signature(result, *wanted)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector = next(a for a in sig.args if isinstance(a, Vector))
        a, b = (
            value if isinstance(kind, Vector) else _splat(builder, vector.llvm, value)
            for kind, value in zip(sig.args, args, strict=True)
        )
        if function in _COMPARISONS:
            return _compare(builder, _COMPARISONS[function], vector, a, b)
        return getattr(builder, _ARITHMETIC[function][_kind(vector)])(a, b)

    for left, right in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(function, left, right)(lower)


for _function in (*_ARITHMETIC, *_COMPARISONS):
    _register_operator(_function)


# ---- memory ----------------------------------------------------------------------------------


@intrinsic
def load(typingctx: Any, vector: Any, array: Any, index: Any) -> Any:
    """``load(vector, array, index)``: the lanes found from element ``index`` on."""
    kind = vector.instance_type
    _array_of(f"simd.load({kind})", array, kind.element)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _address(context, builder, sig, args, 1, I64(kind.lanes))
        return builder.load(pointer, typ=kind.llvm, align=_align(kind))

    return signature(kind, vector, array, types.intp), generate


@intrinsic
def store(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """``store(array, index, value)``: write all lanes from element ``index`` on."""
    _array_of(f"simd.store of {value}", array, value.element, mutable=True)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _address(context, builder, sig, args, 0, I64(value.lanes))
        pointer = builder.bitcast(pointer, value.llvm.as_pointer())
        builder.store(args[2], pointer, align=_align(value))

    return signature(types.void, array, types.intp, value), generate


def _first(builder: Any, vector: Vector, count: Any) -> tuple[Any, Any]:
    """``count`` clipped to the lanes there are, and the mask of as many first lanes."""
    count = _call(builder, "llvm.smax.i64", I64, count, I64(0))
    count = _call(builder, "llvm.smin.i64", I64, count, I64(vector.lanes))
    bytes_ = ir.VectorType(ir.IntType(8), vector.lanes)
    limit = _splat(builder, bytes_, builder.trunc(count, bytes_.element))
    lane = _constant(bytes_, list(range(vector.lanes)))
    return count, builder.icmp_unsigned("<", lane, limit)


@intrinsic
def load_first(typingctx: Any, vector: Any, array: Any, index: Any, count: Any) -> Any:
    """``load_first(vector, array, index, count)``: only ``count`` lanes are read, others are 0."""
    kind = vector.instance_type
    _array_of(f"simd.load_first({kind})", array, kind.element)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        count, mask = _first(builder, kind, args[3])
        pointer = builder.bitcast(_address(context, builder, sig, args, 1, count), PTR)
        name = f"llvm.masked.load.{kind.llvm.intrinsic_name}.p0"
        return _call(builder, name, kind.llvm, pointer, mask, ir.Constant(kind.llvm, None))

    return signature(kind, vector, array, types.intp, types.intp), generate


@intrinsic
def store_first(typingctx: Any, array: Any, index: Any, value: Any, count: Any) -> Any:
    """``store_first(array, index, value, count)``: only ``count`` lanes are written."""
    _array_of(f"simd.store_first of {value}", array, value.element, mutable=True)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        count, mask = _first(builder, value, args[3])
        pointer = builder.bitcast(_address(context, builder, sig, args, 0, count), PTR)
        name = f"llvm.masked.store.{value.llvm.intrinsic_name}.p0"
        _call(builder, name, ir.VoidType(), args[2], pointer, mask)

    return signature(types.void, array, types.intp, value, types.intp), generate
