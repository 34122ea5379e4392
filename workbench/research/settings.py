"""The table ``[tool.workbench]`` of a project's pyproject.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from workbench.errors import Infrastructure


def of(root: Path) -> dict[str, Any]:
    """The settings of a checkout.

    Raises
    ------
    Infrastructure
        If they cannot be read.
    """
    path = root / "pyproject.toml"
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Infrastructure(f"{path} cannot be read: {error}") from error


def parse(text: str) -> dict[str, Any]:
    """The settings that a pyproject.toml holds.

    Raises
    ------
    Infrastructure
        If it is no TOML.
    """
    try:
        table: dict[str, Any] = tomllib.loads(text).get("tool", {}).get("workbench", {})
    except tomllib.TOMLDecodeError as error:
        raise Infrastructure(f"pyproject.toml is no TOML: {error}") from error
    return table
