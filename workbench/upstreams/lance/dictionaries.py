"""Dictionary-encoded pages: what Lance wrote of columns with few values, and what it read back.

Lance 14.0.2 encodes a column of strings, of 16-byte values and (from file version 2.2 on) of
8-byte ones with a dictionary when that is smaller, which it judges from a sample; never one of
4-byte values. The indices are u32: bit-packed in chunks of 1,024, or run lengths where values
repeat. The dictionary is one buffer of the page, read and decoded once, when the page is first
touched. A null is an index like any other, of an empty string or a zero value, and the definition
levels say that it is null.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure
from workbench.upstreams.lance.distribution import Files, pylance
from workbench.upstreams.lance.fastlanes import unpack
from workbench.upstreams.lance.pages import Chunk, Page, read_pages

SEED = 20_260_104
ROWS = 4_000
ITEMS = 500

# What Lance says of bad input, and the code a kernel answers with.
ERRORS: Mapping[str, int] = {"cannot append offsets": -1, "cannot append selection": -2}
# Buffers of a page, as `pages` has them.
CHUNKS, DICTIONARY = 1, 2


def read_page(page: Page) -> tuple[dict[str, NDArray[Any]], NDArray[np.uint32]]:
    """Read the dictionary and the indices of a page.

    Returns
    -------
    tuple
        ``values`` u8, ``offsets`` i32 (empty unless they are strings) and ``width`` i64[1], the
        bytes of a value (0 if they are strings); and the index of every row.

    Raises
    ------
    Infrastructure
        If the page has no dictionary, or is encoded in a way that is not known here.
    """
    return _dictionary(page), np.concatenate([_indices(page, chunk) for chunk in page.chunks()])


def record_dictionary() -> Files:
    """Ask Lance for the evidence of target ``dictionary``: one page for each case."""
    import pyarrow as pa

    files: Files = {}
    rng = np.random.default_rng(SEED)
    strings = [rng.integers(97, 123, n, np.uint8).tobytes() for n in rng.integers(0, 24, ITEMS)]
    numbers = rng.integers(-(2**62), 2**62, ITEMS)
    wide = [rng.bytes(16) for _ in range(ITEMS)]
    for name, draw in DRAWS.items():
        rows = pa.array(draw(rng))
        # the distinct ones are what the dictionary will hold: an empty string is one of them
        files[f"text-{name}"] = _ask(pa.array(strings, pa.binary()).take(rows), "2.1")
        files[f"16B-{name}"] = _ask(pa.array(wide, pa.binary(16)).take(rows), "2.1")
        if name != "constant":  # one value is not a dictionary in version 2.2
            files[f"8B-{name}"] = _ask(pa.array(numbers, pa.int64()).take(rows), "2.2")
    few = pa.array([b"one", b"", b"three"] * 700, pa.binary())
    # packed indices of 2 bits that are all 3, and the end of the first string behind all strings
    files["refused-index"] = _ask(few, "2.1", (CHUNKS, 16, b"\xff" * 64))
    files["refused-offset"] = _ask(few, "2.1", (DICTIONARY, 12, b"\xff\0\0\0"))
    return files


def _ask(
    column: Any, version: str, damage: tuple[int, int, bytes] | None = None
) -> dict[str, NDArray[Any]]:
    """Write a column, read its page as stored and its values as Lance gives them.

    Where it refuses them, because bytes were put at a place of a buffer, its code is the answer.
    """
    import pyarrow as pa

    pylance()
    from lance.file import LanceFileReader, LanceFileWriter

    meta = {
        "lance-encoding:dict-size-ratio": "1.0",
        "lance-encoding:dict-divisor": "1",
        "lance-encoding:dict-values-compression": "none",
    }
    schema = pa.schema([pa.field("value", column.type, metadata=meta)])
    with tempfile.TemporaryDirectory(prefix="workbench-lance-") as folder:
        path = Path(folder) / "dictionary.lance"
        with LanceFileWriter(str(path), schema, version=version) as writer:
            writer.write_batch(pa.table([column], schema=schema))
        if damage is not None:
            _damage(path, *damage)
        (page,) = read_pages(path)["value"]
        fixture, indices = read_page(page)
        try:
            found = LanceFileReader(str(path)).read_all().to_table()["value"].combine_chunks()
        except ValueError as error:
            return _refused(fixture, indices, str(error))
    zero = 0 if column.type == pa.int64() else b"\0" * int(fixture["width"][0])
    found = found.fill_null(pa.scalar(zero, column.type))
    data, outputs = _bytes(found)
    return _case(fixture, indices, data, 0) | outputs


def _case(
    fixture: Mapping[str, NDArray[Any]],
    indices: NDArray[np.uint32],
    data: NDArray[np.uint8],
    status: int,
) -> dict[str, NDArray[Any]]:
    """One request of one batch."""
    return {
        **{f"fixture_{name}": array for name, array in fixture.items()},
        "request_indices": indices[None, None],
        "request_room": np.array([len(data)]),
        "output_out": data[None],
        "output_count": np.array([len(data)]),
        "output_status": np.array([status]),
    }


def _refused(
    fixture: Mapping[str, NDArray[Any]], indices: NDArray[np.uint32], error: str
) -> dict[str, NDArray[Any]]:
    for words, code in ERRORS.items():
        if words in error:
            nothing = {"output_out_offsets": np.zeros((1, 1, len(indices) + 1), np.int32)}
            return _case(fixture, indices, np.zeros(0, np.uint8), code) | nothing
    raise Infrastructure(f"Lance {pylance().__version__} answers with an unknown error: {error}")


def _damage(path: Path, buffer: int, place: int, data: bytes) -> None:
    """Overwrite bytes of a buffer of the only page."""
    from lance.file import LanceFileReader

    (column,) = LanceFileReader(str(path)).metadata().columns
    with path.open("r+b") as file:
        file.seek(column.pages[0].buffers[buffer].position + place)
        file.write(data)


def _bytes(column: Any) -> tuple[NDArray[np.uint8], dict[str, NDArray[Any]]]:
    """Bytes of all values; of strings also their offsets."""
    import pyarrow as pa

    buffers = column.buffers()
    data = np.frombuffer(buffers[-1], np.uint8)
    if column.type != pa.binary():
        return data[: len(column) * column.type.bit_width // 8], {}
    offsets = np.frombuffer(buffers[1], np.int32, len(column) + 1)
    return data[: offsets[-1]], {"output_out_offsets": offsets[None, None]}


def _dictionary(page: Page) -> dict[str, NDArray[Any]]:
    """Values of a page's dictionary, decoded."""
    encoding, data = page.layout["dictionary"], page.dictionary
    if encoding is None or data is None:
        raise Infrastructure("Lance chose no dictionary where it did before: see RESYNC.md")
    items = page.layout["num_dictionary_items"]
    values, offsets, width = data, np.zeros(0, np.int32), 0
    if encoding.kind == "Variable":
        values, offsets = strings_of(data, items)
    elif encoding.kind == "Flat":
        width = encoding["bits_per_value"] // 8
        values = data[: items * width]
    elif encoding.kind == "InlineBitpacking":
        width = encoding["uncompressed_bits_per_value"] // 8
        values = _unpacked(data.view(f"<u{width}"), items).view(np.uint8)
    else:
        raise Infrastructure(f"a dictionary encoded as {encoding.kind} cannot be read yet")
    return {"values": values, "offsets": offsets, "width": np.array([width])}


def strings_of(data: NDArray[np.uint8], items: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Bytes and offsets of a dictionary of strings, as a page keeps it.

    A u32 has the bits of an offset, a u32 says where the strings begin; the offsets follow.
    """
    bits, start = data[:8].view("<u4").tolist()
    if bits != 32 or start != 12 + 4 * items:
        raise Infrastructure(
            f"a dictionary of {items} strings begins with {bits}, {start}: see RESYNC.md"
        )
    offsets = data[8:start].view("<i4")
    return data[start : start + offsets[-1]], offsets


def _indices(page: Page, chunk: Chunk) -> NDArray[np.uint32]:
    """Indices of one mini-block."""
    encoding = page.layout["value_compression"]
    if encoding.kind == "InlineBitpacking":
        return _unpacked(chunk.buffers[0].view("<u4"), chunk.values)
    if encoding.kind == "Rle":
        values, lengths = chunk.buffers
        return np.repeat(values.view("<u4"), lengths)
    raise Infrastructure(f"indices encoded as {encoding.kind} cannot be read yet")


def _unpacked(words: NDArray[Any], count: int) -> NDArray[Any]:
    """Unpack one chunk of up to 1,024 values: a word with their width, then the bits."""
    return unpack(words[1:], int(words[0]))[:count]


def _with_nulls(rng: np.random.Generator) -> list[int | None]:
    rows = rng.integers(ITEMS, size=ROWS).tolist()
    dropped = (rng.random(ROWS) < 0.2).tolist()
    return [None if drop else row for row, drop in zip(rows, dropped, strict=True)]


DRAWS: Mapping[str, Callable[[np.random.Generator], Any]] = {
    "uniform": lambda rng: rng.integers(ITEMS, size=ROWS),
    "zipf": lambda rng: np.minimum(rng.zipf(1.3, ROWS), ITEMS) - 1,
    "runs": lambda rng: np.repeat(rng.integers(ITEMS, size=ROWS // 50), 50),
    "sorted": lambda rng: np.sort(rng.integers(ITEMS, size=ROWS)),
    "constant": lambda rng: np.full(ROWS, 7),
    "nulls": _with_nulls,
}
