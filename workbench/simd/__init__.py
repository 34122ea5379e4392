"""Vector types and operations that a kernel may use inside ``njit`` functions.

A vector is a fixed number of lanes held in registers: ``f32x16``, ``u8x64`` ... It exists only
inside compiled code, is made by `load`, `splat`, `iota` or `gather`, and obeys Python's
operators lane by lane (``+ - *``, for floats ``/``, and for integers ``& | ^ << >>``; comparisons
give a mask). A plain number beside a vector means that number in every lane.

>>> import numpy as np
>>> from numba import njit
>>> from workbench import simd
>>> @njit
... def twice(a):
...     for i in range(0, len(a), 16):
...         simd.store(a, i, simd.load(simd.f32x16, a, i) * 2)
>>> a = np.arange(32, dtype=np.float32)
>>> twice(a)
>>> float(a[31])
62.0

**Every operation means the same on every CPU.** Nearly all are generic LLVM IR, which lowers
everywhere. Only `lookup`, `permute` and `dot_bytes` choose an instruction, by what the CPU that
numba compiles for can do; `HAS_BYTE_PERMUTE`, `HAS_WORD_PERMUTE` and `HAS_BYTE_DOT` say what
they chose, so that a kernel can choose its layout. A branch on them costs nothing at run time;
imported by name (``from workbench.simd import HAS_BYTE_PERMUTE``) numba even drops the other
side before it types it. x86-64 is tested from SSE2 to AVX-512; aarch64 is lowered in the tests
but has not been run. To compile for another CPU set ``NUMBA_CPU_NAME`` *and*
``NUMBA_CPU_FEATURES`` (empty will do): with the name alone numba still adds the host's features.

**No index is checked** unless numba's boundscheck is on (``NUMBA_BOUNDSCHECK=1``), and negative
indices do not wrap. Arrays are C-contiguous, an index counts elements of the flat array, and no
alignment is asked for.

**Float arithmetic is strict**: nothing is contracted or reassociated. `fma` has a name of its
own because it changes bits; `reduce_add` documents its order.

A new operation comes with its test in ``tests/test_simd.py``.
"""

from workbench.simd.arithmetic import fma, iota, maximum, minimum, select, splat
from workbench.simd.cpu import HAS_BYTE_DOT, HAS_BYTE_PERMUTE, HAS_WORD_PERMUTE
from workbench.simd.lanes import (
    bitcast,
    bits,
    compress,
    convert,
    count,
    dot_bytes,
    interleave_high,
    interleave_low,
    lookup,
    mask,
    permute,
    reduce_add,
)
from workbench.simd.memory import (
    add_each,
    gather,
    gather_each,
    load,
    load_first,
    prefetch,
    store,
    store_first,
)
from workbench.simd.shuffles import evens, odds, reverse, transpose, weave_high, weave_low
from workbench.simd.vectors import (
    f32x8,
    f32x16,
    f64x8,
    i32x16,
    i64x8,
    u8x8,
    u8x16,
    u8x64,
    u16x32,
    u32x16,
    u64x8,
)

__all__ = [
    "HAS_BYTE_DOT",
    "HAS_BYTE_PERMUTE",
    "HAS_WORD_PERMUTE",
    "add_each",
    "bitcast",
    "bits",
    "compress",
    "convert",
    "count",
    "dot_bytes",
    "evens",
    "f32x8",
    "f32x16",
    "f64x8",
    "fma",
    "gather",
    "gather_each",
    "i32x16",
    "i64x8",
    "interleave_high",
    "interleave_low",
    "iota",
    "load",
    "load_first",
    "lookup",
    "mask",
    "maximum",
    "minimum",
    "odds",
    "permute",
    "prefetch",
    "reduce_add",
    "reverse",
    "select",
    "splat",
    "store",
    "store_first",
    "transpose",
    "u8x8",
    "u8x16",
    "u8x64",
    "u16x32",
    "u32x16",
    "u64x8",
    "weave_high",
    "weave_low",
]
