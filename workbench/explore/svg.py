"""Pieces of a picture as text: vector graphics in the colours of the page they lie in."""

from __future__ import annotations

import html

# JupyterLab's own colours for ink and paper; the data's hues are Okabe and Ito's, the lighter ones
# of them where the page is dark.
STYLE = """<style>
.wb { --fast:#0072B2; --slow:#D55E00; --open:#6b6b6b; --peer:#b07700; --limit:#00805c;
  --ink:var(--jp-ui-font-color1,#222); --soft:var(--jp-ui-font-color2,#555);
  --line:var(--jp-border-color2,#ddd); --paper:var(--jp-layout-color1,#fff);
  --wash:var(--jp-layout-color2,#eee); color:var(--ink);
  font:13px/1.45 var(--jp-ui-font-family,system-ui,sans-serif); }
[data-jp-theme-light="false"] .wb { --fast:#56B4E9; --slow:#FF8C42; --open:#a8a8a8;
  --peer:#E69F00; --limit:#2fc79b; }
.wb svg { display:block; width:100%; height:auto; }
.wb text { fill:var(--ink); font:12px var(--jp-ui-font-family,system-ui,sans-serif); }
.wb text.soft { fill:var(--soft); font-size:11px; } .wb text.bold { font-weight:600; }
.wb .num { font-variant-numeric:tabular-nums; }
.wb .faint { opacity:.3; } .wb h4 { margin:0 0 2px; font-weight:600; font-size:13px; }
.wb p { margin:2px 0; } .wb .soft { color:var(--soft); font-size:12px; }
.wb .bad { color:var(--slow); } .wb .good { color:var(--fast); }
.wb table { border-collapse:collapse; font-variant-numeric:tabular-nums; }
.wb td, .wb th { padding:1px 12px 1px 0; text-align:left; font-weight:400; white-space:nowrap; }
.wb th { color:var(--soft); font-size:11px; }
.wb table.wrapped { width:100%; font-size:12px; }
.wb .wrapped td, .wb .wrapped th { white-space:normal; padding:2px 8px 2px 0; }
.wb td.right { text-align:right; }
.wb pre { margin:0; max-height:340px; overflow:auto; padding:6px 8px; background:var(--wash);
  color:var(--ink); font:12px/1.4 var(--jp-code-font-family,monospace); }
.wb pre.wrapped { white-space:pre-wrap; overflow-wrap:anywhere; }
.wb pre b { color:var(--fast); font-weight:600; }
</style>"""


def page(content: str) -> str:
    """A fragment of HTML in the explorer's look; `STYLE` is on the page once."""
    return f'<div class="wb">{content}</div>'


def picture(width: float, height: float, *parts: str, label: str) -> str:
    """One picture with a name for those who cannot see it."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{html.escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def text(x: float, y: float, words: str, look: str = "", anchor: str = "start") -> str:
    """Words at a place."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" class="{look}" text-anchor="{anchor}">'
        f"{html.escape(words)}</text>"
    )


def line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1.0) -> str:
    """A straight line; ``colour`` names one of `STYLE`."""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="var(--{colour})" stroke-width="{width:g}"/>'
    )


def group(*parts: str, faint: bool = False, title: str = "") -> str:
    """Parts that belong together; a title is shown under the mouse."""
    said = f"<title>{html.escape(title)}</title>" if title else ""
    look = ' class="faint"' if faint else ""
    return f"<g{look}>{said}{''.join(parts)}</g>"


def mark(x: float, y: float, colour: str, shape: str = "dot", *, hollow: bool = False) -> str:
    """A dot, a diamond or a cross of some 10 pixels."""
    fill = "var(--paper)" if hollow else f"var(--{colour})"
    look = f'fill="{fill}" stroke="var(--{colour})" stroke-width="1.8"'
    if shape == "diamond":
        corners = f"{x:.1f},{y - 7:.1f} {x + 7:.1f},{y:.1f} {x:.1f},{y + 7:.1f} {x - 7:.1f},{y:.1f}"
        return f'<polygon points="{corners}" {look}/>'
    if shape == "cross":
        return (
            f'<path d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8" stroke="var(--{colour})" '
            'stroke-width="2" fill="none"/>'
        )
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.6" {look}/>'
