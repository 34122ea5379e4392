"""Memory a parent and one runner share, laid out the same for every variant.

Where data lies is the largest noise in a paired comparison (buffers of their own: sd 0.17 %
of the ratio; one arena a variant at equal offsets: 0.03 %), so the judge owns every buffer.
A memfd is used because ``multiprocessing.shared_memory`` is unlinked when a child exits.
"""

from __future__ import annotations

import ctypes
import errno
import math
import mmap
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Edge = Literal["begin", "end"]

CACHE_LINE_BYTES = 64
PROT_NONE = 0
FARTHEST_BYTES = 1 << 20
# Sparse: only touched pages cost memory.
ARENA_BYTES = 1 << 30


@dataclass(frozen=True)
class Slot:
    """One array's place in an arena: byte offset, shape, dtype."""

    offset: int
    shape: tuple[int, ...]
    dtype: str

    @property
    def nbytes(self) -> int:
        """Its size."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


class Layout:
    """Hands out slots, cache-line aligned, one after the other.

    With an ``edge`` every array lies between stretches that shall be forbidden, and touches the
    one behind it (``end``) or before it (``begin``). They are as long as eight such arrays, or a
    megabyte, so that the next request of a turn would lie in one. ``guards`` are their offsets
    and sizes.
    """

    def __init__(self, edge: Edge | None = None) -> None:
        self.end = 0
        self.edge = edge
        self.guards: list[tuple[int, int]] = []

    def add(self, shape: tuple[int, ...], dtype: str) -> Slot:
        """Reserve room for one array."""
        n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
        if self.edge is None:
            slot = Slot(self.end, shape, dtype)
            self.end += _whole(n_bytes, CACHE_LINE_BYTES)
            return slot
        reach = _whole(min(8 * n_bytes, max(n_bytes, FARTHEST_BYTES)), mmap.PAGESIZE)
        begin = _whole(self.end, mmap.PAGESIZE) + reach
        end = begin + _whole(n_bytes, mmap.PAGESIZE)
        self.guards += [(begin - reach, reach), (end, reach)]
        self.end = end + reach
        return Slot(begin if self.edge == "begin" else end - n_bytes, shape, dtype)


def _whole(n_bytes: int, unit: int) -> int:
    """The least multiple of a unit, at least one, that holds so many bytes."""
    return -(-max(n_bytes, 1) // unit) * unit


class Arena:
    """A mapping of one memfd; each side of the pipe has its own `Arena` over the same bytes."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._map = mmap.mmap(fd, ARENA_BYTES)

    @classmethod
    def create(cls) -> Arena:
        """Make a new, empty arena."""
        fd = os.memfd_create("arena")
        os.ftruncate(fd, ARENA_BYTES)
        return cls(fd)

    def view(self, slot: Slot) -> NDArray[Any]:
        """The array that lies in ``slot``."""
        dtype = np.dtype(slot.dtype)
        count = math.prod(slot.shape)
        flat: NDArray[Any] = np.frombuffer(self._map, dtype, count, slot.offset)
        return flat.reshape(slot.shape)

    def views(self, slots: Mapping[str, Slot]) -> dict[str, NDArray[Any]]:
        """The arrays of several named slots."""
        return {name: self.view(slot) for name, slot in slots.items()}

    def forbid(self, stretches: Iterable[tuple[int, int]]) -> None:
        """Let this process die of SIGSEGV when it touches these (offset, bytes): whole pages."""
        start = np.frombuffer(self._map, np.uint8, 1).ctypes.data
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        protect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for offset, n_bytes in stretches:
            if protect(start + offset, n_bytes, PROT_NONE):
                raise OSError(ctypes.get_errno(), "a page could not be forbidden")

    def place(self, tree: Any, layout: Layout) -> Any:
        """Copy every array of a nested tuple into the arena; other leaves stay as they are.

        Raises
        ------
        MemoryError
            If the state does not fit.
        """
        if isinstance(tree, tuple):
            return tuple(self.place(leaf, layout) for leaf in tree)
        if not isinstance(tree, np.ndarray):
            return tree
        if layout.end + tree.nbytes > ARENA_BYTES:
            raise MemoryError(f"state of more than {ARENA_BYTES >> 20} MB")
        copy = self.view(layout.add(tree.shape, tree.dtype.str))
        copy[...] = tree
        return copy

    def wipe(self) -> None:
        """Zero every page that was touched; they stay where they are in physical memory."""
        begin = end = 0
        while True:
            try:
                begin = os.lseek(self.fd, end, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                return  # only holes from here on
            end = os.lseek(self.fd, begin, os.SEEK_HOLE)
            self.view(Slot(begin, (end - begin,), "|u1")).fill(0)

    def close(self) -> None:
        """Give the memfd back; the mapping goes when its last view does."""
        os.close(self.fd)
