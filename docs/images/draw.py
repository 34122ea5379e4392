"""Draw the two pictures of docs/design.md: ``python docs/images/draw.py``.

Boxes and arrows as plain SVG, which a forge and the site show alike; a test holds the committed
files to this.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

HERE = Path(__file__).parent
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
INK, GREY, EDGE = "#1d2433", "#5b6475", "#9aa4b5"
PEOPLE, JUDGE, KEPT, PLAIN = "#dbe7ff", "#ffe3c2", "#d5f2dd", "#f3f5f9"


@dataclass(frozen=True)
class Box:
    """A room or a step: where it lies, its name, and what is in it (lengths in SVG units)."""

    x: int
    y: int
    width: int
    title: str
    lines: tuple[str, ...]
    fill: str = PLAIN

    @property
    def height(self) -> int:
        """It grows with its lines."""
        return 34 + 18 * len(self.lines)

    def svg(self) -> str:
        """As SVG."""
        middle = self.x + self.width / 2
        rows = [
            f'<rect x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}" rx="8" '
            f'fill="{self.fill}" stroke="{EDGE}"/>',
            f'<text x="{middle:g}" y="{self.y + 22}" font-weight="600" fill="{INK}">'
            f"{escape(self.title)}</text>",
        ]
        for number, line in enumerate(self.lines, 1):
            rows.append(
                f'<text x="{middle:g}" y="{self.y + 22 + 18 * number}" font-size="13" '
                f'fill="{GREY}">{escape(line)}</text>'
            )
        return "\n".join(rows)


def arrow(*points: tuple[int, int], label: str = "") -> str:
    """An arrow along points, its label beside the middle of the first stretch."""
    path = " ".join(f"{x},{y}" for x, y in points)
    rows = [f'<polyline points="{path}" fill="none" stroke="{INK}" marker-end="url(#tip)"/>']
    if label:
        (x0, y0), (x1, y1) = points[:2]
        beside = (10, 4, "start") if x0 == x1 else (0, -7, "middle")
        rows.append(
            f'<text x="{(x0 + x1) / 2 + beside[0]:g}" y="{(y0 + y1) / 2 + beside[1]:g}" '
            f'font-size="13" font-style="italic" text-anchor="{beside[2]}" fill="{GREY}">'
            f"{escape(label)}</text>"
        )
    return "\n".join(rows)


def picture(width: int, height: int, title: str, *parts: str) -> str:
    """A whole SVG file."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="{escape(FONT)}" font-size="15" '
            'text-anchor="middle" role="img">',
            f"<title>{escape(title)}</title>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
            f'markerHeight="8" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="{INK}"/>'
            "</marker></defs>",
            f'<rect width="{width}" height="{height}" rx="10" fill="#ffffff"/>',
            *parts,
            "</svg>\n",
        ]
    )


def rooms() -> str:
    """Which rooms there are, in layers: an import goes downwards."""
    boxes = (
        Box(120, 20, 300, "notebooks", ("trial, explore, sweep, analysis",), PEOPLE),
        Box(440, 20, 300, "cli", ("one file a group of commands",), PEOPLE),
        Box(20, 112, 180, "research, agents", ("claims, loop, guard,", "merge queue"), PLAIN),
        Box(215, 112, 160, "trial, scoring", ("one experiment", "end to end"), JUDGE),
        Box(390, 112, 210, "integrate, scoreboard", ("in the real query;", "beside peers"), PLAIN),
        Box(615, 112, 225, "publish, digest, site", ("figures, pages;", "explore: widgets"), PLAIN),
        Box(
            120,
            224,
            400,
            "contest, lane, child | runner",
            ("paired turns | one process, one kernel",),
            JUDGE,
        ),
        Box(540, 224, 300, "encoders", ("sweeps with ffmpeg and VMAF",), PLAIN),
        Box(
            120,
            316,
            400,
            "judge, gate, stats, policy",
            ("correct? how fast? a verdict; what a kernel may hold",),
            JUDGE,
        ),
        Box(540, 316, 300, "analysis", ("hulls, regressions, BD-rate",), PLAIN),
        Box(20, 408, 270, "targets, oracles, simd", ("what is asked, what is right",), PLAIN),
        Box(305, 408, 250, "record, row, ledger", ("what is remembered",), KEPT),
        Box(570, 408, 270, "snapshots, upstreams", ("what the real system answered",), PLAIN),
        Box(120, 500, 620, "host, git, files, locks, errors", (), PLAIN),
    )
    layers = ((430, 72, 112), (430, 182, 224), (430, 276, 316), (430, 368, 408), (430, 460, 500))
    arrows = [arrow((x, begin + 3), (x, end - 3)) for x, begin, end in layers]
    note = (
        f'<text x="430" y="568" font-size="13" fill="{GREY}">Imports go downwards. Blue: where '
        "people and agents come in. Orange: the judge. Green: what remains.</text>"
    )
    return picture(860, 586, "Rooms of the workbench", *(b.svg() for b in boxes), *arrows, note)


def flow() -> str:
    """What becomes of one kernel."""
    boxes = (
        Box(20, 20, 180, "kernels.py", ("the one file that", "a trial edits"), PEOPLE),
        Box(260, 20, 180, "policy", ("read, not run:", "numba functions only"), JUDGE),
        Box(500, 20, 180, "correctness", ("battery, each case", "twice, against truth"), JUDGE),
        Box(500, 150, 180, "contest", ("2 to 12 crossovers of", "fresh processes"), JUDGE),
        Box(260, 150, 180, "Estimate", ("ratio to the incumbent", "with its interval"), PLAIN),
        Box(20, 150, 180, "gate", ("keep, discard", "or inconclusive"), JUDGE),
        Box(20, 280, 180, "before a keep", ("speed of light;", "raced again; bounds"), JUDGE),
        Box(260, 280, 180, "TrialRecord", ("a folder that", "appears at once"), KEPT),
        Box(500, 280, 180, "ledger row", ("appended last,", "never changed"), KEPT),
    )
    arrows = (
        arrow((203, 55), (257, 55)),
        arrow((443, 55), (497, 55)),
        arrow((590, 93), (590, 147), label="correct"),
        arrow((497, 185), (443, 185)),
        arrow((257, 185), (203, 185)),
        arrow((60, 223), (60, 277), label="keep"),
        arrow((203, 315), (257, 315), label="verdict"),
        arrow((160, 223), (160, 250), (350, 250), (350, 277)),
        arrow((443, 315), (497, 315)),
    )
    notes = (
        f'<text x="255" y="243" font-size="13" font-style="italic" fill="{GREY}">discard</text>',
        f'<text x="350" y="376" font-size="13" fill="{GREY}">A kernel that is refused, incorrect '
        "or crashes is a record and a row, too. Orange: the judge.</text>",
    )
    return picture(700, 394, "Flow of a trial", *(b.svg() for b in boxes), *arrows, *notes)


PICTURES = {"rooms.svg": rooms, "flow.svg": flow}

if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (HERE / name).write_text(draw(), encoding="utf-8")
