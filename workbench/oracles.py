"""An output against the truth: `Agreement` or the first `Mismatch`.

Six kinds, named in a target's ``[oracle]`` table: ``bitwise`` (integers and bytes),
``max_abs_err`` (floats), ``top_k`` (ids and distances by rank), ``recall`` (lossy search),
``parity`` (decoded sound beside what must equal its decoder's bit for bit) and ``decodes`` (packets
that the real decoder must understand).
NaN never wins: except under ``bitwise``, where it is just bits, no value agrees with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.agreement import Agreement, Array, Mismatch
from workbench.elementwise import bitwise, max_abs_err
from workbench.errors import Infrastructure
from workbench.parity import parity
from workbench.ranking import recall, top_k

__all__ = [
    "KINDS",
    "Agreement",
    "Mismatch",
    "bitwise",
    "check",
    "identical",
    "max_abs_err",
    "parity",
    "recall",
    "top_k",
]

Arrays = Mapping[str, Array]

KINDS = ("bitwise", "max_abs_err", "top_k", "recall", "parity", "decodes")


def check(oracle: Mapping[str, Any], got: Arrays, want: Arrays) -> Agreement | Mismatch:
    """Hold all named outputs against the truth, as ``[oracle]`` in target.toml says.

    Parameters
    ----------
    oracle : mapping
        ``kind`` (one of `KINDS`) and its numbers: ``atol`` and ``rtol`` for max_abs_err and
        top_k, ``k``, ``minimum``, ``row_minimum`` and ``max_error`` for recall. top_k finds its
        arrays in the outputs ``ids`` and ``distances``, recall in ``distances``; keys of those
        names rename them. For parity ``pcm`` names the sound, ``rows`` the output that counts its
        rows (optional), ``atol`` and ``min_snr_db`` the limits; all else is held bit for bit.
        decodes has neither numbers nor names, see `workbench.opus.conformance`.
        ``lengths`` maps an output to the one that counts how many of its
        elements each request has; what lies behind is nobody's business.
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
    Agreement(max_abs_err=0.0, bitwise=True, recall=None)
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
    got, want = _cut(oracle, got, want)
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
        name = _named(oracle, "distances", want)
        k, minimum = int(_number(oracle, "k")), _number(oracle, "minimum")
        limits = _number(oracle, "row_minimum"), _number(oracle, "max_error")
        return recall(got[name], want[name], k, minimum, *limits, output=name)
    if kind == "parity":
        sound = _named(oracle, "pcm", want)
        others = [bitwise(got[name], want[name], name) for name in want if name != sound]
        limits = _number(oracle, "atol"), _number(oracle, "min_snr_db")
        near = parity(got[sound], want[sound], *limits, sound)
        return _all_of([*others, near])
    if kind == "decodes":
        from workbench.opus.conformance import conforms  # only here: it asks the real decoder

        return conforms(got, want)
    raise Infrastructure(f"[oracle] kind = {kind!r} is unknown; there are {', '.join(KINDS)}")


def identical(oracle: Mapping[str, Any], got: Arrays, want: Arrays) -> Agreement | Mismatch:
    """Hold all outputs bit for bit, up to the lengths and rows that ``[oracle]`` names."""
    cut = {name: oracle[name] for name in ("lengths", "pcm", "rows") if name in oracle}
    if oracle["kind"] == "decodes":
        cut = {"pcm": "packets", "rows": "lengths"}
    return check({"kind": "bitwise", **cut}, got, want)


def _cut(oracle: Mapping[str, Any], got: Arrays, want: Arrays) -> tuple[Arrays, Arrays]:
    """Blank what lies behind the length of each request, as the truth counts it.

    ``lengths`` counts the elements of a request, ``rows`` those in each of its places.
    """
    cut_got, cut_want = dict(got), dict(want)
    for name, counter in oracle.get("lengths", {}).items():
        if name not in want or counter not in want:
            raise Infrastructure(
                f"[oracle.lengths] {name} = {counter!r}: both must be outputs of this target; "
                f"there are {', '.join(sorted(want))}"
            )
        if got[name].shape == want[name].shape:
            counts = want[counter].reshape(-1, 1)
            _blank(np.arange(want[name].shape[-1]) >= counts, name, cut_got, cut_want)
    if "rows" in oracle:
        name, counts = _named(oracle, "pcm", want), want[_named(oracle, "rows", want)]
        if got[name].shape == want[name].shape:
            behind = np.arange(want[name].shape[counts.ndim]) >= counts[..., None]
            behind = behind.reshape(behind.shape + (1,) * (want[name].ndim - behind.ndim))
            _blank(behind, name, cut_got, cut_want)
    return cut_got, cut_want


def _blank(behind: NDArray[np.bool_], name: str, *both: dict[str, Array]) -> None:
    for arrays in both:
        arrays[name] = np.where(behind, arrays[name].dtype.type(0), arrays[name])


def _all_of(results: list[Agreement | Mismatch]) -> Agreement | Mismatch:
    """Return the first mismatch, else one agreement as weak as the weakest."""
    worst, same = 0.0, True
    for result in results:
        if isinstance(result, Mismatch):
            return result
        worst, same = max(worst, result.max_abs_err), same and result.bitwise
    return Agreement(worst, bitwise=same)


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
