"""Small parts that the code generators of the operations share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.core.typing import templates
from numba.extending import intrinsic

from workbench.simd.vectors import Vector

I1, I8, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 32, 64))
PTR = ir.PointerType()

# numba's own annotations stop short of these
signature: Callable[..., Any] = templates.signature
tools: Any = cgutils


def operation(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of numba types that returns (signature, code generator) callable in njit."""
    return cast(Callable[..., Any], intrinsic(function))


def require(good: bool, rule: str, *given: Any) -> None:
    """Refuse to compile, with the rule and the types that broke it."""
    if not good:
        raise TypingError(f"simd.{rule}; given {', '.join(map(str, given))}")


def vector_type(name: str, given: Any) -> Vector:
    """Type that a kernel passed by its name, e.g. ``simd.f32x16``."""
    good = isinstance(given, types.TypeRef) and isinstance(given.instance_type, Vector)
    require(good, f"{name} takes a vector type first, e.g. simd.f32x16", given)
    kind: Vector = given.instance_type
    return kind


def require_array(rule: str, array: Any, element: types.Type, mutable: bool = False) -> None:
    """Refuse arrays that are strided, of another type, or (for writing) read-only."""
    good = isinstance(array, types.Array) and array.layout == "C" and array.dtype == element
    require(good and (array.mutable or not mutable), f"{rule} a C-contiguous array", array)


def constant(vector: Any, values: int | list[int]) -> Any:
    """Make a constant vector from its lanes, or from the one value of all lanes."""
    return ir.Constant(vector, values if isinstance(values, list) else [values] * vector.count)


def broadcast(builder: Any, vector: Any, value: Any) -> Any:
    """``value`` in every lane of an LLVM vector type."""
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, I32(0))
    return builder.shuffle_vector(first, first, constant(ir.VectorType(I32, vector.count), 0))


def call(builder: Any, name: str, result: Any, *args: Any) -> Any:
    """Call the LLVM function ``name``, declaring it by the types of its arguments."""
    function = ir.FunctionType(result, [a.type for a in args])
    return builder.call(tools.get_or_insert_function(builder.module, function, name), args)


def compare(builder: Any, sign: str, vector: Vector, a: Any, b: Any) -> Any:
    """Compare lane by lane as Python does: NaN differs from everything, itself included."""
    if vector.is_float:
        test = builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered
    else:
        test = builder.icmp_signed if vector.is_signed else builder.icmp_unsigned
    return test(sign, a, b)


def guard(context: Any, builder: Any, bad: Callable[[], Any]) -> None:
    """Raise IndexError where ``bad()`` is true, if numba's boundscheck is on."""
    if context.enable_boundscheck:
        with tools.if_unlikely(builder, bad()):
            context.call_conv.return_user_exc(builder, IndexError, ("simd: index out of bounds",))
