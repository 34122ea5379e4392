"""Recorded upstream evidence: what the real system answered, kept byte for byte.

``snapshots/<upstream>/<target>/`` holds compressed NumPy archives and a ``manifest.json``. An
archive named ``<shape>.npz`` holds what every case of that shape shares, ``<shape>-<name>.npz``
one case. Arrays are named after their role, ``fixture_*``, ``request_*`` or ``output_*``.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.metadata
import io
import json
import platform
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench import oracles, targets
from workbench.errors import Infrastructure, Usage
from workbench.files import write_whole

Arrays = Mapping[str, NDArray[Any]]
DriftStatus = Literal["identical", "within tolerance", "drifted"]

MANIFEST = "manifest.json"
SCHEMA = 1
TEXTS = ("upstream", "target", "version", "wheel_sha256", "machine", "command")
# Upstreams that can be asked, and the module that asks: it has DISTRIBUTION and RECORDERS.
# Where a library inside the distribution answers, it also has release() and library_sha256().
UPSTREAMS: Mapping[str, str] = {
    "lance": "workbench.upstreams.lance",
    "libopus": "workbench.upstreams.libopus",
}


@dataclass(frozen=True)
class RecordedFile:
    """Fingerprint of one archive.

    Attributes
    ----------
    sha256 : str
        Of the whole file.
    bytes : int
        Its size.
    """

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """Where a snapshot came from, and what it must still contain.

    Attributes
    ----------
    upstream, target : str
        The folder's two names.
    version : str
        Version of the upstream's distribution, or of the library inside it, that answered.
    wheel_sha256 : str
        Digest of the distribution's installed files, see `wheel_sha256`.
    machine : str
        Architecture that answered: float32 orders differ between them.
    command : str
        What records it again.
    files : mapping of str to RecordedFile
        Every archive of the folder.
    schema : int
        Version of this format.
    library_sha256 : str or None
        Of the library's own file, where one inside the distribution answered.
    """

    upstream: str
    target: str
    version: str
    wheel_sha256: str
    machine: str
    command: str
    files: Mapping[str, RecordedFile]
    schema: int = SCHEMA
    library_sha256: str | None = None

    def to_json(self) -> str:
        """Serialise with sorted keys, so that equal manifests are equal files."""
        fields = asdict(self)
        if self.library_sha256 is None:
            del fields["library_sha256"]
        return json.dumps(fields, indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Parse what `to_json` wrote.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is not a manifest of this schema.
        """
        fields = json.loads(text)
        texts = [*TEXTS, *(fields.keys() & {"library_sha256"})]
        odd = [name for name in texts if not isinstance(fields[name], str)]
        if odd:
            raise ValueError(f"{odd[0]} is no text")
        if fields["schema"] != SCHEMA:
            raise ValueError(f"schema {fields['schema']!r}, this program reads {SCHEMA}")
        files = {name: RecordedFile(**entry) for name, entry in fields.pop("files").items()}
        for name in files:
            if Path(name).name != name or not name.endswith(".npz"):
                raise ValueError(f"file name {name!r} leaves the folder")
        return cls(files=files, **fields)


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


@dataclass(frozen=True)
class FileDrift:
    """How one archive compares with what the installed upstream answers today.

    Attributes
    ----------
    target, file : str
        Which archive.
    status : str
        ``identical``, ``within tolerance`` or ``drifted``.
    max_abs_err : float
        Largest difference found; 0 where identical, and where arrays cannot be compared.
    why : str
        What differs, empty when identical.
    """

    target: str
    file: str
    status: DriftStatus
    max_abs_err: float
    why: str


@dataclass(frozen=True)
class DriftReport:
    """Every archive of one upstream against the installed version.

    Attributes
    ----------
    upstream : str
        Whose evidence this is.
    recorded : tuple of str
        Versions that recorded it.
    installed : str
        The version that was asked now.
    files : tuple of FileDrift
        One for each archive.
    """

    upstream: str
    recorded: tuple[str, ...]
    installed: str
    files: tuple[FileDrift, ...]

    @property
    def drifted(self) -> bool:
        """Whether any archive is beyond tolerance."""
        return any(file.status == "drifted" for file in self.files)


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
    folder = _folder(root, upstream, target)
    if not folder.is_dir():
        raise Usage(_unknown(f"{upstream}/{target}", recorded(root)))
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


def record(upstream: str, target: str, root: Path | None = None) -> Manifest:
    """Ask the installed upstream again and replace the snapshot: an act on purpose.

    The manifest is written last, so an interrupted recording is refused by `load`.

    Raises
    ------
    Usage
        If nothing records that pair.
    Infrastructure
        If the upstream is not installed.
    """
    root = root or targets.find_root()
    archives = _ask(upstream, target)
    library_sha256 = getattr(_module(upstream), "library_sha256", None)
    folder = _folder(root, upstream, target)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in archives.items():
        write_whole(folder / name, data)
    for stale in {p.name for p in folder.glob("*.npz")} - archives.keys():
        (folder / stale).unlink()
    manifest = Manifest(
        upstream=upstream,
        target=target,
        version=version(upstream),
        wheel_sha256=wheel_sha256(_module(upstream).DISTRIBUTION),
        machine=platform.machine(),
        command=f"workbench snapshot record {upstream} {target}",
        files={
            name: RecordedFile(hashlib.sha256(data).hexdigest(), len(data))
            for name, data in archives.items()
        },
        library_sha256=library_sha256() if library_sha256 else None,
    )
    write_whole(folder / MANIFEST, manifest.to_json().encode())
    return manifest


def drift(upstream: str | None = None, root: Path | None = None) -> tuple[DriftReport, ...]:
    """Ask the installed upstreams again, outside the project, and compare.

    Parameters
    ----------
    upstream : str, optional
        Default: every upstream that has snapshots.
    root : Path, optional
        The project; default: found from the working directory.

    Returns
    -------
    tuple of DriftReport
        One for each upstream. Nothing in the project is changed.

    Raises
    ------
    Usage
        If nothing is recorded of that upstream.
    Infrastructure
        If nothing is recorded at all.
    """
    root = root or targets.find_root()
    pairs = [name.split("/") for name in recorded(root)]
    if not pairs:
        raise Infrastructure(
            "no evidence: nothing is recorded under snapshots/, so nothing can be compared; "
            "restore it with git checkout -- snapshots"
        )
    known = sorted({name for name, _ in pairs})
    if upstream is not None and upstream not in known:
        raise Usage(_unknown(upstream, known))
    reports = []
    for name in [upstream] if upstream else known:
        old = [load(name, target, root) for owner, target in pairs if owner == name]
        reports.append(
            DriftReport(
                upstream=name,
                recorded=tuple(dict.fromkeys(snapshot.manifest.version for snapshot in old)),
                installed=version(name),
                files=tuple(line for snapshot in old for line in _drift(snapshot, root)),
            )
        )
    return tuple(reports)


def version(upstream: str) -> str:
    """Version of what answers: the installed distribution's, or that of a library inside it."""
    distribution = _installed(upstream)
    release = getattr(_module(upstream), "release", None)
    return str(release()) if release else importlib.metadata.version(distribution)


def wheel_sha256(distribution: str) -> str:
    """Fingerprint of an installed wheel.

    The digest covers the hashed lines of the distribution's RECORD file, sorted, without those
    of its ``.dist-info`` folder, which the installer writes: so every installer and every
    Python version gives the same digest for the same wheel.

    Examples
    --------
    >>> len(wheel_sha256("numpy"))
    64
    """
    lines = sorted(
        f"{file.as_posix()},{file.hash.mode}={file.hash.value},{file.size}"
        for file in importlib.metadata.files(distribution) or ()
        if file.hash is not None and not file.parts[0].endswith(".dist-info")
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _ask(upstream: str, target: str) -> dict[str, bytes]:
    """Return fresh evidence as archives; equal arrays give equal bytes (archives have no dates)."""
    recorders = _module(upstream).RECORDERS
    if target not in recorders:
        raise Usage(_unknown(f"{upstream}/{target}", [f"{upstream}/{t}" for t in recorders]))
    _installed(upstream)
    archives = {}
    for stem, arrays in recorders[target]().items():
        archive = io.BytesIO()
        np.savez_compressed(archive, **arrays)
        archives[f"{stem}.npz"] = archive.getvalue()
    return archives


def _drift(old: Snapshot, root: Path) -> Iterator[FileDrift]:
    """Compare one snapshot with fresh evidence that only ever lives in a temporary folder."""
    manifest = old.manifest
    with tempfile.TemporaryDirectory(prefix="workbench-drift-") as name:
        elsewhere = Path(name)
        record(manifest.upstream, manifest.target, elsewhere)
        new = load(manifest.upstream, manifest.target, elsewhere)
    tolerance = targets.load(manifest.target, root).spec["oracle"]
    for file in sorted(old.files.keys() | new.files.keys()):
        status, error, why = _compare(old.files.get(file), new.files.get(file), tolerance)
        yield FileDrift(manifest.target, file, status, error, why)


def _compare(
    old: Arrays | None, new: Arrays | None, tolerance: Mapping[str, Any]
) -> tuple[DriftStatus, float, str]:
    """Compare two archives: outputs within the target's tolerance, all else bit for bit."""
    if old is None or new is None:
        return "drifted", 0.0, "no longer recorded" if new is None else "not recorded before"
    if old.keys() != new.keys():
        return "drifted", 0.0, f"arrays {sorted(old)} became {sorted(new)}"
    status: DriftStatus = "identical"
    worst, notes = 0.0, []
    for name in old:
        result = oracles.bitwise(new[name], old[name], output=name)
        if isinstance(result, oracles.Mismatch) and name.startswith("output_"):
            result = _within(tolerance, name, new[name], old[name]) or result
        if isinstance(result, oracles.Mismatch):
            return "drifted", worst, result.describe()
        if not result.bitwise:
            status = "within tolerance"
            worst = max(worst, result.max_abs_err)
            notes.append(f"{name} differs by up to {result.max_abs_err:.3g}")
    return status, worst, "; ".join(notes)


def _within(
    tolerance: Mapping[str, Any], name: str, new: NDArray[Any], old: NDArray[Any]
) -> oracles.Agreement | oracles.Mismatch | None:
    """An output by the target's oracle; None where that has no tolerance for it."""
    kind, output = tolerance["kind"], name.removeprefix("output_")
    if kind == "max_abs_err":
        return oracles.max_abs_err(new, old, tolerance["atol"], tolerance["rtol"], output=name)
    if kind == "parity" and output == tolerance["pcm"]:
        return oracles.parity(new, old, tolerance["atol"], tolerance["min_snr_db"], output=name)
    return None


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


def _folder(root: Path, upstream: str, target: str) -> Path:
    return root / "snapshots" / upstream / target


def _module(upstream: str) -> Any:
    if upstream not in UPSTREAMS:
        raise Usage(_unknown(upstream, sorted(UPSTREAMS)))
    return importlib.import_module(UPSTREAMS[upstream])


def _installed(upstream: str) -> str:
    """Name of the upstream's distribution, once it is known to be installed."""
    module = _module(upstream)
    distribution: str = module.DISTRIBUTION
    extra = getattr(module, "EXTRA", upstream)
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError as error:
        raise Infrastructure(
            f"{distribution} is not installed: pip install -e '.[{extra}]'"
        ) from error
    return distribution


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known)}"
    return f"nothing is recorded as {name!r}; {hint}"
