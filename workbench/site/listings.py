"""A page for a folder that pages link to and that has none of its own."""

from __future__ import annotations

import posixpath
from pathlib import Path


def inside(folder: str, files: list[str]) -> list[str]:
    """The files in a folder and below.

    Examples
    --------
    >>> inside("a", ["a/b/c.py", "ab/c.py"])
    ['a/b/c.py']
    """
    return [name for name in files if name.startswith(f"{folder}/")]


def page(root: Path, folder: str, files: list[str]) -> str:
    """List the files of a folder with their sizes."""
    lines = [
        "---",
        "orphan: true",
        "---",
        f"# {folder}",
        "",
        "Files of the repository, as they are.",
        "",
        "| file | kB |",
        "|---|---|",
    ]
    for name in inside(folder, files):
        size, near = (root / name).stat().st_size / 1e3, posixpath.relpath(name, folder)
        lines.append(f"| [{near}]({near}) | {size:,.1f} |")
    return "\n".join(lines) + "\n"
