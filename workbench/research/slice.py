"""A slice: a branch that its author calls ready, and which of them comes first."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from workbench.errors import Infrastructure, WorkbenchError
from workbench.research import claims
from workbench.research.claim import SKEW_S

STATES = ("green", "revalidate", "evicted")
PREFIXES = ("refs/queue/", "refs/heads/queue/")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(frozen=True)
class Slice:
    """What the commit behind a slice's ref says.

    Attributes
    ----------
    branch, commit : str
        The work: a branch, and the commit on it that is meant.
    lane, surface : str
        As in a claim: one of `LANES`; a target's name, or another folder's.
    owner, submitted : str
        Who called it ready, and when (UTC, ISO 8601).
    files : tuple of str
        What it changes, seen from where it left the default branch.
    depends_on : tuple of str
        Branches whose slices have to be merged first; a merge takes the merged one out.
    evidence : str
        The structural evidence of a maintainability slice.
    state, why : str
        ``green``; ``revalidate``: something was merged under it; ``evicted``: it was judged and
        lost. ``why`` says what happened.
    record : str
        The trial that evicted it.
    ratio, ci_low, ci_high : float or None
        What that trial found.
    nonce : str
        Makes any two slices different commits, so that not both of two racers win.
    """

    branch: str
    commit: str
    lane: str
    surface: str
    owner: str
    submitted: str
    files: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    evidence: str = ""
    state: str = "green"
    why: str = ""
    record: str = ""
    ratio: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def is_open(self) -> bool:
        """Whether it may still be merged."""
        return self.state != "evicted"

    @property
    def turn(self) -> tuple[datetime.datetime, str]:
        """What the queue is sorted by."""
        return datetime.datetime.fromisoformat(self.submitted), self.branch

    def is_from_the_future(self, now: datetime.datetime | None = None) -> bool:
        """Whether its author's clock is ahead of this one by more than two may differ."""
        now = now or datetime.datetime.now(datetime.UTC)
        return (self.turn[0] - now).total_seconds() > SKEW_S

    def now(self, state: str, why: str, **more: str | float | tuple[str, ...] | None) -> Slice:
        """The same slice in another state."""
        changed = {"state": state, "why": why, "nonce": secrets.token_hex(8), **more}
        return dataclasses.replace(self, **changed)  # type: ignore[arg-type]  # mixed values

    def to_message(self) -> str:
        """A commit's message: one line for people, the rest for machines."""
        body = json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True)
        return f"{self.branch} of {self.owner} is {self.state} in the queue\n\n{body}"


def from_message(ref: str, message: str) -> Slice:
    """Read a slice back.

    Raises
    ------
    Infrastructure
        If it was edited by hand and says nothing any more.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        found = TypeAdapter(Slice).validate_json(message.partition("\n\n")[2])
        claims.check(found.lane, found.surface)
        if found.branch != branch_of_ref(ref):
            raise ValueError(f"it speaks of {found.branch}")
        if found.state not in STATES:
            raise ValueError(f"state {found.state!r}; there are: {', '.join(STATES)}")
        if not _COMMIT.fullmatch(found.commit):
            raise ValueError(f"{found.commit!r} is no commit")
        if found.turn[0].tzinfo is None:
            raise ValueError(f"{found.submitted!r} has no time zone")
    except (ValidationError, ValueError, WorkbenchError) as error:
        first_line = " ".join(str(error).splitlines()[:3])
        raise Infrastructure(
            f"{ref} is no slice ({first_line}): workbench queue drop --force {branch_of_ref(ref)}, "
            "then workbench queue add on that branch"
        ) from error
    return found


def branch_of_ref(ref: str) -> str:
    """The branch that a ref of the queue speaks of.

    Examples
    --------
    >>> branch_of_ref("refs/heads/queue/ann/faster")
    'ann/faster'
    """
    return next(ref.removeprefix(prefix) for prefix in PREFIXES if ref.startswith(prefix))


def order(slices: Iterable[Slice]) -> list[Slice]:
    """Oldest first; those of the same second by name."""
    return sorted(slices, key=lambda each: each.turn)


def blocked(one: Slice, there: Mapping[str, Slice | None]) -> str:
    """What a slice waits for, in words; empty when nothing is in its way.

    Parameters
    ----------
    one : Slice
        The slice.
    there : mapping of str to Slice or None
        All in the queue, by branch; None for what cannot be read. A dependency that is not in
        the queue was withdrawn, or merged by other means: `after_merge` forgets what was merged.
    """
    for branch in one.depends_on:
        if branch not in there:
            return (
                f"depends on {branch}, which is not in the queue any more: on {one.branch} again "
                "workbench queue add, with --depends-on or without"
            )
        other = there[branch]
        if other is None:
            return f"depends on {branch}, which cannot be read"
        if not other.is_open:
            return f"depends on {branch}, which was evicted: {other.why}"
        return f"depends on {branch}, which comes first"
    return ""


def first(there: Mapping[str, Slice | None]) -> tuple[Slice | None, str]:
    """The oldest that nothing blocks, or None and why there is none."""
    ready = order(each for each in there.values() if each is not None and each.is_open)
    reasons = []
    for one in ready:
        reason = blocked(one, there)
        if not reason:
            return one, ""
        reasons.append(f"{one.branch} {reason}")
    if reasons:
        return None, f"nothing can be merged: {'; '.join(reasons)}"
    return None, "nothing can be merged: no slice is open" if there else "the queue is empty"


def in_a_circle(branch: str, depends_on: Iterable[str], there: Mapping[str, Slice | None]) -> bool:
    """Whether a slice with these dependencies would wait for itself."""
    seen: set[str] = set()
    ahead = list(depends_on)
    while ahead:
        name = ahead.pop()
        if name == branch:
            return True
        other = there.get(name)
        if name not in seen and other is not None:
            ahead += other.depends_on
        seen.add(name)
    return False


def undermined(other: Slice, merged: Slice, files: Collection[str]) -> str:
    """Why a slice has to be validated again after a merge of ``files``; empty if it need not."""
    reasons = []
    if other.surface == merged.surface:
        reasons.append(f"the same surface {merged.surface}")
    shared = sorted(set(other.files) & set(files))
    if shared:
        more = f" and {len(shared) - 3} more" if len(shared) > 3 else ""
        reasons.append(f"{', '.join(shared[:3])}{more}")
    return f"{merged.branch} was merged, which changed {' and '.join(reasons)}" if reasons else ""


def after_merge(other: Slice, merged: Slice, files: Collection[str]) -> Slice:
    """A slice once another was merged: marked if that undermined it, and waiting for it no more."""
    why = undermined(other, merged, files)
    known = not why or (other.state == "revalidate" and why in other.why)
    state, why = (other.state, other.why) if known else ("revalidate", why)
    depends_on = tuple(name for name in other.depends_on if name != merged.branch)
    if known and depends_on == other.depends_on:
        return other
    return other.now(state, why, depends_on=depends_on)
