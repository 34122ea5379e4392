"""Opening, renewing and giving up claims: git refs that change by compare-and-swap.

``refs/claims/<lane>/<surface>`` points to a commit whose message is the claim. A remote that takes
branches only gets ``refs/heads/claims/<lane>/<surface>``.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import Infrastructure, Refused, Usage
from workbench.nearest import nearest
from workbench.research import refs
from workbench.research.claim import (
    ATTEMPTS,
    LANES,
    PREFIXES,
    Attempt,
    Claim,
    from_message,
    name_of,
    utc_now,
)
from workbench.research.refs import NamespaceRefused
from workbench.research.researcher import Me, clone_of, me, owner

_SURFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Held:
    """A claim as it was found.

    Attributes
    ----------
    ref, commit : str
        Where, and what has to be there still when it is changed.
    claim : Claim or None
        None where somebody edited it by hand.
    problem : str
        What is wrong with it then.
    """

    ref: str
    commit: str
    claim: Claim | None
    problem: str = ""

    @property
    def name(self) -> str:
        """``lane/surface``, readable or not."""
        return name_of(self.ref)


def everything(root: Path) -> list[Held]:
    """All claims, by lane and surface; unreadable ones too."""
    return [each for each in _refs(root) if each.claim is None or not each.claim.closed]


def held(root: Path, lane: str, surface: str) -> Held | None:
    """The claim on a surface in a lane, if there is one."""
    check(lane, surface)
    return _named(everything(root), f"{lane}/{surface}")


def open_claim(root: Path, lane: str, surface: str, hypothesis: str, **more: Any) -> Claim:
    """Take a surface; claims of one's own whose lease has run out are given up.

    Raises
    ------
    Refused
        If somebody holds it, or this branch holds another.
    Usage
        For a lane or surface that cannot be.
    Infrastructure
        If the remote does not answer.
    """
    check(lane, surface)
    name, who = f"{lane}/{surface}", me(root)
    found = _refs(root)
    own = [each for each in found if who.holds(each.claim) and each.name != name]
    for each in own:
        if each.claim and each.claim.is_active():
            raise Refused(
                f"branch {who.branch} holds {each.name}: one claim a branch; close it, or "
                f"workbench claim retarget --surface {surface}"
            )
    there = _named(found, name)
    if there is not None:
        _refuse_if_taken(there, who)
    claim = Claim(
        lane=lane,
        surface=surface,
        owner=who.owner,
        host=socket.gethostname(),
        branch=who.branch,
        clone=who.clone,
        hypothesis=hypothesis,
        opened=utc_now(),
        heartbeat=utc_now(),
        taken_from=_former(there, who),
        **more,
    )
    if not _put(root, claim, there):
        winner = held(root, lane, surface)
        whom = winner.claim.owner if winner and winner.claim else "somebody"
        raise Refused(f"{claim.name} was taken by {whom} in the same moment: choose another")
    for each in own:
        if each.claim and not each.claim.closed:
            _leave(root, who, each)
    return claim


def mine(root: Path) -> Held:
    """The claim of this branch: the one that was last heard of, active ones first.

    Raises
    ------
    Refused
        If it has none.
    """
    who = me(root)
    own = [(each.claim, each) for each in everything(root) if each.claim and who.holds(each.claim)]
    if not own:
        raise Refused(
            f"branch {who.branch} has no claim: workbench claim open --lane L --surface S"
        )
    return max(own, key=lambda pair: (pair[0].is_active(), pair[0].beat))[1]


def refresh(root: Path, attempts: Sequence[Attempt] = (), **changes: Any) -> Claim:
    """Say that one is still at it, with the latest attempts.

    Raises
    ------
    Refused
        If it was taken meanwhile.
    """
    if attempts:
        changes["attempts"] = tuple(attempts)[:ATTEMPTS]
    for _ in range(refs.TRIES):  # a loop on this branch may do the same at the same moment
        here = mine(root)
        assert here.claim is not None
        claim = here.claim.beaten(clone=clone_of(root), **changes)
        if _put(root, claim, here):
            return claim
    raise Refused(f"{claim.name} changes all the time: see workbench claim show")


def close(root: Path, name: str = "", *, force: bool = False) -> str:
    """Give a claim up; with ``force`` another's, or one that cannot be read.

    Raises
    ------
    Refused
        If it is somebody else's.
    """
    if not name:
        here = mine(root)
    else:
        found = _named(everything(root), name)
        if found is None:
            lane, _, surface = name.partition("/")
            check(lane, surface)
            raise Usage(f"nobody holds {name}")
        here = found
        if not force:
            if here.claim is None:
                raise Infrastructure(here.problem)
            _refuse_if_taken(here, me(root))
    if not _release(root, here):
        raise Refused(f"{here.ref} has changed meanwhile: look again with workbench claim list")
    return here.name


def retarget(root: Path, lane: str = "", surface: str = "") -> Claim:
    """Move a branch's claim to another lane or surface: take the new one, then leave the old."""
    who, here = me(root), mine(root)
    assert here.claim is not None
    moved = here.claim.beaten(
        lane=lane or here.claim.lane, surface=surface or here.claim.surface, clone=who.clone
    )
    check(moved.lane, moved.surface)
    if moved.name == here.claim.name:
        raise Usage(f"this branch holds {moved.name} already")
    there = _named(_refs(root), moved.name)
    if there is not None:
        _refuse_if_taken(there, who)
        moved = moved.beaten(taken_from=_former(there, who))
    if not _put(root, moved, there):
        raise Refused(f"{moved.name} was taken in the same moment: {here.claim.name} stays yours")
    _leave(root, who, here)
    return moved


def require(root: Path, surface: str) -> None:
    """Refuse work on a surface that somebody else holds, in any lane, or nobody.

    Raises
    ------
    Refused
        Saying who, or how to open one.
    """
    who = me(root)
    of_surface = [
        each.claim
        for each in everything(root)
        if each.claim and each.claim.surface == surface and each.claim.is_active()
    ]
    if any(who.holds(claim) for claim in of_surface):
        return
    if of_surface:
        claim = of_surface[0]
        raise Refused(f"{claim.name} is held by {_holder(claim, who)}: {claim.hypothesis}")
    raise Refused(
        f"nobody has claimed {surface}, and [tool.workbench] claims = true: "
        f"workbench claim open --lane performance --surface {surface} --hypothesis TEXT"
    )


def check(lane: str, surface: str) -> None:
    """Refuse names that cannot be part of a ref.

    Raises
    ------
    Usage
        Saying what is allowed.
    """
    if lane not in LANES:
        raise Usage(f"no lane {lane!r}; {nearest(lane, LANES)}")
    if not _SURFACE.fullmatch(surface) or ".." in surface or surface.endswith((".", ".lock")):
        raise Usage(f"{surface!r} is no surface: letters, digits, _, - and . as in a target's name")


def _refs(root: Path) -> list[Held]:
    """All claims, closed ones too."""
    found = []
    for ref, (commit, message) in sorted(refs.store(root).read(*PREFIXES).items()):
        try:
            found.append(Held(ref, commit, from_message(ref, message)))
        except Infrastructure as error:
            found.append(Held(ref, commit, None, str(error)))
    return found


def _named(found: Sequence[Held], name: str) -> Held | None:
    return next((each for each in found if each.name == name), None)


def _former(there: Held | None, who: Me) -> str:
    """Who held a surface whose lease has run out."""
    claim = there.claim if there else None
    if claim is None or claim.closed or who.holds(claim):
        return ""
    return _holder(claim, who)


def _holder(claim: Claim, who: Me) -> str:
    elsewhere = f" in another clone ({claim.host})" if who.is_called(claim) else ""
    return f"{claim.owner} on {claim.branch}{elsewhere}"


def _refuse_if_taken(there: Held, who: Me) -> None:
    if there.claim is None:
        raise Refused(there.problem)
    claim = there.claim
    if who.holds(claim) or not claim.is_active():
        return
    left = round(claim.seconds_left() / 60)
    raise Refused(
        f"{claim.name} is held by {_holder(claim, who)} for {left} minutes more: "
        f"{claim.hypothesis}. Choose another surface, or read along with --scout"
        f"{claim.doubt and f'; {claim.doubt}'}"
    )


def _put(root: Path, claim: Claim, there: Held | None) -> bool:
    """Create or replace; on a remote that takes branches only, as a branch."""
    store = refs.store(root)
    commit = store.commit(claim.to_message(), claim.owner)
    if there is not None:
        return store.swap(there.ref, there.commit, commit)
    return store.create(PREFIXES, claim.name, commit)


def _release(root: Path, here: Held) -> bool:
    """Delete a claim; where the remote forbids to delete, one that is closed takes its place."""
    try:
        return refs.store(root).swap(here.ref, here.commit, None)
    except NamespaceRefused:
        lane, _, surface = here.name.partition("/")
        now, by = utc_now(), owner(root)
        closed = Claim(lane, surface, by, socket.gethostname(), "", "", now, now, closed=True)
        return _put(root, closed, here)


def _leave(root: Path, who: Me, here: Held) -> None:
    """Give up a claim of one's own; a heartbeat may change it in the same moment."""
    for _ in range(refs.TRIES):
        if _release(root, here):
            return
        again = _named(everything(root), here.name)
        if again is None or not who.holds(again.claim):
            return
        here = again
    raise Refused(f"{here.name} is still yours too: workbench claim close {here.name}")
