"""The decoder beside libopus: ranges bit for bit, codes, and sound; whatever the packets are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.opus import decoder, packet, streams
from workbench.upstreams import libopus

CAPACITY = 5_760
SOUND_ERROR, SNR_DB = 1e-4, 90


class Pair:
    """Our decoder and libopus's, fed the same packets."""

    def __init__(self, channels, frame=960):
        self.ours, self.theirs = decoder.setup(channels, frame), libopus.Decoder(channels)
        self.frame = frame
        self.pcm = np.zeros((2, CAPACITY, channels), np.float32)

    def feed(self, data, capacity=CAPACITY):
        """Answers of both: samples or code, and final range."""
        mine, truth = self.pcm[0, :capacity], self.pcm[1, :capacity]
        array = np.frombuffer(data or b"\0", np.uint8)
        answer = decoder.decode(self.ours, array, len(data or b""), mine)
        try:
            room = truth if data else truth[: self.frame]
            samples, final = self.theirs.decode(data, room), self.theirs.final_range
        except libopus.OpusError as error:
            samples, final = error.code, 0
        return answer, (samples, final if data else 0)


@pytest.mark.parametrize("which", range(len(streams.CELLS)))
def test_every_final_range_is_libopuss_and_the_sound_is_too(which):
    for stream in streams.cell(np.random.default_rng(which), which, 2):
        for channels in (1, 2):
            pair = Pair(channels)
            signal = noise = 0.0
            for data in stream.packets:
                answer, truth = pair.feed(data)
                assert answer == truth
                mine, theirs = pair.pcm[:, : truth[0]].astype(float)
                assert np.abs(mine - theirs).max() <= SOUND_ERROR
                signal, noise = signal + (theirs**2).sum(), noise + ((mine - theirs) ** 2).sum()
            assert noise <= signal * 10 ** (-SNR_DB / 10) + 1e-12


@pytest.mark.parametrize("channels", [1, 2])
def test_settings_may_change_from_packet_to_packet(channels):
    rng = np.random.default_rng(11)
    each = [
        streams.Settings(frame, bandwidth, coded, kbps)
        for frame, bandwidth, coded, kbps in (
            (960, "fullband", 2, 96),
            (120, "narrowband", 1, 40),
            (480, "superwideband", 2, 64),
            (240, "wideband", 1, 24),
        )
    ]
    pair = Pair(channels)
    for data in streams.switching(rng, "music", each, 48_000, run=3).packets:
        answer, truth = pair.feed(data)
        assert answer == truth
        mine, theirs = pair.pcm[:, : truth[0]]
        assert np.abs(mine - theirs).max() <= SOUND_ERROR


@pytest.mark.parametrize("frame", streams.FRAMES)
def test_after_lost_packets_everything_goes_on_as_in_libopus(frame):
    rng = np.random.default_rng(frame)
    for channels in (1, 2):
        given_settings = streams.Settings(frame, "fullband", channels, 64, "vbr")
        pair = Pair(channels, frame)
        for i, data in enumerate(streams.stream(rng, "speech", given_settings, 60).packets):
            kept = None if i % 7 in (3, 4) else data[:1] if i % 7 == 6 else data
            answer, truth = pair.feed(kept)
            assert answer == truth


def test_before_the_first_packet_there_is_silence():
    pair = Pair(2, 600)
    assert pair.feed(None) == ((600, 0), (600, 0))
    assert not pair.pcm.any()
    assert pair.feed(b"\xfc")[0] == (960, 0)


def test_a_reset_decoder_is_a_new_one():
    settings_ = streams.Settings(480, "fullband", 2, 96)
    packets = streams.stream(np.random.default_rng(5), "music", settings_, 12).packets
    pair = Pair(2)
    once = [(pair.feed(data)[0], pair.pcm[0].copy()) for data in packets]
    decoder.reset(pair.ours)
    for data, (answer, pcm) in zip(packets, once, strict=True):
        array = np.frombuffer(data, np.uint8)
        assert decoder.decode(pair.ours, array, len(data), pair.pcm[0]) == answer
        assert np.array_equal(pair.pcm[0], pcm)


def test_what_cannot_be_decoded_has_libopuss_code_and_changes_nothing():
    settings_ = streams.Settings(960, "fullband", 1, 64)
    packets = streams.stream(np.random.default_rng(6), "speech", settings_, 6).packets
    pair = Pair(1)
    for data in packets[:3]:
        pair.feed(data)
    state = [np.copy(part) for part in pair.ours[:11]]
    assert pair.feed(packets[3], capacity=959)[0] == (packet.OPUS_BUFFER_TOO_SMALL, 0)
    assert pair.feed(b"\xfb\x00")[0] == (packet.OPUS_INVALID_PACKET, 0)
    assert pair.feed(b"\x0c" + bytes(40))[0] == (packet.OPUS_UNIMPLEMENTED, 0)
    array = np.frombuffer(packets[3], np.uint8)
    for length in (-1, len(array) + 1):
        answer = decoder.decode(pair.ours, array, length, pair.pcm[0])
        assert answer == (packet.OPUS_BAD_ARG, 0)
    for i, part in enumerate(state):
        if i != 3:  # the sizes of the frames of the last packet that could be parsed
            assert np.array_equal(part, pair.ours[i])
    # libopus was given a packet that it decodes and one in a mode that ours has not
    pair.theirs.reset()
    for data in packets[:3]:
        pair.theirs.decode(data, pair.pcm[1])
    for data in packets[3:]:
        answer, truth = pair.feed(data)
        assert answer == truth


PAIRS = {}


@given(
    st.integers(1, 2),
    st.sampled_from(range(16 << 3, 256)),
    st.one_of(st.binary(max_size=40), st.binary(min_size=41, max_size=1400)),
)
@settings(max_examples=400)
def test_any_bytes_behind_a_celt_header_are_decoded_as_libopus_does(channels, toc, data):
    pair = PAIRS.setdefault(channels, Pair(channels))
    answer, truth = pair.feed(bytes([toc]) + data)
    assert answer == truth


@given(st.integers(0, 7), st.data())
@settings(max_examples=150)
def test_damaged_packets_are_decoded_as_libopus_does(which, data):
    settings_ = streams.Settings(960 >> which % 4, "fullband", 1 + which // 4, 64)
    made = streams.stream(np.random.default_rng(which), "music", settings_, 8).packets
    pair = Pair(settings_.channels, settings_.frame)
    for packet_ in made:
        damaged = bytearray(packet_)
        kind = data.draw(st.sampled_from(["whole", "flip", "cut", "longer"]))
        if kind == "flip":
            for _ in range(data.draw(st.integers(1, 4))):
                at = data.draw(st.integers(1, len(damaged) - 1))
                damaged[at] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "cut":
            damaged = damaged[: data.draw(st.integers(1, len(damaged)))]
        elif kind == "longer":
            damaged += data.draw(st.binary(max_size=30))
        answer, truth = pair.feed(bytes(damaged))
        assert answer == truth
