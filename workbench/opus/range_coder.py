"""The range coder of RFC 6716, sections 4.1 and 5.1, decoder and encoder on one flat state.

``coder`` is i64[`FIELDS`]; ``packet`` is u8[], of which a frame is a part: `start_decoder` and
`start_encoder` say which. Symbols fill the frame from its front, raw bits from its end; both ends
read zeros behind the frame and never touch a byte outside it.

`tell` counts bits, `tell_eighths` eighths of a bit, in both directions the same numbers.
A decoder that reads a uniform number out of range takes the largest and sets `FAULT`, and goes
on, as the reference does; an encoder that runs out of room sets it and writes no more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numba.cpython.unsafe.numbers import leading_zeros

from workbench.opus.tables import ZERO

__all__ = [
    "FAULT",
    "FIELDS",
    "RANGE",
    "SIZE",
    "TOTAL",
    "bit_length",
    "code_bit",
    "code_uint",
    "decode_bit",
    "decode_bits",
    "decode_frequency",
    "decode_icdf",
    "decode_laplace",
    "decode_uint",
    "encode_bit",
    "encode_bits",
    "encode_icdf",
    "encode_laplace",
    "encode_range",
    "encode_uint",
    "finish_encoder",
    "quotient",
    "shrink_encoder",
    "start_decoder",
    "start_encoder",
    "take_range",
    "tell",
    "tell_eighths",
]

_leading_zeros: Any = leading_zeros

FIELDS = 16
# First byte of the frame in ``packet``, and its bytes.
START, SIZE = 0, 1
# Size of the current range; in the decoder its upper end less the coded value less 1, in the
# encoder its lower end.
RANGE, VALUE = 2, 3
# Whole bits so far, those that are still in the range included.
TOTAL = 4
# Bytes read or written at the front and at the back.
FRONT, BACK = 5, 6
# Decoder: last byte read, of which one bit is not used yet. Encoder: last byte, not written
# because a carry may come; -1 before the first.
HELD = 7
# Raw bits that were read or written ahead, and how many.
WINDOW, WINDOW_BITS = 8, 9
# Encoder: bytes 255 behind `HELD` through which a carry would run.
CARRYING = 10
# Decoder: what one count of the symbol being read is worth.
UNIT = 11
FAULT = 12

# A range is kept above 2**23 and values below 2**31.
_BOTTOM = 1 << 23
_TOP = 1 << 31
# Of a uniform number, so many bits are range coded, the rest raw.
_UINT_BITS = 8
# Energies this far from zero can be coded in either direction whatever the decay.
_LAPLACE_REACH = 16
_LAPLACE_TOTAL: Any = np.int64(32768)


@njit(inline="always")
def bit_length(number: Any) -> Any:
    """Bits of a number of at most 32 bits; 0 for 0."""
    return 64 - np.int64(_leading_zeros(np.uint64(number)))


@njit(inline="always")
def quotient(number: Any, divisor: Any) -> Any:
    """Divide two numbers of at most 32 bits, neither below zero: the shortest division there is."""
    return np.int64(np.uint32(number) // np.uint32(divisor))


@njit(inline="always")
def tell(coder: Any) -> Any:
    """Bits of the frame that are used, rounded up (section 4.1.6.1)."""
    return coder[TOTAL] - bit_length(coder[RANGE])


@njit()
def tell_eighths(coder: Any) -> Any:
    """Eighths of a bit that are used, rounded up (section 4.1.6.2).

    log2 of the range is refined bit by bit: squaring its mantissa (15 bits behind the point)
    doubles the logarithm.
    """
    size = coder[RANGE]
    length = bit_length(size)
    mantissa = size >> (length - 16)
    log = length
    for _ in range(3):
        mantissa = mantissa * mantissa >> 15
        high = mantissa >> 16
        log = 2 * log + high
        mantissa >>= high
    return 8 * coder[TOTAL] - log


@njit()
def start_decoder(coder: Any, packet: Any, start: int, size: int) -> None:
    """Begin to read the frame ``packet[start:start + size]`` (section 4.1.1)."""
    coder[START], coder[SIZE] = start, size
    coder[FRONT] = coder[BACK] = 0
    coder[WINDOW] = coder[WINDOW_BITS] = 0
    coder[FAULT] = 0
    held: Any = 0
    if size > 0:
        held = np.int64(packet[start])
        coder[FRONT] = 1
    coder[HELD] = held
    coder[RANGE] = 128
    coder[VALUE] = 127 - (held >> 1)
    coder[TOTAL] = 9
    _read_ahead(coder, packet)


@njit()
def _read_ahead(coder: Any, packet: Any) -> None:
    """Renormalise: read bytes until the range is large enough (section 4.1.2.1)."""
    size = coder[RANGE]
    if size > _BOTTOM:
        return
    value, held, front = coder[VALUE], coder[HELD], coder[FRONT]
    start, end = coder[START], coder[SIZE]
    total = coder[TOTAL]
    while size <= _BOTTOM:
        size <<= 8
        total += 8
        byte: Any = 0
        if front < end:
            byte = np.int64(packet[start + front])
            front += 1
        # the bit left of the byte before, and seven of this one
        symbol = (held << 7 | byte >> 1) & 255
        value = (value << 8) + (255 - symbol) & _TOP - 1
        held = byte
    coder[RANGE], coder[VALUE], coder[HELD], coder[FRONT] = size, value, held, front
    coder[TOTAL] = total


@njit()
def decode_frequency(coder: Any, total: int) -> Any:
    """First half of reading a symbol: the count, below ``total``, that the symbol's range holds."""
    unit = quotient(coder[RANGE], total)
    coder[UNIT] = unit
    return total - min(quotient(coder[VALUE], unit) + 1, total)


@njit()
def take_range(coder: Any, packet: Any, low: int, high: int, total: int) -> None:
    """Second half: the symbol is the one that has the counts from ``low`` to ``high``."""
    unit = coder[UNIT]
    above = unit * (total - high)
    coder[VALUE] -= above
    coder[RANGE] = unit * (high - low) if low > 0 else coder[RANGE] - above
    _read_ahead(coder, packet)


@njit()
def decode_bit(coder: Any, packet: Any, logp: int) -> int:
    """Read a bit that is 1 with probability 2**-``logp`` (section 4.1.3.2)."""
    size, value = coder[RANGE], coder[VALUE]
    ones = size >> logp
    bit = 1
    if value >= ones:
        coder[VALUE] = value - ones
        ones = size - ones
        bit = 0
    coder[RANGE] = ones
    _read_ahead(coder, packet)
    return bit


@njit()
def decode_icdf(coder: Any, packet: Any, table: Any, first: int, bits: int) -> int:
    """Read a symbol of the inverse distribution at ``table[first]``, of 2**``bits`` counts."""
    value, low = coder[VALUE], coder[RANGE]
    unit = low >> bits
    symbol, high = 0, low
    low = unit * table[first]
    while value < low:
        symbol += 1
        high = low
        low = unit * table[first + symbol]
    coder[VALUE] = value - low
    coder[RANGE] = high - low
    _read_ahead(coder, packet)
    return symbol


@njit()
def decode_bits(coder: Any, packet: Any, bits: int) -> Any:
    """Read 0 to 25 raw bits (section 4.1.4)."""
    window, ready = coder[WINDOW], coder[WINDOW_BITS]
    if ready < bits:
        back, size = coder[BACK], coder[SIZE]
        end = coder[START] + size
        while ready <= 48:
            if back < size:
                back += 1
                window |= np.int64(packet[end - back]) << ready
            ready += 8
        coder[BACK] = back
    coder[WINDOW] = window >> bits
    coder[WINDOW_BITS] = ready - bits
    coder[TOTAL] += bits
    return window & (1 << bits) - 1


@njit()
def decode_uint(coder: Any, packet: Any, total: int) -> Any:
    """Read a number below ``total``, 2 to 2**32 - 1, all equally likely (section 4.1.5)."""
    raw = bit_length(total - 1) - _UINT_BITS
    if raw <= 0:
        low = decode_frequency(coder, total)
        take_range(coder, packet, low, low + 1, total)
        return low
    counts = (total - 1 >> raw) + 1
    high = decode_frequency(coder, counts)
    take_range(coder, packet, high, high + 1, counts)
    number = high << raw | decode_bits(coder, packet, raw)
    if number >= total:
        coder[FAULT] = 1
        number = total - 1
    return number


@njit(inline="always")
def _laplace_first(zero: int, decay: int) -> Any:
    """Counts of +1, of the 32768 that two zero-to-be tails and ``zero`` leave; those of -1 too."""
    return (32768 - 2 * _LAPLACE_REACH - zero) * (16384 - decay) >> 15


@njit()
def decode_laplace(coder: Any, packet: Any, zero: int, decay: int) -> int:
    """Read a signed number whose counts fall from ``zero`` by ``decay`` / 32768 a step.

    A step away from zero has one count more than the decay leaves, so none has no count at all
    (section 4.3.2.1; ec_laplace_decode).
    """
    coder[UNIT] = coder[RANGE] >> 15
    at = 32768 - min(quotient(coder[VALUE], coder[UNIT]) + 1, 32768)
    number, low, counts = 0, 0, zero
    if at >= zero:
        number, low = 1, zero
        counts = _laplace_first(zero, decay) + 1
        while counts > 1 and at >= low + 2 * counts:
            low += 2 * counts
            counts = ((2 * counts - 2) * decay >> 15) + 1
            number += 1
        if counts <= 1:
            steps = at - low >> 1
            number += steps
            low += 2 * steps
        if at < low + counts:
            number = -number
        else:
            low += counts
    take_range(coder, packet, low, min(low + counts, _LAPLACE_TOTAL), _LAPLACE_TOTAL)
    return number


@njit()
def start_encoder(coder: Any, packet: Any, start: int, size: int) -> None:
    """Begin to write the frame ``packet[start:start + size]`` (section 5.1)."""
    coder[START], coder[SIZE] = start, size
    coder[FRONT] = coder[BACK] = 0
    coder[WINDOW] = coder[WINDOW_BITS] = 0
    coder[FAULT] = 0
    coder[HELD] = -1
    coder[CARRYING] = 0
    coder[RANGE] = _TOP
    coder[VALUE] = 0
    coder[TOTAL] = 33


@njit()
def _put_front(coder: Any, packet: Any, byte: int) -> None:
    if coder[FRONT] + coder[BACK] >= coder[SIZE]:
        coder[FAULT] = 1
    else:
        packet[coder[START] + coder[FRONT]] = byte
        coder[FRONT] += 1


@njit()
def _put_back(coder: Any, packet: Any, byte: int) -> None:
    if coder[FRONT] + coder[BACK] >= coder[SIZE]:
        coder[FAULT] = 1
    else:
        coder[BACK] += 1
        packet[coder[START] + coder[SIZE] - coder[BACK]] = byte


@njit()
def _carry_out(coder: Any, packet: Any, symbol: int) -> None:
    """Write eight bits below a carry, as soon as no later carry can change them (5.1.1.2)."""
    if symbol == 255:
        coder[CARRYING] += 1
        return
    carry = symbol >> 8
    if coder[HELD] >= 0:
        _put_front(coder, packet, coder[HELD] + carry)
    while coder[CARRYING] > 0:
        _put_front(coder, packet, 255 + carry & 255)
        coder[CARRYING] -= 1
    coder[HELD] = symbol & 255


@njit()
def _write_out(coder: Any, packet: Any) -> None:
    """Renormalise: write bytes until the range is large enough (section 5.1.1.1)."""
    while coder[RANGE] <= _BOTTOM:
        _carry_out(coder, packet, coder[VALUE] >> 23)
        coder[VALUE] = coder[VALUE] << 8 & _TOP - 1
        coder[RANGE] <<= 8
        coder[TOTAL] += 8


@njit()
def _narrow(coder: Any, packet: Any, unit: int, low: int, high: int, total: int) -> None:
    """Keep of the range what ``low`` to ``high`` of ``total`` counts have, ``unit`` a count."""
    size = coder[RANGE]
    if low > 0:
        coder[VALUE] += size - unit * (total - low)
        coder[RANGE] = unit * (high - low)
    else:
        coder[RANGE] = size - unit * (total - high)
    _write_out(coder, packet)


@njit()
def encode_range(coder: Any, packet: Any, low: int, high: int, total: int) -> None:
    """Write the symbol that has the counts from ``low`` to ``high`` of ``total``."""
    _narrow(coder, packet, quotient(coder[RANGE], total), low, high, total)


@njit()
def encode_bit(coder: Any, packet: Any, bit: int, logp: int) -> None:
    """Write a bit that is 1 with probability 2**-``logp``."""
    ones = coder[RANGE] >> logp
    zeros = coder[RANGE] - ones
    if bit:
        coder[VALUE] += zeros
        coder[RANGE] = ones
    else:
        coder[RANGE] = zeros
    _write_out(coder, packet)


@njit()
def encode_icdf(coder: Any, packet: Any, symbol: int, table: Any, first: int, bits: int) -> None:
    """Write a symbol of the inverse distribution at ``table[first]``, of 2**``bits`` counts."""
    total = 1 << bits
    low = total - table[first + symbol - 1] if symbol > 0 else 0
    high = total - table[first + symbol]
    _narrow(coder, packet, coder[RANGE] >> bits, low, high, total)


@njit()
def encode_bits(coder: Any, packet: Any, number: int, bits: int) -> None:
    """Write 0 to 25 raw bits."""
    window, ready = coder[WINDOW], coder[WINDOW_BITS]
    if ready + bits > 32:
        while ready >= 8:
            _put_back(coder, packet, window & 255)
            window >>= 8
            ready -= 8
    coder[WINDOW] = window | number << ready
    coder[WINDOW_BITS] = ready + bits
    coder[TOTAL] += bits


@njit()
def encode_uint(coder: Any, packet: Any, number: int, total: int) -> None:
    """Write a number below ``total``, 2 to 2**32 - 1, all equally likely."""
    raw = bit_length(total - 1) - _UINT_BITS
    if raw <= 0:
        encode_range(coder, packet, number, number + 1, total)
    else:
        high = number >> raw
        encode_range(coder, packet, high, high + 1, (total - 1 >> raw) + 1)
        encode_bits(coder, packet, number & (1 << raw) - 1, raw)


@njit()
def encode_laplace(coder: Any, packet: Any, number: int, zero: int, decay: int) -> int:
    """Write a signed number as `decode_laplace` reads it.

    Returns
    -------
    int
        The number written: nearer to zero where ``number`` lies beyond all counts.
    """
    if number == 0:
        _narrow(coder, packet, coder[RANGE] >> 15, ZERO, zero, _LAPLACE_TOTAL)
        return 0
    negative = 1 if number < 0 else 0
    magnitude = -number if negative else number
    low, counts = zero, _laplace_first(zero, decay)
    reached = 1
    while counts > 0 and reached < magnitude:
        low += 2 * counts + 2
        counts = 2 * counts * decay >> 15
        reached += 1
    if counts > 0:
        counts += 1
        low += 0 if negative else counts
    else:
        # One count each from here on, negative numbers first.
        steps = min(magnitude - reached, (32768 - low + negative >> 1) - 1)
        low += 2 * steps + 1 - negative
        counts = min(1, 32768 - low)
        reached += steps
    magnitude = reached
    _narrow(coder, packet, coder[RANGE] >> 15, low, low + counts, _LAPLACE_TOTAL)
    return -magnitude if negative else magnitude


@njit()
def shrink_encoder(coder: Any, packet: Any, size: int) -> None:
    """Make the frame end after ``size`` bytes, moving what is written at its end."""
    start, back = coder[START], coder[BACK]
    old = start + coder[SIZE] - back
    new = start + size - back
    for i in range(back):
        packet[new + i] = packet[old + i]
    coder[SIZE] = size


@njit()
def finish_encoder(coder: Any, packet: Any) -> None:
    """Write what is held back, and zeros between both ends (section 5.1.5)."""
    size, value = coder[RANGE], coder[VALUE]
    # As many free bits as possible below a number that stays in range whatever they are.
    length = 32 - bit_length(size)
    free = _TOP - 1 >> length
    end = (value + free) & ~free
    if end | free >= value + size:
        length += 1
        free >>= 1
        end = (value + free) & ~free
    while length > 0:
        _carry_out(coder, packet, end >> 23)
        end = end << 8 & _TOP - 1
        length -= 8
    if coder[HELD] >= 0 or coder[CARRYING] > 0:
        _carry_out(coder, packet, ZERO)
    window, ready = coder[WINDOW], coder[WINDOW_BITS]
    while ready >= 8:
        _put_back(coder, packet, window & 255)
        window >>= 8
        ready -= 8
    if coder[FAULT]:
        return
    start = coder[START]
    for i in range(coder[FRONT], coder[SIZE] - coder[BACK]):
        packet[start + i] = 0
    if ready > 0:
        if coder[BACK] >= coder[SIZE]:
            coder[FAULT] = 1
            return
        # -length bits of the last symbol byte may hold anything
        if coder[FRONT] + coder[BACK] >= coder[SIZE] and -length < ready:
            window &= (1 << -length) - 1
            coder[FAULT] = 1
        last = start + coder[SIZE] - coder[BACK] - 1
        packet[last] = np.int64(packet[last]) | window


@njit()
def code_bit(coder: Any, packet: Any, encode: Any, bit: int, logp: int) -> int:
    """Write ``bit``, or read one where ``encode`` is None, and return it.

    None is a type of its own, so a rule that both directions share is compiled for one of them.
    """
    if encode is not None:
        encode_bit(coder, packet, bit, logp)
        return bit
    return decode_bit(coder, packet, logp)


@njit()
def code_uint(coder: Any, packet: Any, encode: Any, number: int, total: int) -> Any:
    """Write ``number``, or read one where ``encode`` is None, and return it."""
    if encode is not None:
        encode_uint(coder, packet, number, total)
        return number
    return decode_uint(coder, packet, total)
