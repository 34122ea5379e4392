"""Queries of the digest on Opus: the parity matrix, and records of trials beside libopus."""

from collections import defaultdict

import numpy as np
import pandas as pd
from pydantic import TypeAdapter

from workbench.codec.matrix import Measured
from workbench.digest import Drawing
from workbench.digest.spelling import interval
from workbench.publish import gaps, style
from workbench.publish import opus as figures
from workbench.publish.style import Picture

BANDWIDTHS = ("narrowband", "mediumband", "wideband", "superwideband", "fullband")


def cells(data):
    """The parity matrix."""
    return data.csv("matrix.csv", dtype=str, keep_default_na=False).to_dict("records")


def newest(data, target, focus):
    """The last record of a target and focus."""
    return [one for one in data.trials() if (one.target, one.focus) == (target, focus)][-1]


def rt_ratio(data, target):
    """Upstream's time / the kernel's, by the newest trial of time."""
    return 1 / newest(data, target, "performance").ratio_vs_upstream


def score(data, target):
    """What the newest trial of quality found."""
    return newest(data, target, "quality").score


def matrix_ratio(data):
    """Geometric mean of libopus's time / ours over the equal cells."""
    return geomean(float(cell["rt_ratio"]) for cell in cells(data) if cell["rt_ratio"])


def equal(data, mode="CELT"):
    """Cells of a mode that are equal."""
    return sum(cell["mode"] == mode and cell["verdict"] == "equal" for cell in cells(data))


def of_mode(data, mode="CELT"):
    """Cells of a mode."""
    return sum(cell["mode"] == mode for cell in cells(data))


def packets(data, mode="CELT"):
    """Packets of a mode's cells."""
    return sum(int(cell["packets"]) for cell in cells(data) if cell["mode"] == mode)


def same_packets(data, mode="CELT"):
    """Those of them whose final range is libopus's."""
    return sum(int(cell["equal"]) for cell in cells(data) if cell["mode"] == mode)


def open_features(data):
    """What fails its judge."""
    return len(score(data, "opus_celt").open_features)


def geomean(values):
    """Geometric mean."""
    return float(np.exp(np.mean(np.log(list(values)))))


def parity(data):
    """Cells by mode and frame size: how many are equal, and how fast."""
    groups = defaultdict(list)
    for cell in cells(data):
        groups[cell["mode"], float(cell["frame_ms"])].append(cell)
    rows = []
    for (mode, frame_ms), group in groups.items():
        closed = sum(cell["verdict"] == "equal" for cell in group)
        asked = sum(int(cell["packets"]) for cell in group)
        same = sum(int(cell["equal"]) for cell in group)
        snrs = [float(cell["snr_db"]) for cell in group if cell["snr_db"]]
        errors = [float(cell["max_abs_err"]) for cell in group if cell["max_abs_err"]]
        ratios = [float(cell["rt_ratio"]) for cell in group if cell["rt_ratio"]]
        row = [mode, f"{frame_ms:g}", f"{closed} of {len(group)}", f"{same:,} of {asked:,}"]
        row += [f"{min(snrs):.1f}" if snrs else "", f"{max(errors):.1e}" if errors else ""]
        spread = f" ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else ""
        rows.append((*row, f"{geomean(ratios):.2f}{spread}" if ratios else "open"))
    heads = ("mode", "frame, ms", "cells equal", "packets equal", "least SNR, dB")
    return pd.DataFrame(rows, columns=[*heads, "largest error", "rt_ratio (least to largest cell)"])


def races(data):
    """What trials of time measured against upstream."""
    rows = []
    for one in data.trials():
        if one.focus != "performance" or one.ratio_vs_upstream is None:
            continue
        bounds = (one.ci_low_vs_upstream, one.ci_high_vs_upstream)
        worst = max(one.combos, key=lambda combo: combo.candidate_ns / combo.upstream_ns)
        rows.append(
            (
                one.target,
                interval(one.ratio_vs_upstream, *bounds, ".3f"),
                f"{1 / one.ratio_vs_upstream:.2f}",
                f"{worst.shape}/{worst.distribution} {worst.candidate_ns / worst.upstream_ns:.2f}",
                f"{one.geomean_ns / 1e3:,.0f}",
                f"{one.allocations:g}",
                f"{one.status} ({one.reason}) against {one.incumbent.origin}",
            )
        )
    heads = ("target", "time / upstream's (interval)", "upstream's / time", "worst combo")
    return pd.DataFrame(rows, columns=[*heads, "us a request", "allocations", "verdict"])


def combos(data):
    """The decoder beside libopus, combo by combo."""
    rows = [
        (
            combo.shape,
            combo.distribution,
            f"{combo.candidate_ns / 1e3:,.0f}",
            f"{combo.upstream_ns / 1e3:,.0f}",
            f"{combo.upstream_ns / combo.candidate_ns:.2f}",
        )
        for combo in newest(data, "opus_celt", "performance").combos
    ]
    return pd.DataFrame(rows, columns=["packets", "sound", "ours, us", "libopus, us", "rt_ratio"])


def scored(data):
    """What trials of quality and of features found."""
    rows = []
    for one in data.trials():
        if one.score is None:
            continue
        found = one.score
        transition = found.transition_snr_db
        rows.append(
            (
                *(one.target, one.focus, f"{found.value:.4f}", f"{found.mean_gap_db:+.3f}"),
                *(f"{found.min_gap_db:+.3f}", len(found.cells)),
                "" if transition is None else f"{transition:.2f}",
                f"{len(found.open_features)} of {found.features}" if found.features else "",
                f"{one.status} ({one.reason})",
            )
        )
    heads = ("target", "focus", "score", "mean gap, dB", "least gap, dB", "cells")
    return pd.DataFrame(rows, columns=[*heads, "transition, dB", "open features", "verdict"])


def encoder(data):
    """The encoder's gap by sound and rate, mean over frame sizes."""
    groups = defaultdict(lambda: defaultdict(list))
    for name, gap in score(data, "opus_celt_encode").cells.items():
        sound, _, rate = name.split("/")[0].partition("-")
        groups[sound][rate].append(gap)
    rates = list(dict.fromkeys(rate for by_rate in groups.values() for rate in by_rate))
    rows = [
        (sound, *(f"{np.mean(by_rate[rate]):+.2f}" for rate in rates))
        for sound, by_rate in groups.items()
    ]
    return pd.DataFrame(rows, columns=["sound", *rates])


def encoder_gaps(data):
    """The encoder's gap in each cell."""
    return _gaps(data, "opus_celt_encode", "The encoder's gap in each of its cells")


def concealment(data):
    """The decoder's concealment beside libopus's own."""
    return _gaps(data, "opus_celt", "Concealment of lost packets beside libopus's own, by cell")


def _gaps(data, target, shows):
    one = newest(data, target, "quality")
    return Drawing(
        gaps(one),
        shows,
        "quality above libopus's, dB",
        f"{len(one.score.cells)} cells",
        "none, the same kernel gets the same score every time",
    )


def matrix(data):
    """Parity and speed, cell by cell."""
    document = data.json("matrix.json")
    return Drawing(
        figures.matrix(TypeAdapter(Measured).validate_python(document)),
        "The parity matrix: SNR of equal cells, and below it how fast they are; hatched is open",
        "SNR in dB; libopus's time / ours",
        f"{len(document['rows'])} cells",
        "none here, each cell's least and largest rt_ratio stands in data/matrix.csv",
    )


def speeds(data):
    """rt_ratio of every equal cell of the matrix, by frame size."""
    drawn = Picture(figsize=(style.WIDTH, 4.0), layout="constrained")
    panel = drawn.add_subplot()
    panel.axhline(1, color=style.INK, linewidth=1)
    panel.axhline(0.8, color=style.GREY, linewidth=1, linestyle=":")
    chosen = [cell for cell in cells(data) if cell["rt_ratio"]]
    marks = {"1": ("o", style.BLUE, "mono"), "2": ("s", style.ORANGE, "stereo")}
    frames = sorted({float(cell["frame_ms"]) for cell in chosen})
    shift = dict(zip(BANDWIDTHS, np.linspace(-0.24, 0.24, len(BANDWIDTHS)), strict=True))
    for channels, (marker, colour, label) in marks.items():
        mine = [cell for cell in chosen if cell["channels"] == channels]
        aside = -0.03 if channels == "1" else 0.03
        panel.plot(
            [frames.index(float(c["frame_ms"])) + shift[c["bandwidth"]] + aside for c in mine],
            [float(cell["rt_ratio"]) for cell in mine],
            *(marker,),
            **{"color": colour, "label": label, "markersize": 5},
        )
    panel.set_xticks(range(len(frames)), [f"{frame:g} ms" for frame in frames])
    panel.set(xlabel="frame size; within it narrow- to fullband", ylabel="libopus's time / ours")
    panel.set_ylim(bottom=0)
    panel.legend(fontsize=8, frameon=False, loc="lower right")
    style.bare(panel)
    text = f"{len(chosen)} cells of the parity matrix, one process; dotted: the aim of 0.8."
    style.caption(drawn, text)
    return Drawing(
        drawn,
        "rt_ratio of each cell that is equal, by frame size, bandwidth and channels",
        "libopus's time / ours",
        f"{len(chosen)} cells",
        "none, one process, a look and no verdict",
    )
