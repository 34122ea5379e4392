"""A symbol table of FSST, and what it makes of a text.

It has 2,312 bytes, found by reading them and by `workbench.upstreams.lance.fsst.decode`: a
little-endian header of 8 (number of symbols, terminator, suffix limit, switch, "FSST" as a number),
up to 255 symbols of 8 bytes and then, right after the last one, their lengths. Where the switch is
0 the strings are stored as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TABLE_BYTES = 8 + 256 * 8 + 256
ESCAPE = 255


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
