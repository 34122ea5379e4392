"""What Sphinx does not do by itself: links to folders, ledgers, notebooks and files; excerpts."""

from __future__ import annotations

import json
import posixpath
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    # Before Sphinx collects downloads, which would copy each file to a name of its own.
    app.connect("doctree-read", settle_links, priority=100)
    texts: dict[str, str] = {}
    app.connect("doctree-read", lambda app, tree: texts.update({app.env.docname: said(tree)}))
    app.connect("build-finished", lambda app, _: write_texts(Path(app.outdir), texts))
    return {"parallel_read_safe": False, "parallel_write_safe": True}


def said(doctree: nodes.document) -> str:
    """What a reader sees of a page, without its markup and remarks."""
    unseen = (nodes.comment, nodes.raw)
    return " ".join(t for t in doctree.findall(nodes.Text) if not isinstance(t.parent, unseen))


def write_texts(out: Path, texts: dict[str, str]) -> None:
    """Write what pages say as a script, for the excerpts of a search without a server."""
    written = f"const PAGE_TEXTS = {json.dumps(texts)};\n"
    (out / "_static" / "texts.js").write_text(written, encoding="utf-8")


def settle_links(app: Sphinx, doctree: nodes.document) -> None:
    """Point a link to a folder, ledger or notebook to its page, and any other to its file."""
    page = app.env.docname

    def path_of(node: nodes.Element) -> str:
        return posixpath.normpath(posixpath.join(posixpath.dirname(page), node["reftarget"]))

    def to_page(shown: str, node: nodes.Element) -> nodes.Element:
        return addnodes.pending_xref(
            "",
            *node.children,
            **{"refdomain": "doc", "reftype": "myst", "reftarget": shown, "refdoc": page},
            reftargetid=None,
            refexplicit=True,
        )

    for node in list(doctree.findall(addnodes.download_reference)):
        shown = path_of(node).removesuffix(".tsv").removesuffix(".ipynb")
        if shown != path_of(node) and shown in app.env.found_docs:
            node.replace_self(to_page(shown, node))
        else:
            node.replace_self(nodes.reference("", "", *node.children, refuri=node["reftarget"]))
    for link in list(doctree.findall(addnodes.pending_xref)):
        shown = f"{path_of(link)}/README"
        if link["refdomain"] is None and shown in app.env.found_docs:
            link.replace_self(to_page(shown, link))
