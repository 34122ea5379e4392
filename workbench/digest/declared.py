"""declared.toml: numbers of a text that no query gives, each with where it is from."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from workbench.digest.numbers import NUMBER, is_bare
from workbench.errors import Infrastructure


@dataclass(frozen=True)
class Declared:
    """Phrases with one source.

    Attributes
    ----------
    source : str
        Why these are no measurements of this digest, or who measured them.
    phrases : tuple of str
        Numbers with the words about them, as they stand in the text.
    """

    source: str
    phrases: tuple[str, ...]


def read(path: Path) -> list[Declared]:
    """Read a declared.toml; without the file nothing is declared.

    Raises
    ------
    Infrastructure
        If it is not TOML, or an entry lacks its source, or a phrase is a bare number or has none.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Infrastructure(f"{path} cannot be read: {error}") from error
    entries = document.pop("from", [])
    if document or not isinstance(entries, list):
        raise Infrastructure(f"{path}: entries are [[from]] with source and phrases, nothing else")
    return [_entry(path, number, entry) for number, entry in enumerate(entries, 1)]


def _entry(path: Path, number: int, entry: object) -> Declared:
    where = f"{path}, entry {number}"
    if not isinstance(entry, dict) or set(entry) != {"source", "phrases"}:
        raise Infrastructure(f"{where}: it has source and phrases, nothing else")
    source, phrases = entry["source"], entry["phrases"]
    if not isinstance(source, str) or not source.strip():
        raise Infrastructure(f"{where}: say in words where these numbers are from")
    if not isinstance(phrases, list) or not all(isinstance(p, str) for p in phrases):
        raise Infrastructure(f"{where}: phrases is a list of texts")
    for phrase in phrases:
        if not NUMBER.search(phrase):
            raise Infrastructure(f"{where}: {phrase!r} has no number, so it needs no source")
        if is_bare(phrase):
            raise Infrastructure(
                f"{where}: {phrase!r} would cover that number everywhere; add the word that it "
                "stands with"
            )
    return Declared(source, tuple(phrases))
