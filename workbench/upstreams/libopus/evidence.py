"""Evidence recorded from libopus: packets that it encoded once, and what it decodes them to.

What an encoder decides may hang on the order of a float sum, which differs between processors. So
packets that are recorded already are kept: recording again decodes *them* again. Where none are
recorded they are encoded, from sounds of one seed; remove the folder to have that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import snapshots, targets
from workbench.errors import WorkbenchError
from workbench.upstreams.libopus.coders import Decoder
from workbench.upstreams.libopus.errors import OpusError

Files = dict[str, dict[str, NDArray[Any]]]
Packets = Sequence[bytes]

SEED = 20_261_130
UPSTREAM = "libopus"
# Packets recorded of a cell, by frame size: 40 to 120 ms.
RECORDED = {120: 16, 240: 12, 480: 8, 960: 6}


def record_celt() -> Files:
    """Ask libopus for the evidence of target ``opus_celt``."""
    return {
        name: _case(packets, channels, rows) for name, (packets, channels, rows) in _asked().items()
    }


def _asked() -> dict[str, tuple[Packets, int, int]]:
    """Name: (packets, channels of the output, samples that there is room for)."""
    try:
        known = snapshots.load(UPSTREAM, "opus_celt", targets.find_root()).files
    except WorkbenchError:  # not recorded yet, or damaged: then anew
        return _encoded(np.random.default_rng(SEED))
    return {
        name.removesuffix(".npz"): (
            [
                packet[:length].tobytes()
                for packet, length in zip(
                    arrays["request_packets"][0], arrays["request_lengths"][0], strict=True
                )
            ],
            int(arrays["fixture_channels"][0]),
            int(arrays["fixture_rows"][0]),
        )
        for name, arrays in known.items()
    }


def _encoded(rng: np.random.Generator) -> dict[str, tuple[Packets, int, int]]:
    """A stream of every cell, one that switches, every packing, other outputs, damage."""
    from workbench.opus import streams  # it encodes with this package
    from workbench.opus.streams import Settings

    found: dict[str, tuple[Packets, int, int]] = {}
    for which, (frame, bandwidth, channels) in enumerate(streams.CELLS):
        (made,) = streams.cell(rng, which, 1)
        side = "stereo" if channels == 2 else "mono"
        # every fifth of a grid is merged; here packets are of one frame
        packets = [p for p in made.packets if p[0] & 3 == 0] or _plain(rng, made.settings)
        kept = packets[: RECORDED[frame]]
        found[f"{frame / 48:g}ms-{bandwidth}_{side}"] = kept, channels, len(kept) * frame
    for channels in (1, 2):
        other = Settings(240, "fullband", 3 - channels, 64, "vbr")
        packets = streams.stream(rng, "music", other, 10).packets
        found[f"mixed-to_{channels}"] = packets, channels, 2_400
    each = [Settings(960, channels=2), Settings(120, "narrowband"), Settings(480, "wideband")]
    packets = streams.switching(rng, "speech", each, 8_000, 2).packets
    found["switching-frames_and_widths"] = packets, 2, 8_000
    for control in ("cbr", "vbr"):
        made = streams.stream(rng, "transients", Settings(120, rate_control=control), 30)
        merged = [streams.merge(made.packets, n, pad)[0] for n, pad in ((2, 0), (5, 0), (9, 300))]
        found[f"packed-{control}"] = [made.packets[0], *merged], 1, 17 * 120
    clean = streams.stream(rng, "music", Settings(240, "wideband", 2, 64, "vbr"), 12).packets
    bad = list(clean)
    bad[2] = clean[2][:11]
    bad[4] = bytes([clean[4][0] | 3, 0]) + clean[4][1:]  # no frames
    bad[6] = clean[6][:5] + bytes([clean[6][5] ^ 0x24]) + clean[6][6:]
    bad[8] = clean[8] + bytes(1_300)  # too long for a frame
    found["damaged-cut_flipped_and_malformed"] = bad, 2, 12 * 240
    found["damaged-little_room"] = clean[:4], 2, 600
    return found


def _plain(rng: np.random.Generator, settings: Any) -> Packets:
    from workbench.opus import streams

    return streams.stream(rng, "music", settings, RECORDED[settings.frame]).packets


def _case(packets: Packets, channels: int, rows: int) -> dict[str, NDArray[Any]]:
    """One request: packets decoded from a new state on, and what libopus made of each."""
    width = max(map(len, packets)) + 1
    data = np.zeros((1, len(packets), width), np.uint8)
    lengths = np.array([[len(packet) for packet in packets]], np.int32)
    samples, ranges = np.zeros_like(lengths), np.zeros(lengths.shape, np.uint32)
    pcm = np.zeros((1, rows, channels), np.float32)
    decoder, at = Decoder(channels), 0
    for i, packet in enumerate(packets):
        data[0, i, : len(packet)] = np.frombuffer(packet, np.uint8)
        try:
            samples[0, i] = decoder.decode(packet, pcm[0, at:])
        except OpusError as error:
            samples[0, i] = error.code
            continue
        ranges[0, i] = decoder.final_range
        at += int(samples[0, i])
    pcm[0, at:] = 0
    return {
        "fixture_channels": np.array([channels]),
        "fixture_frame_size": np.array([960]),
        "fixture_rows": np.array([rows]),
        "request_packets": data,
        "request_lengths": lengths,
        "output_pcm": pcm,
        "output_samples": samples,
        "output_ranges": ranges,
    }
