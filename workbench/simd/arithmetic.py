"""Lane-by-lane work: Python's operators, and the operations they lack."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

from numba.core import types
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import lower_builtin

from workbench.simd.emit import (
    broadcast,
    call,
    compare,
    constant,
    operation,
    require,
    signature,
    vector_type,
)
from workbench.simd.vectors import Vector

# operator -> methods of the IR builder for floats, unsigned and signed integers, and masks
ARITHMETIC: Final = {
    operator.add: ("fadd", "add", "add", None),
    operator.sub: ("fsub", "sub", "sub", None),
    operator.mul: ("fmul", "mul", "mul", None),
    operator.truediv: ("fdiv", None, None, None),
    operator.and_: (None, "and_", "and_", "and_"),
    operator.or_: (None, "or_", "or_", "or_"),
    operator.xor: (None, "xor", "xor", "xor"),
    operator.lshift: (None, "shl", "shl", None),
    operator.rshift: (None, "lshr", "ashr", None),
}
COMPARISONS: Final = {
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
    operator.ne: "!=",
}


def fits(vector: Vector, number: Any) -> bool:
    """Whether a scalar may stand for a vector: never a float for integers."""
    return isinstance(number, types.Number if vector.is_float else types.Integer)


def method(function: Callable[..., Any], vector: Vector) -> str | None:
    """Name of the IR builder's method for an arithmetic operator on such lanes."""
    kinds = (vector.is_float, not vector.is_signed and not vector.is_mask, vector.is_signed, True)
    return ARITHMETIC[function][kinds.index(True)]


def result_of(function: Callable[..., Any], vector: Vector) -> Vector | None:
    """Type of ``function(vector, vector)``; None where the operator makes no sense."""
    if function in COMPARISONS:
        return None if vector.is_mask else vector.mask()
    return vector if method(function, vector) else None


def register(function: Callable[..., Any], spelling: Callable[..., Any]) -> None:
    """Teach numba one operator, as ``a + b`` or ``a += b``, for vectors and numbers beside them."""

    class Typing(AbstractTemplate):
        key = spelling

        def generic(self, args: Any, kws: Any) -> Any:
            vectors = {a for a in args if isinstance(a, Vector)}
            if len(vectors) != 1:
                return None
            (vector,) = vectors
            if not all(a == vector or fits(vector, a) for a in args):
                return None
            result = result_of(function, vector)
            wanted = (vector if isinstance(a, Vector) else vector.element for a in args)
            return signature(result, *wanted) if result else None

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector = next(a for a in sig.args if isinstance(a, Vector))
        a, b = (
            value if isinstance(kind, Vector) else broadcast(builder, vector.llvm, value)
            for kind, value in zip(sig.args, args, strict=True)
        )
        if function in COMPARISONS:
            return compare(builder, COMPARISONS[function], vector, a, b)
        return getattr(builder, str(method(function, vector)))(a, b)

    infer: Any = infer_global  # untyped in numba, as the next
    implement: Any = lower_builtin
    infer(spelling)(Typing)
    for left, right in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        implement(spelling, left, right)(lower)


for _function in ARITHMETIC:
    register(_function, _function)
    register(_function, getattr(operator, f"i{_function.__name__.strip('_')}"))
for _function in COMPARISONS:
    register(_function, _function)


@operation
def splat(typingctx: Any, vector: Any, value: Any) -> Any:
    """``splat(vector, value)``: the number ``value`` in every lane."""
    kind = vector_type("splat", vector)
    require(fits(kind, value), f"splat({kind}) takes a number of its kind", value)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return broadcast(builder, kind.llvm, args[1])

    return signature(kind, vector, kind.element), generate


@operation
def iota(typingctx: Any, vector: Any) -> Any:
    """``iota(vector)``: lane ``i`` holds ``i`` (integer vectors)."""
    kind = vector_type("iota", vector)
    require(not kind.is_float, "iota makes integer vectors", kind)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return constant(kind.llvm, list(range(kind.lanes)))

    return signature(kind, vector), generate


@operation
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """``fma(a, b, c)``: ``a * b + c`` rounded once. Slow (a libm call a lane) where not in CPU."""
    good = a == b == c and isinstance(a, Vector) and a.is_float
    require(good, "fma takes three float vectors of one type", a, b, c)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return call(builder, f"llvm.fma.{a.suffix}", a.llvm, *args)

    return signature(a, a, a, a), generate


def orders(a: Any, b: Any) -> bool:
    """Whether lanes of ``a`` and ``b`` can be compared by size."""
    return isinstance(a, Vector) and a == b and not a.is_mask


@operation
def minimum(typingctx: Any, a: Any, b: Any) -> Any:
    """``minimum(a, b)``: ``a if a < b else b``, so ``b`` when either is NaN or both are zero."""
    require(orders(a, b), "minimum takes two vectors of one type", a, b)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(compare(builder, "<", a, *args), *args)

    return signature(a, a, a), generate


@operation
def maximum(typingctx: Any, a: Any, b: Any) -> Any:
    """``maximum(a, b)``: ``a if a > b else b``, so ``b`` when either is NaN or both are zero."""
    require(orders(a, b), "maximum takes two vectors of one type", a, b)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(compare(builder, ">", a, *args), *args)

    return signature(a, a, a), generate


@operation
def select(typingctx: Any, mask: Any, a: Any, b: Any) -> Any:
    """``select(mask, a, b)``: lane of ``a`` where the mask is true, else of ``b``."""
    good = isinstance(a, Vector) and a == b and mask == a.mask()
    require(good, "select takes a mask and two vectors of one type and as many lanes", mask, a, b)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(*args)

    return signature(a, mask, a, b), generate
