"""Fills README.md and the figures from data/: ``python tables.py`` (``--check`` only compares).

Numbers in the text are filled in by hand from these tables; a test holds the tables to the data.
"""

import re
import sys
from pathlib import Path

import numpy as np

from workbench.errorrates import campaign, neighbours, rates, verdicts
from workbench.publish import errorrates

HERE = Path(__file__).parent
MARK = re.compile(r"(<!-- table (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
LOOPS, TRIALS, DRAWS = 400, 100, 1000


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
    for name, part in rates.by_kernel(found).items():
        rows = [row for row in found if row.kernel == name]
        quiet = {line.variant: line for line in part if line.condition == "quiet"}
        lines.append(
            (
                name,
                f"{np.median([row.geomean_ns for row in rows]) / 1e3:,.1f} µs",
                f"{np.median([row.sigma for row in rows]):.2%}",
                f"{np.median([row.delta for row in rows]):.2%}",
                *(
                    f"{quiet[v].judge.kept} of {quiet[v].judge.verdicts}" if v in quiet else ""
                    for v in (campaign.IDENTICAL, rates.NEUTRAL, "faster-1%", "faster-2%")
                ),
            )
        )
    heads = ("kernel", "a request", "sigma", "delta", "identical", "neutral edit", "1 %", "2 %")
    return table(heads, lines)


def loops(found):
    """Loops of null trials, resampled."""
    final, screened = rates.long_loops(found, TRIALS, LOOPS, np.random.default_rng(1))
    heads = (f"loops of {TRIALS} null trials that keep something", "")
    lines = [("by the screen alone", screened), ("with confirmation and budget", final)]
    return table(heads, lines)


def frontier(found):
    """Seconds against power for a gain of 1 %, and the same for identical kernels."""
    rng = np.random.default_rng(2)
    gain, none = (rates.frontier(found, v, DRAWS, rng) for v in ("faster-1%", campaign.IDENTICAL))
    lines = [
        (share, most, f"{seconds:.1f}", f"{kept.value:.1%}", f"{false.value:.2%}")
        for (share, most, seconds, kept), (*_, false) in zip(gain, none, strict=True)
    ]
    heads = ("share of the measuring time", "most crossovers", "s", "1 % kept", "identical kept")
    return table(heads, lines)


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
