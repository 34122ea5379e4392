"""The raw encoded pages of a Lance file: what pylance wrote, before anybody decodes it.

    pages = read_pages(path)["price"]           # one tuple of pages for each column
    page = pages[0]
    page.layout.kind                            # "MiniBlockLayout", "ConstantLayout", ...
    page.layout["value_compression"].kind       # "InlineBitpacking", "Fsst", "Flat", ...
    page.layout["value_compression"]["uncompressed_bits_per_value"]
    page.buffers                                # the page's buffers as stored, u8 arrays
    for chunk in page.chunks():                 # mini-block pages only
        chunk.values                            # how many values it holds, nulls included
        chunk.buffers                           # its value buffers, u8 arrays, 8-byte aligned
        chunk.offsets                           # where each begins in page.buffers[1], in bytes
        page.definition_levels(chunk)           # u16, 0 = valid; None where nothing is null
    page.dictionary                             # buffer of the dictionary's values, or None

Everything is a view of one array that holds the file. An `Encoding` is the protobuf message of
Lance's ``encodings_v2_1.proto`` that pylance shows as text: ``kind`` is the message's name and its
fields are items; the wrappers ``PageLayout`` and ``CompressiveEncoding`` are left out. Bytes
(FSST's symbol table) are ``bytes``; enums (``layers``) are strings; what is absent is None.

Layout of a mini-block page, from Lance's documentation of the file format and files of 2.1 and 2.2:

- buffer 0: one little-endian word for each chunk, u16 (u32 where ``has_large_chunk``, which is
  every 2.2 file): the chunk has ``8 * ((word >> 4) + 1)`` bytes and holds ``1 << (word & 15)``
  values; the last chunk holds what is left of ``num_items``.
- buffer 1: the chunks. Each starts with a u16 number of levels (0 without levels), then the sizes
  of its buffers: repetition (u16) and definition levels (u16) where the layout has them, and
  ``num_buffers`` value buffers (u16, or u32 where ``has_large_chunk``). The header and each buffer
  are padded to a multiple of 8 bytes.
- buffer 2: the dictionary where there is one; then the repetition index where there is one.

What a writer's field metadata decides: ``lance-encoding:compression`` (none, fsst, lz4, zstd),
``lance-encoding:structural-encoding`` (miniblock, fullzip), ``lance-encoding:rle-threshold``
(0.0 forbids run lengths), ``lance-encoding:dict-divisor``, ``lance-encoding:dict-size-ratio``,
``lance-encoding:bss`` (off, on, auto).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure
from workbench.upstreams.lance.distribution import pylance

Bytes = NDArray[np.uint8]

# Protobuf wrappers that say nothing beyond the message they hold.
_WRAPPERS = {"PageLayout": "layout", "CompressiveEncoding": "compression"}


@dataclass(frozen=True)
class Encoding:
    """One message of a page's description.

    Attributes
    ----------
    kind : str
        The message's name, e.g. ``InlineBitpacking``.
    fields : mapping of str to object
        Its fields: `Encoding`, int, bool, bytes, str, list or None.
    """

    kind: str
    fields: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        """Return the field of that name."""
        return self.fields[name]


@dataclass(frozen=True)
class Chunk:
    """One mini-block.

    Attributes
    ----------
    values : int
        How many values it holds.
    levels : int
        How many repetition and definition levels it holds; 0 without any.
    repetition, definition : ndarray or None
        u8, encoded as the layout's ``rep_compression`` and ``def_compression`` say.
    buffers : tuple of ndarray
        u8, encoded as the layout's ``value_compression`` says.
    offsets : tuple of int
        Where each of ``buffers`` begins in the page's own buffer 1, in bytes.
    """

    values: int
    levels: int
    repetition: Bytes | None = field(repr=False)
    definition: Bytes | None = field(repr=False)
    buffers: tuple[Bytes, ...] = field(repr=False)
    offsets: tuple[int, ...] = field(repr=False)


@dataclass(frozen=True)
class Page:
    """One page of one column.

    Attributes
    ----------
    layout : Encoding
        Its structural encoding, with the compressive ones inside.
    buffers : tuple of ndarray
        u8, as stored.
    """

    layout: Encoding
    buffers: tuple[Bytes, ...] = field(repr=False)

    @property
    def items(self) -> int:
        """Number of values, nulls included."""
        items: int = self.layout["num_items"]
        return items

    @property
    def dictionary(self) -> Bytes | None:
        """The encoded values of the page's dictionary, as ``layout["dictionary"]`` describes."""
        return self.buffers[2] if self.layout.fields.get("dictionary") else None

    def chunks(self) -> Iterator[Chunk]:
        """Yield the mini-blocks.

        Raises
        ------
        Infrastructure
            If the page is not a mini-block page, or not laid out as this module's head says.
        """
        if self.layout.kind != "MiniBlockLayout":
            raise Infrastructure(f"a {self.layout.kind} page has no mini-blocks")
        words = self.buffers[0].view("<u4" if self.layout["has_large_chunk"] else "<u2")
        at, left = 0, self.items
        for i, word in enumerate(words.tolist()):
            size = 8 * ((word >> 4) + 1)
            values = left if i == len(words) - 1 else 1 << (word & 15)
            yield self._chunk(at, size, values)
            at, left = at + size, left - values
        if at != len(self.buffers[1]) or left != 0:
            raise Infrastructure(
                f"chunks end at byte {at} of {len(self.buffers[1])} with {left} values left: "
                "Lance's mini-block layout is not what workbench/upstreams/lance/pages.py knows"
            )

    def definition_levels(self, chunk: Chunk) -> NDArray[np.uint16] | None:
        """Definition level of every item of a chunk: 0 = valid, 1 = null in a flat column.

        None where the column has no nulls.
        """
        if chunk.definition is None:
            return None
        return _decode_levels(self.layout["def_compression"], chunk.definition, chunk.levels)

    def _chunk(self, begin: int, size: int, values: int) -> Chunk:
        """Cut the mini-block at ``begin`` into its buffers, at the sizes in its header."""
        data = self.buffers[1][begin : begin + size]
        at = 0

        def number(width: int) -> int:
            nonlocal at
            at += width
            return int.from_bytes(data[at - width : at].tobytes(), "little")

        def place(length: int) -> slice:
            nonlocal at
            start = -(-at // 8) * 8
            at = start + length
            if at > len(data):
                raise Infrastructure(
                    f"a mini-block of {len(data)} bytes has a buffer up to {at}: its layout is "
                    "not what workbench/upstreams/lance/pages.py knows"
                )
            return slice(start, at)

        levels = number(2)
        repetition = number(2) if self.layout["rep_compression"] else None
        definition = number(2) if self.layout["def_compression"] else None
        width = 4 if self.layout["has_large_chunk"] else 2
        lengths = [number(width) for _ in range(self.layout["num_buffers"])]
        rep = None if repetition is None else data[place(repetition)]
        levels_of_nulls = None if definition is None else data[place(definition)]
        places = [place(length) for length in lengths]
        return Chunk(
            values=values,
            levels=levels,
            repetition=rep,
            definition=levels_of_nulls,
            buffers=tuple(data[place] for place in places),
            offsets=tuple(begin + place.start for place in places),
        )


def read_pages(path: Path) -> dict[str, tuple[Page, ...]]:
    """Read every page of every column of a Lance file (format 2.1 or 2.2).

    Parameters
    ----------
    path : Path
        The ``.lance`` file itself; of a dataset, one under its ``data/``.

    Returns
    -------
    dict of str to tuple of Page
        By the name of the column, in the file's order.

    Raises
    ------
    Infrastructure
        If pylance is not installed, or the file's columns are not its schema's fields (structs
        are stored as their leaves, which is not supported here).
    """
    pylance()
    from lance.file import LanceFileReader

    metadata = LanceFileReader(str(path)).metadata()
    names = metadata.schema.names
    if len(names) != len(metadata.columns):
        raise Infrastructure(
            f"{path.name} has {len(metadata.columns)} columns for {len(names)} fields: "
            "only flat schemas can be read page by page"
        )
    stored = np.fromfile(path, np.uint8)
    return {
        name: tuple(
            Page(
                layout=parse_encoding(page.encoding),
                buffers=tuple(stored[b.position : b.position + b.size] for b in page.buffers),
            )
            for page in column.pages
        )
        for name, column in zip(names, metadata.columns, strict=True)
    }


def parse_encoding(text: str) -> Encoding:
    r"""Parse what pylance shows of a page's encoding: Rust's debug form of the protobuf message.

    Raises
    ------
    Infrastructure
        If it is not such a text.

    Examples
    --------
    >>> found = parse_encoding('Fsst(Fsst { symbol_table: b"\\x01\\045", values: None })')
    >>> found.kind, found["symbol_table"]
    ('Fsst', b'\x01\x0045')
    """
    tokens = [match[1] for match in _TOKEN.finditer(text)]
    try:
        value = _value(tokens := tokens[::-1])
    except (IndexError, ValueError, KeyError) as error:
        raise _unknown(text) from error
    if tokens or not isinstance(value, Encoding):
        raise _unknown(text)
    return value


def _unknown(text: str) -> Infrastructure:
    return Infrastructure(
        f"pylance {pylance().__version__} describes an encoding in an unknown way: {text[:80]!r}"
    )


_TOKEN = re.compile(r'(b?"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*|-?\d+(?:\.\d+)?|[(){}\[\]])', re.DOTALL)
_WORDS = {"None": None, "true": True, "false": False}


def _value(tokens: list[str]) -> Any:
    """Take one value off the end of ``tokens``, which are reversed and have no punctuation."""
    token = tokens.pop()
    if token == "[":
        return list(_until("]", tokens))
    if token.endswith('"'):
        literal = _unescape(token[token.index('"') + 1 : -1])
        return literal if token[0] == "b" else literal.decode()
    if token[0] in "-0123456789":
        return float(token) if "." in token else int(token)
    if tokens and tokens[-1] == "(":  # Some(x), or a message under the name of its own variant
        tokens.pop()
        (value,) = _until(")", tokens)
        return value
    if tokens and tokens[-1] == "{":
        tokens.pop()
        names_and_values = list(_until("}", tokens))
        fields = dict(zip(names_and_values[::2], names_and_values[1::2], strict=True))
        return fields[_WRAPPERS[token]] if token in _WRAPPERS else Encoding(token, fields)
    return _WORDS.get(token, token)


def _until(closing: str, tokens: list[str]) -> Iterator[Any]:
    while tokens[-1] != closing:
        yield _value(tokens)
    tokens.pop()


_ESCAPES = {
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"0": b"\0",
    b"\\": b"\\",
    b'"': b'"',
    b"'": b"'",
}
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)


def _unescape(text: str) -> bytes:
    r"""Bytes of a Rust literal. Unlike in C and Python, ``\045`` is a zero byte, then ``45``."""
    return _ESCAPE.sub(
        lambda match: bytes([int(match[1], 16)]) if match[1] else _ESCAPES[match[2]], text.encode()
    )


def _decode_levels(encoding: Encoding, data: Bytes, count: int) -> NDArray[np.uint16]:
    """Decode the 16-bit levels of one chunk."""
    words = data.view("<u2")
    if encoding.kind == "Flat" and encoding["bits_per_value"] == 16:
        return words[:count]
    if encoding.kind == "InlineBitpacking":
        return unpack(words[1:], int(words[0]))[:count]
    if encoding.kind == "OutOfLineBitpacking":
        return _unpack_out_of_line(words, encoding["values"]["bits_per_value"], count)
    raise Infrastructure(f"levels encoded as {encoding.kind} cannot be read yet")


def _unpack_out_of_line(words: NDArray[Any], width: int, count: int) -> NDArray[Any]:
    """Whole chunks of 1,024 packed values; a tail is packed, or raw where that is not longer."""
    step = 1_024 * width // (8 * words.itemsize)
    whole, tail = divmod(count, 1_024)
    starts = range(0, whole * step, step)
    parts = [unpack(words[at : at + step], width) for at in starts]
    rest = words[whole * step :]
    if tail:
        parts.append(rest if len(rest) == tail else unpack(rest, width)[:tail])
    return np.concatenate(parts) if parts else words[:0]


def unpack(words: NDArray[Any], width: int) -> NDArray[Any]:
    """Unpack 1,024 values of ``width`` bits from the FastLanes layout, which Lance uses.

    A value type of ``bits`` bits has ``1024 / bits`` lanes; each lane is a stream of bits, word
    ``w`` of lane ``l`` at ``words[w * lanes + l]``, lowest bits first. Value ``row`` of lane ``l``
    is value ``16 * (0, 4, 2, 6, 1, 5, 3, 7)[row // 8] + 128 * (row % 8) + l`` of the chunk.

    Parameters
    ----------
    words : ndarray
        Unsigned, ``1024 * width / bits`` of them.
    width : int
        0 to the number of bits of a word.
    """
    bits = 8 * words.itemsize
    lanes = 1_024 // bits
    if len(words) != lanes * width:
        raise Infrastructure(f"{len(words)} words are not 1,024 values of {width} bits")
    stream = np.unpackbits(words.view(np.uint8), bitorder="little").reshape(width, lanes, bits)
    packed = np.zeros((bits, lanes, bits), np.uint8)
    packed[:, :, :width] = stream.transpose(0, 2, 1).reshape(bits, width, lanes).transpose(0, 2, 1)
    rows = np.packbits(packed, axis=2, bitorder="little").view(words.dtype)[:, :, 0]
    row, lane = np.arange(bits)[:, None], np.arange(lanes)
    order = np.array([0, 4, 2, 6, 1, 5, 3, 7])
    values = np.empty(1_024, words.dtype)
    values[16 * order[row // 8] + 128 * (row % 8) + lane] = rows
    return values
