"""Where a snapshot came from, and what it must still contain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

MANIFEST = "manifest.json"
SCHEMA = 1
TEXTS = ("upstream", "target", "version", "wheel_sha256", "machine", "command")


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
