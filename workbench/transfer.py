"""What became of a kernel's gain in the real query: the finding, and where it is published."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure

Transfer = Literal["wins", "none", "loses"]

UNIT_BINS = 32
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Case:
    """One kind of query; times are ns a query, shares are of the query's time."""

    shape: str
    distribution: str
    ratio: float
    ci_low: float
    ci_high: float
    candidate_ns: float
    incumbent_ns: float
    candidate_share: float
    incumbent_share: float
    kernel_calls: float


@dataclass(frozen=True)
class Histogram:
    """What the caller asked: ``counts[i]`` values from ``starts[i]`` up to the next start."""

    label: str
    starts: tuple[int, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class CallSiteRecord:
    """What became of a kernel's gain in the real query.

    Attributes
    ----------
    transfer : str or None
        ``wins`` or ``loses`` when the interval of the query's ratio excludes 1, else ``none``;
        None when an answer was wrong.
    ratio, ci_low, ci_high : float or None
        Query with the candidate / query with the incumbent, mean over the kinds of query.
    failure : str or None
        What was wrong.
    revoked : bool
        Whether a kept row of the ledger was revoked for it.
    """

    target: str
    timestamp: str
    commit: str
    kernel_sha256: str
    incumbent: str
    incumbent_sha256: str
    host_class: str
    host: Mapping[str, Any]
    versions: Mapping[str, str]
    transfer: Transfer | None
    ratio: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    processes: int = 0
    cases: tuple[Case, ...] = ()
    asked: tuple[Histogram, ...] = ()
    failure: str | None = None
    revoked: bool = False
    schema_version: int = SCHEMA_VERSION

    @property
    def worst(self) -> str:
        """The kind of query that gained least or lost most."""
        case = max(self.cases, key=lambda case: case.ratio)
        return (
            f"{case.shape}/{case.distribution} {case.ratio:.4f} ({case.ci_low:.4f} to "
            f"{case.ci_high:.4f})"
        )

    @property
    def sentence(self) -> str:
        """The finding in one line."""
        if self.transfer is None:
            return f"the query's answer is wrong: {self.failure}"
        share = np.mean([case.incumbent_share for case in self.cases])
        return (
            f"transfer: {self.transfer} ({self.ratio:.4f} x the query with {self.incumbent}, "
            f"{self.ci_low:.4f} to {self.ci_high:.4f}; worst {self.worst}; the kernel it replaces "
            f"is {share:.1%} of that query)"
        )

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"


def sum_up(ci_low: float, ci_high: float, cases: Sequence[Case], worst_ratio: float) -> Transfer:
    """Sum up the interval of the mean over kinds of query, and the worst kind.

    A mean hides a loss: a seek that was 1.022 (none) over OR and AND queries made AND queries
    1.105 times as slow. So one kind that is slower beyond its interval, by more than a trial
    allows one combo, loses.

    Parameters
    ----------
    ci_low, ci_high : float
        Of the mean ratio.
    cases : sequence of Case
        Every kind of query.
    worst_ratio : float
        The target's guardrail.

    Examples
    --------
    >>> [sum_up(low, high, (), 1.05) for low, high in ((0.91, 0.97), (0.99, 1.01), (1.02, 1.2))]
    ['wins', 'none', 'loses']
    """
    if ci_low > 1 or any(case.ci_low > 1 and case.ratio > worst_ratio for case in cases):
        return "loses"
    return "wins" if ci_high < 1 else "none"


def histogram(label: str, values: NDArray[Any]) -> Histogram:
    """Count whole numbers: one bin each up to `UNIT_BINS`, else bins that double.

    Examples
    --------
    >>> histogram("skipped blocks", np.array([0, 0, 3, 40]))
    Histogram(label='skipped blocks', starts=(0, 1, 2, 4, 8, 16, 32), counts=(2, 0, 1, 0, 0, 0, 1))
    """
    top = int(values.max(initial=0))
    starts = list(range(top + 1))
    if top > UNIT_BINS:
        starts = [0, *(1 << i for i in range(top.bit_length()))]
    counts, _ = np.histogram(values, [*starts, np.inf])
    return Histogram(label, tuple(starts), tuple(int(count) for count in counts))


def path(root: Path, name: str) -> Path:
    """Where the newest finding of a target is published."""
    return root / "reports" / "callsites" / f"{name}.json"


def read(root: Path, name: str) -> dict[str, Any] | None:
    """Return the newest published finding of a target, or None.

    Raises
    ------
    Infrastructure
        If the file is no finding.
    """
    return parse(path(root, name))


def parse(file: Path) -> dict[str, Any] | None:
    """Read a finding wherever it lies; as `read`."""
    from pydantic import TypeAdapter

    try:
        raw = file.read_bytes()
        found = TypeAdapter(CallSiteRecord).validate_json(raw)
        if found.schema_version != SCHEMA_VERSION:
            raise ValueError(f"schema {found.schema_version}, this program reads {SCHEMA_VERSION}")
        finding: dict[str, Any] = json.loads(raw)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise Infrastructure(
            f"{file} is no finding of a call site ({first}): `workbench integrate` writes a new one"
        ) from error
    return finding
