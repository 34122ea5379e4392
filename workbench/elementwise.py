"""Outputs held against the truth element by element: the same bits, or close enough."""

from __future__ import annotations

import ctypes
import math

import numpy as np
from numpy.typing import NDArray

from workbench.agreement import Agreement, Array, Mismatch, first, first_index, layout
from workbench.errors import Infrastructure

_memcmp = ctypes.CDLL(None).memcmp
_memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


def bitwise(got: Array, want: Array, output: str = "out") -> Agreement | Mismatch:
    """Every byte equal: ``-0.0`` is not ``0.0``, and equal NaNs agree.

    Examples
    --------
    >>> bitwise(np.array([1, 2]), np.array([1, 2]))
    Agreement(max_abs_err=0.0, bitwise=True, recall=None)
    """
    other = layout(got, want, output)
    if other is not None:
        return other
    if _same_bytes(got, want):
        return Agreement(0.0, bitwise=True)
    a, b = _as_bytes(got), _as_bytes(want)
    differs = (a != b).any(axis=-1)
    return first(differs, got, want, 0.0, output, "the bits differ")


def _same_bytes(got: Array, want: Array) -> bool:
    """Compare in place: copies of 4 MB took as long as a turn."""
    if not (got.flags.c_contiguous and want.flags.c_contiguous):
        return got.tobytes() == want.tobytes()
    return bool(_memcmp(got.ctypes.data, want.ctypes.data, got.nbytes) == 0)


def max_abs_err(
    got: Array, want: Array, atol: float, rtol: float, output: str = "out"
) -> Agreement | Mismatch:
    """Within ``max(atol, rtol * |want|)`` everywhere; integers must be equal.

    The difference is taken in float64. Infinities of the same sign agree. A truth that is
    NaN agrees with nothing, so a kernel that leaves a poisoned buffer alone cannot pass.

    Raises
    ------
    Infrastructure
        If a tolerance is negative, not finite, or ``rtol`` is 1 or more.

    Examples
    --------
    >>> max_abs_err(np.array([1.25]), np.array([1.0]), atol=0.5, rtol=0.0)
    Agreement(max_abs_err=0.25, bitwise=False, recall=None)
    """
    check_tolerances(atol, rtol)
    other = layout(got, want, output)
    if other is not None:
        return other
    if want.dtype.kind != "f":
        return bitwise(got, want, output)
    if _same_bytes(got, want) and not np.isnan(want).any():
        return Agreement(0.0, bitwise=True)
    with np.errstate(all="ignore"):
        error = np.subtract(got, want, dtype=np.float64)
        np.absolute(error, out=error)
        worst = float(error.max())
        if worst <= atol:  # NaN compares false, so it falls through to the careful path
            return Agreement(worst, bitwise=False)
        allowed = np.absolute(want, dtype=np.float64)
        allowed *= rtol
        np.maximum(allowed, atol, out=allowed)
        wrong = error > allowed
        if not math.isfinite(worst):
            alike = np.isinf(want) & (got == want)
            wrong |= ~(np.isfinite(got) & np.isfinite(want))
            wrong &= ~alike
            worst = float(np.max(error, where=~alike, initial=0.0))
    if not wrong.any():
        return Agreement(worst, bitwise=False)
    at = first_index(wrong)
    slack = float(allowed[at]) if np.isfinite(want[at]) else 0.0
    return first(wrong, got, want, slack, output, _why(float(got[at]), float(want[at])))


def _why(got: float, want: float) -> str:
    if math.isnan(want):
        return "the truth itself is not a number, so nothing agrees with it"
    if math.isnan(got):
        return "not a number"
    if math.isinf(want):
        return "the truth is infinite"
    if math.isinf(got):
        return "infinite where the truth is finite"
    return f"off by {abs(got - want):.3g}"


def _as_bytes(array: Array) -> NDArray[np.uint8]:
    """View the array's bytes, one row an element (a trailing axis of ``itemsize``)."""
    flat = np.frombuffer(array.tobytes(), dtype=np.uint8)
    return flat.reshape(*array.shape, array.dtype.itemsize)


def check_tolerances(atol: float, rtol: float) -> None:
    """Refuse tolerances with which anything, or nothing, would agree."""
    if not (0.0 <= atol < math.inf and 0.0 <= rtol < 1.0):
        raise Infrastructure(
            f"[oracle] atol = {atol}, rtol = {rtol}: atol must be finite and not negative, "
            "rtol at least 0 and below 1"
        )
