"""Every kernel beside upstream's algorithm, its peers and the machine's limit, as published.

What lies in ``reports/scoreboard/``; `workbench.tournament` measures it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import Infrastructure

SCHEMA_VERSION = 1
MIN_ROUNDS = 3
# A peer in Python takes up to 1,300 times upstream's time: it would leave the others 3 rounds.
SLOW = 20.0


@dataclass(frozen=True)
class Ratio:
    """Kernel time / another's time, geometric mean over combos, and its interval over processes."""

    ratio: float
    ci_low: float
    ci_high: float
    worst: float
    worst_combo: str


@dataclass(frozen=True)
class Combo:
    """Median ns a request of every contestant, and the machine's limit."""

    shape: str
    distribution: str
    elapsed_ns: dict[str, float]
    least_ns: float


@dataclass(frozen=True)
class Score:
    """One target's line.

    Attributes
    ----------
    geomean_ns : float
        Of the kernel, per request.
    vs_upstream : Ratio
        To upstream's algorithm.
    vs_peers : dict of str to Ratio
        To each peer that answered rightly.
    best_peer : str or None
        The one that is fastest by the mean over combos.
    roofline_share : float
        The least time the machine allows / the kernel's time, geometric mean over combos.
    failures : dict of str to str
        Peers whose answer was wrong, and how.
    cpu : str
        What LLVM calls the processor, e.g. ``znver3``: a model's name does not say what vectors it
        has. Empty in lines that are older than this field.
    """

    target: str
    status: str
    unit: str
    commit: str
    kernel_sha256: str
    timestamp: str
    host: dict[str, Any]
    versions: dict[str, str]
    processes: int
    rounds: int
    geomean_ns: float
    vs_upstream: Ratio
    vs_peers: dict[str, Ratio]
    best_peer: str | None
    roofline_share: float
    combos: tuple[Combo, ...]
    failures: dict[str, str]
    cpu: str = ""


def path(root: Path) -> Path:
    """Where the published lines are."""
    return root / "reports" / "scoreboard" / "scoreboard.json"


def read(root: Path) -> dict[str, Score]:
    """Published lines by target; none where nothing was published.

    Raises
    ------
    Infrastructure
        If the file is no scoreboard.
    """
    from pydantic import TypeAdapter

    try:
        document = json.loads(path(root).read_bytes())
        if document["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema {document['schema_version']}, this reads {SCHEMA_VERSION}")
        lines = TypeAdapter(list[Score]).validate_python(document["targets"])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        name = path(root).relative_to(root)
        why = str(error).splitlines()[0]
        raise Infrastructure(
            f"{name} is no scoreboard ({why}): `workbench scoreboard` writes a new one"
        ) from error
    return {line.target: line for line in lines}
