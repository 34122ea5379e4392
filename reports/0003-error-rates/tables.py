"""Fills README.md and the figures from data/: ``python tables.py`` (``--check`` only compares).

Numbers in the text are filled in by hand from these tables; a test holds the tables to the data.
"""

import re
import sys
from pathlib import Path

import numpy as np

from workbench.errorrates import campaign, neighbours, neutral, rates, verdicts
from workbench.publish import errorrates

HERE = Path(__file__).parent
MARK = re.compile(r"(<!-- table (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
LOOPS, TRIALS, DRAWS = 400, 100, 1000
# Those with a sigma of 0.8 % and more.
NOISY = ("topk_merge", "bitpack")


def row(cells):
    """One line of a Markdown table."""
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def table(heads, rows):
    """Write a Markdown table."""
    return "\n".join([row(heads), row("---" for _ in heads), *map(row, rows)])


def gates(found):
    """Both gates, by condition and variant."""
    heads = ("beside", "kernel", "measured ratio", "this judge keeps", "its screen alone")
    lines = [
        (
            line.condition,
            line.variant,
            f"{line.true_ratio:.4f}",
            line.judge,
            f"{line.screen.value:.1%}",
            line.pooled,
            f"{line.seconds:.1f}",
        )
        for line in in_order(rates.table(found))
    ]
    return table((*heads, "the pooled gate keeps", "s a verdict"), lines)


def in_order(lines):
    """Conditions as they are listed, identical kernels first, then edits, then gains."""
    variants = [campaign.IDENTICAL, rates.NEUTRAL, *campaign.SPEEDUPS]
    conditions = list(neighbours.CONDITIONS)
    return sorted(
        lines, key=lambda line: (conditions.index(line.condition), variants.index(line.variant))
    )


def kernels(found):
    """What each kernel's calibration and verdicts were."""
    lines = []
    for name in campaign.KERNELS:
        rows = [row for row in found if row.kernel == name]
        lines.append(
            (
                name,
                f"{np.median([row.geomean_ns for row in rows]) / 1e3:,.1f} µs",
                f"{np.median([row.sigma for row in rows]):.2%}",
                kept(rows, [campaign.IDENTICAL]),
                kept(rows, neutral.EDITS),
                *(
                    ", ".join(
                        kept([row for row in rows if row.condition == condition], [variant])
                        for condition in neighbours.CONDITIONS
                    )
                    for variant in ("faster-1%", "faster-2%")
                ),
            )
        )
    beside = ", ".join(neighbours.CONDITIONS)
    heads = ("kernel", "a request", "sigma", "identical", "neutral edit")
    return table((*heads, f"1 %: {beside}", f"2 %: {beside}"), lines)


def kept(rows, variants):
    """How many of some variants were kept."""
    asked = [row.kept for row in rows if row.variant in variants]
    return f"{sum(asked)}/{len(asked)}"


def loops(found):
    """Loops of null trials, resampled."""
    final, screened = rates.long_loops(found, TRIALS, LOOPS, np.random.default_rng(1))
    heads = (f"loops of {TRIALS} null trials that keep something", "")
    lines = [("by the screen alone", screened), ("with confirmation and budget", final)]
    return table(heads, lines)


def frontier(found):
    """Seconds against power for a gain of 1 %, of all and of the quieter; and false keeps."""
    without = [row for row in found if row.kernel not in NOISY]
    asked = ((found, "faster-1%"), (without, "faster-1%"), (found, campaign.IDENTICAL))
    rng = np.random.default_rng(2)
    curves = [rates.frontier(rows, variant, DRAWS, rng) for rows, variant in asked]
    lines = []
    for (share, most, seconds, kept), (*_, quieter), (*_, false) in zip(*curves, strict=True):
        gains = f"{kept.value:.1%}", f"{quieter.value:.1%}"
        lines.append((share, most, f"{seconds:.1f}", *gains, f"{false.value:.2%}"))
    heads = ("share of the measuring time", "most crossovers", "s", "1 % kept")
    return table((*heads, "without topk_merge and bitpack", "identical kept"), lines)


def main():
    """Fill README.md in, or compare."""
    found = verdicts.read(HERE / "data")
    known = {"gates": gates, "kernels": kernels, "loops": loops, "frontier": frontier}
    page = HERE / "README.md"
    text = page.read_text()
    written = MARK.sub(lambda m: f"{m[1]}{known[m['name']](found)}\n{m[3]}", text)
    if "--check" in sys.argv:
        sys.exit(0 if written == text else "README.md is not what data/ says: python tables.py")
    page.write_text(written)
    for name, picture in (
        ("power", errorrates.power(found)),
        ("frontier", errorrates.frontier(found)),
    ):
        (HERE / "figures" / f"{name}.png").write_bytes(picture.png())


if __name__ == "__main__":
    main()
