"""Streams as the workload of a decoder, the same ones every time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workbench.targets import Arrays, Layout, Workload

__all__ = ["decoding", "fixed", "stacked"]

Run = Sequence[bytes]


def stacked(runs: Sequence[Run]) -> dict[str, NDArray[np.generic]]:
    """Packets as u8[n, packets, width] and their lengths i32[n, packets], -1 where a run has ended.

    Behind a packet lie random bytes: a decoder that reads further than it may decodes them.
    """
    count = max(map(len, runs))
    width = (max(len(packet) for run in runs for packet in run) // 64 + 1) * 64
    rng = np.random.default_rng(0)
    packets = rng.integers(256, size=(len(runs), count, width), dtype=np.uint8)
    lengths = np.full((len(runs), count), -1, np.int32)
    for i, run in enumerate(runs):
        for j, packet in enumerate(run):
            packets[i, j, : len(packet)] = np.frombuffer(packet, np.uint8)
            lengths[i, j] = len(packet)
    return {"packets": packets, "lengths": lengths}


def fixed(
    shape: str, distribution: str, given: Arrays, outputs: Layout, **fixture: int | Sequence[int]
) -> Workload:
    """Workload that asks for what is given, in turn, whatever the random generator.

    The numbers of the fixture become i64 arrays.
    """
    batch = len(next(iter(given.values())))

    def requests(_rng: np.random.Generator, n: int) -> Arrays:
        return {name: array[np.arange(n) % batch] for name, array in given.items()}

    numbers = {name: np.atleast_1d(np.array(value, np.int64)) for name, value in fixture.items()}
    return Workload(shape, distribution, numbers, requests, outputs, batch=batch)


def decoding(
    shape: str,
    distribution: str,
    runs: Sequence[Run],
    channels: int,
    frame: int,
    rows: int,
    dtype: str = "float32",
    **fixture: int | Sequence[int],
) -> Workload:
    """Workload of runs of packets: each request is one, and its sound.

    Parameters
    ----------
    shape, distribution : str
        Its name.
    runs : sequence of sequences of bytes
        A request each; a packet of no bytes is lost.
    channels, frame, rows : int
        Of the output; ``frame`` samples stand for a lost packet, ``rows`` are the whole sound.
    dtype : str
        Of the samples.
    **fixture
        Further numbers that a decoder is set up with.
    """
    given = stacked(runs)
    count = given["lengths"].shape[1]
    outputs: Layout = {
        "pcm": ((rows, channels), dtype),
        "samples": ((count,), "int32"),
        "ranges": ((count,), "uint32"),
    }
    numbers = {"channels": channels, "frame_size": frame, "rows": rows, **fixture}
    return fixed(shape, distribution, given, outputs, **numbers)
