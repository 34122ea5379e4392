"""The truth in the plainest code: RFC 6716, section 4.1, one step after another.

The state is six numbers: ``rng`` and ``val`` of the text, how many bytes were taken from the
front, the last of them, how many raw bits were taken from the back, and how many bits the text
counts in all. Behind the frame, in both directions, there are zeros. Raw bits are read one by one.
"""

import numpy as np
from numba import njit

RNG, VAL, TAKEN, LAST, RAW, FIRST, SIZE, TOTAL = range(8)


@njit
def setup(icdf):
    """The state and the distributions."""
    return np.zeros(8, np.int64), icdf


@njit
def next_byte(numbers, packet):
    """The next byte of the front, 0 behind the end."""
    byte = 0
    if numbers[TAKEN] < numbers[SIZE]:
        byte = np.int64(packet[numbers[FIRST] + numbers[TAKEN]])
        numbers[TAKEN] += 1
    return byte


@njit
def renormalise(numbers, packet):
    """4.1.2.1: eight bits more, until the range is above 2**23."""
    while numbers[RNG] <= 1 << 23:
        numbers[RNG] <<= 8
        numbers[TOTAL] += 8
        byte = next_byte(numbers, packet)
        sym = ((numbers[LAST] & 1) << 7) | (byte >> 1)
        numbers[LAST] = byte
        numbers[VAL] = ((numbers[VAL] << 8) + (255 - sym)) & 0x7FFFFFFF


@njit
def start(state, packet, first, size):
    """4.1.1."""
    numbers = state[0]
    numbers[:] = 0
    numbers[FIRST] = first
    numbers[SIZE] = size
    numbers[RNG] = 128
    numbers[TOTAL] = 9
    numbers[LAST] = next_byte(numbers, packet)
    numbers[VAL] = 127 - (numbers[LAST] >> 1)
    renormalise(numbers, packet)


@njit
def count(numbers, total):
    """4.1.2: which of ``total`` counts the value lies in."""
    return total - min(numbers[VAL] // (numbers[RNG] // total) + 1, total)


@njit
def update(numbers, packet, low, high, total):
    """4.1.2: narrow the range to that of the symbol."""
    unit = numbers[RNG] // total
    numbers[VAL] -= unit * (total - high)
    if low > 0:
        numbers[RNG] = unit * (high - low)
    else:
        numbers[RNG] -= unit * (total - high)
    renormalise(numbers, packet)


@njit
def bit(state, packet, logp):
    """4.1.3.2, as a symbol of 2**logp counts of which the last is a one."""
    numbers = state[0]
    total = 1 << logp
    one = count(numbers, total) == total - 1
    update(numbers, packet, total - 1 if one else 0, total if one else total - 1, total)
    return np.int64(one)


@njit
def symbol(state, packet, first, bits):
    """4.1.3.3: the first symbol whose counts end behind the frequency."""
    numbers, icdf = state
    total = 1 << bits
    at = count(numbers, total)
    low, found = 0, 0
    high = total - icdf[first]
    while high <= at:
        found += 1
        low, high = high, total - icdf[first + found]
    update(numbers, packet, low, high, total)
    return np.int64(found)


@njit
def raw(state, packet, bits):
    """4.1.4: bits from the end of the frame, lowest bit of the last byte first."""
    numbers = state[0]
    found = np.int64(0)
    for i in range(bits):
        place = numbers[RAW] >> 3
        if place < numbers[SIZE]:
            byte = np.int64(packet[numbers[FIRST] + numbers[SIZE] - 1 - place])
            found |= (byte >> (numbers[RAW] & 7) & 1) << i
        numbers[RAW] += 1
    numbers[TOTAL] += bits
    return found


@njit
def uint(state, packet, total):
    """4.1.5: the upper eight bits are range coded, the others raw; what is too large is cut."""
    numbers = state[0]
    width = 0
    while total - 1 >> width:
        width += 1
    if width <= 8:
        found = count(numbers, total)
        update(numbers, packet, found, found + 1, total)
        return np.int64(found)
    counts = (total - 1 >> (width - 8)) + 1
    high = count(numbers, counts)
    update(numbers, packet, high, high + 1, counts)
    return np.int64(min(high << (width - 8) | raw(state, packet, width - 8), total - 1))


@njit
def laplace(state, packet, zero, decay):
    """Section 4.3.2.1, with the counts of the reference decoder (celt/laplace.c).

    Of 32,768 counts, 0 has ``zero``; then -1 and 1, -2 and 2 and so on have each as many as its
    predecessor without one, times ``decay`` / 16384, and one.
    """
    numbers = state[0]
    at = count(numbers, 32768)
    low, counts, size = 0, zero, 0
    if at >= zero:
        low, size = zero, 1
        counts = ((32768 - 32 - zero) * (16384 - decay) >> 15) + 1
        while at >= low + 2 * counts:
            low += 2 * counts
            counts = ((2 * counts - 2) * decay >> 15) + 1
            size += 1
    sign = -1
    if size > 0 and at >= low + counts:
        low += counts
        sign = 1
    update(numbers, packet, low, min(low + counts, 32768), 32768)
    return np.int64(sign * size)


@njit
def frequency(state, total):
    """4.1.2, its first half."""
    return np.int64(count(state[0], total))


@njit
def take(state, packet, low, high, total):
    """4.1.2, its second half."""
    update(state[0], packet, low, high, total)


@njit
def tell(state):
    """4.1.6.2: eighths of a bit; log2 of the range is refined by squaring what is left of it."""
    numbers = state[0]
    lg = 0
    while numbers[RNG] >> lg:
        lg += 1
    r = numbers[RNG] >> (lg - 16)
    for _ in range(3):
        r = (r * r) >> 15
        lg = 2 * lg + (r >> 16)
        if r >> 16:
            r >>= 1
    return np.int64(8 * numbers[TOTAL] - lg)


@njit
def final_range(state):
    """What encoder and decoder must agree on."""
    return state[0][RNG]


def answer(fixture, requests):
    """Return the true outputs of all requests.

    Parameters
    ----------
    fixture : mapping
        ``icdf`` i64[n].
    requests : mapping
        ``packets`` u8[requests, bytes]; ``bounds`` i64[requests, frames + 1], where the frames
        are; ``script`` i64[requests, lines, 3], the symbols of each frame, see ``bench.py``.

    Returns
    -------
    dict
        ``symbols`` i64[requests, frames * lines]; ``ranges`` i64[requests, frames], the range
        after the last symbol.
    """
    n, frames = requests["bounds"].shape
    outputs = {
        "symbols": np.zeros((n, (frames - 1) * requests["script"].shape[1]), np.int64),
        "ranges": np.zeros((n, frames - 1), np.int64),
    }
    state = setup(fixture["icdf"])
    decode_all(state, requests["packets"], requests["bounds"], requests["script"], **outputs)
    return outputs


@njit
def decode_all(state, packets, bounds, script, symbols, ranges):
    """Line after line of the script, frame after frame."""
    for i in range(len(packets)):
        at = 0
        for j in range(bounds.shape[1] - 1):
            start(state, packets[i], bounds[i, j], bounds[i, j + 1] - bounds[i, j])
            for line in range(script.shape[1]):
                kind, one, two = script[i, line, 0], script[i, line, 1], script[i, line, 2]
                if kind == 0:
                    symbols[i, at] = bit(state, packets[i], one)
                elif kind == 1:
                    symbols[i, at] = symbol(state, packets[i], one, two)
                elif kind == 2:
                    symbols[i, at] = laplace(state, packets[i], one, two)
                elif kind == 3:
                    symbols[i, at] = raw(state, packets[i], one)
                elif kind == 4:
                    symbols[i, at] = uint(state, packets[i], one)
                elif kind == 5:
                    which = frequency(state, one) // two
                    take(state, packets[i], which * two, min(which * two + two, one), one)
                    symbols[i, at] = which
                else:
                    symbols[i, at] = tell(state)
                at += 1
            ranges[i, j] = final_range(state)
