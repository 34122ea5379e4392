"""The metadata of a Lance file, changed: its only column's values wrapped into ``Fsst``.

Footer of a Lance 2 file: u64 start of the column metadata, of the table of their places and of
the table of global buffers, u32 counts of both, u16 major and minor version, "LANC". Numbers of
fields are those of Lance's file2.proto and encodings_v2_1.proto.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure

_PAGES, _ENCODING, _DIRECT, _BYTES, _VALUE = 2, 4, 2, 1, 2
_MINI_BLOCK, _VALUE_COMPRESSION, _FSST = 1, 3, 6
_SYMBOL_TABLE, _VALUES = 1, 2


def wrap(path: Path, table: NDArray[np.uint8]) -> None:
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
