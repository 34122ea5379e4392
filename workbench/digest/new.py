"""A new digest: data frozen, texts begun, queries beside them, built once."""

from __future__ import annotations

import datetime
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench import ledger
from workbench.analysis import rows
from workbench.analysis.axes import ENCODER
from workbench.analysis.summary import plain
from workbench.digest import build, template
from workbench.digest.folder import NAME, Digest, every
from workbench.digest.numbers import NUMBER, is_bare
from workbench.errors import Usage


@dataclass(frozen=True)
class Source:
    """What a digest is made from.

    Attributes
    ----------
    path : Path
        A ledger, or a sweep's file of cells.
    name : str
        Where it goes in data/.
    clip : str
        The first source of a sweep; empty for a ledger.
    """

    path: Path
    name: str
    clip: str = ""


def new(root: Path, slug: str, sources: Sequence[Path] = ()) -> Digest:
    """Make the next digest.

    Parameters
    ----------
    root : Path
        The project.
    slug : str
        Its name after the number.
    sources : sequence of Path
        Ledgers, and folders or files of sweeps.

    Raises
    ------
    Usage
        If the name is no slug or is taken, or a source is neither a ledger nor a sweep, or empty.
    Infrastructure
        Naming the file and line of a source that cannot be read; nothing is made then.
    """
    known = every(root)
    if not NAME.fullmatch(f"0000-{slug}"):
        raise Usage(f"{slug!r} is no slug: lower-case letters and digits, joined by hyphens")
    if same := [digest.name for digest in known if digest.name.split("-", 1)[1] == slug]:
        raise Usage(f"reports/{same[0]} is there already: edit its text/, or choose another slug")
    title = slug.replace("-", " ").capitalize()
    if is_bare(title):
        raise Usage(f"{slug!r} is a number only: a slug says what was found")
    chosen = [_source(path) for path in sources]
    names = [source.name for source in chosen]
    if twice := [name for name in names if names.count(name) > 1]:
        raise Usage(f"two sources would both be data/{twice[0]}: rename the folder of one")
    number = f"{int(known[-1].name[:4]) + 1 if known else 1:04d}"
    folder = root / "reports" / f"{number}-{slug}"
    folder.parent.mkdir(exist_ok=True)
    draft = Digest(Path(tempfile.mkdtemp(dir=folder.parent, prefix=".digest-")) / folder.name)
    try:
        _begin(draft, number, title, chosen)
        build.write(build.render(draft))
        draft.folder.rename(folder)
    finally:
        shutil.rmtree(draft.folder.parent, ignore_errors=True)
    return Digest(folder)


def _source(path: Path) -> Source:
    if path.name in ledger.FILES.values():
        if not path.is_file():
            raise Usage(f"{path} is not there: name a ledger, or a sweep's folder or file")
        if not ledger.read_any(path):
            raise Usage(f"{path} has no rows to make a digest from")
        return Source(path, f"{_label(path)}/{path.name}")
    if not path.is_dir() and path.suffix not in (".jsonl", ".parquet"):
        named = ", ".join(ledger.FILES.values())
        raise Usage(
            f"{path} is neither a ledger ({named}) nor a sweep (its folder, or a .jsonl or "
            ".parquet file of its cells)"
        )
    if not path.exists():
        raise Usage(f"{path} is not there: name a ledger, or a sweep's folder or file")
    file = rows.find(path)
    clip = str(sorted(rows.read(file)[ENCODER.source].astype(str).unique())[0])
    return Source(file, f"{_label(file)}/{file.name}", clip)


def _label(file: Path) -> str:
    """The folder that says whose a file is."""
    folder = file.resolve().parent
    return plain((folder.parent if folder.name == "data" else folder).name)


def _begin(digest: Digest, number: str, title: str, sources: Sequence[Source]) -> None:
    digest.text.mkdir(parents=True)
    sections = ""
    for source in sources:
        copy = digest.data / source.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.path, copy)
        part = template.SWEEP if source.clip else template.LEDGER
        label = f"`{source.name.split('/')[0]}`"
        sections += part.format(name=source.name, label=label, clip=source.clip)
    known = {
        "number": number,
        "title": title,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "sections": sections,
    }
    texts = {
        "text/README.md": template.README,
        "text/decision.md": template.DECISION,
        "text/invariants.md": template.INVARIANTS,
        "text/reproduce.md": template.REPRODUCE,
        "text/changelog.md": template.CHANGELOG,
    }
    for name, text in texts.items():
        (digest.folder / name).write_text(text.format(**known), encoding="utf-8")
    named = template.NAMED.format(title=title) if NUMBER.search(title) else ""
    digest.declared.write_text(template.DECLARED + named, encoding="utf-8")
    is_sweep = {bool(source.clip) for source in sources}
    found = template.queries(ledgers=False in is_sweep, sweeps=True in is_sweep)
    digest.queries.write_text(found, encoding="utf-8")
