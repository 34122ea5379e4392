"""The FastLanes layout of packed integers, which Lance uses."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure


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
