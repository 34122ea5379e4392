"""Frames are found where section 3 of RFC 6716 puts them, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.opus import packet as pk


def parse(data):
    sizes = np.zeros(pk.MAX_FRAMES, np.int64)
    count, first = pk.parse(np.frombuffer(data, np.uint8), len(data), sizes)
    return (count, first, sizes[: max(count, 0)].tolist())


def length(size):
    return bytes([size]) if size < 252 else bytes([252 + size % 4, (size - 252) // 4])


@st.composite
def framed(draw):
    """A well-formed packet, its frame sizes, and where the first frame starts."""
    config = draw(st.integers(0, 31))
    code = draw(st.integers(0, 3))
    toc = config << 3 | draw(st.integers(0, 1)) << 2 | code
    most = 5760 // pk.frame_samples(toc)
    count = {0: 1, 1: 2, 2: 2}.get(code) or draw(st.integers(1, min(most, 48)))
    variable = code == 2 or (code == 3 and draw(st.booleans()))
    if variable:
        sizes = draw(st.lists(st.integers(0, 1275), min_size=count, max_size=count))
    else:
        sizes = [draw(st.integers(0, 1275))] * count
    head, tail = bytes([toc]), b""
    if code == 3:
        padding = draw(st.one_of(st.none(), st.integers(0, 700)))
        head += bytes([count | (variable << 7) | ((padding is not None) << 6)])
        if padding is not None:
            head += b"\xff" * (padding // 254) + bytes([padding % 254])
            tail = bytes(padding)
    if variable:
        head += b"".join(length(size) for size in sizes[:-1])
    return head + bytes(sum(sizes)) + tail, sizes, len(head)


@given(framed())
def test_well_formed_packets_are_taken_apart(case):
    data, sizes, first = case
    assert parse(data) == (len(sizes), first, sizes)


@given(st.binary(min_size=1, max_size=80))
def test_frames_never_reach_behind_the_packet(data):
    count, first, sizes = parse(data)
    assert count == pk.OPUS_INVALID_PACKET or (count > 0 and first + sum(sizes) <= len(data))
    assert all(0 <= size <= pk.MAX_FRAME_BYTES for size in sizes)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(bytes([0xF8]) + bytes(1276), id="R2-frame-of-1276"),
        pytest.param(bytes([0xF9, 0]), id="R3-odd-halves"),
        pytest.param(bytes([0xFA]), id="R4-no-length"),
        pytest.param(bytes([0xFA, 252]), id="R4-half-a-length"),
        pytest.param(bytes([0xFA, 1]), id="R4-frame-longer-than-packet"),
        pytest.param(bytes([0xFB]), id="R6-no-count"),
        pytest.param(bytes([0xFB, 0]), id="R5-no-frame"),
        pytest.param(bytes([0xFB, 7]) + bytes(7), id="R5-140-ms"),
        pytest.param(bytes([0xFB, 2, 0]), id="R6-not-a-multiple"),
        pytest.param(bytes([0xFB, 0x41, 5, 0, 0]), id="R6-padding-longer-than-packet"),
        pytest.param(bytes([0xFB, 0x41, 255]), id="R6-padding-length-cut"),
        pytest.param(bytes([0xFB, 0x82]), id="R7-no-length"),
        pytest.param(bytes([0xFB, 0x83, 2, 3, 0, 0, 0, 0]), id="R7-frames-longer-than-packet"),
    ],
)
def test_what_section_3_4_forbids_is_refused(data):
    assert parse(data)[0] == pk.OPUS_INVALID_PACKET


def test_configurations_are_those_of_table_2():
    seen = [
        (pk.mode(c << 3), pk.bandwidth(c << 3), pk.frame_samples(c << 3) / 48) for c in range(32)
    ]
    silk = [(pk.SILK, b, ms) for b in (0, 1, 2) for ms in (10, 20, 40, 60)]
    hybrid = [(pk.HYBRID, b, ms) for b in (3, 4) for ms in (10, 20)]
    celt = [(pk.CELT, b, ms) for b in (0, 2, 3, 4) for ms in (2.5, 5, 10, 20)]
    assert seen == silk + hybrid + celt
    assert [pk.channels(toc) for toc in (0, 4, 251, 255)] == [1, 2, 1, 2]
