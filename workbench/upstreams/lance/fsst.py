"""FSST: pages that Lance compressed, and pages it is given to decode.

Lance trains the symbol table of a page on strings it draws at random, so the same column gives
other bytes each time. Two things do not depend on the draw: the table of a page whose strings are
all the same long text, and what Lance decodes. So the evidence is of two kinds:

- `train`: Lance compresses two copies of one text; its own table and codes are read back.
- `decode`: a table and codes of our choice are put into a page that pylance wrote. It writes the
  compressed strings as a plain binary column (chunked exactly as FSST pages are), then the
  column's ``Variable`` encoding is wrapped into ``Fsst`` in the file's metadata.

A symbol table has 2,312 bytes, found by reading them and by `decode`: a little-endian header of
8 (number of symbols, terminator, suffix limit, switch, "FSST" as a number), up to 255 symbols of
8 bytes and then, right after the last one, their lengths. Where the switch is 0 the strings are
stored as they are.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure
from workbench.upstreams.lance.distribution import pylance
from workbench.upstreams.lance.pages import Page, read_pages

Files = dict[str, dict[str, NDArray[Any]]]

TABLE_BYTES = 8 + 256 * 8 + 256
ESCAPE = 255
# 2.1 is the newest version that stores short chunks with u16 sizes; both versions decode alike.
VERSION = "2.1"
SEED = 20_260_103
# Lance takes FSST from 32 kB of strings on, and for strings of less than 32 kB each.
TEXT_BYTES = 20_000
STRINGS = 600

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
        _wrap(path, table)
        (page,) = read_pages(path)["text"]
        stored = _mini_block_strings(page)
        try:
            return stored, _read(path)
        except (OSError, ValueError, RuntimeError) as error:
            for words, code in ERRORS.items():
                if words in str(error):
                    return stored, code
            raise


def record_fsst() -> Files:
    """Ask Lance for the evidence of target ``fsst``.

    ``text-*`` is what it trained, compressed and read back; ``chosen-*`` is what it decoded of
    strings compressed here, nulls and empty strings among them; ``refused-*`` what it refused.
    """
    files: Files = {}
    rng = np.random.default_rng(SEED)
    for kind, (draw, enough) in TEXTS.items():
        table, stored, found = train(b"".join(draw(rng, enough))[:TEXT_BYTES])
        files[f"text-{kind}"] = _case(table, stored, found)
        symbols = symbols_of(table)
        strings = [compress(symbols, text) for text in draw(rng, STRINGS)]
        files[f"chosen-{kind}"] = _case(table, *decode(table, _with_gaps(rng, strings)))
    for name, symbols in _alphabets(rng).items():
        table = symbol_table(symbols)
        share = {"escapes": 0.3, "only-escapes": 1.0}.get(name, 0.02)
        lengths = rng.integers(1, 24, STRINGS).tolist()
        strings = [_random_codes(rng, len(symbols), length, share) for length in lengths]
        files[f"chosen-{name}"] = _case(table, *decode(table, _with_gaps(rng, strings)))
    few = [b"a", b"lance", b"12345678"]
    table = symbol_table(few)
    undefined = [rng.integers(255, size=n, dtype=np.uint8).tobytes() for n in range(60)]
    files["chosen-undefined-codes"] = _case(table, *decode(table, undefined))
    switched_off = symbol_table(few, switch=0)
    files["chosen-switched-off"] = _case(switched_off, *decode(switched_off, undefined))
    # strings that end in an escape, in every place of the groups of four that Lance decodes
    for codes in range(9):
        strings = [bytes([0, ESCAPE, 7]), bytes(codes) + bytes([ESCAPE]), bytes([1, 2])]
        files[f"refused-escape-after-{codes}"] = _case(table, *decode(table, strings))
    for name, place, value in (
        ("magic", 5, 0),
        ("length-0", 8 + 8 * len(few), 0),
        ("length-9", 8 + 8 * len(few) + 1, 9),
    ):
        bad = table.copy()
        bad[place] = value
        files[f"refused-{name}"] = _case(bad, *decode(bad, [bytes([0, 1, 2])]))
    return files


def _case(
    table: NDArray[np.uint8], stored: Strings, found: Strings | int
) -> dict[str, NDArray[Any]]:
    """One request of one chunk; a refusal has no strings."""
    status = 0
    if isinstance(found, int):
        status, found = found, Strings(np.zeros(0, np.uint8), np.zeros_like(stored.offsets))
    return {
        "fixture_table": table,
        "request_compressed": stored.data[None],
        "request_offsets": stored.offsets[None, None],
        "request_room": np.array([8 * len(stored.data)]),
        "output_out": found.data[None],
        "output_out_offsets": found.offsets[None, None],
        "output_count": np.array([len(found.data)]),
        "output_status": np.array([status]),
    }


def _with_gaps(rng: np.random.Generator, strings: Sequence[bytes]) -> list[bytes | None]:
    """One string in ten is empty, one in ten a null."""
    fate = rng.integers(10, size=len(strings)).tolist()
    return [{0: b"", 1: None}.get(f, s) for f, s in zip(fate, strings, strict=True)]


def _random_codes(rng: np.random.Generator, symbols: int, length: int, escapes: float) -> bytes:
    """Codes, a share of them escapes with any byte behind."""
    codes = rng.integers(symbols, size=length).tolist()
    escaped = (rng.random(length) < escapes).tolist()
    literals = rng.integers(256, size=length).tolist()
    return b"".join(
        bytes([ESCAPE, byte]) if escape else bytes([code])
        for code, escape, byte in zip(codes, escaped, literals, strict=True)
    )


def _alphabets(rng: np.random.Generator) -> dict[str, list[bytes]]:
    """Symbol tables of no text."""

    def draw(low: int, high: int, count: int = 255) -> list[bytes]:
        lengths = rng.integers(low, high, count, endpoint=True).tolist()
        return [rng.integers(256, size=n, dtype=np.uint8).tobytes() for n in lengths]

    return {
        "long-symbols": draw(8, 8),
        "short-symbols": draw(1, 2),
        "any-symbols": draw(1, 8),
        "one-symbol": draw(5, 5, 1),
        "escapes": draw(1, 8),
        "only-escapes": draw(3, 3, 2),
    }


def _words(rng: np.random.Generator, count: int) -> list[bytes]:
    """Made-up words, the frequent ones short, drawn as 1 / rank."""
    parts = (b"la n ce o per ti ne qua st ro mi du vel kas bro fi ing hu ex").split()
    vocabulary = [
        b"".join(parts[i] for i in rng.integers(len(parts), size=1 + rank.bit_length() // 3))
        for rank in range(1, 1_500)
    ]
    weight = 1 / np.arange(1, len(vocabulary) + 1)
    drawn = rng.choice(len(vocabulary), count, p=weight / weight.sum())
    return [vocabulary[i] for i in drawn.tolist()]


def _urls(rng: np.random.Generator, count: int) -> list[bytes]:
    words = iter(_words(rng, 3 * count))
    numbers = rng.integers(1, 100_000, count).tolist()
    return [
        b"https://www.%s.com/%s/%s?id=%d" % (next(words), next(words), next(words), number)
        for number in numbers
    ]


def _log_lines(rng: np.random.Generator, count: int) -> list[bytes]:
    """Lines of about 400 bytes."""
    words = iter(_words(rng, 50 * count))
    levels = rng.choice([b"INFO", b"WARN", b"ERROR", b"DEBUG"], count, p=[0.7, 0.1, 0.05, 0.15])
    moments = np.cumsum(rng.integers(1, 5_000, count)).tolist()
    lines = []
    for level, moment in zip(levels.tolist(), moments, strict=True):
        second, milli = divmod(moment, 1_000)
        head = b"2026-01-03T%02d:%02d:%02d.%03dZ %s [worker-%d] " % (
            *(second // 3_600 % 24, second // 60 % 60, second % 60, milli),
            *(level, moment % 16),
        )
        body = b" ".join(b"%s=%s" % (next(words), next(words)) for _ in range(25))
        lines.append(head + b"request finished: " + body)
    return lines


# What draws the strings of a kind, and how many of them are more than `TEXT_BYTES`.
TEXTS: Mapping[str, tuple[Callable[[np.random.Generator, int], list[bytes]], int]] = {
    "word": (_words, 8_000),
    "url": (_urls, 800),
    "log": (_log_lines, 80),
}

RECORDERS: Mapping[str, Callable[[], Files]] = {"fsst": record_fsst}


def symbol_table(symbols: Sequence[bytes], switch: int = 1) -> NDArray[np.uint8]:
    """Serialise up to 255 symbols of 1 to 8 bytes as Lance does."""
    head = int.from_bytes(b"FSST", "big") << 32 | switch << 24 | len(symbols)
    data = head.to_bytes(8, "little") + b"".join(s.ljust(8, b"\0") for s in symbols)
    data += bytes(len(s) for s in symbols)
    return np.frombuffer(data.ljust(TABLE_BYTES, b"\0"), np.uint8).copy()


def symbols_of(table: NDArray[np.uint8]) -> list[bytes]:
    """Symbols of a table, by code."""
    count = int(table[0])
    lengths = table[8 + 8 * count : 8 + 9 * count].tolist()
    return [table[8 + 8 * i : 8 + 8 * i + n].tobytes() for i, n in enumerate(lengths)]


def compress(symbols: Sequence[bytes], text: bytes) -> bytes:
    """Greedy: the longest symbol that matches, or an escaped byte."""
    codes = {symbol: bytes([code]) for code, symbol in enumerate(symbols)}
    out, at = bytearray(), 0
    while at < len(text):
        for length in range(8, 0, -1):
            code = codes.get(text[at : at + length])
            if code is not None:
                break
        else:
            length, code = 1, bytes([ESCAPE, text[at]])
        out += code
        at += length
    return bytes(out)


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


# --- the file's metadata -------------------------------------------------------------------------
# Footer of a Lance 2 file: u64 start of the column metadata, of the table of their places and of
# the table of global buffers, u32 counts of both, u16 major and minor version, "LANC". Numbers of
# fields are those of Lance's file2.proto and encodings_v2_1.proto.

_PAGES, _ENCODING, _DIRECT, _BYTES, _VALUE = 2, 4, 2, 1, 2
_MINI_BLOCK, _VALUE_COMPRESSION, _FSST = 1, 3, 6
_SYMBOL_TABLE, _VALUES = 1, 2


def _wrap(path: Path, table: NDArray[np.uint8]) -> None:
    """Wrap the only column's value encoding into ``Fsst`` with this symbol table."""
    data = path.read_bytes()
    footer = data[-40:]
    metadata_at, places_at, globals_at = np.frombuffer(footer[:24], "<u8").tolist()
    place, size = np.frombuffer(data[places_at : places_at + 16], "<u8").tolist()
    way = (_PAGES, _ENCODING, _DIRECT, _BYTES, _VALUE, _MINI_BLOCK, _VALUE_COMPRESSION)

    def wrapped(values: bytes) -> bytes:
        fsst = _field(_SYMBOL_TABLE, table.tobytes()) + _field(_VALUES, values)
        return _field(_FSST, fsst)

    metadata = _replace(data[place : place + size], way, wrapped)
    places_moved, globals_moved = metadata_at + len(metadata), metadata_at + len(metadata) + 16
    path.write_bytes(
        data[:metadata_at]
        + metadata
        + np.array([metadata_at, len(metadata)], "<u8").tobytes()
        + data[globals_at:-40]
        + np.array([metadata_at, places_moved, globals_moved], "<u8").tobytes()
        + footer[24:]
    )


def _replace(message: bytes, way: Sequence[int], change: Callable[[bytes], bytes]) -> bytes:
    """Change the part of a protobuf message that a way of nested fields leads to."""
    if not way:
        return change(message)
    return b"".join(
        _field(number, _replace(value, way[1:], change) if number == way[0] else value)
        if isinstance(value, bytes)
        else _varint(number << 3) + _varint(value)
        for number, value in _fields(message)
    )


def _fields(message: bytes) -> Iterable[tuple[int, bytes | int]]:
    """Fields of a protobuf message: bytes or a number each; nothing else is in these files."""
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        value, at = _read_varint(message, at)
        if key & 7 == 2:
            yield key >> 3, message[at : at + value]
            at += value
        elif key & 7 == 0:
            yield key >> 3, value
        else:
            raise Infrastructure(f"wire type {key & 7} in a Lance file's metadata: see RESYNC.md")


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at
