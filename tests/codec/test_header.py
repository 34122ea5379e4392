"""Identification headers: what RFC 7845 says, and nothing that is damaged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.codec import header

STEREO = b"OpusHead" + bytes([1, 2, 56, 1, 128, 187, 0, 0, 0, 255, 0])
SURROUND = b"OpusHead\x01\x068\x01\x80\xbb\x00\x00\x00\x00\x01\x04\x02\x00\x04\x01\x02\x03\x05"


def test_a_stereo_header() -> None:
    found = header.parse(STEREO)
    assert (found.channels, found.pre_skip, found.gain_db) == (2, 312, -1.0)
    assert found.is_plain


def test_surround_has_several_streams() -> None:
    found = header.parse(SURROUND)
    assert (found.channels, found.family, found.streams, found.coupled) == (6, 1, 4, 2)
    assert not found.is_plain


def test_one_stream_whose_channels_change_places_is_not_plain() -> None:
    mapped = STEREO[:18] + bytes([1, 1, 1])
    assert header.parse(mapped + bytes([0, 1])).is_plain
    assert not header.parse(mapped + bytes([1, 0])).is_plain
    assert not header.parse(mapped + bytes([0, 255])).is_plain


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no identification header"),
        (STEREO[:18], "no identification header"),
        (b"OpusTags" + STEREO[8:], "no identification header"),
        (STEREO[:8] + b"\x10" + STEREO[9:], "version 16"),
        (STEREO[:9] + b"\0" + STEREO[10:], "0 channels"),
        (STEREO[:9] + b"\3" + STEREO[10:], "3 channels"),
        (SURROUND[:-1], "ends before"),
        (SURROUND[:19] + b"\0" + SURROUND[20:], "impossible"),
        (SURROUND[:20] + b"\5" + SURROUND[21:], "impossible"),
        (SURROUND[:-1] + b"\6", "names a stream"),
    ],
)
def test_a_damaged_header_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        header.parse(data)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_header_or_a_value_error(tail: bytes) -> None:
    try:
        found = header.parse(b"OpusHead" + tail)
    except ValueError:
        return
    assert found.channels >= 1
    assert found.streams >= found.coupled
