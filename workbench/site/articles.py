"""An analysis notebook as a page: what is committed of its outputs; nothing is run."""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import Any

from workbench.errors import Infrastructure


def published(root: Path, files: list[str]) -> list[str]:
    """The notebooks that are committed with figures.

    Raises
    ------
    Infrastructure
        Naming a file that is no notebook.
    """
    notebooks = [name for name in files if re.fullmatch(r"notebooks/[^/]+\.ipynb", name)]
    return [name for name in notebooks if _is_drawn(root, name)]


def page_of(path: str) -> str:
    """The page that shows a notebook."""
    return path.removesuffix(".ipynb") + ".md"


def page(root: Path, path: str) -> tuple[str, dict[str, bytes]]:
    """Write a notebook as Markdown without its code, and its figures by their paths."""
    from nbconvert import MarkdownExporter

    exporter: Any = MarkdownExporter(exclude_input=True)  # type: ignore[no-untyped-call]
    folder, name = posixpath.split(path.removesuffix(".ipynb"))
    where = {"unique_key": name, "output_files_dir": f"{name}_files"}
    text, made = exporter.from_filename(str(root / path), resources=where)
    title = text.splitlines()[0].removeprefix("# ")
    text = text.replace("![png](", f"![A figure of: {title}](")
    link = f'<a href="{name}.ipynb">{name}.ipynb</a>'
    note = f"The notebook, with its code, to run on data of your own: {link}.\n"
    figures = {posixpath.join(folder, file): data for file, data in made["outputs"].items()}
    return f"{text.rstrip()}\n\n{note}", figures


def _is_drawn(root: Path, path: str) -> bool:
    try:
        cells: list[Any] = json.loads((root / path).read_bytes())["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", ())]
        return any("image/png" in output.get("data", ()) for output in outputs)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Infrastructure(f"{path} is no notebook: {error}") from error
