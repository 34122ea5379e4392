"""The installed upstream: its version, and its answers recorded as a snapshot."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import io
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workbench import targets
from workbench.errors import Infrastructure, Usage
from workbench.files import write_whole
from workbench.snapshots.evidence import folder_of, unknown
from workbench.snapshots.manifest import MANIFEST, Manifest, RecordedFile

# Upstreams that can be asked, and the module that asks: it has DISTRIBUTION and RECORDERS.
# Where a library inside the distribution answers, it also has release() and library_sha256().
UPSTREAMS: Mapping[str, str] = {
    "lance": "workbench.upstreams.lance",
    "libopus": "workbench.upstreams.libopus",
}


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
    folder = folder_of(root, upstream, target)
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
        raise Usage(unknown(f"{upstream}/{target}", [f"{upstream}/{t}" for t in recorders]))
    _installed(upstream)
    archives = {}
    for stem, arrays in recorders[target]().items():
        archive = io.BytesIO()
        np.savez_compressed(archive, **arrays)
        archives[f"{stem}.npz"] = archive.getvalue()
    return archives


def _module(upstream: str) -> Any:
    if upstream not in UPSTREAMS:
        raise Usage(unknown(upstream, sorted(UPSTREAMS)))
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
