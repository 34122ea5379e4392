"""An output against the truth: `Agreement` or the first `Mismatch`.

Four kinds, named in a target's ``[oracle]`` table: ``bitwise`` (integers and bytes),
``max_abs_err`` (floats), ``top_k`` (ids and distances by rank) and ``recall`` (lossy search).
NaN never wins: except under ``bitwise``, where it is just bits, no value agrees with it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Value = float | int | str

KINDS = ("bitwise", "max_abs_err", "top_k", "recall")


@dataclass(frozen=True)
class Agreement:
    """The output is right.

    Attributes
    ----------
    max_abs_err : float
        Largest distance from the truth; for ``recall`` the share of true ids not found.
    bitwise : bool
        Whether every byte equals the truth.
    """

    max_abs_err: float
    bitwise: bool


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


def bitwise(got: Array, want: Array, output: str = "out") -> Agreement | Mismatch:
    """Every byte equal: ``-0.0`` is not ``0.0``, and equal NaNs agree.

    Examples
    --------
    >>> bitwise(np.array([1, 2]), np.array([1, 2]))
    Agreement(max_abs_err=0.0, bitwise=True)
    """
    layout = _layout(got, want, output)
    if layout is not None:
        return layout
    if got.tobytes() == want.tobytes():
        return Agreement(0.0, bitwise=True)
    a, b = _as_bytes(got), _as_bytes(want)
    differs = (a != b).any(axis=-1)
    return _first(differs, got, want, 0.0, output, "the bits differ")


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
    Agreement(max_abs_err=0.25, bitwise=False)
    """
    _check_tolerances(atol, rtol)
    layout = _layout(got, want, output)
    if layout is not None:
        return layout
    if want.dtype.kind != "f":
        return bitwise(got, want, output)
    if got.tobytes() == want.tobytes() and not np.isnan(want).any():
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
    at = _first_index(wrong)
    slack = float(allowed[at]) if np.isfinite(want[at]) else 0.0
    return _first(wrong, got, want, slack, output, _why(float(got[at]), float(want[at])))


def top_k(
    got_ids: Array,
    got_distances: Array,
    want_ids: Array,
    want_distances: Array,
    atol: float,
    rtol: float,
) -> Agreement | Mismatch:
    """Nearest neighbours by rank (the last axis): ids may swap inside a tie.

    Each distance must be within ``max(atol, rtol * |want|)`` of the true one at its rank, and
    each id must be a true id whose true distance ties with that rank, used no more often than
    the truth uses it. The truth may list more ranks than were asked for: so a tie that
    straddles the last rank can be told from a wrong id.

    Examples
    --------
    >>> truth = np.array([7, 8, 9]), np.array([0.0, 1.0, 1.0])
    >>> top_k(np.array([7, 9]), np.array([0.0, 1.0]), *truth, atol=0.0, rtol=0.0)
    Agreement(max_abs_err=0.0, bitwise=False)
    """
    if want_ids.ndim == 0 or want_ids.shape != want_distances.shape:
        raise Infrastructure(
            f"the truth has ids {want_ids.shape} and distances {want_distances.shape}: "
            "a top_k oracle needs an axis of ranks and one distance for each id"
        )
    ranks = got_ids.shape[-1] if got_ids.ndim else 0
    distances = max_abs_err(
        got_distances, want_distances[..., :ranks], atol, rtol, output="distances"
    )
    if isinstance(distances, Mismatch):
        return distances
    layout = _layout(got_ids, want_ids[..., :ranks], "ids")
    if layout is not None:
        return layout
    if got_ids.tobytes() == want_ids[..., :ranks].tobytes():
        return distances
    for row in np.ndindex(got_ids.shape[:-1]):
        wrong = _wrong_rank(got_ids[row], want_ids[row], want_distances[row], atol, rtol)
        if wrong is not None:
            rank, allowed, why = wrong
            return Mismatch(
                output="ids",
                index=(*row, rank),
                got=_value(got_ids[row][rank]),
                want=_value(want_ids[row][rank]),
                allowed=allowed,
                why=why,
            )
    return Agreement(distances.max_abs_err, bitwise=False)


def recall(got_ids: Array, want_ids: Array, minimum: float) -> Agreement | Mismatch:
    """Share of the true ids that were found, over all rows (the last axis is one answer).

    A repeated id counts once; negative ids pad a short answer and do not count. A mismatch
    points at the row that found the least.

    Examples
    --------
    >>> recall(np.array([1, 2, 3, 9]), np.array([1, 2, 3, 4]), minimum=0.75)
    Agreement(max_abs_err=0.25, bitwise=False)
    """
    if not 0.0 < minimum <= 1.0:
        raise Infrastructure(f"[oracle] minimum = {minimum} must be above 0 and at most 1")
    layout = _layout(got_ids, want_ids, "ids")
    if layout is not None:
        return layout
    rows = list(np.ndindex(want_ids.shape[:-1])) if want_ids.ndim else []
    found = total = 0
    least, least_row = 1.0, (0,) * max(0, want_ids.ndim - 1)
    for row in rows:
        truth = {int(i) for i in want_ids[row] if i >= 0}
        hits = len(truth & {int(i) for i in got_ids[row]})
        found, total = found + hits, total + len(truth)
        if truth and hits / len(truth) < least:
            least, least_row = hits / len(truth), row
    overall = found / total if total else 1.0
    if overall >= minimum:
        return Agreement(1.0 - overall, bitwise=got_ids.tobytes() == want_ids.tobytes())
    return Mismatch(
        output="ids",
        index=least_row,
        got=overall,
        want=minimum,
        allowed=0.0,
        why=f"recall is too low, {found} of {total} true ids; this row found {least:.3g}",
    )


def check(oracle: Mapping[str, Any], got: Arrays, want: Arrays) -> Agreement | Mismatch:
    """Hold all named outputs against the truth, as ``[oracle]`` in target.toml says.

    Parameters
    ----------
    oracle : mapping
        ``kind`` (one of `KINDS`) and its numbers: ``atol`` and ``rtol`` for max_abs_err and
        top_k, ``minimum`` for recall. top_k and recall find their arrays in the outputs
        ``ids`` and ``distances``; keys of those names rename them.
    got, want : mapping of str to ndarray
        Outputs of the candidate and of the reference, leading axis = request.

    Raises
    ------
    Infrastructure
        If the oracle itself is wrong: an unknown kind, a missing number or output.

    Examples
    --------
    >>> oracle = {"kind": "max_abs_err", "atol": 1e-4, "rtol": 1e-6}
    >>> check(oracle, {"out": np.ones(3)}, {"out": np.ones(3)})
    Agreement(max_abs_err=0.0, bitwise=True)
    """
    if got.keys() != want.keys():
        name = min(got.keys() ^ want.keys())
        return Mismatch(
            output=name,
            index=(),
            got="present" if name in got else "missing",
            want="present" if name in want else "not an output",
            allowed=0.0,
            why="the outputs differ in name",
        )
    kind = oracle.get("kind")
    if kind == "bitwise":
        return _all_of([bitwise(got[name], want[name], name) for name in want])
    if kind == "max_abs_err":
        atol, rtol = _number(oracle, "atol"), _number(oracle, "rtol")
        return _all_of([max_abs_err(got[name], want[name], atol, rtol, name) for name in want])
    if kind == "top_k":
        atol, rtol = _number(oracle, "atol"), _number(oracle, "rtol")
        ids, distances = _named(oracle, "ids", want), _named(oracle, "distances", want)
        ranked = top_k(got[ids], got[distances], want[ids], want[distances], atol, rtol)
        if isinstance(ranked, Mismatch):
            return replace(ranked, output=ids if ranked.output == "ids" else distances)
        rest = [name for name in want if name not in (ids, distances)]
        others = [max_abs_err(got[name], want[name], atol, rtol, name) for name in rest]
        return _all_of([ranked, *others])
    if kind == "recall":
        ids = _named(oracle, "ids", want)
        return recall(got[ids], want[ids], _number(oracle, "minimum"))
    raise Infrastructure(f"[oracle] kind = {kind!r} is unknown; there are {', '.join(KINDS)}")


def _all_of(results: list[Agreement | Mismatch]) -> Agreement | Mismatch:
    """Return the first mismatch, else one agreement as weak as the weakest."""
    worst, same = 0.0, True
    for result in results:
        if isinstance(result, Mismatch):
            return result
        worst, same = max(worst, result.max_abs_err), same and result.bitwise
    return Agreement(worst, bitwise=same)


def _layout(got: Array, want: Array, output: str) -> Mismatch | None:
    """Find a mismatch of dtype or shape."""
    if got.dtype == want.dtype and got.shape == want.shape:
        return None
    what = "dtype" if got.dtype != want.dtype else "shape"
    shown = [f"{a.dtype}[{', '.join(map(str, a.shape))}]" for a in (got, want)]
    return Mismatch(output, (), shown[0], shown[1], 0.0, f"the {what} is wrong")


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


def _first(
    wrong: NDArray[np.bool_], got: Array, want: Array, allowed: float, output: str, why: str
) -> Mismatch:
    """Point at the first true element, in C order, and count all of them."""
    at, count = _first_index(wrong), int(np.count_nonzero(wrong))
    if count > 1:
        why = f"{why}, one of {count:,} wrong elements of {wrong.size:,}"
    return Mismatch(output, at, _value(got[at]), _value(want[at]), allowed, why)


def _first_index(wrong: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))


def _wrong_rank(
    got_ids: Array, want_ids: Array, want_distances: Array, atol: float, rtol: float
) -> tuple[int, float, str] | None:
    """(rank, allowed distance, why) of the first id of one answer that no tie explains."""
    ranks_of: dict[int, list[int]] = {}
    for rank, identity in enumerate(want_ids.tolist()):
        ranks_of.setdefault(identity, []).append(rank)
    used: Counter[int] = Counter()
    distances = [float(d) for d in want_distances]
    for rank, identity in enumerate(got_ids.tolist()):
        allowed = max(atol, rtol * abs(distances[rank])) if math.isfinite(distances[rank]) else 0.0
        places = ranks_of.get(identity, [])
        used[identity] += 1
        if not places:
            return rank, allowed, "this id is not among the nearest"
        if used[identity] > len(places):
            return rank, allowed, "this id is repeated"
        if not any(
            distances[place] == distances[rank]
            or abs(distances[place] - distances[rank]) <= allowed
            for place in places
        ):
            return rank, allowed, f"this id belongs at rank {places[0]}, and that is no tie"
    return None


def _as_bytes(array: Array) -> NDArray[np.uint8]:
    """View the array's bytes, one row an element (a trailing axis of ``itemsize``)."""
    flat = np.frombuffer(array.tobytes(), dtype=np.uint8)
    return flat.reshape(*array.shape, array.dtype.itemsize)


def _value(element: Any) -> Value:
    """Turn a numpy scalar into something JSON can hold."""
    item = element.item() if hasattr(element, "item") else element
    if isinstance(item, bool | int):
        return int(item)
    if isinstance(item, float) and math.isfinite(item):
        return item
    return str(item)


def _check_tolerances(atol: float, rtol: float) -> None:
    if not (0.0 <= atol < math.inf and 0.0 <= rtol < 1.0):
        raise Infrastructure(
            f"[oracle] atol = {atol}, rtol = {rtol}: atol must be finite and not negative, "
            "rtol at least 0 and below 1"
        )


def _number(oracle: Mapping[str, Any], key: str) -> float:
    value = oracle.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Infrastructure(
            f"[oracle] {key} = {value!r}: kind {oracle['kind']!r} needs a number there"
        )
    return float(value)


def _named(oracle: Mapping[str, Any], key: str, outputs: Arrays) -> str:
    name = str(oracle.get(key, key))
    if name not in outputs:
        raise Infrastructure(
            f"[oracle] {key} = {name!r} is no output of this target; there are "
            f"{', '.join(sorted(outputs))}"
        )
    return name
