"""The decoder of `workbench.opus.decoder` with another function in the place of `mdct.inverse`.

A kernel of the inverse MDCT is called from a decoder's synthesis, once a block and channel, and the
query around it is that of `workbench.callsites.opus_play`: playing from a place in a real .opus
file. A target's ``callsite.py`` needs these lines::

    workloads = opus_blocks.workloads
    bind = opus_blocks.bind
    answer = opus_blocks.answer
    asked = opus_blocks.asked
    ORACLE = opus_blocks.ORACLE

What the function in the middle notes goes behind the decoder's scratch: floats from `LOG` on, so
ticks are kept in two parts that a float32 holds exactly.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workbench import targets, ticks
from workbench.callsites import opus_play
from workbench.callsites import opus_play_query as query
from workbench.callsites.rebound import rebound
from workbench.opus import decoder, mdct, memory
from workbench.targets import Arrays

workloads, answer, ORACLE = opus_play.workloads, opus_play.answer, opus_play.ORACLE
LOG = memory.SCRATCH
# Ticks below and above 2**20, and the calls of each size.
LOW, HIGH, CALLS, NUMBERS = LOG, LOG + 1, LOG + 2, 6
LOW_BITS = 20


def with_log(state: Any) -> tuple[Any, NDArray[np.float32]]:
    """A decoder's state whose scratch has room for `NUMBERS` behind it, and that scratch."""
    scratch = np.zeros(LOG + NUMBERS, np.float32)
    is_scratch = [getattr(part, "shape", None) == (LOG,) for part in state]
    assert sum(is_scratch) == 1
    parts = zip(state, is_scratch, strict=True)
    return tuple(scratch if ours else part for part, ours in parts), scratch


def timed(kernels: Any, now: Callable[[], int]) -> Any:
    """``mdct.inverse`` by a kernel, with a clock around it."""
    state, inverse = kernels.setup(3), kernels.inverse
    if now is ticks.off:

        @njit
        def plain(
            spectrum: Any, first: int, step: int, lm: int, out: Any, at: int, scratch: Any
        ) -> None:
            inverse(state, spectrum, first, step, lm, out, at, scratch)

        return plain

    @njit
    def clocked(
        spectrum: Any, first: int, step: int, lm: int, out: Any, at: int, scratch: Any
    ) -> None:
        begin = now()
        inverse(state, spectrum, first, step, lm, out, at, scratch)
        spent = now() - begin + np.int64(scratch[LOW])
        scratch[LOW] = spent & (1 << LOW_BITS) - 1
        scratch[HIGH] += spent >> LOW_BITS
        scratch[CALLS + lm] += 1

    return clocked


@njit
def noted(spectrum: Any, first: int, step: int, lm: int, out: Any, at: int, scratch: Any) -> None:
    """``mdct.inverse`` that counts its calls."""
    mdct.inverse(spectrum, first, step, lm, out, at, scratch)
    scratch[CALLS + lm] += 1


def bind(
    kernels: Any, fixture: Arrays, now: Callable[[], int] = ticks.off
) -> Callable[[Arrays, Arrays, Arrays], None]:
    """Prepare a decoder that transforms its blocks with a kernel."""
    # numba's cache knows a loop by this name: plain and clocked are two
    name = getattr(kernels, "__name__", "kernels")
    variant = types.ModuleType(f"{name}.in_a_decoder.{now.__name__}")
    vars(variant).update(
        reset=decoder.reset, decode=rebound(decoder.decode, mdct.inverse, timed(kernels, now))
    )
    run = targets.specialise(query.play_all, variant, now=ticks.off)
    made = decoder.setup(int(fixture["channels"][0]), int(fixture["frame"][0]))
    state, scratch_ = with_log(made)
    sums = query.checksums()

    def call(requests: Arrays, outputs: Arrays, scratch: Arrays) -> None:
        scratch_[LOG:] = 0
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
        low, high = int(scratch_[LOW]), int(scratch_[HIGH])
        scratch["ticks"][:] = (high << LOW_BITS) + low, int(scratch_[CALLS:].sum())

    return call


def asked(fixture: Arrays, requests: Arrays) -> dict[str, NDArray[np.int64]]:
    """What each call was asked: coefficients of its block."""
    packets = opus_play.packets_of(fixture["file"])
    channels, frame, played = (int(fixture[k][0]) for k in ("channels", "frame", "played"))
    state, scratch = with_log(decoder.setup(channels, frame))
    decode: Any = rebound(decoder.decode, mdct.inverse, noted)
    pcm = np.zeros((query.LONGEST, channels), np.float32)
    for begin in requests["begin"].tolist():
        decoder.reset(state)
        first = max(begin - opus_play.PREROLL, 0) // frame
        for packet in packets[first : -(-(begin + played) // frame)]:
            decode(state, np.frombuffer(packet, np.uint8), len(packet), pcm)
    calls = scratch[CALLS:].astype(np.int64)
    return {"coefficients of a block": np.repeat(120 << np.arange(4), calls)}
