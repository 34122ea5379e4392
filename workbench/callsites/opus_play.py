"""Play from a place in a real .opus file, end to end, in compiled code.

What a player does after a seek: find the page by its position, check pages against their sums,
walk the lacing, decode from 80 ms before the place on (RFC 7845, 4.6) and hand over samples of 16
bits. The files are made by ffmpeg's libopus encoder and its Ogg muxer, in CELT mode, and are in
memory. A kernel takes the role of the decoder: ``reset`` once a query, ``decode`` a packet.

A target's ``callsite.py`` needs these lines::

    workloads = opus_play.workloads
    bind = opus_play.bind
    answer = opus_play.answer
    asked = opus_play.asked
    ORACLE = opus_play.ORACLE

The truth takes the packets from ffmpeg's demuxer and the sound from libopus.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import targets, ticks
from workbench.callsites import opus_play_query as query
from workbench.opus import signals
from workbench.targets import Arrays, Workload
from workbench.upstreams import libopus

ORACLE = {"kind": "parity", "pcm": "pcm", "atol": 1e-4, "min_snr_db": 90}
RATE = 48_000
SECONDS = 10
# RFC 7845, 4.6: what a decoder needs to converge after a seek.
PREROLL = query.PREROLL


@dataclass(frozen=True)
class File:
    """How a file is encoded: ffmpeg's options of libopus."""

    kind: str
    channels: int
    kbps: int
    frame_ms: str

    @property
    def name(self) -> str:
        """All of it, as one word."""
        return f"{self.kind}-{self.frame_ms}ms-{self.channels}ch-{self.kbps}k"


FILES = (
    File("music", 2, 128, "20"),
    File("speech", 1, 64, "20"),
    File("transients", 2, 96, "2.5"),
)
# Samples that a query plays.
PLAYED = {"a-second": RATE, "a-glance": RATE // 10}


def workloads(rng: np.random.Generator) -> list[Workload]:
    """Return a workload a file and a length."""
    return [
        workload(data, file.name, name, file.channels, played)
        for file in FILES
        for data in [encoded(rng, file, SECONDS)]
        for name, played in PLAYED.items()
    ]


def encoded(rng: np.random.Generator, file: File, seconds: float) -> NDArray[np.uint8]:
    """Bytes of a .opus file of a sound made now."""
    import av

    sound = signals.sound(file.kind, rng, int(seconds * RATE), file.channels)
    layout = {1: "mono", 2: "stereo"}[file.channels]
    options = {"application": "lowdelay", "frame_duration": file.frame_ms}
    memory = io.BytesIO()
    with av.open(memory, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=RATE, layout=layout, options=options)
        stream.bit_rate = file.kbps * 1_000
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="flt", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), 0
        fifo = av.AudioFifo()
        fifo.write(frame)
        size = round(float(file.frame_ms) * RATE / 1_000)
        while (part := fifo.read(size)) is not None:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return np.frombuffer(memory.getvalue(), np.uint8)


def packets_of(data: NDArray[np.uint8]) -> list[bytes]:
    """All packets of a file, by ffmpeg's demuxer."""
    import av

    with av.open(io.BytesIO(data.tobytes()), "r") as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def workload(
    data: NDArray[np.uint8], shape: str, distribution: str, channels: int, played: int
) -> Workload:
    """Queries that play so many samples from anywhere in a file."""
    packets = packets_of(data)
    frame = libopus.n_samples(packets[0])
    last = len(packets) * frame - played - frame

    def requests(rng: np.random.Generator, n: int) -> Arrays:
        return {"begin": rng.integers(last, size=n)}

    return Workload(
        shape=shape,
        distribution=distribution,
        fixture={
            "file": data,
            "channels": np.array([channels]),
            "frame": np.array([frame]),
            "played": np.array([played]),
        },
        requests=requests,
        outputs={"pcm": ((played, channels), "float32"), "status": ((), "int64")},
        scratch={
            # a packet may overlap both ends of what is played, and has at most 120 ms
            "sound": ((query.LONGEST, channels), "float32"),
            "packet": ((query.MOST_BYTES,), "uint8"),
            "player": ((played, channels), "int16"),
            "ticks": ((2,), "int64"),
        },
    )


def bind(
    kernels: Any, fixture: Arrays, now: Callable[[], int] = ticks.off
) -> Callable[[Arrays, Arrays, Arrays], None]:
    """Prepare a decoder for a file."""
    run = targets.specialise(query.play_all, kernels, now=now)
    state = kernels.setup(int(fixture["channels"][0]), int(fixture["frame"][0]))
    sums = query.checksums()

    def call(requests: Arrays, outputs: Arrays, scratch: Arrays) -> None:
        run(
            state,
            fixture["file"],
            sums,
            requests["begin"],
            outputs["pcm"],
            outputs["status"],
            scratch["sound"],
            scratch["packet"],
            scratch["player"],
            scratch["ticks"],
        )

    return call


def answer(fixture: Arrays, requests: Arrays) -> dict[str, NDArray[Any]]:
    """The same seconds from ffmpeg's demuxer and libopus."""
    packets = packets_of(fixture["file"])
    channels, frame, played = (int(fixture[k][0]) for k in ("channels", "frame", "played"))
    decoder = libopus.Decoder(channels)
    pcm = np.zeros((len(requests["begin"]), played, channels), np.float32)
    for row, begin in zip(pcm, requests["begin"].tolist(), strict=True):
        decoder.reset()
        first, last = max(begin - PREROLL, 0) // frame, -(-(begin + played) // frame)
        sound = np.empty(((last - first) * frame, channels), np.float32)
        for i, packet in enumerate(packets[first:last]):
            decoder.decode(packet, sound[i * frame : (i + 1) * frame])
        row[:] = sound[begin - first * frame :][:played]
    return {"pcm": pcm, "status": np.zeros(len(pcm), np.int64)}


def asked(fixture: Arrays, requests: Arrays) -> dict[str, NDArray[np.int64]]:
    """What each call was asked: the bytes of its packet."""
    sizes = np.array([len(packet) for packet in packets_of(fixture["file"])])
    frame, played = int(fixture["frame"][0]), int(fixture["played"][0])
    begin = requests["begin"]
    first, last = np.maximum(begin - PREROLL, 0) // frame, -(-(begin + played) // frame)
    spans = [sizes[a:b] for a, b in zip(first, last, strict=True)]
    return {
        "bytes of a packet": np.concatenate(spans),
        "packets of a query": np.array([len(span) for span in spans]),
    }
