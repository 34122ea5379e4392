"""A packet's first byte, held against libopus for all 256 of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.codec import packets
from workbench.codec.block import block, entry
from workbench.upstreams import libopus
from workbench.upstreams.libopus.controls import BANDWIDTHS

pytest.importorskip("av")


@pytest.mark.parametrize("toc", range(256))
def test_every_first_byte_says_what_libopus_says(toc: int) -> None:
    found, packet = packets.config(toc), bytes([toc])
    assert BANDWIDTHS[found.bandwidth] == libopus.bandwidth(packet)
    assert found.frame == libopus.frame_samples(packet)
    assert found.channels == libopus.channels(packet)


def test_modes_are_table_2_of_rfc_6716() -> None:
    modes = [packets.config(number << 3).mode for number in range(32)]
    assert modes == ["SILK"] * 12 + ["hybrid"] * 4 + ["CELT"] * 16


@given(st.binary(min_size=1, max_size=1_400))
def test_any_packet_lasts_what_libopus_says_or_is_malformed(data: bytes) -> None:
    found = entry(data)
    try:
        sizes = libopus.parse(data).sizes
    except libopus.OpusError:
        assert found.is_malformed
        assert found.rows == 0
        return
    assert not found.is_malformed
    assert found.rows == libopus.n_samples(data)
    assert found.is_concealed == (min(sizes) < 2)


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=20))
def test_a_block_is_its_packets_one_behind_the_other(given_packets: list[bytes]) -> None:
    made = block([entry(data) for data in given_packets])
    for start, length, data in zip(made.starts, made.lengths, given_packets, strict=True):
        assert made.data[start : start + length].tobytes() == data
    assert made.rows[0] == 0
    assert made.total == sum(one.rows for one in made.entries)
    assert (made.rows[1:] - made.rows[:-1] == [one.rows for one in made.entries[:-1]]).all()
