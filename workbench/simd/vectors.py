"""The vector types: numba types whose values are single LLVM vectors."""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models
from numba.extending import register_model


class Vector(types.Type):
    """``lanes`` values of one scalar type; of ``boolean`` it is a mask.

    Attributes
    ----------
    element : numba type
        The type of a lane.
    lanes : int
        How many there are.
    llvm : llvmlite.ir.VectorType
        The same, as LLVM knows it.
    """

    def __init__(self, element: Any, lanes: int) -> None:
        self.element, self.lanes = element, lanes
        prefix = "f" if self.is_float else "b" if self.is_mask else "i" if self.is_signed else "u"
        scalar = ir.IntType(self.lane_bits)
        if self.is_float:
            scalar = ir.FloatType() if self.lane_bits == 32 else ir.DoubleType()
        self.llvm = ir.VectorType(scalar, lanes)
        super().__init__(name=f"{prefix}{self.lane_bits}x{lanes}")

    @property
    def is_mask(self) -> bool:
        """Whether lanes are truth values."""
        return self.element is types.boolean

    @property
    def is_float(self) -> bool:
        """Whether lanes are floating-point numbers."""
        return isinstance(self.element, types.Float)

    @property
    def is_signed(self) -> bool:
        """Whether lanes are signed integers."""
        return self.element in types.signed_domain

    @property
    def lane_bits(self) -> int:
        """Width of a lane."""
        return 1 if self.is_mask else int(self.element.bitwidth)

    @property
    def bits(self) -> int:
        """Width of the whole vector."""
        return self.lanes * self.lane_bits

    @property
    def suffix(self) -> str:
        """How LLVM spells the type in the name of an intrinsic, e.g. ``v16f32``."""
        return f"v{self.lanes}{'f' if self.is_float else 'i'}{self.lane_bits}"

    def mask(self) -> Vector:
        """Type that a comparison of two such vectors gives."""
        return Vector(types.boolean, self.lanes)


f32x8: Final = Vector(types.float32, 8)
f32x16: Final = Vector(types.float32, 16)
f64x8: Final = Vector(types.float64, 8)
i32x16: Final = Vector(types.int32, 16)
u32x16: Final = Vector(types.uint32, 16)
i64x8: Final = Vector(types.int64, 8)
u64x8: Final = Vector(types.uint64, 8)
u16x32: Final = Vector(types.uint16, 32)
u8x8: Final = Vector(types.uint8, 8)
u8x16: Final = Vector(types.uint8, 16)
u8x64: Final = Vector(types.uint8, 64)


class VectorModel(models.PrimitiveModel):
    """A vector is one LLVM value, in registers and in memory alike."""

    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, vector.llvm)  # type: ignore[no-untyped-call] # in numba


register_model(Vector)(VectorModel)
