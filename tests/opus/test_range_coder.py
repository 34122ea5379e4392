"""What the range encoder writes, the decoder reads, and both count the same bits for it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from workbench.opus import range_coder as rc
from workbench.opus import tables

BIT, BITS, UINT, ICDF, LAPLACE = range(5)


@njit()
def write(coder, packet, operations, tells):
    for i in range(len(operations)):
        kind, value, a, b = operations[i]
        if kind == BIT:
            rc.encode_bit(coder, packet, value, a)
        elif kind == BITS:
            rc.encode_bits(coder, packet, value, a)
        elif kind == UINT:
            rc.encode_uint(coder, packet, value, a)
        elif kind == ICDF:
            rc.encode_icdf(coder, packet, value, tables.ICDF, a, b)
        else:
            operations[i, 1] = rc.encode_laplace(coder, packet, value, a, b)
        tells[i, 0], tells[i, 1] = rc.tell(coder), rc.tell_eighths(coder)
    final = coder[rc.RANGE]
    rc.finish_encoder(coder, packet)
    return final


@njit()
def read(coder, packet, operations, tells):
    for i in range(len(operations)):
        kind, value, a, b = operations[i]
        if kind == BIT:
            value = rc.decode_bit(coder, packet, a)
        elif kind == BITS:
            value = rc.decode_bits(coder, packet, a)
        elif kind == UINT:
            value = rc.decode_uint(coder, packet, a)
        elif kind == ICDF:
            value = rc.decode_icdf(coder, packet, tables.ICDF, a, b)
        else:
            value = rc.decode_laplace(coder, packet, a, b)
        operations[i, 1] = value
        tells[i, 0], tells[i, 1] = rc.tell(coder), rc.tell_eighths(coder)
    return coder[rc.RANGE]


@st.composite
def operation(draw):
    kind = draw(st.integers(0, 4))
    if kind == BIT:
        return (kind, draw(st.integers(0, 1)), draw(st.integers(1, 15)), 0)
    if kind == BITS:
        bits = draw(st.integers(1, 25))
        return (kind, draw(st.integers(0, 2**bits - 1)), bits, 0)
    if kind == UINT:
        total = draw(st.one_of(st.integers(2, 300), st.integers(2, 2**32 - 1)))
        return (kind, draw(st.integers(0, total - 1)), total, 0)
    if kind == ICDF:
        first, symbols, bits = draw(
            st.sampled_from([(tables.SPREAD, 4, 5), (tables.TRIM, 11, 7), (tables.TAPSET, 3, 2)])
        )
        return (kind, draw(st.integers(0, symbols - 1)), first, bits)
    model = tables.LAPLACE[tuple(draw(st.integers(0, n - 1)) for n in (4, 2, 21))]
    return (kind, draw(st.integers(-300, 300)), int(model[0]) << 7, int(model[1]) << 6)


@given(st.lists(operation(), max_size=200), st.integers(0, 9))
def test_symbols_come_back_and_both_sides_count_the_same_bits(operations, start):
    written = np.array(operations, np.int64).reshape(-1, 4)
    coder, packet = np.zeros(rc.FIELDS, np.int64), np.full(2000, 99, np.uint8)
    tells = np.zeros((2, len(written), 2), np.int64)
    rc.start_encoder(coder, packet, start, 1900)
    final = write(coder, packet, written, tells[0])
    assert coder[rc.FAULT] == 0
    read_back = written.copy()
    read_back[:, 1] = -1
    rc.start_decoder(coder, packet, start, 1900)
    assert read(coder, packet, read_back, tells[1]) == final
    assert np.array_equal(read_back, written)
    assert np.array_equal(tells[0], tells[1])
    assert np.array_equal(tells[0, :, 0], -(-tells[0, :, 1] // 8))
    assert set(packet[:start]) <= {99}
    assert set(packet[start + 1900 :]) == {99}


@given(st.lists(operation(), min_size=1, max_size=60))
def test_a_frame_of_just_the_bytes_it_needs_is_enough(operations):
    written = np.array(operations, np.int64).reshape(-1, 4)
    coder, packet = np.zeros(rc.FIELDS, np.int64), np.zeros(2000, np.uint8)
    tells = np.zeros((len(written), 2), np.int64)
    rc.start_encoder(coder, packet, 0, 2000)
    final = write(coder, packet, written, tells)
    size = -(-int(tells[-1, 0]) // 8)
    packet[:] = 0
    rc.start_encoder(coder, packet, 0, size)
    assert write(coder, packet, written, tells) == final
    assert coder[rc.FAULT] == 0
    read_back = written.copy()
    rc.start_decoder(coder, packet, 0, size)
    assert read(coder, packet, read_back, tells) == final
    assert np.array_equal(read_back, written)


@given(st.binary(max_size=40), st.lists(operation(), max_size=100))
def test_any_bytes_can_be_read_and_nothing_outside_the_frame_is(data, operations):
    asked = np.array(operations, np.int64).reshape(-1, 4)
    results = []
    for filler in (0, 255):
        packet = np.full(60, filler, np.uint8)
        packet[10 : 10 + len(data)] = np.frombuffer(data, np.uint8)
        coder = np.zeros(rc.FIELDS, np.int64)
        got, tells = asked.copy(), np.zeros((len(asked), 2), np.int64)
        rc.start_decoder(coder, packet, 10, len(data))
        read(coder, packet, got, tells)
        results.append((got.tolist(), tells.tolist()))
        uniform = got[got[:, 0] == UINT]
        assert (uniform[:, 1] < uniform[:, 2]).all()
    assert results[0] == results[1]


@given(st.integers(2**23 + 1, 2**31))
@settings(max_examples=300)
def test_eighths_are_never_less_than_the_bits_used(size):
    coder = np.zeros(rc.FIELDS, np.int64)
    coder[rc.RANGE], coder[rc.TOTAL] = size, 100
    exact = 800 - 8 * (math.log2(size) + 1)
    assert exact <= rc.tell_eighths(coder) + 1e-9 < exact + 1 + 1e-6


@pytest.mark.parametrize("intra", [0, 1])
@pytest.mark.parametrize("lm", range(4))
def test_a_laplace_model_gives_every_count_to_one_number(lm, intra):
    coder, packet = np.zeros(rc.FIELDS, np.int64), np.zeros(8, np.uint8)
    for zero, decay in tables.LAPLACE[lm, intra]:
        counts = np.zeros(600, np.int64)
        for number in range(-280, 281):
            rc.start_encoder(coder, packet, 0, 8)
            if rc.encode_laplace(coder, packet, number, zero << 7, decay << 6) == number:
                # before renormalisation the range is 2**16 a count
                size = int(coder[rc.RANGE])
                counts[number + 280] = size >> (16 + int(coder[rc.TOTAL]) - 33)
        assert counts.sum() >= 32768 - 1
        assert counts[280] == zero << 7


def test_an_encoder_without_room_says_so_and_writes_nowhere_else():
    coder, packet = np.zeros(rc.FIELDS, np.int64), np.full(20, 7, np.uint8)
    rc.start_encoder(coder, packet, 5, 4)
    for _ in range(20):
        rc.encode_uint(coder, packet, 123_456, 1_000_000)
    rc.finish_encoder(coder, packet)
    assert coder[rc.FAULT] == 1
    assert (packet[:5] == 7).all()
    assert (packet[9:] == 7).all()


def test_a_frame_can_be_shortened_before_it_is_finished():
    operations = np.array([(UINT, 77_777, 100_000, 0), (BITS, 5, 3, 0)] * 3, np.int64)
    coder, packet = np.zeros(rc.FIELDS, np.int64), np.zeros(100, np.uint8)
    tells = np.zeros((6, 2), np.int64)
    rc.start_encoder(coder, packet, 0, 100)
    for _, value, total, _ in operations[::2]:
        rc.encode_uint(coder, packet, value, total)
        rc.encode_bits(coder, packet, 5, 3)
    rc.shrink_encoder(coder, packet, 12)
    rc.finish_encoder(coder, packet)
    read_back = operations.copy()
    rc.start_decoder(coder, packet, 0, 12)
    read(coder, packet, read_back, tells)
    assert np.array_equal(read_back, operations)
