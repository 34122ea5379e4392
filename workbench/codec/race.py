"""Two decoders in turn over the same blocks: what each answers, and how long it takes.

Every pass has a decoder of its own on either side, and all of them go through a file together,
block by block: the file is read once, memory does not grow with it, and what slows the machine
down for a while slows both. Who goes first alternates with the pass and with the block. Time is
the thread's own: on a quiet machine the same as the clock's, on a busy one without the others.
"""

from __future__ import annotations

import ctypes
import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.codec.block import BLOCK_ROWS, PACKET_ROWS, Block
from workbench.codec.variants import Variant
from workbench.upstreams import libopus
from workbench.upstreams.libopus.controls import CONTROLS

PASSES = 7
RATE = 48_000


@dataclass(frozen=True)
class Answer:
    """What a decoder made of a block.

    Attributes
    ----------
    pcm : ndarray
        f32[rows, channels].
    samples : ndarray
        i64[n], samples of each packet or an error code.
    ranges : ndarray
        u32[n], final ranges.
    """

    pcm: NDArray[np.float32]
    samples: NDArray[np.int64]
    ranges: NDArray[np.uint32]


@dataclass(frozen=True)
class Speed:
    """How fast both are, on the packets that both decode.

    Attributes
    ----------
    rt_ratio : float
        libopus's time / the kernel's, medians over passes; above 1 the kernel is faster.
    low, high : float
        Least and largest ratio of a pass: of seven passes, a 98 % interval of their median. It
        says nothing of other processes, whose memory lies elsewhere.
    passes : int
        How often all was decoded.
    ours_x, libopus_x : float
        Seconds of sound a second.
    ours_us, libopus_us, ctypes_us : float
        Microseconds a packet; the last is what a call through ctypes adds to libopus's.
    packets : int
        Of them.
    """

    rt_ratio: float
    low: float
    high: float
    passes: int
    ours_x: float
    libopus_x: float
    ours_us: float
    libopus_us: float
    ctypes_us: float
    packets: int


class Race:
    """Both decoders of one stream.

    Parameters
    ----------
    ours, theirs : Variant
        The kernel, and libopus behind the same surface.
    channels : int
        Of the output.
    passes : int
        Decoders on either side.
    """

    def __init__(self, ours: Variant, theirs: Variant, channels: int, passes: int = PASSES) -> None:
        self.sides = (ours, theirs)
        self.channels, self.passes = channels, passes
        self._states = [[side.setup(channels) for _ in range(passes)] for side in self.sides]
        self._ns = np.zeros((2, passes), np.int64)
        self._truth = libopus.Decoder(channels)
        self._ctypes_ns = self._turn = 0
        self._packets = self._rows = 0
        capacity = BLOCK_ROWS + 2 * PACKET_ROWS
        self._pcm = [np.zeros((capacity, channels), np.float32) for _ in range(3)]

    def reset(self) -> None:
        """Begin another stream."""
        for side, states in zip(self.sides, self._states, strict=True):
            for state in states:
                side.module.reset(state)
        self._truth.reset()

    def run(self, block: Block, *, timed: bool = True) -> tuple[Answer, Answer]:
        """Decode a block on either side, in every pass.

        Parameters
        ----------
        block : Block
            The next packets of the stream.
        timed : bool
            Whether its time counts.

        Returns
        -------
        ours, truth : Answer
            Views of buffers that the next block overwrites. The truth came through ctypes.
        """
        count = len(block.entries)
        answers = [
            (pcm, np.zeros(count, np.int64), np.zeros(count, np.uint32)) for pcm in self._pcm
        ]
        if not self._turn:  # compiled or loaded, and everything touched once
            for variant, answer in zip(self.sides, answers, strict=False):
                self._once(variant, variant.setup(self.channels), block, answer)
        elapsed = np.zeros((2, self.passes), np.int64)
        through_ctypes = self._by_ctypes(block, *answers[2]) if self._turn % 2 else 0
        for which in range(self.passes):
            first = (which + self._turn) % 2
            for side in (first, 1 - first):
                state = self._states[side][which]
                elapsed[side, which] = self._once(self.sides[side], state, block, answers[side])
        if not self._turn % 2:
            through_ctypes = self._by_ctypes(block, *answers[2])
        self._turn += 1
        if timed:
            self._ns += elapsed
            self._ctypes_ns += through_ctypes
            self._packets += count
            self._rows += block.total
        ours, _, truth = (Answer(pcm[: block.total], got, ends) for pcm, got, ends in answers)
        return ours, truth

    @staticmethod
    def _once(side: Variant, state: Any, block: Block, answer: tuple[Any, ...]) -> int:
        run = side.run
        begin = time.thread_time_ns()
        run(state, block.data, block.starts, block.lengths, block.rows, *answer)
        return time.thread_time_ns() - begin

    def _by_ctypes(self, block: Block, pcm: Any, samples: Any, ranges: Any) -> int:
        """Decode a block as a Python program would; return the nanoseconds."""
        opus, decoder = libopus.library(), self._truth.state.ctypes.data
        decode, control = opus.opus_decode_float, opus.opus_decoder_ctl
        final = np.zeros(1, np.uint32)
        address, request = ctypes.c_void_p(final.ctypes.data), CONTROLS["final_range"][1]
        width = pcm.strides[0]
        packets = (block.data.ctypes.data + block.starts).tolist()
        sounds = (pcm.ctypes.data + block.rows * width).tolist()
        lengths, rooms = block.lengths.tolist(), (len(pcm) - block.rows).tolist()
        got, ends = [0] * len(packets), [0] * len(packets)
        begin = time.thread_time_ns()
        for i, packet in enumerate(packets):
            got[i] = decode(decoder, packet, lengths[i], sounds[i], rooms[i], 0)
            if got[i] >= 0:
                control(decoder, request, address)
                ends[i] = final[0]
        elapsed = time.thread_time_ns() - begin
        samples[:], ranges[:] = got, ends
        return elapsed

    def speed(self) -> Speed | None:
        """What was measured, or None if nothing was timed."""
        if not self._packets:
            return None
        ours, theirs = (statistics.median(times) for times in self._ns.tolist())
        ratios = self._ns[1] / self._ns[0]
        sound_ns = self._rows / RATE * 1e9
        return Speed(
            rt_ratio=theirs / ours,
            low=float(ratios.min()),
            high=float(ratios.max()),
            passes=self.passes,
            ours_x=sound_ns / ours,
            libopus_x=sound_ns / theirs,
            ours_us=ours / self._packets / 1e3,
            libopus_us=theirs / self._packets / 1e3,
            ctypes_us=(self._ctypes_ns - theirs) / self._packets / 1e3,
            packets=self._packets,
        )
