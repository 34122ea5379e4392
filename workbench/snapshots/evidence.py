"""Snapshots, read: every byte is checked before anything is believed."""

from __future__ import annotations

import difflib
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import targets
from workbench.errors import Infrastructure, Usage
from workbench.snapshots.manifest import MANIFEST, Manifest, RecordedFile

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Case:
    """One recorded question and upstream's answer to it.

    Attributes
    ----------
    shape, distribution : str
        Together they name the case.
    fixture, requests, outputs : mapping of str to ndarray
        As in `workbench.targets.Workload`; requests and outputs have a leading axis.
    """

    shape: str
    distribution: str
    fixture: Arrays = field(repr=False)
    requests: Arrays = field(repr=False)
    outputs: Arrays = field(repr=False)

    @property
    def name(self) -> str:
        """The case's name, ``shape/distribution``."""
        return f"{self.shape}/{self.distribution}"


@dataclass(frozen=True)
class Snapshot:
    """A verified snapshot.

    Attributes
    ----------
    manifest : Manifest
        Its origin.
    files : mapping of str to mapping of str to ndarray
        The arrays of each archive, as stored.
    """

    manifest: Manifest
    files: Mapping[str, Arrays] = field(repr=False)

    def cases(self) -> Iterator[Case]:
        """Yield every recorded case, in C order; float16 (exact by design) becomes float32."""
        for file, own in self.files.items():
            shape, _, distribution = file.removesuffix(".npz").partition("-")
            if distribution:
                arrays = {**self.files.get(f"{shape}.npz", {}), **own}
                yield Case(
                    shape=shape,
                    distribution=distribution,
                    fixture=_role(arrays, "fixture_"),
                    requests=_role(arrays, "request_"),
                    outputs=_role(arrays, "output_"),
                )


def load(upstream: str, target: str, root: Path | None = None) -> Snapshot:
    """Load a snapshot after checking every byte of it.

    Raises
    ------
    Usage
        If there is no such snapshot.
    Infrastructure
        If a file is missing, changed or not listed; the message names it and how to restore it.

    Examples
    --------
    >>> load("lance", "pq_l2").manifest.version
    '14.0.2'
    """
    root = root or targets.find_root()
    folder = folder_of(root, upstream, target)
    if not folder.is_dir():
        raise Usage(unknown(f"{upstream}/{target}", recorded(root)))
    manifest = _manifest(root, folder)
    files = {name: _verified(root, folder, name, manifest) for name in sorted(manifest.files)}
    extra = sorted({p.name for p in folder.glob("*.npz")} - files.keys())
    if extra:
        path = (folder / extra[0]).relative_to(root)
        raise Infrastructure(f"{path} is not in its manifest: remove it, or record it on purpose")
    return Snapshot(manifest, files)


def recorded(root: Path | None = None) -> list[str]:
    """Names of all snapshots of the project as ``upstream/target``, sorted."""
    folder = (root or targets.find_root()) / "snapshots"
    return sorted(f"{p.parent.parent.name}/{p.parent.name}" for p in folder.glob(f"*/*/{MANIFEST}"))


def folder_of(root: Path, upstream: str, target: str) -> Path:
    """Where a snapshot lies."""
    return root / "snapshots" / upstream / target


def unknown(name: str, known: list[str]) -> str:
    """What to say of a snapshot or an upstream that is not there."""
    near = difflib.get_close_matches(name, known)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known)}"
    return f"nothing is recorded as {name!r}; {hint}"


def _role(arrays: Arrays, prefix: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of one role, without its prefix."""
    return {
        name.removeprefix(prefix): np.ascontiguousarray(
            array, dtype=np.float32 if array.dtype == np.float16 else array.dtype
        )
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _manifest(root: Path, folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        manifest = Manifest.from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise _damaged(root, path, "is missing") from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(root, path, f"cannot be read ({error})") from error
    if (manifest.upstream, manifest.target) != (folder.parent.name, folder.name):
        raise _damaged(root, path, f"is of {manifest.upstream}/{manifest.target}")
    return manifest


def _verified(root: Path, folder: Path, name: str, manifest: Manifest) -> Arrays:
    """Read one archive, from the very bytes that were checked."""
    path = folder / name
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise _damaged(root, path, "is missing") from error
    except (OSError, ValueError) as error:  # a name that no file can have
        raise _damaged(root, folder / MANIFEST, f"names {name!r} ({error})") from error
    found = RecordedFile(hashlib.sha256(data).hexdigest(), len(data))
    if found != manifest.files[name]:
        raise _damaged(
            root, path, f"does not have the sha256 of its manifest ({found.sha256[:12]} found)"
        )
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return dict(archive)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(root, path, f"is no archive of arrays ({error})") from error


def _damaged(root: Path, path: Path, what: str) -> Infrastructure:
    name = path.relative_to(root).as_posix()
    return Infrastructure(f"{name} {what}: restore it with git checkout -- {name}")
