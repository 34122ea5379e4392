"""The oracle of encoders: what it accepts, and each thing that it must not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from workbench.agreement import Agreement, Mismatch
from workbench.opus import signals
from workbench.opus.conformance import conforms
from workbench.upstreams import libopus

FRAME, PACKETS, WIDTH = 480, 6, 1_276


def encoded(kind: str = "music", seed: int = 0, **settings: int) -> dict[str, NDArray[Any]]:
    """One request of packets that libopus made."""
    pcm = signals.sound(kind, np.random.default_rng(seed), FRAME * PACKETS, 2)
    encoder = libopus.Encoder(2, "restricted_celt")
    encoder.set(**{"vbr": 0, "bitrate": 96_000, **settings})
    made: dict[str, NDArray[Any]] = {
        "packets": np.full((1, PACKETS, WIDTH), 7, np.uint8),
        "lengths": np.zeros((1, PACKETS), np.int32),
        "ranges": np.zeros((1, PACKETS), np.uint32),
    }
    for i in range(PACKETS):
        part = pcm[i * FRAME : (i + 1) * FRAME]
        made["lengths"][0, i] = encoder.encode(part, made["packets"][0, i])
        made["ranges"][0, i] = encoder.final_range
    return made


def why(got: dict[str, NDArray[Any]], want: dict[str, NDArray[Any]]) -> str:
    verdict = conforms(got, want)
    assert isinstance(verdict, Mismatch)
    assert verdict.describe()
    return verdict.why


@pytest.mark.parametrize("complexity", [0, 10])
def test_other_settings_of_the_same_encoder_conform(complexity: int) -> None:
    assert conforms(encoded(complexity=complexity), encoded()) == Agreement(0.0, bitwise=False)


def test_a_lower_rate_conforms_and_a_higher_one_takes_too_many_bytes() -> None:
    assert isinstance(conforms(encoded(bitrate=64_000), encoded()), Agreement)
    assert "more bytes" in why(encoded(bitrate=97_600), encoded())


@pytest.mark.parametrize("place", [1, 20, 60])
def test_a_changed_byte_ends_in_another_range(place: int) -> None:
    got = encoded()
    got["packets"][0, 3, place] ^= 16
    assert "ends elsewhere" in why(got, encoded())


def test_a_wrong_range_is_a_lie() -> None:
    got = encoded()
    got["ranges"][0, 2] += 1
    verdict = conforms(got, encoded())
    assert isinstance(verdict, Mismatch)
    assert (verdict.output, verdict.index) == ("ranges", (0, 2))


def test_another_sound_is_not_this_one() -> None:
    assert "unlike" in why(encoded("noise", seed=3), encoded("tones", seed=1))


def test_silence_is_not_a_sound_and_a_sound_is_not_silence() -> None:
    assert "unlike" in why(encoded("silence"), encoded())
    assert "where there is silence" in why(encoded(), encoded("silence"))
    assert isinstance(conforms(encoded("silence"), encoded("silence")), Agreement)


def test_what_is_no_packet_is_named() -> None:
    got = encoded()
    got["packets"][0, 0, 0], got["packets"][0, 0, 1] = 3, 0
    assert "does not decode" in why(got, encoded())


def test_packets_of_another_duration_do_not_conform() -> None:
    got = encoded()
    joined = libopus.repacketise([got["packets"][0, i, :60].tobytes() for i in range(2)])
    got["packets"][0, 0, : len(joined)] = np.frombuffer(joined, np.uint8)
    got["lengths"][0, :2] = len(joined), 1
    got["ranges"][0, :2] = got["ranges"][0, 1], 0
    assert why(got, encoded())


def test_a_packet_must_be_where_one_is_wanted_and_nowhere_else() -> None:
    got = encoded()
    got["lengths"][0, 4] = 0
    assert "is wanted here" in why(got, encoded())
    want = encoded()
    want["lengths"][0, 4] = -1
    assert "no packet is wanted" in why(encoded(), want)
    got["lengths"][0, 4] = -1
    assert isinstance(conforms(got, want), Agreement)
    got["lengths"][0, 0] = WIDTH + 1
    assert "is wanted here" in why(got, want)


def test_layout_comes_first() -> None:
    got = encoded()
    got["lengths"] = got["lengths"].astype(np.int64)
    assert why(got, encoded()) == "the dtype is wrong"
