"""Sound of any length as the columns of a picture, in constant memory.

A column is a whole number of hops of 10 ms; when there are too many columns, each two become one:
peaks by their extremes, spectra by their mean power.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RATE = 48_000
HOP, WINDOW = 480, 960
# Two bins of 50 Hz together; the last ends at 24 kHz.
BINS = WINDOW // 4
MOST = 1_600
# Energy of a full-scale sine in a Hann window is 0 dBFS.
_SHAPE = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
_FULL = (WINDOW / 4) ** 2


@dataclass(frozen=True)
class Columns:
    """A stream as both decoders made it.

    Attributes
    ----------
    seconds : float
        Of a column.
    low, high : ndarray
        f64[2, columns]: least and largest sample of ours and of libopus's, over channels.
    peak : ndarray
        f64[columns]: largest absolute difference.
    power : ndarray
        f64[3, columns, bins]: mean power of ours, libopus's and their difference, channels mixed;
        1 is a full-scale sine. Bins are 100 Hz wide.
    open : ndarray
        bool[columns]: whether there are packets in it that ours did not decode. The difference
        leaves them out.
    """

    seconds: float
    low: Floats
    high: Floats
    peak: Floats
    power: Floats
    open: NDArray[np.bool_]


class Drawing:
    """Adds up `Columns` block by block."""

    def __init__(self, channels: int) -> None:
        self._low, self._high = np.full((2, MOST), np.inf), np.full((2, MOST), -np.inf)
        self._peak, self._power = np.zeros(MOST), np.zeros((3, MOST, BINS))
        self._open = np.zeros(MOST, np.bool_)
        self._hops, self._each = 0, 1
        self._sound = np.zeros((3, 0, channels), np.float32)
        self._was_open = np.zeros(0, np.bool_)

    def add(
        self, ours: NDArray[np.float32], truth: NDArray[np.float32], is_open: NDArray[np.bool_]
    ) -> None:
        """Go on by rows f32[n, channels] of either side; ``is_open`` bool[n]."""
        ours = np.where(is_open[:, None] | ~np.isfinite(ours), np.float32(0), ours)
        difference = np.where(is_open[:, None], np.float32(0), ours - truth)
        new = np.stack([ours, truth, difference])
        self._sound = np.concatenate([self._sound, new], axis=1)
        self._was_open = np.concatenate([self._was_open, is_open])
        self._take(max(0, (len(self._was_open) - WINDOW) // HOP + 1))

    def finish(self) -> Columns:
        """Take what is left, and give everything."""
        left = -(-len(self._was_open) // HOP)
        room = (left + 1) * HOP - len(self._was_open)
        self._sound = np.pad(self._sound, ((0, 0), (0, room), (0, 0)))
        self._was_open = np.pad(self._was_open, (0, room))
        self._take(left)
        count = -(-self._hops // self._each)
        # the last column may have fewer hops than the others
        hops = np.minimum(self._each, self._hops - self._each * np.arange(count))
        return Columns(
            seconds=self._each * HOP / RATE,
            low=self._low[:, :count],
            high=self._high[:, :count],
            peak=self._peak[:count],
            power=self._power[:, :count] / hops[:, None],
            open=self._open[:count],
        )

    def _take(self, hops: int) -> None:
        """Move whole hops from the waiting sound into columns."""
        if not hops:
            return
        while self._hops + hops > MOST * self._each:
            self._halve()
        sound = self._sound[:, : hops * HOP].reshape(3, hops, -1)
        where = (self._hops + np.arange(hops)) // self._each
        for side in range(2):
            np.minimum.at(self._low[side], where, sound[side].min(axis=1))
            np.maximum.at(self._high[side], where, sound[side].max(axis=1))
        np.maximum.at(self._peak, where, np.abs(sound[2]).max(axis=1))
        flags = self._was_open[: hops * HOP].reshape(hops, HOP).any(axis=1)
        np.logical_or.at(self._open, where, flags)
        mixed = self._sound.mean(axis=2)
        for side in range(3):
            frames = np.lib.stride_tricks.sliding_window_view(mixed[side], WINDOW)[::HOP][:hops]
            spectrum = np.fft.rfft(frames * _SHAPE)[:, 1:]
            power = (spectrum.real**2 + spectrum.imag**2).astype(np.float64) / _FULL
            np.add.at(self._power[side], where, power.reshape(hops, BINS, 2).sum(axis=2))
        self._hops += hops
        self._sound = self._sound[:, hops * HOP :]
        self._was_open = self._was_open[hops * HOP :]

    def _halve(self) -> None:
        half = MOST // 2
        low = self._low.reshape(2, half, 2).min(axis=2)
        high = self._high.reshape(2, half, 2).max(axis=2)
        peak = self._peak.reshape(half, 2).max(axis=1)
        power = self._power.reshape(3, half, 2, BINS).sum(axis=2)
        is_open = self._open.reshape(half, 2).any(axis=1)
        self._low[:], self._high[:], self._peak[:], self._power[:] = np.inf, -np.inf, 0, 0
        self._open[:] = False
        self._low[:, :half], self._high[:, :half] = low, high
        self._peak[:half], self._power[:, :half], self._open[:half] = peak, power, is_open
        self._each *= 2
