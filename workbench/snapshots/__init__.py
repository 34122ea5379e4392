"""Recorded upstream evidence: what the real system answered, kept byte for byte.

``snapshots/<upstream>/<target>/`` holds compressed NumPy archives and a ``manifest.json``. An
archive named ``<shape>.npz`` holds what every case of that shape shares, ``<shape>-<name>.npz``
one case. Arrays are named after their role, ``fixture_*``, ``request_*`` or ``output_*``.
"""

from workbench.snapshots.drifting import DriftReport, FileDrift, drift
from workbench.snapshots.evidence import Case, Snapshot, load, recorded
from workbench.snapshots.manifest import MANIFEST, Manifest, RecordedFile
from workbench.snapshots.recording import record, version, wheel_sha256

__all__ = [
    "MANIFEST",
    "Case",
    "DriftReport",
    "FileDrift",
    "Manifest",
    "RecordedFile",
    "Snapshot",
    "drift",
    "load",
    "record",
    "recorded",
    "version",
    "wheel_sha256",
]
