"""libopus's inverse MDCT as plain numba loops: the starting line.

As in celt/mdct.c and celt/kiss_fft.c: N coefficients are rotated in pairs, one from each end, into
N / 2 complex points, which go to the places of a mixed-radix transform in place: butterflies of 4
first, then of 4 or 2, of 3 and of 5, each with the twiddles of 480 points at its own stride. The
result is rotated again and laid out from both ends, and the first 120 samples are weighted by the
window and overlapped with the tail before.

`setup` prepares what libopus has in static tables. Complex numbers are pairs of floats.
"""

import numpy as np
from numba import njit

LARGEST = 480
# Where parts begin in the table of floats: rotations of all sizes (cosines, sines), the twiddles of
# 480 points (cosines, sines), and the window.
SINES, TWIDDLES, WINDOW, FLOATS = 900, 1800, 2760, 2880
# Of each size, from the last combined to the first.
FACTORS = ((5, 3, 4, 1, 1), (5, 3, 2, 4, 1), (5, 3, 4, 4, 1), (5, 3, 2, 4, 4))
THIRD = np.float32(0.75**0.5)
HALF = np.float32(0.5)


@njit
def setup(largest_lm):
    """Table f32[2880]; places i64[900] of the points of each size, behind one another."""
    table = np.zeros(FLOATS, np.float32)
    places = np.zeros(900, np.int64)
    for lm in range(largest_lm + 1):
        n, first = 60 << lm, (60 << lm) - 60
        for k in range(n):
            angle = 2 * np.pi * (k + 0.125) / (4 * n)
            table[first + k] = np.cos(angle)
            table[SINES + first + k] = np.sin(angle)
            # a point's digits, those of the factor that is combined last first
            place, rest, size = 0, k, n
            for factor in range(5):
                radix = FACTORS[lm][factor]
                size //= radix
                place += rest % radix * size
                rest //= radix
            places[first + k] = place
    for k in range(LARGEST):
        table[TWIDDLES + k] = np.cos(2 * np.pi * k / LARGEST)
        table[TWIDDLES + LARGEST + k] = np.sin(2 * np.pi * k / LARGEST)
    for i in range(120):
        slope = np.sin(np.pi * (i + 0.5) / 240)
        table[WINDOW + i] = np.sin(np.pi / 2 * slope * slope)
    return table, places


@njit
def turned(work, table, point, twiddle):
    """A point multiplied by a twiddle."""
    cos, sin = table[TWIDDLES + twiddle], table[TWIDDLES + LARGEST + twiddle]
    x, y = work[2 * point], work[2 * point + 1]
    return x * cos - y * sin, x * sin + y * cos


@njit
def put(work, point, x, y):
    """Store a point."""
    work[2 * point] = x
    work[2 * point + 1] = y


@njit
def butterflies_2(work, table, n, m):
    """Combine pairs of transforms of m points."""
    stride = LARGEST // (2 * m)
    for block in range(0, n, 2 * m):
        for j in range(m):
            i = block + j
            ax, ay = work[2 * i], work[2 * i + 1]
            bx, by = turned(work, table, i + m, j * stride)
            put(work, i, ax + bx, ay + by)
            put(work, i + m, ax - bx, ay - by)


@njit
def butterflies_3(work, table, n, m):
    """Combine three transforms of m points."""
    stride = LARGEST // (3 * m)
    for block in range(0, n, 3 * m):
        for j in range(m):
            i = block + j
            ax, ay = work[2 * i], work[2 * i + 1]
            bx, by = turned(work, table, i + m, j * stride)
            cx, cy = turned(work, table, i + 2 * m, 2 * j * stride)
            sx, sy = bx + cx, by + cy
            dx, dy = (by - cy) * THIRD, (bx - cx) * THIRD
            put(work, i, ax + sx, ay + sy)
            ax, ay = ax - HALF * sx, ay - HALF * sy
            put(work, i + m, ax - dx, ay + dy)
            put(work, i + 2 * m, ax + dx, ay - dy)


@njit
def butterflies_4(work, table, n, m):
    """Combine four transforms of m points."""
    stride = LARGEST // (4 * m)
    for block in range(0, n, 4 * m):
        for j in range(m):
            i = block + j
            ax, ay = work[2 * i], work[2 * i + 1]
            bx, by = turned(work, table, i + m, j * stride)
            cx, cy = turned(work, table, i + 2 * m, 2 * j * stride)
            dx, dy = turned(work, table, i + 3 * m, 3 * j * stride)
            px, py, qx, qy = ax + cx, ay + cy, ax - cx, ay - cy
            rx, ry, sx, sy = bx + dx, by + dy, bx - dx, by - dy
            put(work, i, px + rx, py + ry)
            put(work, i + m, qx - sy, qy + sx)
            put(work, i + 2 * m, px - rx, py - ry)
            put(work, i + 3 * m, qx + sy, qy - sx)


@njit
def butterflies_5(work, table, n, m):
    """Combine five transforms of m points."""
    stride = LARGEST // (5 * m)
    cos_1, cos_2 = table[TWIDDLES + 96], table[TWIDDLES + 192]
    sin_1, sin_2 = table[TWIDDLES + LARGEST + 96], table[TWIDDLES + LARGEST + 192]
    for block in range(0, n, 5 * m):
        for j in range(m):
            i = block + j
            ax, ay = work[2 * i], work[2 * i + 1]
            bx, by = turned(work, table, i + m, j * stride)
            cx, cy = turned(work, table, i + 2 * m, 2 * j * stride)
            dx, dy = turned(work, table, i + 3 * m, 3 * j * stride)
            ex, ey = turned(work, table, i + 4 * m, 4 * j * stride)
            px, py, qx, qy = bx + ex, by + ey, bx - ex, by - ey
            rx, ry, sx, sy = cx + dx, cy + dy, cx - dx, cy - dy
            put(work, i, ax + px + rx, ay + py + ry)
            ux, uy = ax + px * cos_1 + rx * cos_2, ay + py * cos_1 + ry * cos_2
            vx, vy = qx * sin_1 + sx * sin_2, qy * sin_1 + sy * sin_2
            put(work, i + m, ux - vy, uy + vx)
            put(work, i + 4 * m, ux + vy, uy - vx)
            ux, uy = ax + px * cos_2 + rx * cos_1, ay + py * cos_2 + ry * cos_1
            vx, vy = qx * sin_2 - sx * sin_1, qy * sin_2 - sy * sin_1
            put(work, i + 2 * m, ux - vy, uy + vx)
            put(work, i + 3 * m, ux + vy, uy - vx)


@njit
def inverse(state, spectrum, first, step, lm, out, at, scratch):
    """Overlap block ``spectrum[first + j * step]`` with the tail before it, from ``out[at]`` on."""
    table, places = state
    n, rotation = 60 << lm, (60 << lm) - 60
    last = first + (2 * n - 1) * step
    for k in range(n):
        x, y = spectrum[last - 2 * k * step], spectrum[first + 2 * k * step]
        cos, sin = table[rotation + k], table[SINES + rotation + k]
        put(scratch, places[rotation + k], x * cos - y * sin, y * cos + x * sin)
    m = 4
    butterflies_4(scratch, table, n, 1)
    if lm >= 2:
        butterflies_4(scratch, table, n, m)
        m *= 4
    if lm % 2:
        butterflies_2(scratch, table, n, m)
        m *= 2
    butterflies_3(scratch, table, n, m)
    butterflies_5(scratch, table, n, 3 * m)
    for k in range(n):
        cos, sin = table[rotation + k], table[SINES + rotation + k]
        x, y = scratch[2 * k], scratch[2 * k + 1]
        out[at + 60 + 2 * k] = x * cos - y * sin
        out[at + 59 + 2 * (n - k)] = -(x * sin + y * cos)
    for i in range(60):
        a, b = out[at + i], out[at + 119 - i]
        rise, fall = table[WINDOW + i], table[WINDOW + 119 - i]
        out[at + i] = a * fall - b * rise
        out[at + 119 - i] = a * rise + b * fall
