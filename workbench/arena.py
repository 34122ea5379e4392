"""Memory a parent and one runner share, laid out the same for every variant.

Where data lies is the largest noise in a paired comparison (buffers of their own: sd 0.17 %
of the ratio; one arena a variant at equal offsets: 0.03 %), so the judge owns every buffer.
A memfd is used because ``multiprocessing.shared_memory`` is unlinked when a child exits.
"""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CACHE_LINE_BYTES = 64
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
    """Hands out slots, cache-line aligned, one after the other."""

    def __init__(self) -> None:
        self.end = 0

    def add(self, shape: tuple[int, ...], dtype: str) -> Slot:
        """Reserve room for one array."""
        slot = Slot(self.end, shape, dtype)
        n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
        self.end += -(-max(n_bytes, 1) // CACHE_LINE_BYTES) * CACHE_LINE_BYTES
        return slot


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

    def close(self) -> None:
        """Give the memfd back; the mapping goes when its last view does."""
        os.close(self.fd)
