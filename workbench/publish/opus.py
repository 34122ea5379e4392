"""Decoded sound of a kernel beside libopus's, and the parity matrix, as figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from workbench.publish import style
from workbench.publish.style import Picture

if TYPE_CHECKING:
    from workbench.codec.columns import Columns, Floats
    from workbench.codec.comparing import Comparison
    from workbench.codec.matrix import Measured, Row

RATE = 48_000
# Where the axes of levels end, dBFS: rounding of float32 sound lies between -170 and -130.
LOUD_DB, QUIET_DB, ZERO_DB = 0.0, -120.0, -200.0
ATOL_DB = -80.0
EQUAL_COLOUR, DIFFERS_COLOUR = "#8FD3BC", style.VERMILLION
LIBOPUS_PANEL = 3
SIDES = ("kernel", "libopus", "difference")


def comparison(found: Comparison, machine: str = "") -> Picture:
    """Draw a file's waveforms, their difference, and the three spectrograms.

    Parameters
    ----------
    found : Comparison
        With columns.
    machine : str
        What the times were measured on.

    Returns
    -------
    Picture
        Five panels over one time axis, in seconds of packets from the first one's begin.
    """
    columns, totals = found.columns, found.totals
    if columns is None or totals is None or not columns.peak.size:
        raise ValueError(f"{found.file}: nothing was decoded that could be drawn")
    drawn = Picture(figsize=(style.WIDTH, 9.6), layout="constrained")
    panels = drawn.subplots(5, 1, sharex=True, height_ratios=(1.15, 0.9, 1, 1, 1))
    edges: Floats = columns.seconds * np.arange(len(columns.peak) + 1.0)
    _waveform(panels[0], columns, edges)
    _difference(panels[1], columns, edges)
    for side, axes in enumerate(panels[2:]):
        _spectrogram(drawn, axes, columns, side)
    end = totals.samples / RATE
    for which, axes in enumerate(panels):
        if which != LIBOPUS_PANEL:
            _shade(axes, columns, edges)
        if totals.first is not None:
            axes.axvline(totals.first.row / RATE, color=style.VERMILLION, linewidth=1, zorder=4)
        axes.set_xlim(0, end)
        axes.tick_params(colors=style.INK, labelsize=8)
    panels[-1].set_xlabel("seconds from the begin of the first packet", fontsize=9)
    name = found.file.rpartition("/")[2]
    drawn.suptitle(f"{style.shorten(name, 60)}: {headline(found)}", fontsize=11, x=0.01, ha="left")
    style.caption(drawn, comparison_caption(found, machine), 150)
    return drawn


def headline(found: Comparison) -> str:
    """The verdict in a few words."""
    totals = found.totals
    if totals is None or not totals.held:
        return "nothing in it that the kernel decodes"
    words = f"final range equal on {totals.equal:,} of {totals.held:,} packets"
    if totals.max_abs_err is not None:
        words += f", largest error {level(totals.max_abs_err)}"
    return words + ("" if found.verdict == "equal" else f" - {found.verdict}")


def level(error: float) -> str:
    """An error relative to full scale, in dBFS.

    Examples
    --------
    >>> level(1e-4), level(0.0)
    ('-80.0 dBFS', 'none')
    """
    return f"{20 * np.log10(error):.1f} dBFS" if error > 0 else "none"


def comparison_caption(found: Comparison, machine: str) -> str:
    """Small print: what was counted, over what, how it was timed."""
    totals, speed = found.totals, found.speed
    assert totals is not None
    modes = ", ".join(f"{count:,} {mode}" for mode, count in totals.modes.items() if count)
    words = (
        f"{totals.packets:,} packets ({modes}), {totals.samples / RATE:,.2f} s; {found.kernel} "
        f"{found.kernel_sha256[:8]} and libopus 1.6.1 at 48 kHz, float. "
    )
    if totals.snr_db is not None:
        words += f"SNR {totals.snr_db:.1f} dB over {totals.parity:,} packets. "
    if speed is not None:
        words += (
            f"rt_ratio {speed.rt_ratio:.3f} ({speed.low:.3f} to {speed.high:.3f} over "
            f"{speed.passes} interleaved passes of one process): kernel {speed.ours_x:,.0f} x, "
            f"libopus {speed.libopus_x:,.0f} x real time{f' on {machine}' if machine else ''}. "
        )
    words += (
        f"A column is {(found.columns.seconds if found.columns else 0) * 1e3:g} ms: extremes over "
        "channels and samples; spectra of 20 ms Hann windows, channels mixed, 0 dBFS is a "
        "full-scale sine. Dashed: the largest error that parity allows. "
    )
    if totals.open:
        words += "Grey: packets of modes that the kernel has not. "
    if totals.first is not None:
        words += f"Red: packet {totals.first.packet:,}, the first that differs. "
    return words.strip()


def _waveform(axes: Axes, columns: Columns, edges: Floats) -> None:
    low, high = columns.low[1], columns.high[1]
    axes.fill_between(
        edges,
        np.append(low, low[-1]),
        np.append(high, high[-1]),
        step="post",
        color=style.ORANGE,
        linewidth=0,
        alpha=0.6,
        label="libopus",
    )
    for values, label in ((columns.low[0], "kernel"), (columns.high[0], None)):
        axes.stairs(values, edges, baseline=None, color=style.BLUE, linewidth=0.7, label=label)
    most = max(0.01, 1.1 * float(np.abs([columns.low, columns.high]).max()))
    axes.set_ylim(-most, most)
    axes.set_ylabel("sample\n(full scale 1)", fontsize=9)
    axes.legend(loc="upper right", fontsize=8, ncols=2, framealpha=0.8)
    style.bare(axes)


def _difference(axes: Axes, columns: Columns, edges: Floats) -> None:
    peak = _decibels(columns.peak**2, ZERO_DB)
    axes.stairs(peak, edges, baseline=ZERO_DB, fill=True, color=style.PURPLE)
    axes.axhline(ATOL_DB, color=style.INK, linewidth=0.9, linestyle="--")
    axes.set_ylim(ZERO_DB, max(0.0, float(peak.max()) + 6))
    axes.set_yticks([-200, -160, -120, -80, -40, 0], ["equal", "-160", "-120", "-80", "-40", "0"])
    axes.set_ylabel("largest\n|difference|, dBFS", fontsize=9)
    style.bare(axes)


def _spectrogram(drawn: Picture, axes: Axes, columns: Columns, side: int) -> None:
    power = columns.power[side]
    is_difference = side == 2
    bottom, top = (ZERO_DB, -100.0) if is_difference else (QUIET_DB, LOUD_DB)
    levels = _decibels(power, bottom)
    if is_difference:
        top = max(top, float(np.ceil(levels.max() / 20) * 20))
    end = columns.seconds * len(power)
    image = axes.imshow(
        levels.T,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(0, end, 0, RATE / 2_000),
        vmin=bottom,
        vmax=top,
        cmap="inferno" if is_difference else "magma",
    )
    axes.set_ylabel(f"{SIDES[side]}\nkHz", fontsize=9)
    axes.set_yticks([0, 4, 8, 12, 20])
    bar = drawn.colorbar(image, ax=axes, pad=0.01, aspect=12)
    bar.set_label("dBFS", fontsize=8)
    bar.ax.tick_params(labelsize=8)


def _shade(axes: Axes, columns: Columns, edges: Floats) -> None:
    """Grey out what was not decoded, run by run."""
    padded = np.concatenate([[False], columns.open, [False]]).astype(int)
    turns = np.flatnonzero(np.diff(padded))
    for begin, end in turns.reshape(-1, 2):
        axes.axvspan(edges[begin], edges[end], color=style.GREY, alpha=0.35, linewidth=0, zorder=3)


def _decibels(power: Any, least: float) -> Floats:
    """Decibels of a power, no less than ``least``."""
    floor = 10 ** (least / 10)
    found: Floats = 10 * np.log10(np.maximum(power, floor))
    return found


def matrix(measured: Measured) -> Picture:
    """Draw the parity matrix: above what is equal, below how fast; one panel a mode.

    Parameters
    ----------
    measured : Measured
        All cells, or some of them.

    Returns
    -------
    Picture
        Rows of a panel are frame sizes, columns bandwidths, mono and stereo.
    """
    from workbench.codec.packets import MODES, SHORT

    by_mode = {mode: [row for row in measured.rows if row.mode == mode] for mode in MODES}
    shown = {mode: rows for mode, rows in by_mode.items() if rows}
    grids = {mode: _grid(rows, list(SHORT)) for mode, rows in shown.items()}
    widths = [max(len(columns), 2) for _, columns in grids.values()]
    drawn = Picture(figsize=(style.WIDTH, 6.4), layout="constrained")
    panels = np.atleast_2d(drawn.subplots(2, len(shown), width_ratios=widths, squeeze=False))
    for place, (mode, rows) in enumerate(shown.items()):
        for axes, draw in ((panels[0, place], _parity_cell), (panels[1, place], _speed_cell)):
            _cells(axes, rows, *grids[mode], draw)
        closed = sum(row.verdict == "equal" for row in rows)
        panels[0, place].set_title(f"{mode}: {closed} of {len(rows)} cells equal", fontsize=10)
    panels[0, 0].set_ylabel("packets with libopus's final range\nand SNR; frame, ms", fontsize=9)
    panels[1, 0].set_ylabel("rt_ratio: libopus's time / ours\nframe, ms", fontsize=9)
    ratio = measured.rt_ratio
    mean = "" if ratio is None else f", rt_ratio {ratio:.2f} (geometric mean)"
    closed = sum(row.verdict == "equal" for row in measured.rows)
    title = f"Opus parity with libopus 1.6.1: {closed} of {len(measured.rows)} cells{mean}"
    drawn.suptitle(title, fontsize=11, x=0.01, ha="left")
    style.caption(drawn, matrix_caption(measured), 150)
    return drawn


def matrix_caption(measured: Measured) -> str:
    """Small print: the sample, the machine, what colours mean."""
    packets = sum(row.packets for row in measured.rows)
    seconds = sum(row.seconds for row in measured.rows)
    return (
        f"{len(measured.rows)} cells, {packets:,} packets, {seconds:.1f} s of generated sound "
        f"that libopus encoded (seed {measured.seed}); kernel {measured.kernel} "
        f"{measured.kernel_sha256[:8]}. Green: every final range equal, every sample within 1e-4 "
        "of full scale, at least 90 dB (inf: equal to the bit). Hatched: the kernel has not the "
        f"mode. Times: {measured.passes} passes, interleaved, in one process on "
        f"{measured.machine or 'an unnamed machine'}; blue is faster than libopus. "
        f"All of it took {measured.took_s:.0f} s, with what had to be compiled."
    )


def _grid(
    rows: Sequence[Row], bandwidths: Sequence[str]
) -> tuple[list[float], list[tuple[str, int]]]:
    """Frame sizes and columns of a panel: the mono ones first."""
    frames = sorted({row.frame_ms for row in rows})
    columns = {(row.bandwidth, row.channels) for row in rows}
    return frames, sorted(columns, key=lambda c: (c[1], bandwidths.index(c[0])))


def _cells(
    axes: Axes,
    rows: Sequence[Row],
    frames: Sequence[float],
    columns: Sequence[tuple[str, int]],
    draw: Callable[[Row], tuple[Any, str]],
) -> None:
    """Fill a panel: a square a cell, with its figure."""
    for row in rows:
        x, y = columns.index((row.bandwidth, row.channels)), frames.index(row.frame_ms)
        is_open = row.verdict == "open"
        colour, text = ("white", "open") if is_open else draw(row)
        axes.add_patch(
            Rectangle(
                (x - 0.5, y - 0.5),
                *(1, 1),
                facecolor=colour,
                edgecolor=style.GREY if is_open else "white",
                hatch="////" if is_open else None,
                linewidth=0.5,
                alpha=0.45 if is_open else 1,
            )
        )
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0} if is_open else None
        axes.text(x, y, text, ha="center", va="center", fontsize=7, color=style.INK, bbox=box)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(frames) - 0.5, -0.5)
    from workbench.codec.packets import SHORT

    sides = {1: "mono", 2: "stereo"}
    labels = [f"{SHORT[bandwidth]}\n{sides[channels]}" for bandwidth, channels in columns]
    axes.set_xticks(range(len(columns)), labels)
    axes.set_yticks(range(len(frames)), [f"{frame:g}" for frame in frames])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=7.5, colors=style.INK)


def _parity_cell(row: Row) -> tuple[Any, str]:
    colour = EQUAL_COLOUR if row.verdict == "equal" else DIFFERS_COLOUR
    share = 100 * row.equal / max(row.packets, 1)
    snr = "inf" if row.snr_db is None else f"{row.snr_db:.0f} dB"
    return colour, f"{np.floor(share):.0f} %\n{snr}"


def _speed_cell(row: Row) -> tuple[Any, str]:
    if row.rt_ratio is None:
        return "white", "n/a"
    # halves and doubles at the ends
    place = 0.5 + 0.5 * float(np.clip(np.log2(row.rt_ratio), -1, 1))
    return colormaps["RdBu"](0.2 + 0.6 * place), f"{row.rt_ratio:.2f}"
