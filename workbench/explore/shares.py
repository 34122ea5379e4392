"""What share of the least time this machine allows a kernel, upstream and its peers make use of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.explore.standing import Standing
from workbench.scoreboard import Score

CANDIDATE, KERNELS, UPSTREAM = "this kernel", "published kernels.py", "upstream's algorithm"
# The scoreboard's names for two of its contestants; peers go by their own.
NAMES = {"kernels": KERNELS, "upstream": UPSTREAM}


@dataclass(frozen=True)
class Hand:
    """One contestant.

    Attributes
    ----------
    name : str
        Who.
    share : float
        The least time the machine allows / its time, geometric mean over the chosen combos.
    elapsed_ns : float
        Its time per request, geometric mean.
    """

    name: str
    share: float
    elapsed_ns: float


@dataclass(frozen=True)
class Shares:
    """What is known of them.

    Attributes
    ----------
    candidate : Hand or None
        None as long as it was not timed, or the limit is not known.
    is_timed : bool
        Whether the candidate was timed.
    others : tuple of Hand
        Upstream, the published kernel and the peers, the best first.
    note : str
        Where all this comes from.
    """

    candidate: Hand | None
    is_timed: bool
    others: tuple[Hand, ...]
    note: str


def read(
    published: Score | None,
    standing: Standing | None,
    least_ns: Mapping[str, float],
    shape: str = "",
    distribution: str = "",
) -> Shares:
    """Put the race and the scoreboard on one scale.

    Peers were raced beside upstream's algorithm when the scoreboard was made; here they get
    upstream's time of this race times their ratio of that one, so that a busy hour or another
    clock rate does not count for or against them.

    Parameters
    ----------
    published : Score or None
        The target's line of the scoreboard.
    standing : Standing or None
        The race, once there is one.
    least_ns : mapping of str to float
        The limit by shape as measured after this race; the published one is taken before.
    shape, distribution : str
        The combos that are looked at; empty means all.
    """

    def chosen(one_shape: str, one_distribution: str) -> bool:
        return shape in ("", one_shape) and distribution in ("", one_distribution)

    board = {
        (c.shape, c.distribution): c
        for c in (published.combos if published else ())
        if chosen(c.shape, c.distribution)
    }
    lines = {
        (one.shape, one.distribution): one
        for one in (standing.lines if standing else ())
        if chosen(one.shape, one.distribution)
    }
    scale = {
        key: lines[key].candidate_ns / upstream / board[key].elapsed_ns["upstream"]
        for key in board
        if key in lines and (upstream := lines[key].vs_upstream)
    }
    limits = {
        key: least_ns.get(key[0]) or (c.least_ns * scale.get(key, 1.0)) for key, c in board.items()
    }
    limits |= {key: least_ns[key[0]] for key in lines if key[0] in least_ns}
    candidate = None
    if lines and lines.keys() <= limits.keys():
        times = {key: one.candidate_ns for key, one in lines.items()}
        candidate = _hand(CANDIDATE, times, limits)
    names = list(dict.fromkeys(name for c in board.values() for name in c.elapsed_ns))
    others = tuple(
        _hand(
            NAMES.get(name, name),
            {key: c.elapsed_ns[name] * scale.get(key, 1.0) for key, c in board.items()},
            limits,
        )
        for name in names
        if all(name in c.elapsed_ns for c in board.values())
    )
    ordered = tuple(sorted(others, key=lambda hand: -hand.share))
    return Shares(candidate, bool(lines), ordered, _note(published, bool(least_ns)))


def _hand(
    name: str, times: Mapping[tuple[str, str], float], limits: Mapping[tuple[str, str], float]
) -> Hand:
    logs = [math.log(ns) for ns in times.values()]
    shares = [math.log(limits[key] / ns) for key, ns in times.items()]
    return Hand(name, math.exp(_mean(shares)), math.exp(_mean(logs)))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _note(published: Score | None, measured: bool) -> str:
    limit = "Limit: least bytes and operations of target.toml at the machine's bandwidth and "
    when = ", measured after the race. " if measured or published is None else ", as published. "
    limit += f"arithmetic{when}"
    if published is None:
        return limit + "No peers: nothing of this target is on the scoreboard."
    day = published.timestamp[:10]
    machine = f"{published.host.get('cpu_model', '?')}, {published.host.get('cores', '?')} cores"
    return (
        f"{limit}Peers: their ratio to upstream on the scoreboard ({day}, {machine}) times "
        "upstream's time in this race. Geometric means over the chosen combos."
    )
