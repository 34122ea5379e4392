"""A digest as one HTML page that needs no other file."""

from __future__ import annotations

import base64
import html
import re

from workbench.digest.build import Built
from workbench.digest.folder import PAGES
from workbench.errors import Infrastructure

STYLE = """\
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --line: #ddd; --pale: #f4f4f4;
  --link: #0063a0; }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --paper: #181818; --line: #444;
  --pale: #252525; --link: #6cb8f0; } }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 60rem; margin: 0 auto; padding: 1rem 1.2rem 4rem; }
a { color: var(--link); } img { max-width: 100%; background: #fff; }
section + section { border-top: 2px solid var(--line); margin-top: 3rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; font-size: .85rem;
  font-variant-numeric: tabular-nums; margin: 1rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .7rem .3rem 0; text-align: left;
  vertical-align: top; }
code, pre { font: .87em/1.5 ui-monospace, monospace; background: var(--pale); }
code { padding: .1em .25em; } pre { padding: .8rem; overflow-x: auto; } pre code { padding: 0; }
@media print { :root { color-scheme: light; --ink: #000; --paper: #fff; --line: #ccc;
  --pale: #f4f4f4; --link: #000; } body { font-size: 10pt; max-width: none; padding: 0; }
  table { font-size: 7pt; display: table; } tr, img, pre { break-inside: avoid; }
  h1, h2, h3 { break-after: avoid; } img { max-height: 17cm; } }
"""


def page(built: Built) -> bytes:
    """All pages of a digest in one, figures inside, links between the pages within it."""
    try:
        from markdown_it import MarkdownIt
        from mdit_py_plugins.anchors import anchors_plugin
    except ImportError as error:
        raise Infrastructure("no markdown-it: pip install -e '.[digest]' brings it") from error
    parser = MarkdownIt("commonmark").enable("table").use(anchors_plugin, max_level=3)
    sections, title = [], built.digest.name
    for name in PAGES:
        text = built.files[name].decode()
        if name == PAGES[0] and (head := re.search(r"^# (.+)$", text, re.MULTILINE)):
            title = head[1]
        body = parser.render(re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL))
        sections.append(f'<section id="{_anchor(name)}">\n{body}</section>\n')
    whole = re.sub(
        r'src="(figures/[^"]+)"', lambda m: f'src="{_inline(built, m[1])}"', "".join(sections)
    )
    for name in PAGES:
        whole = whole.replace(f'href="{name}"', f'href="#{_anchor(name)}"')
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{whole}</body>\n</html>\n"
    ).encode()


def _anchor(name: str) -> str:
    return f"page-{name.removesuffix('.md').lower()}"


def _inline(built: Built, file: str) -> str:
    """A figure of the digest as an address that carries it."""
    data = built.files.get(file)
    return file if data is None else f"data:image/png;base64,{base64.b64encode(data).decode()}"
