"""What all figures share: colours, the size of a notebook's cell, a logarithmic ratio axis."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Iterable
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator
from PIL import Image  # matplotlib brings it

# Okabe and Ito's palette: told apart with any kind of colour vision.
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
VERMILLION, PURPLE, SKY = "#D55E00", "#CC79A7", "#56B4E9"
INK, GREY, PALE = "#222222", "#666666", "#DDDDDD"

WIDTH = 9.6  # inches; a notebook's cell is about 10 wide at 100 dots an inch
SCREEN_DPI = 100
FILE_DPI = 150  # sharp, also on a screen with doubled pixels
WIDE_TICKS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 3, 5, 10, 20)


class Picture(Figure):
    """A matplotlib figure that shows itself in a notebook without pyplot."""

    def png(self) -> bytes:
        """The picture as a PNG file; equal pictures are equal files."""
        drawn, file = io.BytesIO(), io.BytesIO()
        self.savefig(drawn, format="png", dpi=FILE_DPI, facecolor="white")
        with Image.open(drawn) as image:
            # A quarter of the bytes; an octree keeps the palette's colours, median cut does not.
            few = image.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE)
            few.save(file, format="png", optimize=True)
        return file.getvalue()

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        width, height = (round(inches * SCREEN_DPI) for inches in self.get_size_inches())
        return self.png(), {"width": width, "height": height}


def ratio_ticks(low: float, high: float) -> list[float]:
    """Round ratios inside (low, high), about six of them.

    Examples
    --------
    >>> ratio_ticks(0.35, 1.1)
    [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]
    >>> ratio_ticks(0.991, 1.009)
    [0.992, 0.996, 1.0, 1.004, 1.008]
    """
    if high / low > 1.6:
        ticks = [tick for tick in WIDE_TICKS if low <= tick <= high]
        if len(ticks) > 8:
            ticks = [tick for tick in ticks if tick in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)]
        return ticks
    found = MaxNLocator(nbins=6, steps=[1, 2, 2.5, 4, 5, 10]).tick_values(low, high)
    return [round(float(tick), 6) for tick in found if low <= tick <= high]


def set_ratio_axis(axes: Axes, which: Literal["x", "y"], low: float, high: float) -> None:
    """Make one axis logarithmic in a ratio from ``low`` to ``high``, ticked with plain numbers."""
    scale, limits, axis = (
        (axes.set_xscale, axes.set_xlim, axes.xaxis)
        if which == "x"
        else (axes.set_yscale, axes.set_ylim, axes.yaxis)
    )
    scale("log")
    limits(low, high)
    ticks = ratio_ticks(low, high)
    decimals = max((len(f"{tick:g}".partition(".")[2]) for tick in ticks), default=0)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FixedFormatter([f"{tick:.{decimals}f}" for tick in ticks]))


def padded(low: float, high: float, share: float = 0.06) -> tuple[float, float]:
    """Widen a range of ratios by a share of its length on the logarithmic axis."""
    room = max(share * math.log(high / low), 2e-4)
    return low * math.exp(-room), high * math.exp(room)


def bare(axes: Axes) -> None:
    """Take away what says nothing: the frame's upper and right side."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)


def caption(figure: Figure | SubFigure, text: str, width: int = 160) -> None:
    """Write small print below a figure whose layout is constrained."""
    figure.supxlabel(textwrap.fill(text, width), fontsize=8, color=GREY, x=0.01, ha="left")


def shorten(text: str, width: int) -> str:
    """Cut a text at a word so that it fits.

    Examples
    --------
    >>> shorten("sums of a block stay in registers", 20)
    'sums of a block ...'
    """
    return textwrap.shorten(text, width, placeholder=" ...")


def finite(values: Iterable[float | None]) -> list[float]:
    """Those values that are finite numbers."""
    return [v for v in values if v is not None and np.isfinite(v)]
