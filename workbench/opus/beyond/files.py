"""The workloads around files: Ogg (RFC 3533 and 7845) and WAV."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.opus import deck, signals
from workbench.opus.beyond import ASKS
from workbench.targets import Workload
from workbench.upstreams import containers

__all__ = ["HEAD_BYTES", "as_arrays", "read_ogg", "read_wav", "write_ogg"]

SEED = 20160608
HEAD_BYTES = 64  # 21 and a byte a channel are used
# Name: channels, rate in kbit/s, milliseconds of a packet, seconds of a page, seconds of sound.
RECORDINGS = {
    "short-pages": (2, 96, "20", 0.1, 0.7),
    "long-pages": (1, 64, "20", 1.0, 2.2),
    "small-packets": (1, 32, "2.5", 1.0, 0.8),
    "packets-over-pages": (2, 510, "60", 10.0, 1.6),
}


def recording(name: str) -> bytes:
    """An Ogg file that ffmpeg wrote."""
    channels, kbps, milliseconds, page, seconds = RECORDINGS[name]
    rng = np.random.default_rng([SEED, list(RECORDINGS).index(name)])
    sound = signals.sound("music", rng, round(seconds * signals.RATE) + 77, channels)
    return containers.write_opus(sound, kbps, milliseconds, page, vbr=kbps < 500)


def padded(parts: Sequence[bytes], width: int) -> NDArray[np.uint8]:
    """Rows of bytes, zero behind each."""
    rows = [np.frombuffer(part.ljust(width, b"\0"), np.uint8) for part in parts]
    return np.array(rows)


def as_arrays(made: containers.Recording, packets: int, width: int) -> dict[str, NDArray[Any]]:
    """A recording as a reader returns it: one request."""
    lengths = np.full(packets, -1, np.int32)
    lengths[: len(made.packets)] = [len(packet) for packet in made.packets]
    blank = [b""] * (packets - len(made.packets))
    return {
        "head": padded([made.head], HEAD_BYTES),
        "packets": padded([*made.packets, *blank], width)[None],
        "lengths": lengths[None],
        "found": np.array([[len(made.packets), len(made.head), made.end]]),
    }


def read_ogg() -> Iterator[Workload]:
    """Files to read: pages long and short, packets that go over pages."""
    for name in RECORDINGS:
        file = recording(name)
        made = containers.read_opus(file)
        # room for more than there is, as a reader would have that does not know the file
        count = len(made.packets) + 8
        width = max(map(len, made.packets)) + 100
        yield deck.fixed(
            "ogg",
            name,
            {"file": padded([file], len(file) + 64), "length": np.array([len(file)])},
            {
                "head": ((HEAD_BYTES,), "uint8"),
                "packets": ((count, width), "uint8"),
                "lengths": ((count,), "int32"),
                "found": ((3,), "int64"),
            },
            ask=tuple(ASKS).index("read_ogg"),
        )


def write_ogg() -> Iterator[Workload]:
    """Packets to write: a few, and so many that pages fill up and packets go over pages."""
    sets = {name: containers.read_opus(recording(name)) for name in RECORDINGS}
    few = sets["short-pages"]
    sets["three-packets"] = containers.Recording(few.head, few.packets[:3], 2_500)
    for name, made in sets.items():
        count, width = len(made.packets), max(map(len, made.packets))
        given = as_arrays(made, count, width)
        room = sum(map(len, made.packets)) + 300 * (count + 4)  # a page a packet would do
        yield deck.fixed(
            "ogg",
            name,
            {
                "head": given["head"],
                "packets": given["packets"],
                "lengths": given["lengths"],
                "numbers": np.array([[len(made.head), count, made.end]]),
            },
            {"file": ((room,), "uint8"), "length": ((), "int64")},
            ask=tuple(ASKS).index("write_ogg"),
        )


def wave(sound: NDArray[np.float32], rate: int, before: bytes, after: bytes = b"") -> bytes:
    """A plain WAV file of floats with other chunks before and behind its samples."""
    channels, data = sound.shape[1], sound.tobytes()
    kind = struct.pack("<HHIIHH", 3, channels, rate, 4 * channels * rate, 4 * channels, 32)
    chunks = before + chunk(b"fmt ", kind) + chunk(b"data", data) + after
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def chunk(name: bytes, body: bytes) -> bytes:
    """A RIFF chunk, padded to even length."""
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def read_wav() -> Iterator[Workload]:
    """WAV files of ffmpeg's, of one to six channels, and with chunks that a reader must skip."""
    rng = np.random.default_rng(SEED)
    stereo = signals.sound("music", rng, 4_800, 2)
    mono = signals.sound("overdriven", rng, 4_801)
    six = np.concatenate([stereo, -stereo, stereo / 2], axis=1)
    odd = chunk(b"junk", b"odd") + chunk(b"LIST", b"INFOICMT\4\0\0\0data")
    files = {
        "mono-44100": containers.write_wav(mono, 44_100),
        "stereo-48000": containers.write_wav(stereo, 48_000),
        "six-extensible": containers.write_wav(six, 48_000),
        "chunks-around": wave(stereo, 8_000, odd, chunk(b"cue ", b"\0" * 5)),
        "no-samples": wave(stereo[:0], 48_000, b""),
    }
    for name, file in files.items():
        yield deck.fixed(
            "wav",
            name,
            {"file": padded([file], len(file) + 64), "length": np.array([len(file)])},
            {"pcm": ((6 * 5_000,), "float32"), "found": ((3,), "int64")},
            ask=tuple(ASKS).index("read_wav"),
        )
