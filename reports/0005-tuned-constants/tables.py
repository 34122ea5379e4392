"""Fills README.md and the figure from data/: ``python tables.py`` (``--check`` only compares)."""

import re
import sys
from pathlib import Path

from workbench import ledger
from workbench.agents.tunable import values_of
from workbench.publish import style
from workbench.publish.style import Picture
from workbench.publish.trajectory import MARKS

HERE = Path(__file__).parent
MARK = re.compile(r"(<!-- table (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
TARGETS = ("take", "pq_l2", "bitpack")


def tried_on(target):
    """Ideas of a loop, in the order in which they were tried."""
    rows = ledger.read(HERE / "data" / target / "results.tsv")
    return [row for row in rows if row.description.startswith("tune ")]


def summary():
    """A row a target."""
    lines = ["| target | constants | ideas | kept | discarded | best ratio to its incumbent |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for target in TARGETS:
        tried = tried_on(target)
        kept = [row for row in tried if row.status == "keep"]
        best = min(tried, key=lambda row: row.ratio)
        names = ", ".join(values_of(tried[0].description))
        ratio = f"{best.ratio:.4f} ({best.ci_low:.4f} to {best.ci_high:.4f}), {best.reason}"
        lines.append(
            f"| {target} | {names} | {len(tried)} | {len(kept)} | {len(tried) - len(kept)} "
            f"| {ratio} |"
        )
    return "\n".join(lines)


def ideas(target):
    """A row an idea, in the order in which they were tried."""
    tried = tried_on(target)
    names = list(values_of(tried[0].description))
    lines = [f"| {' | '.join(names)} | ratio to the incumbent | to upstream | verdict |"]
    lines.append(f"| {' | '.join(['---'] * (len(names) + 3))} |")
    for row in tried:
        values = values_of(row.description)
        spelt = " | ".join(str(values[name]) for name in names)
        ratio = f"{row.ratio:.4f} ({row.ci_low:.4f} to {row.ci_high:.4f})"
        upstream = f"{row.ratio_vs_upstream:.4f}"
        lines.append(f"| {spelt} | {ratio} | {upstream} | {row.status} ({row.reason}) |")
    return "\n".join(lines)


def picture(rows):
    """Every idea's ratio to what it had to beat, with its interval."""
    drawn = Picture(figsize=(style.WIDTH, 4.2), layout="constrained")
    panel = drawn.add_subplot()
    panel.axhline(1, color=style.INK, linewidth=1)
    for reason in dict.fromkeys(row.reason for row in rows):
        chosen = [(number, row) for number, row in enumerate(rows, 1) if row.reason == reason]
        marker, colour = MARKS[reason]
        panel.errorbar(
            [number for number, _ in chosen],
            [row.ratio for _, row in chosen],
            [
                [row.ratio - row.ci_low for _, row in chosen],
                [row.ci_high - row.ratio for _, row in chosen],
            ],
            **{"fmt": marker, "color": colour, "label": f"{chosen[0][1].status}: {reason}"},
            **{"elinewidth": 1, "markerfacecolor": colour if reason == "faster" else "white"},
        )
    kept = 0.5 + next(number for number, row in enumerate(rows, 1) if row.status == "keep")
    panel.axvline(kept, color=style.GREY, linewidth=1, linestyle=":")
    panel.text(
        kept,
        1,
        " against the kept one from here on",
        color=style.GREY,
        va="top",
        transform=panel.get_xaxis_transform(),
        fontsize=8,
    )
    panel.set(xlabel="idea", ylabel="time / the incumbent's", title="take, idea by idea")
    panel.legend(fontsize=8, frameon=False, loc="upper right")
    style.bare(panel)
    style.caption(drawn, f"n = {len(rows)} ideas, each with its 98 % confidence sequence.")
    return drawn


def fill(match):
    """One table."""
    name = match["name"]
    table = summary() if name == "summary" else ideas(name)
    return f"{match[1]}{table}\n{match[3]}"


def main(arguments):
    """Fill the tables; say whether anything was out of date."""
    page = HERE / "README.md"
    old = page.read_text()
    new = MARK.sub(fill, old)
    if "--check" in arguments:
        return int(new != old)
    page.write_text(new)
    (HERE / "figures").mkdir(exist_ok=True)
    (HERE / "figures" / "take.png").write_bytes(picture(tried_on("take")).png())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
