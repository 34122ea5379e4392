"""Both directions share bits out alike, and energies come back as they were written."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from workbench.opus import allocation, energy, plan, tables
from workbench.opus import range_coder as rc

BANDS = tables.BANDS
RESULTS = ("SHAPE_BITS", "FINE_BITS", "PRIORITY", "BOOSTS", "TF")


@njit()
def share(coder, packet, encode, numbers, end, channels, lm, trim, transient, select):
    allocation.find_capacities(numbers, channels, lm)
    allocation.code_resolutions(coder, packet, encode, numbers, 0, end, transient, lm, select)
    left = allocation.code_boosts(coder, packet, encode, numbers, 0, end, channels, lm)
    total = left - rc.tell_eighths(coder) - 1
    allocation.allocate(
        coder, packet, encode, numbers, 0, end, channels, lm, trim, total, end, end - 1
    )
    return total


@given(st.data())
@settings(max_examples=150)
def test_what_is_written_is_read_and_no_bit_is_shared_out_twice(data):
    lm, channels = data.draw(st.integers(0, 3)), data.draw(st.integers(1, 2))
    end = data.draw(st.sampled_from([13, 17, 19, 21]))
    size, trim = data.draw(st.integers(2, 1275)), data.draw(st.integers(0, 10))
    transient = data.draw(st.integers(0, 1)) if lm else 0
    select = data.draw(st.integers(0, 1))
    wishes = data.draw(st.lists(st.integers(0, 3), min_size=BANDS, max_size=BANDS))
    written = np.zeros(plan.PLAN, np.int64)
    written[plan.BOOSTS : plan.BOOSTS + BANDS] = np.array(wishes) == 3
    written[plan.TF : plan.TF + BANDS] = np.array(wishes) % 2
    written[plan.INTENSITY] = data.draw(st.integers(0, 21))
    written[plan.DUAL] = data.draw(st.integers(0, 1))
    coder, packet = np.zeros(rc.FIELDS, np.int64), np.zeros(1275, np.uint8)
    rc.start_encoder(coder, packet, 0, size)
    total = share(coder, packet, 1, written, end, channels, lm, trim, transient, select)
    final = coder[rc.RANGE]
    rc.finish_encoder(coder, packet)
    read = np.zeros(plan.PLAN, np.int64)
    rc.start_decoder(coder, packet, 0, size)
    assert share(coder, packet, None, read, end, channels, lm, trim, transient, 0) == total
    assert coder[rc.RANGE] == final
    for name in RESULTS:
        first = getattr(plan, name)
        assert np.array_equal(written[first : first + end], read[first : first + end]), name
    for name in ("BALANCE", "INTENSITY", "DUAL", "CODED"):
        assert written[getattr(plan, name)] == read[getattr(plan, name)]
    shapes = read[plan.SHAPE_BITS : plan.SHAPE_BITS + end]
    fine = read[plan.FINE_BITS : plan.FINE_BITS + end]
    assert (shapes >= 0).all()
    assert (fine >= 0).all()
    assert (fine <= tables.MAX_FINE_BITS).all()
    assert shapes.sum() + 8 * channels * fine.sum() + read[plan.BALANCE] <= max(total, 0)


@given(st.data())
@settings(max_examples=150)
def test_energies_come_back(data):
    lm, channels = data.draw(st.integers(0, 3)), data.draw(st.integers(1, 2))
    intra, size = data.draw(st.integers(0, 1)), data.draw(st.just(200) | st.integers(2, 200))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    wanted = rng.uniform(-10, 12, 2 * BANDS).astype(np.float32)
    before = rng.uniform(-12, 12, energy.ENERGIES).astype(np.float32)
    numbers = np.zeros(plan.PLAN, np.int64)
    numbers[plan.FINE_BITS : plan.FINE_BITS + BANDS] = rng.integers(0, 4, BANDS)
    numbers[plan.PRIORITY : plan.PRIORITY + BANDS] = rng.integers(0, 2, BANDS)
    written, errors = before.copy(), np.zeros(2 * BANDS, np.float32)
    coder, packet = np.zeros(rc.FIELDS, np.int64), np.zeros(200, np.uint8)
    where = (0, BANDS, channels)
    rc.start_encoder(coder, packet, 0, size)
    forced = energy.encode_coarse(
        coder, packet, wanted, written, errors, *where, lm, intra, np.float32(16)
    )
    energy.encode_fine(coder, packet, numbers, written, errors, *where)
    energy.encode_final(coder, packet, numbers, written, errors, *where)
    used = slice(0, channels * BANDS)
    if forced == 0 and size == 200:
        # but where energy would fall faster than is allowed
        allowed = wanted[used] >= before[used] - np.float32(16)
        assert np.abs(errors[used])[allowed].max() <= 0.5
    assert np.allclose(written[used] + errors[used], wanted[used], atol=1e-4)
    rc.finish_encoder(coder, packet)
    assert coder[rc.FAULT] == 0
    read = before.copy()
    rc.start_decoder(coder, packet, 0, size)
    energy.decode_coarse(coder, packet, read, *where, lm, intra)
    energy.decode_fine(coder, packet, numbers, read, *where)
    energy.decode_final(coder, packet, numbers, read, *where)
    assert np.array_equal(read, written)
