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
    page.dictionary                             # buffer of the dictionary's values, or None

Everything is a view of one array that holds the file.

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

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure
from workbench.upstreams.lance.distribution import pylance
from workbench.upstreams.lance.messages import Encoding, parse_encoding

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Chunk:
    """One mini-block.

    Attributes
    ----------
    values : int
        How many values it holds.
    buffers : tuple of ndarray
        u8, encoded as the layout's ``value_compression`` says.
    offsets : tuple of int
        Where each of ``buffers`` begins in the page's own buffer 1, in bytes.
    """

    values: int
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

        number(2)  # of levels
        levels = [number(2) for kind in ("rep", "def") if self.layout[f"{kind}_compression"]]
        width = 4 if self.layout["has_large_chunk"] else 2
        lengths = [number(width) for _ in range(self.layout["num_buffers"])]
        for length in levels:  # of repetition and definition: nobody reads them here
            place(length)
        places = [place(length) for length in lengths]
        return Chunk(
            values=values,
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
