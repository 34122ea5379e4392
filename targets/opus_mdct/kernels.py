"""Inverse MDCT whose every pass runs over whole vectors; one transposition is all it shuffles.

N coefficients are rotated into a complex transform of n = N / 2 points: 15 rows of L = 4, 8, 16 or
32 columns. Columns are transformed first (15 = 3 * 5, coprime, so without twiddles between), then
turned by the twiddles and transposed, then the rows (L = R * 4). Eight lanes hold results 0 to 7 of
a column or 7 to 14: number 7 is computed twice instead of a lane being wasted with a remainder.

In ``scratch`` real and imaginary parts lie `PART` floats apart; the transform's input and, after
the transposition, its columns are in the first two parts, its result in the next two.
"""

from numba import njit

from workbench import simd
from workbench.opus.fourier import COLUMN_IMAG, COLUMN_REAL, ROW_IMAG, ROW_REAL
from workbench.opus.mdct import COSINES, FALLING, MINUS_SINES, WINDOW

PART = 512
RESULT = 1024
# A block of interleaved coefficients in natural order.
BLOCK = 2048

SIN_3 = 0.8660254037844386
COS_5, COS_5_TWICE = 0.30901699437494745, -0.8090169943749473
SIN_5, SIN_5_TWICE = 0.9510565162951535, 0.5877852522924732
HALF, ROOT_HALF = 0.5, 0.7071067811865476


@njit
def setup(largest_lm):
    """Nothing to prepare: the tables are constants."""
    return (largest_lm,)


@njit(fastmath={"contract"})
def threes(work, columns, stride):
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
def put_turned(work, at, x, y, twiddle):
    """Store ``x + i y`` at ``at``, multiplied by eight column twiddles."""
    c = simd.load(simd.f32x8, COLUMN_REAL, twiddle)
    s = simd.load(simd.f32x8, COLUMN_IMAG, twiddle)
    simd.store(work, at, x * c - y * s)
    simd.store(work, at + PART, x * s + y * c)


@njit(fastmath={"contract"})
def fives(work, stride, twiddles):
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


@njit
def exchange(work, source, to, stride, rows):
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


@njit
def turn(work, stride):
    """Transpose: results 0 to 7 and 7 to 14 of each column become a row of 16."""
    for column in range(0, stride, 8):
        for part in range(0, 2 * PART, PART):
            source, to = RESULT + part + column, part + 16 * column
            exchange(work, source, to, stride, (0, 8, 1, 9, 2, 10, 3, 11))
            exchange(work, source, to + 8, stride, (11, 4, 12, 5, 13, 6, 14, 7))


@njit(fastmath={"contract"})
def twos(work):
    """Transform rows r, r + 4 in place, r = 0 to 3."""
    for i in range(0, 64, 8):
        for part in range(i, i + 2 * PART, PART):
            a, b = simd.load(simd.f32x8, work, part), simd.load(simd.f32x8, work, part + 64)
            simd.store(work, part, a + b)
            simd.store(work, part + 64, a - b)


@njit(fastmath={"contract"})
def four(a, b, c, d, e, f, g, h):
    """Transform of ``a + i b, c + i d, e + i f, g + i h``, real and imaginary parts by turns."""
    p, q, r, s = a + e, b + f, a - e, b - f
    t, u, v, w = c + g, d + h, c - g, d - h
    return p + t, q + u, r - w, s + v, p - t, q - u, r + w, s - v


@njit(fastmath={"contract"})
def load_four(work, i, step):
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


@njit(fastmath={"contract"})
def fours(work):
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
def put_both(work, i, a, b, c, d):
    """Sum and difference of ``a + i b`` and ``c + i d``, four rows of the transform apart."""
    simd.store(work, i, a + c)
    simd.store(work, i + PART, b + d)
    simd.store(work, i + 256, a - c)
    simd.store(work, i + 256 + PART, b - d)


@njit(fastmath={"contract"})
def eights(work):
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


@njit(fastmath={"contract"})
def last_fours(work, radix, twiddles):
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


@njit
def transform(work, lm):
    """``X[k] = sum over j of x[j] exp(2 pi i j k / n)``, n = 60 << lm; nothing is scaled."""
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


@njit(fastmath={"contract"})
def rotate_in(spectrum, first, work, lm):
    """Pairs from both ends, ``s[N - 1 - 2 k] + i s[2 k]``, rotated: the Fourier transform's input.

    The last vector of 60 starts early and computes four pairs again.
    """
    n = 60 << lm
    table = n - 60
    for start in range(0, n, 8):
        k = min(start, n - 8)
        up, down = first + 2 * k, first + 2 * (n - k) - 16
        a, b = simd.load(simd.f32x8, spectrum, up), simd.load(simd.f32x8, spectrum, up + 8)
        c, d = simd.load(simd.f32x8, spectrum, down), simd.load(simd.f32x8, spectrum, down + 8)
        x, y = simd.reverse(simd.odds(c, d)), simd.evens(a, b)
        cos = simd.load(simd.f32x8, COSINES, table + k)
        sin = simd.load(simd.f32x8, MINUS_SINES, table + k)
        simd.store(work, k, x * cos + y * sin)
        simd.store(work, k + PART, y * cos - x * sin)


@njit(fastmath={"contract"})
def rotated(work, k, table):
    """Real part, and imaginary part with the other sign, of eight results rotated."""
    x = simd.load(simd.f32x8, work, RESULT + k)
    y = simd.load(simd.f32x8, work, RESULT + PART + k)
    cos = simd.load(simd.f32x8, COSINES, table + k)
    sin = simd.load(simd.f32x8, MINUS_SINES, table + k)
    return x * cos + y * sin, x * sin - y * cos


@njit
def rotate_out(work, lm, out, at):
    """Rotate, and lay result k out as samples 2 k (real part) and N - 1 - 2 k (minus imaginary)."""
    n = 60 << lm
    table = n - 60
    for k in range(0, n // 2, 8):
        low_even, low_odd = rotated(work, k, table)
        high_even, high_odd = rotated(work, n - 8 - k, table)
        low_odd, high_odd = simd.reverse(low_odd), simd.reverse(high_odd)
        low, high = at + 2 * k, at + 2 * (n - k) - 16
        simd.store(out, low, simd.weave_low(low_even, high_odd))
        simd.store(out, low + 8, simd.weave_high(low_even, high_odd))
        simd.store(out, high, simd.weave_low(high_even, low_odd))
        simd.store(out, high + 8, simd.weave_high(high_even, low_odd))


@njit(fastmath={"contract"})
def overlap(out, at):
    """Weigh the old tail and the new block by the window's slopes; their aliases cancel."""
    for i in range(0, 56, 8):
        j = at + 112 - i
        a, b = simd.load(simd.f32x8, out, at + i), simd.reverse(simd.load(simd.f32x8, out, j))
        rise, fall = simd.load(simd.f32x8, WINDOW, i), simd.load(simd.f32x8, FALLING, i)
        simd.store(out, at + i, a * fall - b * rise)
        simd.store(out, j, simd.reverse(a * rise + b * fall))
    for i in range(56, 60):
        a, b, rise, fall = out[at + i], out[at + 119 - i], WINDOW[i], FALLING[i]
        out[at + i] = a * fall - b * rise
        out[at + 119 - i] = a * rise + b * fall


@njit
def inverse(state, spectrum, first, step, lm, out, at, scratch):
    """Overlap block ``spectrum[first + j * step]`` with the tail before it, from ``out[at]`` on."""
    if step == 1:
        rotate_in(spectrum, first, scratch, lm)
    else:
        for j in range(120 << lm):
            scratch[BLOCK + j] = spectrum[first + j * step]
        rotate_in(scratch, BLOCK, scratch, lm)
    transform(scratch, lm)
    rotate_out(scratch, lm, out, at + 60)
    overlap(out, at)
