"""The judge's files: which they are, their digest, and proof that they are the committed ones."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

from workbench import git
from workbench.errors import Refused
from workbench.targets import FEATURE_LIST, FEATURES, JUDGE_FILES, SCORES

PACKAGE = Path(__file__).resolve().parents[1]

# Whatever takes part in a verdict. A name is a module or a package of that name.
JUDGE_MODULES = (
    *(
        "errors",
        "targets",
        "simd",
        "policy",
        "oracles",
        "agreement",
        "elementwise",
        "ranking",
        "host",
        "ledger",
        "record",
        "incumbent",
    ),
    *("arena", "child", "runner", "lane", "timers", "counters", "judge", "stats", "gate", "trial"),
    *(
        "setting",
        "builds",
        "calibration",
        "locks",
        "outcome",
        "contest",
        "duel",
        "patience",
        "comparison",
        "forkserver",
    ),
    *("spec", "git", "ticks", "roofline", "spinning", "sandbox", "files", "parity", "opus", "row"),
    # the truth of the codec's targets is the real library, in this process
    *("scoring", "features", "upstreams/libopus"),
)
# Runs whenever the judge is imported, so it must be the committed one; but it lists the whole
# package and changes with it, so it is no part of the digest that makes figures comparable.
# Nor are the queries around the kernels, which no trial runs.
ALSO_COMMITTED = ("__init__", "callsites", "upstreams", "snapshots", "integrate", "transfer")


def judge_files(root: Path, target_folder: Path) -> dict[str, str]:
    """Digest every file that takes part in a verdict on a target.

    Parameters
    ----------
    root, target_folder : Path
        The project and the target's own folder in it.

    Returns
    -------
    dict of str to str
        Path relative to ``root`` (package files: ``workbench/...``, wherever they are
        installed) to the sha256 of the content, sorted by path.

    Raises
    ------
    Refused
        If a file of the target is missing, or any file is a symbolic link.
    """
    return {
        name: hashlib.sha256(_read(name, path)).hexdigest()
        for name, path in sorted(_paths(root, target_folder).items())
    }


def judge_sha256(files: Mapping[str, str]) -> str:
    """Sum up `judge_files` in one digest.

    Examples
    --------
    >>> judge_sha256({"a": "1", "b": "2"}) == judge_sha256({"b": "2", "a": "1"})
    True
    """
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def verify_committed(root: Path, target_folder: Path) -> None:
    """Refuse a judge whose files are not exactly those of HEAD.

    The package's files are compared when the package lives in ``root``'s checkout; an
    installed copy is only digested. Content is compared as git hashes it, so neither the index
    nor ``assume-unchanged`` can hide an edit.

    Raises
    ------
    Refused
        Naming each changed, missing or untracked file and the command that mends it; or saying
        that there is no git, no repository or no commit to compare with.
    """
    root = root.resolve()
    top = Path(_git(root, "rev-parse", "--show-toplevel").strip())
    files = [*_paths(root, target_folder).values()]
    files += [path for name in ALSO_COMMITTED for path in _sources(name)]
    compared = {
        path.relative_to(top).as_posix(): path
        for path in files
        if path.is_relative_to(top) and "site-packages" not in path.parts
    }
    folders = sorted({Path(name).parent.as_posix() for name in compared})
    committed = _committed(top, [f"{folder}/" for folder in folders if folder != "."])
    changed, untracked = [], []
    for name, path in sorted(compared.items()):
        if name not in committed:
            untracked.append(name)
        elif not _is_blob(_read(name, path), committed[name]):
            changed.append(name)
    home = PACKAGE.relative_to(top).as_posix() if PACKAGE.is_relative_to(top) else None
    missing = [
        name for name in committed if home and _is_judge_module(name, home) and name not in compared
    ]
    _refuse(changed, "changed since the commit", "git checkout HEAD --", top, root)
    _refuse(missing, "deleted", "git checkout HEAD --", top, root)
    _refuse(untracked, "not committed", "git add", top, root)


def _refuse(names: list[str], what: str, command: str, top: Path, root: Path) -> None:
    if not names:
        return
    shown = [os.path.relpath(top / name, root) for name in names]
    mend = f"`{command} {' '.join(shown)}`"
    if command == "git add":
        mend += " and `git commit`"
    raise Refused(
        f"the judge's {'files are' if len(shown) > 1 else 'file is'} {what}: "
        f"{', '.join(shown)}; a trial needs the committed judge: {mend}"
    )


def _paths(root: Path, target_folder: Path) -> dict[str, Path]:
    """Every judge file by the name it is known by."""
    root, folder = root.resolve(), Path(os.path.abspath(target_folder))  # noqa: PTH100 - resolve() would follow the links that are refused here
    if not folder.is_relative_to(root):
        folder = folder.resolve()
        if not folder.is_relative_to(root):
            raise Refused(f"{target_folder} is not inside the project {root}")
    found: dict[str, Path] = {}
    for file in JUDGE_FILES:
        path = folder / file
        name = path.relative_to(root).as_posix()
        if not path.is_file() and not path.is_symlink():
            raise Refused(
                f"the judge's file {name} is missing: `git checkout HEAD -- {name}` restores it"
            )
        found[name] = path
    for file in (SCORES, FEATURES, FEATURE_LIST):
        path = folder / file
        if path.is_file() or path.is_symlink():
            found[path.relative_to(root).as_posix()] = path
    # Some inputs come from recorded pages; a manifest pins the sha256 of all it recorded. Those of
    # other targets only where target.toml names them: one recorded again is no new class for all.
    for name in (f"*/{folder.name}", _snapshot(folder)):
        for path in root.glob(f"snapshots/{name}/manifest.json"):
            found[path.relative_to(root).as_posix()] = path
    for module in JUDGE_MODULES:
        for path in _sources(module):
            found[f"workbench/{path.relative_to(PACKAGE).as_posix()}"] = path
    for name, path in found.items():
        _refuse_links(name, path, PACKAGE if path.is_relative_to(PACKAGE) else root)
    return found


def _snapshot(folder: Path) -> str:
    """``UPSTREAM/TARGET`` of the snapshot that target.toml names, which may be another target's."""
    try:
        table = tomllib.loads((folder / "target.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # `targets.load` says what is wrong with it
        return ""
    return str(table.get("snapshot", ""))


def _sources(module: str) -> list[Path]:
    """Files of one module or package of `PACKAGE`."""
    candidates = (PACKAGE / f"{module}.py", *(PACKAGE / module).rglob("*.py"))
    return [path for path in candidates if path.is_file() or path.is_symlink()]


def _refuse_links(name: str, path: Path, base: Path) -> None:
    for part in (path, *path.parents):
        if part == base:
            return
        if part.is_symlink():
            raise Refused(
                f"the judge's file {name} is reached through the symbolic link {part.name}: "
                "a judge's file is a plain file; remove the link and "
                f"`git checkout HEAD -- {name}`"
            )


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"the judge's file {name} cannot be read: {error.strerror}") from error


def _is_judge_module(name: str, home: str) -> bool:
    prefix = "" if home == "." else f"{home}/"
    if not name.startswith(prefix) or not name.endswith(".py"):
        return False
    first = name.removeprefix(prefix).split("/")[0]
    return first.removesuffix(".py") in (*JUDGE_MODULES, *ALSO_COMMITTED)


def _committed(top: Path, folders: list[str]) -> dict[str, str]:
    """Blob hashes of HEAD below some folders, by path from the top of the checkout."""
    listing = _git(top, "ls-tree", "-r", "-z", "--full-tree", "HEAD", "--", *folders)
    blobs: dict[str, str] = {}
    for entry in listing.split("\0"):
        if entry:
            meta, name = entry.split("\t", 1)
            blobs[name] = meta.split(" ")[2]
    return blobs


def _is_blob(content: bytes, blob: str) -> bool:
    """Whether git would store this content under this hash (sha1, or sha256 when longer)."""
    whole = b"blob %d\0" % len(content) + content
    algorithm = "sha1" if len(blob) == 40 else "sha256"
    return hashlib.new(algorithm, whole, usedforsecurity=False).hexdigest() == blob


def _git(folder: Path, *arguments: str) -> str:
    try:
        return git.run(folder, *arguments).decode("utf-8", "surrogateescape")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused(
            f"git cannot be run ({error}), so the judge's files cannot be compared with the "
            "committed ones: install git"
        ) from error
    except subprocess.CalledProcessError as error:
        words = error.stderr.decode("utf-8", "replace").splitlines()
        reason = next(iter(words), "").removeprefix("fatal: ")
        raise Refused(
            f"the judge's files cannot be compared with a commit ({reason or 'git failed'}): "
            "run in a git clone of the workbench with at least one commit"
        ) from error
