"""What the CPU that numba compiles for can do, asked of LLVM itself.

numba's target is a CPU name and a list of features, either of which the user may set; which
instructions they add up to is LLVM's knowledge. So an irregular shuffle is compiled for exactly
that target (2 ms) and its assembly is read.
"""

from __future__ import annotations

from typing import Final

import llvmlite.binding as llvm
from numba.core.registry import cpu_target

from workbench.simd.vectors import Vector, f32x16, i32x16, u8x64, u32x16


def shuffles_with(instruction: str, vector: Vector) -> bool:
    """Whether two registers are shuffled into one by ``vpermi2*`` or ``vpermt2*``.

    Examples
    --------
    >>> shuffles_with("b", u8x64) == HAS_BYTE_PERMUTE
    True
    """
    triple, cpu, features = cpu_target.target_context.codegen().magic_tuple()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features)
    lanes = vector.lanes
    picks = ", ".join(f"i32 {(7 * i * i + 5) % (2 * lanes)}" for i in range(lanes))
    module = llvm.parse_assembly(
        f"define {vector.llvm} @f({vector.llvm} %a, {vector.llvm} %b) {{"
        f" %r = shufflevector {vector.llvm} %a, {vector.llvm} %b, <{lanes} x i32> <{picks}>\n"
        f" ret {vector.llvm} %r }}"
    )
    assembly = machine.emit_assembly(module)
    return any(f"vperm{form}2{instruction}" in assembly for form in "it")


def multiplies_bytes() -> bool:
    """Whether products of bytes are added up in words of 32 bits by ``vpdpbusd``."""
    triple, cpu, features = cpu_target.target_context.codegen().magic_tuple()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features)
    module = llvm.parse_assembly(
        "declare i32 @llvm.vector.reduce.add.v64i32(<64 x i32>)\n"
        "define i32 @f(<64 x i8> %a, <64 x i8> %b) {"
        " %x = zext <64 x i8> %a to <64 x i32>\n"
        " %y = sext <64 x i8> %b to <64 x i32>\n"
        " %z = mul <64 x i32> %x, %y\n"
        " %r = call i32 @llvm.vector.reduce.add.v64i32(<64 x i32> %z)\n"
        " ret i32 %r }"
    )
    assembly = machine.emit_assembly(module)
    return "vpdpbusd" in assembly and "zmm" in assembly


HAS_BYTE_PERMUTE: Final = shuffles_with("b", u8x64)
"""Whether one instruction looks 64 bytes up in a table of 128 (AVX-512 VBMI)."""

HAS_WORD_PERMUTE: Final = shuffles_with("ps", f32x16)
"""Whether one instruction looks 16 words of 32 bits up in a table of 32 (AVX-512)."""

HAS_BYTE_DOT: Final = multiplies_bytes()
"""Whether one instruction multiplies 64 bytes with 64 others and adds fours (AVX-512 VNNI)."""

PERMUTES: Final[dict[Vector, tuple[str, str]]] = {
    **({u8x64: ("permvar.qi", "vpermi2var.qi")} if HAS_BYTE_PERMUTE else {}),
    **(
        {
            f32x16: ("permvar.sf", "vpermi2var.ps"),
            i32x16: ("permvar.si", "vpermi2var.d"),
            u32x16: ("permvar.si", "vpermi2var.d"),
        }
        if HAS_WORD_PERMUTE
        else {}
    ),
}
"""Table type -> the ``llvm.x86.avx512`` intrinsics that permute one and two registers."""
