"""Complex Fourier transform of the four sizes that CELT's blocks need: 60, 120, 240, 480 points.

A size is 15 rows of L = 4, 8, 16 or 32 columns, the input in row order. Columns are transformed
first (15 = 3 * 5, coprime, so without twiddles between), then turned by the twiddles and
transposed, then the rows (L = R * 4). So every pass runs over whole vectors of neighbours, and
the only shuffles are those of the one transposition.

Real and imaginary parts lie `PART` floats apart. Eight lanes hold results 0 to 7 of a column or 7
to 14: number 7 is computed twice instead of a lane being wasted with a remainder.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench import simd

__all__ = [
    "COLUMN_IMAG",
    "COLUMN_REAL",
    "PART",
    "ROW_IMAG",
    "ROW_REAL",
    "SCRATCH",
    "transform",
]

PART = 512
SCRATCH = 4 * PART
# Where the result lies; before, the transposed columns are in the first two parts.
RESULT = 2 * PART

SIN_3 = np.float32(np.sin(2 * np.pi / 3))
COS_5, COS_5_TWICE = np.float32(np.cos(2 * np.pi / 5)), np.float32(np.cos(4 * np.pi / 5))
SIN_5, SIN_5_TWICE = np.float32(np.sin(2 * np.pi / 5)), np.float32(np.sin(4 * np.pi / 5))
HALF, ROOT_HALF = np.float32(0.5), np.float32(np.sqrt(0.5))


def column_twiddles() -> Any:
    """``exp(2 pi i k l / n)`` complex64[960]: for each size, row 8 k mod 15, column l.

    The 15-point transform in place leaves result k in row 8 k mod 15. Rows of the smallest size
    are padded to a vector of 8.
    """
    sizes = []
    for lm in range(4):
        columns = 4 << lm
        k, column = 2 * np.arange(15) % 15, np.arange(max(columns, 8)) % columns
        sizes.append(np.exp(2j * np.pi * np.outer(k, column) / (15 * columns)).ravel())
    return np.concatenate(sizes).astype(np.complex64)


def row_twiddles() -> Any:
    """``exp(2 pi i q r / (4 R))`` complex64[60]: for R = 1, 2, 4, 8 and q < R, r = 0 to 3."""
    sizes = [
        np.exp(2j * np.pi * np.outer(np.arange(radix), np.arange(4)) / (4 * radix)).ravel()
        for radix in (1, 2, 4, 8)
    ]
    return np.concatenate(sizes).astype(np.complex64)


COLUMNS, ROWS = column_twiddles(), row_twiddles()
COLUMN_REAL, COLUMN_IMAG = COLUMNS.real.copy(), COLUMNS.imag.copy()
ROW_REAL, ROW_IMAG = ROWS.real.copy(), ROWS.imag.copy()


@njit(inline="always")
def threes(work: Any, columns: int, stride: int) -> None:
    """First factor of 15: rows t, t + 5, t + 10 (mod 15), from input order to padded rows."""
    for b in range(5):
        t0, t1, t2 = 3 * b, (3 * b + 5) % 15, (3 * b + 10) % 15
        for column in range(0, columns, 8):
            i0, i1, i2 = t0 * columns + column, t1 * columns + column, t2 * columns + column
            x0, y0 = simd.load(simd.f32x8, work, i0), simd.load(simd.f32x8, work, i0 + PART)
            x1, y1 = simd.load(simd.f32x8, work, i1), simd.load(simd.f32x8, work, i1 + PART)
            x2, y2 = simd.load(simd.f32x8, work, i2), simd.load(simd.f32x8, work, i2 + PART)
            sum_x, sum_y = x1 + x2, y1 + y2
            turned_x, turned_y = (y2 - y1) * SIN_3, (x1 - x2) * SIN_3
            mid_x, mid_y = x0 - sum_x * HALF, y0 - sum_y * HALF
            i0 = RESULT + t0 * stride + column
            i1 = RESULT + t1 * stride + column
            i2 = RESULT + t2 * stride + column
            simd.store(work, i0, x0 + sum_x)
            simd.store(work, i0 + PART, y0 + sum_y)
            simd.store(work, i1, mid_x + turned_x)
            simd.store(work, i1 + PART, mid_y + turned_y)
            simd.store(work, i2, mid_x - turned_x)
            simd.store(work, i2 + PART, mid_y - turned_y)


@njit(fastmath={"contract"})
def put_turned(work: Any, at: int, x: Any, y: Any, twiddle: int) -> None:
    """Store ``x + i y`` at ``at``, multiplied by eight column twiddles."""
    c = simd.load(simd.f32x8, COLUMN_REAL, twiddle)
    s = simd.load(simd.f32x8, COLUMN_IMAG, twiddle)
    simd.store(work, at, x * c - y * s)
    simd.store(work, at + PART, x * s + y * c)


@njit(inline="always")
def fives(work: Any, stride: int, twiddles: int) -> None:
    """Second factor of 15, in place: rows t, t + 3, ... t + 12 (mod 15); then the twiddles."""
    for a in range(3):
        t0 = 5 * a
        t1, t2, t3, t4 = (t0 + 3) % 15, (t0 + 6) % 15, (t0 + 9) % 15, (t0 + 12) % 15
        for column in range(0, stride, 8):
            c0, c1, c2 = t0 * stride + column, t1 * stride + column, t2 * stride + column
            c3, c4 = t3 * stride + column, t4 * stride + column
            i0, i1, i2, i3, i4 = RESULT + c0, RESULT + c1, RESULT + c2, RESULT + c3, RESULT + c4
            x0, y0 = simd.load(simd.f32x8, work, i0), simd.load(simd.f32x8, work, i0 + PART)
            x1, y1 = simd.load(simd.f32x8, work, i1), simd.load(simd.f32x8, work, i1 + PART)
            x2, y2 = simd.load(simd.f32x8, work, i2), simd.load(simd.f32x8, work, i2 + PART)
            x3, y3 = simd.load(simd.f32x8, work, i3), simd.load(simd.f32x8, work, i3 + PART)
            x4, y4 = simd.load(simd.f32x8, work, i4), simd.load(simd.f32x8, work, i4 + PART)
            outer_x, outer_y, inner_x, inner_y = x1 + x4, y1 + y4, x2 + x3, y2 + y3
            x1, y1, x2, y2 = x1 - x4, y1 - y4, x2 - x3, y2 - y3
            near_x = x0 + outer_x * COS_5 + inner_x * COS_5_TWICE
            near_y = y0 + outer_y * COS_5 + inner_y * COS_5_TWICE
            far_x = x0 + outer_x * COS_5_TWICE + inner_x * COS_5
            far_y = y0 + outer_y * COS_5_TWICE + inner_y * COS_5
            # times i
            turn_x, turn_y = y1 * -SIN_5 - y2 * SIN_5_TWICE, x1 * SIN_5 + x2 * SIN_5_TWICE
            twist_x, twist_y = y2 * SIN_5 - y1 * SIN_5_TWICE, x1 * SIN_5_TWICE - x2 * SIN_5
            put_turned(work, i0, x0 + outer_x + inner_x, y0 + outer_y + inner_y, twiddles + c0)
            put_turned(work, i1, near_x + turn_x, near_y + turn_y, twiddles + c1)
            put_turned(work, i2, far_x + twist_x, far_y + twist_y, twiddles + c2)
            put_turned(work, i3, far_x - twist_x, far_y - twist_y, twiddles + c3)
            put_turned(work, i4, near_x - turn_x, near_y - turn_y, twiddles + c4)


@njit()
def exchange(work: Any, source: int, to: int, stride: int, rows: Any) -> None:
    """Eight named rows of eight columns become eight rows 16 apart."""
    t = simd.transpose(
        (
            simd.load(simd.f32x8, work, source + rows[0] * stride),
            simd.load(simd.f32x8, work, source + rows[1] * stride),
            simd.load(simd.f32x8, work, source + rows[2] * stride),
            simd.load(simd.f32x8, work, source + rows[3] * stride),
            simd.load(simd.f32x8, work, source + rows[4] * stride),
            simd.load(simd.f32x8, work, source + rows[5] * stride),
            simd.load(simd.f32x8, work, source + rows[6] * stride),
            simd.load(simd.f32x8, work, source + rows[7] * stride),
        )
    )
    simd.store(work, to, t[0])
    simd.store(work, to + 16, t[1])
    simd.store(work, to + 32, t[2])
    simd.store(work, to + 48, t[3])
    simd.store(work, to + 64, t[4])
    simd.store(work, to + 80, t[5])
    simd.store(work, to + 96, t[6])
    simd.store(work, to + 112, t[7])


@njit(inline="always")
def turn(work: Any, stride: int) -> None:
    """Transpose: results 0 to 7 and 7 to 14 of each column become a row of 16."""
    for column in range(0, stride, 8):
        for part in range(0, 2 * PART, PART):
            source, to = RESULT + part + column, part + 16 * column
            exchange(work, source, to, stride, (0, 8, 1, 9, 2, 10, 3, 11))
            exchange(work, source, to + 8, stride, (11, 4, 12, 5, 13, 6, 14, 7))


@njit(inline="always")
def twos(work: Any) -> None:
    """Transform rows r, r + 4 in place, r = 0 to 3."""
    for i in range(0, 64, 8):
        for part in range(i, i + 2 * PART, PART):
            a, b = simd.load(simd.f32x8, work, part), simd.load(simd.f32x8, work, part + 64)
            simd.store(work, part, a + b)
            simd.store(work, part + 64, a - b)


@njit(fastmath={"contract"})
def four(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any) -> Any:
    """Transform of ``a + i b, c + i d, e + i f, g + i h``, real and imaginary parts by turns."""
    p, q, r, s = a + e, b + f, a - e, b - f
    t, u, v, w = c + g, d + h, c - g, d - h
    return p + t, q + u, r - w, s + v, p - t, q - u, r + w, s - v


@njit(fastmath={"contract"})
def load_four(work: Any, i: int, step: int) -> Any:
    """Rows ``i``, ``i + step``, ..., transformed."""
    return four(
        simd.load(simd.f32x8, work, i),
        simd.load(simd.f32x8, work, i + PART),
        simd.load(simd.f32x8, work, i + step),
        simd.load(simd.f32x8, work, i + step + PART),
        simd.load(simd.f32x8, work, i + 2 * step),
        simd.load(simd.f32x8, work, i + 2 * step + PART),
        simd.load(simd.f32x8, work, i + 3 * step),
        simd.load(simd.f32x8, work, i + 3 * step + PART),
    )


@njit(inline="always")
def fours(work: Any) -> None:
    """Transform rows r, r + 4, r + 8, r + 12 in place, r = 0 to 3."""
    for i in range(0, 64, 8):
        a, b, c, d, e, f, g, h = load_four(work, i, 64)
        simd.store(work, i, a)
        simd.store(work, i + PART, b)
        simd.store(work, i + 64, c)
        simd.store(work, i + 64 + PART, d)
        simd.store(work, i + 128, e)
        simd.store(work, i + 128 + PART, f)
        simd.store(work, i + 192, g)
        simd.store(work, i + 192 + PART, h)


@njit(fastmath={"contract"})
def put_both(work: Any, i: int, a: Any, b: Any, c: Any, d: Any) -> None:
    """Sum and difference of ``a + i b`` and ``c + i d``, four rows of the transform apart."""
    simd.store(work, i, a + c)
    simd.store(work, i + PART, b + d)
    simd.store(work, i + 256, a - c)
    simd.store(work, i + 256 + PART, b - d)


@njit(inline="always")
def eights(work: Any) -> None:
    """Transform rows r, r + 4, ... r + 28 in place, r = 0 to 3."""
    for i in range(0, 64, 8):
        a, b, c, d, e, f, g, h = load_four(work, i, 128)
        j, k, m, n, o, p, q, r = load_four(work, i + 64, 128)
        put_both(work, i, a, b, j, k)
        put_both(work, i + 64, c, d, (m - n) * ROOT_HALF, (m + n) * ROOT_HALF)
        simd.store(work, i + 128, e - p)
        simd.store(work, i + 128 + PART, f + o)
        simd.store(work, i + 384, e + p)
        simd.store(work, i + 384 + PART, f - o)
        put_both(work, i + 192, g, h, (q + r) * -ROOT_HALF, (q - r) * ROOT_HALF)


@njit(inline="always")
def last_fours(work: Any, radix: int, twiddles: int) -> None:
    """Transform rows 4 q to 4 q + 3 into result rows q, q + R, q + 2 R, q + 3 R of 15."""
    for q in range(radix):
        t = twiddles + 4 * q
        cos_1, cos_2, cos_3 = ROW_REAL[t + 1], ROW_REAL[t + 2], ROW_REAL[t + 3]
        sin_1, sin_2, sin_3 = ROW_IMAG[t + 1], ROW_IMAG[t + 2], ROW_IMAG[t + 3]
        for side in range(2):
            i = 64 * q + 8 * side
            x1, y1 = simd.load(simd.f32x8, work, i + 16), simd.load(simd.f32x8, work, i + 16 + PART)
            x2, y2 = simd.load(simd.f32x8, work, i + 32), simd.load(simd.f32x8, work, i + 32 + PART)
            x3, y3 = simd.load(simd.f32x8, work, i + 48), simd.load(simd.f32x8, work, i + 48 + PART)
            a, b, c, d, e, f, g, h = four(
                simd.load(simd.f32x8, work, i),
                simd.load(simd.f32x8, work, i + PART),
                x1 * cos_1 - y1 * sin_1,
                x1 * sin_1 + y1 * cos_1,
                x2 * cos_2 - y2 * sin_2,
                x2 * sin_2 + y2 * cos_2,
                x3 * cos_3 - y3 * sin_3,
                x3 * sin_3 + y3 * cos_3,
            )
            i, step = RESULT + 15 * q + 7 * side, 15 * radix
            simd.store(work, i, a)
            simd.store(work, i + PART, b)
            simd.store(work, i + step, c)
            simd.store(work, i + step + PART, d)
            simd.store(work, i + 2 * step, e)
            simd.store(work, i + 2 * step + PART, f)
            simd.store(work, i + 3 * step, g)
            simd.store(work, i + 3 * step + PART, h)


@njit(fastmath={"contract"})
def transform(work: Any, lm: int) -> None:
    """``X[k] = sum over j of x[j] exp(2 pi i j k / n)``, n = 60 << lm; nothing is scaled.

    Parameters
    ----------
    work : float32[SCRATCH]
        ``x`` at 0 (real parts) and `PART` (imaginary). ``X`` comes to lie at 2 `PART` and
        3 `PART`; all else is overwritten.
    lm : int
        0 to 3.
    """
    columns = 4 << lm
    stride = max(columns, 8)
    threes(work, columns, stride)
    fives(work, stride, 0 if lm == 0 else 60 << lm)
    turn(work, stride)
    if lm == 1:
        twos(work)
    elif lm == 2:
        fours(work)
    elif lm == 3:
        eights(work)
    last_fours(work, 1 << lm, 4 * ((1 << lm) - 1))
