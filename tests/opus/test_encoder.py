"""The encoder: libopus must understand every symbol of every packet, whatever the sound."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.dispatcher import Dispatcher
from numpy.typing import NDArray

from workbench.opus import encoder, signals
from workbench.opus.quality import quality_db
from workbench.upstreams import libopus

FRAMES = (120, 240, 480, 960)
BAD_ARG, BUFFER_TOO_SMALL = -1, -2


def encode_all(
    state: Any, pcm: NDArray[np.float32], frames: list[int], rates: list[int]
) -> tuple[list[bytes], list[int]]:
    """Packets and final ranges of a sound that is cut as ``frames`` says."""
    packet = np.zeros(encoder.MAX_BYTES, np.uint8)
    packets, ranges = [], []
    at = 0
    for frame, rate in zip(frames, rates, strict=True):
        encoder.switch(state, frame, rate)
        size = encoder.encode(state, pcm[at : at + frame], packet)
        assert size > 0
        packets.append(packet[:size].tobytes())
        ranges.append(int(encoder.final_range(state)))
        at += frame
    return packets, ranges


def decode_all(
    channels: int, packets: list[bytes], frames: list[int]
) -> tuple[NDArray[np.float32], list[int]]:
    """Sound and final ranges that libopus finds."""
    decoder = libopus.Decoder(channels)
    pcm = np.zeros((sum(frames), channels), np.float32)
    ranges = []
    at = 0
    for packet, frame in zip(packets, frames, strict=True):
        assert libopus.n_samples(packet) == frame
        assert decoder.decode(packet, pcm[at : at + frame]) == frame
        ranges.append(decoder.final_range)
        at += frame
    return pcm, ranges


@pytest.mark.parametrize("kind", signals.KINDS)
@pytest.mark.parametrize("channels", [1, 2])
def test_libopus_understands_every_symbol(kind: str, channels: int) -> None:
    rng = np.random.default_rng([11, channels])
    for frame in FRAMES:
        for rate in (8_000, 24_000, 64_000, 200_000):
            count = 1 + 5_760 // frame
            pcm = signals.sound(kind, rng, count * frame, channels)
            state = encoder.setup(channels, frame, rate)
            packets, ranges = encode_all(state, pcm, [frame] * count, [rate] * count)
            assert decode_all(channels, packets, [frame] * count)[1] == ranges
            bits = rate * frame / 48_000
            assert {len(packet) for packet in packets} <= {max(1, int(bits / 8 + 0.5)), 1}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(signals.KINDS),
    channels=st.integers(1, 2),
    stereo=st.sampled_from(signals.STEREO),
    plan=st.lists(
        st.tuples(st.sampled_from(FRAMES), st.integers(500, 600_000)), min_size=1, max_size=12
    ),
)
def test_frame_size_and_rate_may_change_with_every_packet(
    seed: int, kind: str, channels: int, stereo: str, plan: list[tuple[int, int]]
) -> None:
    frames, rates = [frame for frame, _ in plan], [rate for _, rate in plan]
    pcm = signals.sound(kind, np.random.default_rng(seed), sum(frames), channels, stereo)
    state = encoder.setup(channels, 960, 64_000)
    packets, ranges = encode_all(state, pcm, frames, rates)
    assert decode_all(channels, packets, frames)[1] == ranges


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    channels=st.integers(1, 2),
    frame=st.sampled_from(FRAMES),
    values=st.lists(st.floats(width=32), min_size=1, max_size=20),
)
def test_samples_that_no_sound_has_do_no_harm(
    seed: int, channels: int, frame: int, values: list[float]
) -> None:
    rng = np.random.default_rng(seed)
    pcm = rng.uniform(-1, 1, (4 * frame, channels)).astype(np.float32)
    flat = pcm.reshape(-1)
    flat[rng.integers(len(flat), size=len(values))] = values
    state = encoder.setup(channels, frame, 64_000)
    packets, ranges = encode_all(state, pcm, [frame] * 4, [64_000] * 4)
    sound, found = decode_all(channels, packets, [frame] * 4)
    assert found == ranges
    assert np.isfinite(sound).all()


def test_an_encoder_that_was_reset_is_as_new() -> None:
    pcm = signals.sound("music", np.random.default_rng(2), 9_600, 2)
    state = encoder.setup(2, 960, 96_000)
    first = encode_all(state, pcm, [960] * 10, [96_000] * 10)
    encode_all(state, pcm[::-1].copy(), [240] * 40, [40_000] * 40)
    encoder.switch(state, 960, 96_000)
    encoder.reset(state)
    assert encode_all(state, pcm, [960] * 10, [96_000] * 10) == first


def test_bad_arguments_give_codes_and_change_nothing() -> None:
    pcm = signals.sound("music", np.random.default_rng(3), 9_600, 1)
    packet = np.zeros(encoder.MAX_BYTES, np.uint8)
    for channels, frame in ((0, 960), (3, 960), (1, 0), (1, 700), (1, -120), (1, 1_920)):
        state = encoder.setup(channels, frame, 64_000)
        sound = np.zeros((max(frame, 0), max(channels, 1)), np.float32)
        assert encoder.encode(state, sound, packet) == BAD_ARG
    state, other = encoder.setup(1, 960, 64_000), encoder.setup(1, 960, 64_000)
    for refused in (pcm[:959], pcm[:1_200], np.zeros((960, 2), np.float32)):
        assert encoder.encode(state, refused, packet) == BAD_ARG
    assert encoder.encode(state, pcm[:960], packet[:159]) == BUFFER_TOO_SMALL
    want = encode_all(other, pcm, [960] * 10, [64_000] * 10)
    assert encode_all(state, pcm, [960] * 10, [64_000] * 10) == want


@pytest.mark.parametrize("rate", [-5, 0, 100, 10**12])
@pytest.mark.parametrize("frame", [120, 960])
def test_any_rate_gives_a_packet_that_can_be_had(rate: int, frame: int) -> None:
    pcm = signals.sound("noise", np.random.default_rng(4), 4 * frame, 2)
    packets, ranges = encode_all(encoder.setup(2, frame, rate), pcm, [frame] * 4, [rate] * 4)
    assert decode_all(2, packets, [frame] * 4)[1] == ranges
    assert all(1 <= len(packet) <= encoder.MAX_BYTES for packet in packets)


def test_silence_is_coded_as_silence_and_ends() -> None:
    pcm = np.zeros((9_600, 1), np.float32)
    pcm[:1_900] = signals.sound("tones", np.random.default_rng(5), 1_900, 1)
    packets, ranges = encode_all(encoder.setup(1, 480, 48_000), pcm, [480] * 20, [48_000] * 20)
    sound, found = decode_all(1, packets, [480] * 20)
    assert found == ranges
    # what is left is the decoder's de-emphasis, dying away
    assert np.abs(sound[-2_400:]).max() < 1e-20
    assert not np.frombuffer(packets[-1], np.uint8)[3:].any()


def test_more_bits_sound_better() -> None:
    for kind, channels in (("music", 2), ("speech", 1), ("transients", 2)):
        pcm = signals.sound(kind, np.random.default_rng(6), 28_800, channels)
        scores = []
        for rate in (16_000, 32_000, 64_000, 128_000, 256_000):
            state = encoder.setup(channels, 960, rate * channels)
            packets, _ = encode_all(state, pcm, [960] * 30, [rate * channels] * 30)
            scores.append(quality_db(pcm, decode_all(channels, packets, [960] * 30)[0], 120))
        assert scores == sorted(scores)
        assert scores[-1] > scores[0] + 10


def test_a_tone_and_a_click_come_out_where_they_went_in() -> None:
    pcm = np.zeros((9_600, 1), np.float32)
    pcm[4_000] = 0.9
    packets, _ = encode_all(encoder.setup(1, 960, 128_000), pcm, [960] * 10, [128_000] * 10)
    sound, _ = decode_all(1, packets, [960] * 10)
    assert int(np.argmax(np.abs(sound))) == 4_120
    assert sound[4_120, 0] > 0.5
    # before it there is next to nothing: short blocks were used
    assert np.abs(sound[:3_800]).max() < 0.01


def test_nothing_that_encode_calls_allocates() -> None:
    pcm = signals.sound("transients", np.random.default_rng(7), 9_600, 2)
    encode_all(encoder.setup(2, 960, 96_000), pcm, [960] * 10, [96_000] * 10)
    seen = 0
    for name, module in list(sys.modules.items()):
        if not name.startswith("workbench.opus.") or name.endswith((".memory", ".decoder")):
            continue  # of the decoder, which other tests set up in this process
        for function in vars(module).values():
            if isinstance(function, Dispatcher) and function is not encoder.setup:
                for code in function.inspect_llvm().values():
                    assert "NRT_MemInfo_alloc" not in code, function
                    seen += 1
    assert seen > 30
