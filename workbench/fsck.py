"""Whether what the workbench remembers is whole: ledgers, records, snapshots, campaigns, pages.

Every check asks the reader that the rest of the workbench uses. Nothing is changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench import (
    calibration,
    files,
    incumbent,
    ledger,
    locks,
    record,
    scoreboard,
    snapshots,
    transfer,
)
from workbench import outcome as outcomes
from workbench import targets as target_folders
from workbench.errorrates import verdicts
from workbench.errors import Infrastructure
from workbench.record import TrialRecord
from workbench.targets import Target

# Where a reader's message goes over to what mends it.
_MENDS = re.compile(
    r"[:;,] (?=rows are never edited|move the file|restore |remove it|name another|`workbench )"
)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    file : str
        Relative to the project.
    line : int or None
        Where there is one.
    problem : str
        What is wrong.
    mend : str
        The command or act that mends it.
    """

    file: str
    line: int | None
    problem: str
    mend: str

    @property
    def sentence(self) -> str:
        """One line.

        Examples
        --------
        >>> Finding("a.tsv", 3, "ratio is 'x'", "restore that line").sentence
        "a.tsv line 3: ratio is 'x'; restore that line"
        """
        place = self.file if self.line is None else f"{self.file} line {self.line}"
        return f"{place}: {self.problem}; {self.mend}"


def run(names: Sequence[str] = (), *, root: Path | None = None) -> list[Finding]:
    """Check everything there is of some targets.

    Parameters
    ----------
    names : sequence of str
        Default: all targets, and what belongs to none of them.
    root : Path, optional
        The project; found from the working directory otherwise.

    Returns
    -------
    list of Finding
        Empty when all is well. What a trial that is running now has not finished is passed over.

    Raises
    ------
    Usage
        For an unknown target.
    """
    root = root or target_folders.find_root()
    found = []
    loaded = []
    for name in names or target_folders.names(root):
        try:
            loaded.append(target_folders.load(name, root))
        except Infrastructure as error:
            place = root / "targets" / name / "target.toml"
            found.append(_said(root, place, error, f"git checkout -- targets/{name}"))
    for target in loaded:
        found += _of_target(target)
    if not names:
        found += _of_nobody(root, loaded)
    return list(dict.fromkeys(found))


def _of_target(target: Target) -> Iterator[Finding]:
    root, name = target.root, target.name
    with contextlib.ExitStack() as stack:
        busy = False
        try:
            stack.enter_context(locks.exclusive(target))
        except Infrastructure:  # a trial is running: its record may lack a row for a moment
            busy = True
        yield from _ledgers_and_records(target, busy=busy)
    place = target.folder / calibration.FILE
    yield from _asked(root, place, lambda: calibration.read(place), f"rm {_name(root, place)}")
    for torn in sorted(target.folder.glob("results*.tsv.torn")):
        yield Finding(
            _name(root, torn),
            None,
            "holds rows that a crash cut short: those trials have no row",
            f"repeat them if they matter, then rm {_name(root, torn)}",
        )
    for folder in sorted(root.glob(f"snapshots/*/{name}")):
        yield from _asked(
            root,
            folder / snapshots.MANIFEST,
            lambda folder=folder: snapshots.load(folder.parent.name, name, root),  # type: ignore[misc]
            f"git checkout -- {_name(root, folder)}",
        )
        yield from _drafts(root, folder)
    page = transfer.path(root, name)
    yield from _asked(
        root, page, lambda: transfer.parse(page), f"git checkout -- {_name(root, page)}"
    )


def _of_nobody(root: Path, loaded: Sequence[Target]) -> Iterator[Finding]:
    """Check what is no single target's."""
    known = {target.name for target in loaded}
    for folder in _record_folders(root):
        if _target_of(folder) not in known:
            yield Finding(
                _name(root, folder), None, "is of no target here", f"rm -r {_name(root, folder)}"
            )
    page = scoreboard.path(root)
    yield from _asked(
        root, page, lambda: scoreboard.read(root), f"git checkout -- {_name(root, page)}"
    )
    campaigns = [root / ".workbench" / "error-rates", *sorted(root.glob("reports/*/data"))]
    for folder in campaigns:
        place = folder / verdicts.FILE
        mend = f"delete that line of {_name(root, place)}: a verdict less is a smaller sample"
        yield from _asked(root, place, lambda folder=folder: verdicts.read(folder), mend)  # type: ignore[misc]
        yield from _torn(root, place, "`workbench calibrate` goes on, and drops it")
    for folder in (page.parent, transfer.path(root, "").parent):
        yield from _drafts(root, folder)


def _ledgers_and_records(target: Target, *, busy: bool) -> Iterator[Finding]:
    """Check ledgers, records, and that each has what the other says."""
    recorded: list[tuple[Path, TrialRecord]] = []
    for folder in _record_folders(target.root):
        if _target_of(folder) == target.name:
            yield from _record(target.root, folder, recorded, busy=busy)
    for focus in ledger.COLUMNS:
        path = ledger.path(target.folder, focus)
        move = "move the file away and a new ledger begins"
        broken = list(
            _asked(target.root, path, lambda path=path: ledger.read_table(path), move)  # type: ignore[misc]
        )
        yield from broken
        if broken:
            continue
        again = "nothing is lost: the next trial moves it to " + path.name + ".torn"
        yield from _torn(target.root, path, again)
        yield from _rows(target, path)
        mine = [(folder, done) for folder, done in recorded if done.focus == focus]
        if not busy:
            yield from _without_row(target, path, mine)
    if not busy:
        # a ledger's, and what versions before `files.write_whole` named calibration.json.partial
        for pattern in ("results*.partial", "*.json.partial"):
            for draft in sorted(target.folder.glob(pattern)):
                yield _left(target.root, draft)
        yield from _drafts(target.root, target.folder)


def _rows(target: Target, path: Path) -> Iterator[Finding]:
    """Check that no row is there twice and that every kernel still to be beaten can be found."""
    file = _name(target.root, path)
    seen: dict[ledger.AnyRow, int] = {}
    rows = ledger.read_any(path)
    for line, (row, entry) in enumerate(zip(rows, ledger.history(rows), strict=True), 2):
        if row in seen:
            yield Finding(
                file,
                line,
                f"is line {seen[row]} once more: a trial appends one row",
                f"sed -i {line}d {file}",
            )
        seen.setdefault(row, line)
        if row.status in ("keep", "baseline") and not entry.revoked:
            try:
                incumbent.of_row(target, row)
            except Infrastructure as error:
                problem, mend = _split(str(error), f"workbench init {target.name} --rebaseline")
                yield Finding(file, line, problem, mend)


def _without_row(
    target: Target, path: Path, recorded: Sequence[tuple[Path, TrialRecord]]
) -> Iterator[Finding]:
    """Name every record that no row of its ledger speaks of."""
    spelt = [tuple(fields.values()) for fields in ledger.read_table(path)]
    rows = Counter(spelt)
    for folder, done in recorded:
        row = tuple(outcomes.row_of(done).to_fields().values())
        rows[row] -= 1
        if rows[row] < 0:
            name = _name(target.root, folder)
            yield Finding(
                name,
                None,
                f"has no row in {_name(target.root, path)}: its trial ended before that",
                f"repeat that trial if it matters, then rm -r {name}",
            )


def _record(
    root: Path, folder: Path, recorded: list[tuple[Path, TrialRecord]], *, busy: bool
) -> Iterator[Finding]:
    """Check one record by itself, and add it to those that can be read."""
    name = _name(root, folder)
    remove = f"rm -r {name}"
    if folder.name.startswith("."):
        if not busy:
            yield _left(root, folder)
        return
    try:
        done = record.read(folder / "trial.json")
    except Infrastructure as error:
        yield _said(root, folder / "trial.json", error, remove)
        return
    recorded.append((folder, done))
    if done.id != folder.name:
        yield Finding(f"{name}/trial.json", None, f"is the record {done.id!r}", remove)
    kernel = folder / "kernels.py"
    try:
        found = hashlib.sha256(kernel.read_bytes()).hexdigest()
        if found != done.kernel_sha256:
            problem = f"is not the kernel that was judged ({done.kernel_sha256[:12]})"
            yield Finding(f"{name}/kernels.py", None, problem, remove)
    except OSError as error:
        yield Finding(f"{name}/kernels.py", None, f"cannot be read: {error.strerror}", remove)
    for part in ("blocks", "upstream"):
        yield from _table(root, folder / f"{part}.parquet", remove, wanted=done.processes > 0)
    page = folder / "callsite.json"
    yield from _asked(root, page, lambda: transfer.parse(page), f"rm {name}/callsite.json")
    yield from _drafts(root, folder)


def _table(root: Path, path: Path, mend: str, *, wanted: bool) -> Iterator[Finding]:
    """Check that a table can be read to its end."""
    import pyarrow as pa
    from pyarrow import parquet

    if not path.exists():
        if wanted:
            yield Finding(_name(root, path), None, "is missing", mend)
        return
    try:
        parquet.read_table(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        first = str(error).splitlines()[0].replace(f"{root}/", "")
        yield Finding(_name(root, path), None, f"cannot be read: {first}", mend)


def _record_folders(root: Path) -> list[Path]:
    trials = record.folder(root, "")
    if not trials.is_dir():
        return []
    # A notebook that is executed has a scratch folder here, and no lock.
    return sorted(
        path
        for path in trials.iterdir()
        if path.is_dir() and not path.name.startswith((".executing-", ".ipynb"))
    )


def _target_of(folder: Path) -> str:
    """The target in a record's name, ``TIME-TARGET-KERNEL``; drafts are ``.NAME.partial``."""
    parts = folder.name.removeprefix(".").removesuffix(".partial").split("-")
    return "-".join(parts[1:-1])


def _asked(root: Path, path: Path, read: Callable[[], object], mend: str) -> Iterator[Finding]:
    """What a reader says of a file."""
    try:
        read()
    except Infrastructure as error:
        yield _said(root, path, error, mend)


def _said(root: Path, path: Path, error: Infrastructure, mend: str) -> Finding:
    """A reader's message: it begins with the file and often ends with what mends it."""
    message = str(error)
    # A snapshot's reader names the archive, not what it was asked for.
    named = re.match(r"(?:snapshots|targets)/\S+?(?=:? )", message)
    if named:
        path = root / named[0]
    message = message.replace(f"{root}/", "").removeprefix(_name(root, path))
    line = re.match(r" line (\d+)", message)
    message = message[line.end() if line else 0 :].lstrip(": ")
    problem, mend = _split(message, mend)
    return Finding(_name(root, path), int(line[1]) if line else None, problem, mend)


def _split(message: str, mend: str) -> tuple[str, str]:
    parts = _MENDS.split(" ".join(message.split()), maxsplit=1)
    return parts[0], parts[1] if len(parts) > 1 else mend


def _torn(root: Path, path: Path, mend: str) -> Iterator[Finding]:
    """Name a last line that a crash cut short; every reader passes it over."""
    try:
        raw = path.read_bytes()
    except OSError:
        return
    if raw and not raw.endswith(b"\n"):
        line = raw.count(b"\n") + 1
        yield Finding(_name(root, path), line, "was cut short by a crash", mend)


def _drafts(root: Path, folder: Path) -> Iterator[Finding]:
    """Name what a killed `files.write_whole` left."""
    for path in sorted(folder.glob(".*")):
        if path.is_file() and files.DRAFT.fullmatch(path.name):
            yield _left(root, path)


def _left(root: Path, path: Path) -> Finding:
    name = _name(root, path)
    what = "rm -r" if path.is_dir() else "rm"
    return Finding(name, None, "was being written when its process ended", f"{what} {name}")


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()
