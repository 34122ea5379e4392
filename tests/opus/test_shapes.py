"""The parts that shapes are made of: angles, rotations, transforms between resolutions."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.opus import angles, bands, partition, spreading, tables
from workbench.opus import range_coder as rc


def test_integer_cosines_are_cosines():
    for angle in range(1, angles.RIGHT_ANGLE, 7):
        exact = 32768 * math.cos(math.pi / 2 * angle / angles.RIGHT_ANGLE)
        assert abs(angles.cosine(angle) - exact) < 4


def test_halves_differ_by_the_log_of_their_amplitudes_for_each_bin_but_one():
    for angle in range(64, angles.RIGHT_ANGLE, 256):
        middle, side = angles.cosine(angle), angles.cosine(angles.RIGHT_ANGLE - angle)
        exact = 8 * 15 * math.log2(side / middle)
        assert abs(angles.lean(middle, side, 16) - exact) < 8


def chances(levels, n, blocks, stereo):
    """Counts of every step, as section 4.3.4.4 has them."""
    half = levels // 2
    if stereo and n > 2:
        return [3] * (half + 1) + [1] * half
    if stereo or blocks > 1:
        return [1] * (levels + 1)
    return [*range(1, half + 2), *range(half, 0, -1)]


@given(st.integers(1, 128), st.integers(2, 88), st.integers(1, 8), st.integers(0, 1))
def test_every_angle_is_read(half, n, blocks, stereo):
    levels = 2 * half
    counts = chances(levels, n, blocks, stereo)
    total = sum(counts)
    coder, packet = np.zeros(rc.FIELDS, np.int64), np.zeros(8, np.uint8)
    for step, low in enumerate(np.cumsum([0, *counts[:-1]])):
        rc.start_encoder(coder, packet, 0, 8)
        if len(set(counts)) == 1:
            rc.encode_uint(coder, packet, step, levels + 1)
        else:
            rc.encode_range(coder, packet, int(low), int(low) + counts[step], total)
        final = coder[rc.RANGE]
        rc.finish_encoder(coder, packet)
        rc.start_decoder(coder, packet, 0, 8)
        angle = angles.decode_angle(coder, packet, levels, n, blocks, stereo)
        assert angle == step * angles.RIGHT_ANGLE // levels
        assert coder[rc.RANGE] == final


def rotation(size, stride, cosine, sine):
    """Matrix of `spreading.turn`, from section 4.3.4.3's sequence of plane rotations."""
    whole = np.eye(size)
    up = list(range(size - stride))
    for j in up + list(range(size - 2 * stride - 1, -1, -1)):
        one = np.eye(size)
        one[j, j] = one[j + stride, j + stride] = cosine
        one[j, j + stride], one[j + stride, j] = -sine, sine
        whole = one @ whole
    return whole


@given(st.integers(1, 8), st.integers(2, 22), st.integers(1, 40), st.integers(0, 3))
def test_spreading_is_the_standards_rotation(blocks, size, pulses, spread):
    n = blocks * size
    rng = np.random.default_rng(n)
    x = rng.normal(size=n + 6).astype(np.float32)
    expected = x.astype(float)
    if spread and 2 * pulses < n:
        gain = n / (n + tables.SPREAD_FACTORS[spread] * pulses)
        theta = math.pi * gain**2 / 4
        matrix = rotation(size, 1, math.cos(theta), math.sin(theta))
        if size >= 8:
            stride = round(math.sqrt(size))
            across = rotation(size, stride, math.sin(theta), math.cos(theta))
            matrix = matrix @ across
        for block in range(3, 3 + n, size):
            expected[block : block + size] = matrix @ expected[block : block + size]
    spreading.spread_out(x, 3, n, blocks, pulses, spread)
    assert np.allclose(x, expected, atol=1e-5)


@given(st.integers(0, 4), st.integers(0, 3), st.integers(1, 5))
def test_the_haar_transform_is_its_own_inverse_and_a_hadamard_level(levels, log_stride, width):
    stride = 1 << log_stride
    n = 2 * width << levels
    x = np.random.default_rng(n).normal(size=n * stride + 4).astype(np.float32)
    once = x.copy()
    bands.haar(once, 2, n, stride)
    pairs = x[2:-2].reshape(-1, 2, stride)
    both = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], 1) / math.sqrt(2)
    assert np.allclose(once[2:-2], both.ravel(), atol=1e-6)
    bands.haar(once, 2, n, stride)
    assert np.allclose(once, x, atol=1e-6)


@given(st.sampled_from([2, 4, 8, 16]), st.integers(1, 11), st.integers(0, 1))
def test_block_order_is_undone(blocks, n, sequency):
    x = np.zeros(partition.FLOATS, np.float32)
    x[: n * blocks] = np.arange(n * blocks)
    bands.in_block_order(x, 0, n, blocks, sequency)
    vectors = x[: n * blocks].reshape(blocks, n)
    assert {int(v[0]) for v in vectors} == set(range(blocks))
    assert all((np.diff(v) == blocks).all() for v in vectors)
    bands.in_bin_order(x, 0, n, blocks, sequency)
    assert np.array_equal(x[: n * blocks], np.arange(n * blocks))
