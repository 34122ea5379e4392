"""A claim: who works on a surface in a lane, why, and since when."""

from __future__ import annotations

import dataclasses
import datetime
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import Infrastructure

LANES = ("performance", "parity", "maintainability")
PREFIXES = ("refs/claims/", "refs/heads/claims/")
LEASE_S = 3600.0
LONGEST_LEASE_S = 7 * 86400.0
# Clocks of two machines may differ so much before a lease that has run out is taken from its owner.
SKEW_S = 300.0
ATTEMPTS = 5


@dataclass(frozen=True)
class Attempt:
    """One trial under a claim, as others see it."""

    timestamp: str
    status: str
    reason: str
    ratio: float | None
    description: str


@dataclass(frozen=True)
class Claim:
    """What the commit behind a claim's ref says.

    Attributes
    ----------
    lane : str
        One of `LANES`.
    surface : str
        A target's name, or another folder's.
    owner, host, branch : str
        Who, where, on which branch: one claim a branch.
    hypothesis, blocker, next_action : str
        What is tried, what is in the way, what comes next.
    opened, heartbeat : str
        UTC, ISO 8601.
    taken_from : str
        Whose lease had run out when this claim took its place; empty if nobody's.
    lease_s : float
        How long after the heartbeat it holds.
    attempts : tuple of Attempt
        The newest first, five at most.
    clone : str
        Of which clone the branch is: two may have branches of one name. Empty agrees with all.
    closed : bool
        Given up, on a remote that forbids to delete.
    nonce : str
        Makes any two claims different commits, so that not both of two racers win.
    """

    lane: str
    surface: str
    owner: str
    host: str
    branch: str
    hypothesis: str
    opened: str
    heartbeat: str
    blocker: str = ""
    next_action: str = ""
    taken_from: str = ""
    lease_s: float = LEASE_S
    attempts: tuple[Attempt, ...] = ()
    clone: str = ""
    closed: bool = False
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def name(self) -> str:
        """``lane/surface``."""
        return f"{self.lane}/{self.surface}"

    @property
    def beat(self) -> datetime.datetime:
        """When its owner was last heard of."""
        return datetime.datetime.fromisoformat(self.heartbeat)

    def seconds_left(self, now: datetime.datetime | None = None) -> float:
        """How long the lease still holds; negative when it has run out, skew allowed for."""
        now = now or datetime.datetime.now(datetime.UTC)
        return (self.beat - now).total_seconds() + self.lease_s + SKEW_S

    def is_active(self, now: datetime.datetime | None = None) -> bool:
        """Whether nobody else may take it."""
        return not self.closed and self.seconds_left(now) > 0

    @property
    def doubt(self) -> str:
        """What is wrong with its clock; a lease from the future would hold for too long."""
        ahead_s = self.seconds_left() - self.lease_s - SKEW_S
        if ahead_s <= SKEW_S:
            return ""
        return f"its heartbeat is {ahead_s / 60:.0f} minutes ahead of this clock: one is wrong"

    def beaten(self, **changes: Any) -> Claim:
        """The same claim, alive now, with some fields new."""
        return dataclasses.replace(self, heartbeat=utc_now(), nonce=secrets.token_hex(8), **changes)

    def to_message(self) -> str:
        """A commit's message: one line for people, the rest for machines."""
        body = json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True)
        verb = "gave up" if self.closed else "works on"
        return f"{self.owner} {verb} {self.name}\n\n{body}"


def from_message(ref: str, message: str) -> Claim:
    """Read a claim back.

    Raises
    ------
    Infrastructure
        If it was edited by hand and says nothing any more.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        if not message:
            raise ValueError("it has no message")
        claim = TypeAdapter(Claim).validate_json(message.partition("\n\n")[2])
        if claim.beat.tzinfo is None:
            raise ValueError(f"its heartbeat {claim.heartbeat} has no time zone")
        claim.beat.astimezone(datetime.UTC)
        if not 0 <= claim.lease_s <= LONGEST_LEASE_S:
            raise ValueError(f"its lease of {claim.lease_s} s is not one of 0 to 7 days")
        if claim.name != name_of(ref):
            raise ValueError(f"it speaks of {claim.name}")
    except (ValidationError, ValueError, OverflowError) as error:
        first_lines = " ".join(" ".join(str(error).splitlines()[:3]).split())
        raise Infrastructure(
            f"{ref} is no claim ({first_lines}): ask who holds it, then "
            f"workbench claim close --force {name_of(ref)}"
        ) from error
    return claim


def name_of(ref: str) -> str:
    """Lane and surface that a ref speaks of.

    Examples
    --------
    >>> name_of("refs/heads/claims/parity/pq_l2")
    'parity/pq_l2'
    """
    return next(ref.removeprefix(prefix) for prefix in PREFIXES if ref.startswith(prefix))


def utc_now() -> str:
    """Now, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
