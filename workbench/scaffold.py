"""Start a new target from one that works."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from workbench import targets
from workbench.errors import Usage

# What a candidate has to find out for itself before a trial may run.
BLANKS = {
    "title": '"A new target: say in one line what it computes"',
    "status": '"candidate"',
    "call_site": '""',
    "cost_fraction": "0.0",
    "access_pattern": '""',
}


def new_target(name: str, like: str, root: Path | None = None) -> Path:
    """Copy target ``like`` to ``name``, with the answers only the new one can give left blank.

    Returns
    -------
    Path
        The new folder, relative to the project's root.

    Raises
    ------
    Usage
        If the name is taken or not a plain lower-case identifier.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name):
        raise Usage(f"{name!r} cannot be a target: use lower-case letters, digits, underscores")
    model = targets.load(like, root)
    folder = model.folder.with_name(name)
    if folder.exists():
        raise Usage(f"targets/{name} exists already: choose another name")
    draft = folder.with_name(f".{name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    for file in targets.FILES:
        shutil.copyfile(model.folder / file, draft / file)
    spec = (draft / "target.toml").read_text()
    for key, blank in BLANKS.items():
        spec = re.sub(rf"(?m)^{key} = .*$", f"{key} = {blank}", spec)
    (draft / "target.toml").write_text(spec)
    draft.rename(folder)
    return folder.relative_to(model.root)
