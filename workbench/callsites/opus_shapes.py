"""The decoder of `workbench.opus.decoder` with another function in the place of `pvq.decode`.

A kernel of PVQ decoding is called from the middle of a decoder, once for each part of a band, and
the query around it is that of `workbench.callsites.opus_play`: playing from a place in a real
.opus file. A target's ``callsite.py`` needs these lines::

    workloads = opus_shapes.workloads
    bind = opus_shapes.bind
    answer = opus_shapes.answer
    asked = opus_shapes.asked
    ORACLE = opus_shapes.ORACLE

What the function in the middle notes goes behind the longest vector, because nothing else that it
is given can be written: i32 numbers from `LOG` on, the first of which counts.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workbench import targets, ticks
from workbench.callsites import opus_play
from workbench.callsites import opus_play_query as query
from workbench.callsites.rebound import rebound
from workbench.opus import decoder, pvq
from workbench.targets import Arrays

workloads, answer, ORACLE = opus_play.workloads, opus_play.answer, opus_play.ORACLE
LOG = pvq.LARGEST_N
# Calls that can be noted between two readings: those of the largest packet.
CALLS = 1 << 16
LOW_BITS = 30


def with_log(state: Any, numbers: int) -> tuple[Any, NDArray[np.int32]]:
    """A decoder's state whose vector has room for so many numbers behind it, and that vector."""
    vector = np.zeros(LOG + numbers, np.int32)
    is_vector = [getattr(part, "dtype", None) == np.int32 for part in state]
    assert sum(is_vector) == 1
    parts = zip(state, is_vector, strict=True)
    return tuple(vector if ours else part for part, ours in parts), vector


def timed(kernels: Any, now: Callable[[], int]) -> Any:
    """``pvq.decode`` by a kernel, with a clock around it: ticks in two halves, and calls."""
    state, decode = kernels.setup(pvq.LARGEST_N, pvq.PULSE_LIMIT), kernels.decode
    if now is ticks.off:

        @njit
        def plain(index: Any, n: int, k: int, vector: Any, at: int) -> Any:
            return decode(state, index, n, k, vector, at)

        return plain

    @njit
    def clocked(index: Any, n: int, k: int, vector: Any, at: int) -> Any:
        begin = now()
        squares = decode(state, index, n, k, vector, at)
        spent = now() - begin + vector[LOG + 1]
        vector[LOG] += 1
        vector[LOG + 1] = spent & (1 << LOW_BITS) - 1
        vector[LOG + 2] += spent >> LOW_BITS
        return squares

    return clocked


@njit
def noted(index: Any, n: int, k: int, vector: Any, at: int) -> Any:
    """``pvq.decode`` that notes n, k and index."""
    calls = vector[LOG]
    if calls < CALLS:
        vector[LOG + 1 + 3 * calls] = n
        vector[LOG + 2 + 3 * calls] = k
        vector[LOG + 3 + 3 * calls] = np.int32(np.uint32(index))
        vector[LOG] = calls + 1
    return pvq.decode(index, n, k, vector, at)


def bind(
    kernels: Any, fixture: Arrays, now: Callable[[], int] = ticks.off
) -> Callable[[Arrays, Arrays, Arrays], None]:
    """Prepare a decoder that decodes its shapes with a kernel."""
    # numba's cache knows a loop by this name: plain and clocked are two
    name = getattr(kernels, "__name__", "kernels")
    variant = types.ModuleType(f"{name}.in_a_decoder.{now.__name__}")
    vars(variant).update(
        reset=decoder.reset, decode=rebound(decoder.decode, pvq.decode, timed(kernels, now))
    )
    run = targets.specialise(query.play_all, variant, now=ticks.off)
    made = decoder.setup(int(fixture["channels"][0]), int(fixture["frame"][0]))
    state, vector = with_log(made, 3)
    sums = query.checksums()

    def call(requests: Arrays, outputs: Arrays, scratch: Arrays) -> None:
        vector[LOG:] = 0
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
        calls, low, high = (int(number) for number in vector[LOG:])
        scratch["ticks"][:] = (high << LOW_BITS) + low, calls

    return call


@functools.cache
def tracing() -> Any:
    """``decoder.decode`` that notes its vectors, compiled once."""
    return rebound(decoder.decode, pvq.decode, noted)


class Tracer:
    """A decoder that tells which vectors a packet had.

    Parameters
    ----------
    channels, frame_size : int
        As of `decoder.setup`.
    """

    def __init__(self, channels: int, frame_size: int) -> None:
        self.state, self.log = with_log(decoder.setup(channels, frame_size), 1 + 3 * CALLS)
        self.pcm = np.zeros((query.LONGEST, channels), np.float32)

    def vectors_of(self, packet: bytes) -> tuple[NDArray[np.int32], int, int]:
        """n, k and index of each vector, i32[calls, 3]; samples; final range."""
        self.log[LOG] = 0
        data = np.frombuffer(packet, np.uint8)
        samples, final = tracing()(self.state, data, len(data), self.pcm)
        calls = int(self.log[LOG])
        found = self.log[LOG + 1 : LOG + 1 + 3 * calls].reshape(calls, 3).copy()
        return found, int(samples), int(final)


def asked(fixture: Arrays, requests: Arrays) -> dict[str, NDArray[np.int64]]:
    """What each call was asked: entries and pulses of its vector."""
    packets = opus_play.packets_of(fixture["file"])
    channels, frame, played = (int(fixture[k][0]) for k in ("channels", "frame", "played"))
    tracer = Tracer(channels, frame)
    found: list[NDArray[np.int32]] = []
    for begin in requests["begin"].tolist():
        decoder.reset(tracer.state)
        first = max(begin - opus_play.PREROLL, 0) // frame
        found += vectors_of(tracer, packets[first : -(-(begin + played) // frame)])
    n, k = np.concatenate(found).T[:2].astype(np.int64)
    return {"entries of a vector": n, "pulses of a vector": k}


def vectors_of(tracer: Tracer, packets: Sequence[bytes]) -> list[NDArray[np.int32]]:
    """Which vectors each packet has."""
    return [tracer.vectors_of(packet)[0] for packet in packets]
