"""What a comparison says of decoders that are right, of ones that are not, and of odd files."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from workbench.codec import comparing, race, report
from workbench.codec.block import block, entry
from workbench.codec.tally import Tally
from workbench.errors import Infrastructure
from workbench.opus import streams
from workbench.upstreams import libopus

LOWDELAY = ("-application", "lowdelay", "-b:a", "96k")


@pytest.fixture(scope="module")
def celt(encode):
    return encode("celt.opus", *LOWDELAY)


def text(found: comparing.Comparison) -> str:
    return "\n".join(report.lines(found))


def test_libopus_is_equal_to_itself_in_every_mode(encode, itself, upstream) -> None:
    voip = ("-application", "voip", "-b:a", "18k")
    for name, options, channels in (
        ("celt.opus", LOWDELAY, 2),
        ("hybrid.ogg", voip, 1),
        ("silk.mka", ("-application", "voip", "-b:a", "10k", "-cutoff", "8000"), 1),
    ):
        found = comparing.compare(
            encode(name, *options, channels=channels), itself, upstream, passes=2
        )
        totals = found.totals
        assert totals is not None
        assert found.verdict == "equal"
        assert totals.equal == totals.held == totals.packets == sum(totals.modes.values())
        assert totals.max_abs_err == 0
        assert totals.snr_db is None
        assert "no error" in text(found)
    assert totals.modes["SILK"] == totals.packets


def test_counts_are_those_of_the_file(celt, itself, upstream) -> None:
    with comparing.open_source(celt) as source:
        packets = [one.data for one in source.packets()]
    found = comparing.compare(celt, itself, upstream, passes=3)
    totals, speed = found.totals, found.speed
    assert totals is not None
    assert totals.packets == len(packets)
    assert totals.samples == sum(libopus.n_samples(data) for data in packets)
    assert totals.configs == {"CELT fullband 20 ms stereo": len(packets)}
    assert speed is not None
    assert speed.passes == 3
    assert speed.packets == len(packets)
    assert speed.low <= speed.rt_ratio <= speed.high
    assert speed.ours_x == pytest.approx(totals.samples / 48 / speed.ours_us / len(packets) * 1e3)
    assert found.columns is not None
    assert found.columns.seconds * len(found.columns.peak) == pytest.approx(
        totals.samples / 48_000, abs=0.01
    )


@pytest.mark.parametrize(
    ("line", "packet", "what"),
    [
        ("final ^= n == 7", 7, "final range 0x"),
        ("got -= 480 * (n == 5)", 5, "480 samples here, 960 samples from libopus"),
        ("got = -4 if n == 9 else got", 9, "error -4 (OPUS_INVALID_PACKET) here"),
        ("got = -5 if n == 3 else got", 3, "error -5 (OPUS_UNIMPLEMENTED) here"),
        ("pcm[17, 1] += 3e-3 * (n == 12)", 12, "sample 17 of channel 1 is off by 0.003"),
        ("pcm[0, 0] = float('nan') if n == 2 else 0", 0, "sample 0 of channel 0"),
        ("pcm[100, 0] = float('nan') if n == 2 else pcm[100, 0]", 2, "is off by inf"),
    ],
)
def test_the_first_packet_that_differs_is_named(
    celt, upstream, broken, line: str, packet: int, what: str
) -> None:
    found = comparing.compare(celt, broken(line), upstream, passes=1)
    assert found.verdict == "differs"
    assert found.totals is not None
    first = found.totals.first
    assert first is not None
    assert what in first.what
    assert what in text(found)
    if packet:
        assert first.packet == packet
        assert first.row == packet * 960
        assert first.time_s == pytest.approx(packet * 0.02 - 0.0025)
    json.loads(json.dumps(found.as_json(), allow_nan=False))


def test_errors_of_rounding_pass_and_are_measured(celt, upstream, broken) -> None:
    found = comparing.compare(celt, broken("pcm[:got] += 1e-7"), upstream, passes=1)
    assert found.verdict == "equal"
    assert found.totals is not None
    assert found.totals.max_abs_err == pytest.approx(1e-7, rel=0.3)
    assert found.totals.snr_db is not None
    assert 90 < found.totals.snr_db < 140


def test_noise_everywhere_below_the_largest_error_differs(celt, upstream, broken) -> None:
    """Every sample is within 1e-4, and the whole is not 90 dB better than the noise."""
    found = comparing.compare(celt, broken("pcm[:got] += 5e-5"), upstream, passes=1)
    assert found.totals is not None
    assert found.totals.first is None
    assert found.verdict == "differs"


def test_the_snr_is_that_of_the_whole_stream(celt, upstream, broken) -> None:
    gain = 1 + 1e-5
    found = comparing.compare(celt, broken(f"pcm[:got] *= {gain}"), upstream, passes=1)
    assert found.totals is not None
    assert found.totals.snr_db == pytest.approx(100, abs=0.1)


def test_a_kernel_without_silk_is_open_there_and_held_where_it_is_not(
    encode, upstream, broken
) -> None:
    without = broken("got = -5 if packet[0] < 128 else got")
    silk = encode("silk.mka", "-application", "voip", "-b:a", "10k", "-cutoff", "8000", channels=1)
    found = comparing.compare(silk, without, upstream, passes=1)
    assert found.totals is not None
    assert (found.verdict, found.totals.held, found.speed) == ("open", 0, None)
    assert found.totals.open == found.totals.packets
    assert found.columns is not None
    assert found.columns.open.all()
    assert not found.columns.peak.any()
    assert "packets of modes that the kernel has not" in text(found)


def test_sound_behind_an_open_packet_decides_nothing_and_its_final_range_does(
    upstream, broken
) -> None:
    """A hybrid packet, then CELT: the kernel could not know what the transition sounds like."""
    rng = np.random.default_rng(4)
    before = streams.stream(rng, "music", streams.Settings(), 3).packets
    silk = libopus.Encoder(1, "restricted_silk")
    room, sound = np.empty(1_000, np.uint8), np.zeros((960, 1), np.float32)
    middle = room[: silk.encode(sound, room)].tobytes()
    piece = [entry(packet) for packet in (*before, middle, *before)]
    deaf = broken("got = -5 if packet[0] < 128 else got; pcm[:got] *= 0.5 if n > 3 else 1")
    run, tally = race.Race(deaf, upstream, 1, 1), Tally()
    for part in comparing.blocks(piece):
        tally.add(part, *run.run(part))
    totals = tally.totals
    assert (totals.parity, totals.open, totals.following) == (3, 1, 3)
    assert (totals.equal, totals.held) == (6, 6)
    assert totals.max_abs_err == 0
    assert (totals.following_max_abs_err or 0) > 1e-3
    assert totals.verdict == "equal"


def test_frames_without_content_are_counted_apart(upstream, itself, broken) -> None:
    packets = streams.stream(np.random.default_rng(5), "music", streams.Settings(), 6).packets
    pieces = [entry(p) for p in (*packets[:3], packets[3][:1], *packets[4:])]
    for kernel in (itself, broken("pcm[:got] *= 1 if length > 1 else 0")):
        run, tally = race.Race(kernel, upstream, 1, 1), Tally()
        tally.add(block(pieces), *run.run(block(pieces)))
        totals = tally.totals
        assert (totals.parity, totals.concealed, totals.following) == (3, 1, 2)
        assert totals.verdict == "equal"


def test_malformed_packets_must_be_refused_alike(upstream, itself, broken) -> None:
    packets = streams.stream(np.random.default_rng(6), "music", streams.Settings(), 3).packets
    pieces = block([entry(p) for p in (packets[0], bytes([packets[1][0] | 3, 0]), packets[2])])
    for kernel, verdict in ((itself, "equal"), (broken("got = max(got, 0)"), "differs")):
        run, tally = race.Race(kernel, upstream, 1, 1), Tally()
        tally.add(pieces, *run.run(pieces))
        assert tally.totals.malformed == 1
        assert tally.totals.verdict == verdict


def test_several_streams_in_a_packet_are_named_and_nothing_crashes(
    encode, itself, upstream
) -> None:
    six = encode("six.opus", "-mapping_family", "1", "-b:a", "200k", channels=6, kinds=("noise",))
    found = comparing.compare(six, itself, upstream)
    assert (found.verdict, found.totals, found.columns) == ("open", None, None)
    assert "4 streams in a packet, 6 channels (mapping family 1)" in text(found)


def test_a_file_that_ends_early_and_one_with_a_hole_say_so(
    encode, itself, upstream, tmp_path
) -> None:
    whole = encode("long.webm", *LOWDELAY, seconds=3)
    cut = tmp_path / "cut.webm"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    found = comparing.compare(cut, itself, upstream, passes=1)
    assert found.verdict == "equal"
    assert any("ends early" in note for note in found.notes)
    ogg = encode("long.ogg", *LOWDELAY, "-page_duration", "100000", seconds=3)
    data = bytearray(ogg.read_bytes())
    data[len(data) // 2] ^= 255  # one page's checksum is wrong now
    cut = tmp_path / "hole.ogg"
    cut.write_bytes(data)
    found = comparing.compare(cut, itself, upstream, passes=1)
    assert found.verdict == "equal"
    assert any("gaps in its timestamps" in note for note in found.notes), found.notes


def test_a_header_without_packets_is_nothing_to_compare(encode, itself, upstream, tmp_path) -> None:
    whole = encode("celt.opus", *LOWDELAY).read_bytes()
    pages = [at for at in range(len(whole)) if whole.startswith(b"OggS", at)]
    path = tmp_path / "header.opus"
    path.write_bytes(whole[: pages[2]])
    with pytest.raises(Infrastructure, match=r"header\.opus"):
        comparing.compare(path, itself, upstream)


def test_memory_does_not_grow_with_the_file(itself, upstream) -> None:
    """A block is at most a second, also of packets that say they last nothing."""
    packet = streams.stream(np.random.default_rng(7), "tones", streams.Settings(), 1).packets[0]
    made = list(comparing.blocks(entry(packet) for _ in range(1_000)))
    assert max(one.total for one in made) <= 48_000
    assert sum(len(one.entries) for one in made) == 1_000
    empty = entry(bytes([packet[0] | 3, 0]))
    assert max(len(one.entries) for one in comparing.blocks([empty] * 100_000)) <= 48_000


def test_infinite_numbers_are_null_in_json(celt, upstream, broken) -> None:
    line = "pcm[100, 0] = float('inf')"
    found = comparing.compare(celt, broken(line), upstream, passes=1)
    assert found.totals is not None
    assert found.totals.snr_db == -math.inf
    assert found.as_json()["totals"]["snr_db"] is None
