"""Fills README.md and the figures from data/: ``python tables.py`` (``--check`` only compares)."""

import csv
import re
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from workbench import record
from workbench.publish import gaps, style
from workbench.publish.style import Picture

HERE = Path(__file__).parent
MARK = re.compile(r"(<!-- table (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
BANDWIDTHS = ("narrowband", "mediumband", "wideband", "superwideband", "fullband")


def cells():
    """The parity matrix."""
    with (HERE / "data" / "matrix.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def trials():
    """Every record, oldest first."""
    found = [record.read(path) for path in (HERE / "data" / "trials").glob("*.json")]
    return sorted(found, key=lambda one: one.timestamp)


def newest(target, focus):
    """The last record of a target and focus."""
    return [one for one in trials() if (one.target, one.focus) == (target, focus)][-1]


def geomean(values):
    """Geometric mean."""
    return float(np.exp(np.mean(np.log(list(values)))))


def matrix():
    """Cells by mode and frame size: how many are equal, and how fast."""
    groups = defaultdict(list)
    for cell in cells():
        groups[cell["mode"], float(cell["frame_ms"])].append(cell)
    lines = [
        "| mode | frame, ms | cells equal | packets equal | least SNR, dB | largest error "
        "| rt_ratio (least to largest cell) |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (mode, frame_ms), group in groups.items():
        equal = sum(cell["verdict"] == "equal" for cell in group)
        packets = sum(int(cell["packets"]) for cell in group)
        same = sum(int(cell["equal"]) for cell in group)
        snrs = [float(cell["snr_db"]) for cell in group if cell["snr_db"]]
        errors = [float(cell["max_abs_err"]) for cell in group if cell["max_abs_err"]]
        ratios = [float(cell["rt_ratio"]) for cell in group if cell["rt_ratio"]]
        row = [mode, f"{frame_ms:g}", f"{equal} of {len(group)}", f"{same:,} of {packets:,}"]
        row += [f"{min(snrs):.1f}" if snrs else "", f"{max(errors):.1e}" if errors else ""]
        spread = f" ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else ""
        row.append(f"{geomean(ratios):.2f}{spread}" if ratios else "open")
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def races():
    """What trials of time measured against upstream."""
    lines = [
        "| target | time / upstream's (interval) | upstream's / time | worst combo | us a request "
        "| allocations | verdict |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in trials():
        if one.focus != "performance" or one.ratio_vs_upstream is None:
            continue
        low, high = one.ci_low_vs_upstream, one.ci_high_vs_upstream
        worst = max(one.combos, key=lambda combo: combo.candidate_ns / combo.upstream_ns)
        row = [
            one.target,
            f"{one.ratio_vs_upstream:.3f} ({low:.3f} to {high:.3f})",
            f"{1 / one.ratio_vs_upstream:.2f}",
            f"{worst.shape}/{worst.distribution} {worst.candidate_ns / worst.upstream_ns:.2f}",
            f"{one.geomean_ns / 1e3:,.0f}",
            f"{one.allocations:g}",
            f"{one.status} ({one.reason}) against {one.incumbent.origin}",
        ]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def combos():
    """The decoder beside libopus, combo by combo."""
    one = newest("opus_celt", "performance")
    lines = ["| packets | sound | ours, us | libopus, us | rt_ratio |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for combo in one.combos:
        ratio = combo.upstream_ns / combo.candidate_ns
        ours, theirs = combo.candidate_ns / 1e3, combo.upstream_ns / 1e3
        lines.append(
            f"| {combo.shape} | {combo.distribution} | {ours:,.0f} | {theirs:,.0f} | {ratio:.2f} |"
        )
    return "\n".join(lines)


def scored():
    """What trials of quality and of features found."""
    lines = [
        "| target | focus | score | mean gap, dB | least gap, dB | cells | transition, dB "
        "| open features | verdict |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in trials():
        if one.score is None:
            continue
        score = one.score
        transition = score.transition_snr_db
        row = [
            *(one.target, one.focus, f"{score.value:.4f}", f"{score.mean_gap_db:+.3f}"),
            *(f"{score.min_gap_db:+.3f}", str(len(score.cells))),
            "" if transition is None else f"{transition:.2f}",
            f"{len(score.open_features)} of {score.features}" if score.features else "",
            f"{one.status} ({one.reason})",
        ]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def encoder():
    """The encoder's gap by sound and rate, mean over frame sizes."""
    score = newest("opus_celt_encode", "quality").score
    groups = defaultdict(lambda: defaultdict(list))
    for name, gap in score.cells.items():
        sound, _, rate = name.split("/")[0].partition("-")
        groups[sound][rate].append(gap)
    rates = list(dict.fromkeys(rate for by_rate in groups.values() for rate in by_rate))
    lines = [f"| sound | {' | '.join(rates)} |", f"| --- |{' --- |' * len(rates)}"]
    for sound, by_rate in groups.items():
        means = [f"{np.mean(by_rate[rate]):+.2f}" for rate in rates]
        lines.append(f"| {sound} | {' | '.join(means)} |")
    return "\n".join(lines)


def speeds():
    """rt_ratio of every equal cell of the matrix, by frame size."""
    drawn = Picture(figsize=(style.WIDTH, 4.0), layout="constrained")
    panel = drawn.add_subplot()
    panel.axhline(1, color=style.INK, linewidth=1)
    panel.axhline(0.8, color=style.GREY, linewidth=1, linestyle=":")
    chosen = [cell for cell in cells() if cell["rt_ratio"]]
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
    return drawn


TABLES = {
    "matrix": matrix,
    "races": races,
    "combos": combos,
    "scored": scored,
    "encoder": encoder,
}


def fill(match):
    """One table."""
    return f"{match[1]}{TABLES[match['name']]()}\n{match[3]}"


def main(arguments):
    """Fill the tables; say whether anything was out of date."""
    page = HERE / "README.md"
    old = page.read_text()
    new = MARK.sub(fill, old)
    if "--check" in arguments:
        return int(new != old)
    page.write_text(new)
    figures = HERE / "figures"
    figures.mkdir(exist_ok=True)
    (figures / "speeds.png").write_bytes(speeds().png())
    for target in ("opus_celt", "opus_celt_encode"):
        picture = gaps(newest(target, "quality"))
        (figures / f"gaps-{target}.png").write_bytes(picture.png())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
