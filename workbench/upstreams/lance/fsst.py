"""FSST: pages that Lance compressed, and pages it is given to decode.

Lance trains the symbol table of a page on strings it draws at random, so the same column gives
other bytes each time. Two things do not depend on the draw: the table of a page whose strings are
all the same long text, and what Lance decodes. So the evidence is of two kinds:

- `train`: Lance compresses two copies of one text; its own table and codes are read back.
- `decode`: a table and codes of our choice are put into a page that pylance wrote. It writes the
  compressed strings as a plain binary column (chunked exactly as FSST pages are), then the
  column's ``Variable`` encoding is wrapped into ``Fsst`` in the file's metadata.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure
from workbench.upstreams.lance.distribution import pylance
from workbench.upstreams.lance.metadata import wrap
from workbench.upstreams.lance.pages import Page, read_pages

# 2.1 is the newest version that stores short chunks with u16 sizes; both versions decode alike.
VERSION = "2.1"
# What Lance says of bad input, and the code a kernel answers with.
ERRORS: Mapping[str, int] = {
    "is not a valid FSST": -1,
    "FSST symbol length": -1,
    "FSST offset": -2,
    "FSST escape is missing a payload byte": -4,
}


@dataclass(frozen=True)
class Strings:
    """Strings one after another.

    Attributes
    ----------
    data : ndarray
        u8, all bytes.
    offsets : ndarray
        i32[n + 1], string ``i`` is ``data[offsets[i]:offsets[i + 1]]``.
    """

    data: NDArray[np.uint8] = field(repr=False)
    offsets: NDArray[np.int32] = field(repr=False)


def train(text: bytes) -> tuple[NDArray[np.uint8], Strings, Strings]:
    """Have Lance compress two copies of a text of 16 to 32 kB.

    Returns
    -------
    tuple
        The symbol table u8[2312], the compressed strings as stored, and the strings read back.

    Raises
    ------
    Infrastructure
        If Lance chooses another encoding.
    """
    import pyarrow as pa

    with tempfile.TemporaryDirectory(prefix="workbench-lance-") as folder:
        path = Path(folder) / "trained.lance"
        _write(path, pa.array([text] * 2, pa.binary()), "fsst")
        (page,) = read_pages(path)["text"]
        encoding = page.layout["value_compression"]
        if page.layout.kind != "FullZipLayout" or encoding.kind != "Fsst":
            raise Infrastructure(f"Lance stored a long text as {encoding.kind}: see RESYNC.md")
        table = np.frombuffer(encoding["symbol_table"], np.uint8)
        return table, _full_zip_strings(page), _read(path)


def decode(
    table: NDArray[np.uint8], strings: Sequence[bytes | None]
) -> tuple[Strings, Strings | int]:
    """Have Lance decode strings compressed elsewhere.

    Parameters
    ----------
    table : ndarray
        u8[2312], a symbol table.
    strings : sequence of bytes or None
        Compressed strings; None is a null.

    Returns
    -------
    tuple
        The strings as the page stores them (a null is an empty string), and what Lance read,
        or the code of `ERRORS` for what it complained about.
    """
    import pyarrow as pa

    with tempfile.TemporaryDirectory(prefix="workbench-lance-") as folder:
        path = Path(folder) / "decoded.lance"
        _write(path, pa.array(strings, pa.binary()), "none")
        wrap(path, table)
        (page,) = read_pages(path)["text"]
        stored = _mini_block_strings(page)
        try:
            return stored, _read(path)
        except (OSError, ValueError, RuntimeError) as error:
            for words, code in ERRORS.items():
                if words in str(error):
                    return stored, code
            raise


def _write(path: Path, array: Any, compression: str) -> None:
    import pyarrow as pa

    pylance()
    from lance.file import LanceFileWriter

    meta = {
        "lance-encoding:compression": compression,
        "lance-encoding:dict-size-ratio": "0.0001",  # no dictionary
    }
    schema = pa.schema([pa.field("text", array.type, metadata=meta)])
    with LanceFileWriter(str(path), schema, version=VERSION) as writer:
        writer.write_batch(pa.table([array], schema=schema))


def _read(path: Path) -> Strings:
    """Ask Lance for all strings; a null is an empty one."""
    import pyarrow as pa
    from lance.file import LanceFileReader

    column = LanceFileReader(str(path)).read_all().to_table()["text"].combine_chunks()
    return _packed(column.fill_null(pa.scalar(b"", pa.binary())).to_pylist())


def _packed(strings: Sequence[bytes]) -> Strings:
    offsets = np.zeros(len(strings) + 1, np.int32)
    np.cumsum([len(s) for s in strings], out=offsets[1:])
    return Strings(np.frombuffer(b"".join(strings), np.uint8).copy(), offsets)


def _mini_block_strings(page: Page) -> Strings:
    """Strings of all mini-blocks: each starts with the offsets of its strings in itself."""
    found = []
    for chunk in page.chunks():
        (data,) = chunk.buffers
        bounds = data[: 4 * (chunk.values + 1)].view("<u4").tolist()
        found += [data[a:b].tobytes() for a, b in itertools.pairwise(bounds)]
    return _packed(found)


def _full_zip_strings(page: Page) -> Strings:
    """Strings of a full-zip page: each follows its length, a u32."""
    data, found, at = page.buffers[0].tobytes(), [], 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        found.append(data[at + 4 : end])
        at = end
    return _packed(found)
