"""What an oracle says: `Agreement`, or the first `Mismatch`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Value = float | int | str


@dataclass(frozen=True)
class Agreement:
    """The output is right.

    Attributes
    ----------
    max_abs_err : float
        Largest distance from the truth.
    bitwise : bool
        Whether every byte equals the truth.
    recall : float or None
        Of a lossy search: the share of true neighbours that was found.
    """

    max_abs_err: float
    bitwise: bool
    recall: float | None = None


@dataclass(frozen=True)
class Mismatch:
    """The first place where an output is wrong.

    Attributes
    ----------
    output : str
        Name of the output buffer.
    index : tuple of int
        Position in it; empty when the whole array is wrong (dtype, shape).
    got, want : float, int or str
        The two values. What JSON cannot hold (NaN, infinities) is spelt as a string.
    allowed : float
        The distance from ``want`` that would still have agreed.
    why : str
        The rule that was broken, in a few words.
    """

    output: str
    index: tuple[int, ...]
    got: Value
    want: Value
    allowed: float
    why: str

    def describe(self) -> str:
        """One sentence for a person.

        Examples
        --------
        >>> Mismatch("out", (3,), 1.5, 1.0, 1e-4, "off by 0.5").describe()
        'out[3] is 1.5, the truth is 1.0 (allowed error 0.0001): off by 0.5.'
        """
        where = f"{self.output}[{', '.join(map(str, self.index))}]" if self.index else self.output
        slack = f" (allowed error {self.allowed:g})" if self.allowed else ""
        return f"{where} is {self.got}, the truth is {self.want}{slack}: {self.why}."


def layout(got: Array, want: Array, output: str) -> Mismatch | None:
    """Find a mismatch of dtype or shape."""
    if got.dtype == want.dtype and got.shape == want.shape:
        return None
    what = "dtype" if got.dtype != want.dtype else "shape"
    shown = [f"{a.dtype}[{', '.join(map(str, a.shape))}]" for a in (got, want)]
    return Mismatch(output, (), shown[0], shown[1], 0.0, f"the {what} is wrong")


def first(
    wrong: NDArray[np.bool_], got: Array, want: Array, allowed: float, output: str, why: str
) -> Mismatch:
    """Point at the first true element, in C order, and count all of them."""
    at, count = first_index(wrong), int(np.count_nonzero(wrong))
    if count > 1:
        why = f"{why}, one of {count:,} wrong elements of {wrong.size:,}"
    return Mismatch(output, at, value(got[at]), value(want[at]), allowed, why)


def first_index(wrong: NDArray[np.bool_]) -> tuple[int, ...]:
    """Position of the first true element, in C order."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))


def value(element: Any) -> Value:
    """Turn a numpy scalar into something JSON can hold."""
    item = element.item() if hasattr(element, "item") else element
    if isinstance(item, bool | int):
        return int(item)
    if isinstance(item, float) and math.isfinite(item):
        return item
    return str(item)
