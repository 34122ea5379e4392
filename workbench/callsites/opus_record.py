"""Record: 16-bit samples from a sound card become Opus packets, end to end, in compiled code.

A card delivers periods of 512 samples, whatever the frame is. They are turned into floats and
gathered; whenever a frame is full it is encoded, and its packet is kept for whoever sends it.

The encoder takes the place of upstream's; a target's ``callsite.py`` needs these lines::

    workloads = opus_record.workloads
    bind = opus_record.bind
    answer = opus_record.answer
    asked = opus_record.asked
    ORACLE = opus_record.ORACLE
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import targets, ticks
from workbench.opus import signals
from workbench.targets import Arrays, Workload
from workbench.upstreams import libopus

__all__ = ["ORACLE", "answer", "asked", "bind", "workloads"]

ORACLE = {"kind": "decodes"}
# name: (kind of sound, channels, samples per channel of a frame, bits a second)
CALLS = {
    "voice": ("speech", 1, 960, 64_000),
    "stage": ("music", 2, 480, 128_000),
    "rehearsal": ("music", 2, 120, 128_000),
}
PERIOD = 512
PERIODS = 60
MAX_BYTES = 1_276


def workloads(rng: np.random.Generator) -> list[Workload]:
    """Return a call of speech, a concert, and musicians who play together from afar."""
    return [workload(rng, name) for name in CALLS]


def workload(rng: np.random.Generator, name: str) -> Workload:
    """Recordings of `PERIODS` periods, from a random place of one sound."""
    kind, channels, frame, rate = CALLS[name]
    rows = PERIOD * PERIODS
    sound = signals.sound(kind, rng, 4 * rows, channels)
    whole = np.rint(sound.clip(-1, 1) * 32_767).astype(np.int16)
    packets = rows // frame

    def requests(rng: np.random.Generator, n: int) -> Arrays:
        first = rng.integers(len(whole) - rows + 1, size=n)
        found = np.stack([whole[at : at + rows] for at in first])
        return {"periods": found.reshape(n, PERIODS, PERIOD * channels)}

    given = {"channels": channels, "frame_size": frame, "bitrate_bps": rate}
    return Workload(
        shape=name,
        distribution=kind,
        fixture={key: np.array([value]) for key, value in given.items()},
        requests=requests,
        outputs={
            "packets": ((packets, MAX_BYTES), "uint8"),
            "lengths": ((packets,), "int32"),
            "ranges": ((packets,), "uint32"),
        },
        scratch={"pcm": ((frame, channels), "float32"), "ticks": ((2,), "int64")},
    )


def bind(
    kernels: Any, fixture: Arrays, now: Callable[[], int] = ticks.off
) -> Callable[[Arrays, Arrays, Arrays], None]:
    """Prepare recordings with one encoder."""
    channels, frame, rate = (
        int(fixture[name][0]) for name in ("channels", "frame_size", "bitrate_bps")
    )
    state = kernels.setup(channels, frame, rate)
    run = targets.specialise(record, kernels, now=now)

    def call(requests: Arrays, outputs: Arrays, scratch: Arrays) -> None:
        run(
            state,
            requests["periods"],
            scratch["pcm"],
            outputs["packets"],
            outputs["lengths"],
            outputs["ranges"],
            scratch["ticks"],
        )

    return call


# `specialise` gives these.
kernels: Any = None
now: Any = ticks.off


def record(
    state: Any, periods: Any, pcm: Any, packets: Any, lengths: Any, ranges: Any, spent: Any
) -> None:
    """Encode every recording from silence on."""
    channels = pcm.shape[1]
    scale = np.float32(1 / 32_768)
    for i in range(len(periods)):
        kernels.reset(state)
        filled, packet = 0, 0
        for period in range(periods.shape[1]):
            for k in range(0, periods.shape[2], channels):
                for channel in range(channels):
                    sample = np.float32(periods[i, period, k + channel])
                    pcm[filled, channel] = sample * scale
                filled += 1
                if filled == len(pcm):
                    begin = now()
                    size = kernels.encode(state, pcm, packets[i, packet])
                    spent[0] += now() - begin
                    spent[1] += 1
                    lengths[i, packet] = size
                    ranges[i, packet] = kernels.final_range(state)
                    filled = 0
                    packet += 1


def answer(fixture: Arrays, requests: Arrays) -> dict[str, NDArray[Any]]:
    """Packets of libopus's own encoder for the same frames."""
    periods = requests["periods"]
    channels, frame = int(fixture["channels"][0]), int(fixture["frame_size"][0])
    pcm = periods.reshape(len(periods), -1, channels).astype(np.float32) / 32_768
    count = pcm.shape[1] // frame
    packets = np.zeros((len(pcm), count, MAX_BYTES), np.uint8)
    lengths = np.zeros((len(pcm), count), np.int32)
    ranges = np.zeros((len(pcm), count), np.uint32)
    for i, sound in enumerate(pcm):
        encoder = libopus.Encoder(channels, "restricted_celt")
        encoder.set(vbr=0, complexity=10, bitrate=int(fixture["bitrate_bps"][0]))
        for j in range(count):
            lengths[i, j] = encoder.encode(sound[j * frame : (j + 1) * frame], packets[i, j])
            ranges[i, j] = encoder.final_range
    return {"packets": packets, "lengths": lengths, "ranges": ranges}


def asked(fixture: Arrays, requests: Arrays) -> dict[str, NDArray[np.int64]]:
    """What each call was asked: samples of a frame, and how loud it is."""
    periods = requests["periods"]
    channels, frame = int(fixture["channels"][0]), int(fixture["frame_size"][0])
    sound = periods.reshape(len(periods), -1, channels)
    count = sound.shape[1] // frame
    frames = sound[:, : count * frame].reshape(len(periods) * count, -1).astype(np.int64)
    return {
        "samples of a frame": np.full(len(frames), frame),
        "loudest sample of a frame": np.abs(frames).max(axis=1),
    }
