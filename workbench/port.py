"""The kit with which an upstream maintainer can take a kept kernel: evidence, refusals, files.

The evidence is a trial's record: this machine's, else a published one. Nothing is measured here.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from workbench import incumbent, policy, setting, targets, transfer
from workbench.deliver import kit
from workbench.deliver.evidence import Combo, Evidence, evidence, records, when
from workbench.errors import Refused, Usage
from workbench.files import write_whole
from workbench.record import TrialRecord
from workbench.targets import Target

# FACTS 1: a kernel is offered upstream at a tenth of the time or more, its worst case intact.
MOST_OF_UPSTREAM = 0.90


@dataclass(frozen=True)
class Kit:
    """What was written, and the claim it makes."""

    target: str
    evidence: Evidence
    out: Path
    files: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The claim in one line."""
        ratio, low, high = self.evidence.headline
        return (
            f"{self.target}: {ratio:.4f} x the time of upstream.py ({low:.4f} to {high:.4f}), by "
            f"{self.evidence.path}"
        )

    def summary(self) -> dict[str, Any]:
        """For ``--json``."""
        ratio, low, high = self.evidence.headline
        return {
            "target": self.target,
            "ratio_vs_upstream": ratio,
            "ci_low_vs_upstream": low,
            "ci_high_vs_upstream": high,
            "kernel_sha256": self.evidence.record.kernel_sha256,
            "record": self.evidence.path,
            "out": str(self.out),
            "files": list(self.files),
        }


def run(name: str, out: Path | None = None, *, root: Path | None = None) -> Kit:
    """Write the kit of the committed ``targets/<name>/kernels.py``.

    Parameters
    ----------
    name : str
        The target.
    out : Path, optional
        Its folder; ``.workbench/ports/<name>`` without one.
    root : Path, optional
        The project; found from the working directory otherwise.

    Raises
    ------
    Refused
        If the kernel is not committed, has no record, or is nothing to offer.
    Usage, Infrastructure
        An unknown target; a record or a ledger that cannot be read; a folder that cannot be
        written.
    """
    target = targets.load(name, root)
    setting.require_answers(target)
    source = policy.read_source(target.kernels_path)
    commit = incumbent.head(target, source)
    if commit.endswith("+"):
        raise Refused(
            f"targets/{name}/kernels.py is not the committed one: commit it, so that the commands "
            "of the kit repeat this kernel"
        )
    found, *others = evidence(target, source)
    query = transfer.read(target.root, name)
    if query is not None and query["kernel_sha256"] != found.record.kernel_sha256:
        query = None
    broken = broken_guards(target, found.record)
    doubts = objections(found, query, setting.guardrails(target).worst_ratio, broken or ())
    if doubts:
        raise Refused(f"{name} is nothing to offer upstream: {'; '.join(doubts)}")
    upstream = incumbent.upstream(target).source
    diff = "".join(
        difflib.unified_diff(
            upstream.splitlines(keepends=True),
            source.splitlines(keepends=True),
            f"targets/{name}/upstream.py",
            f"targets/{name}/kernels.py",
        )
    )
    files = {
        "kernels.py": source,
        "upstream.py": upstream,
        "change.diff": diff,
        "trial.json": f"{found.record.to_json()}\n",
        "combos.csv": _table(found.combos),
    }
    if query is not None:
        files["callsite.json"] = json.dumps(query, indent=1) + "\n"
    files["README.md"] = kit.page(
        target, commit, found, others, query, files, guarded=broken is not None
    )
    folder = out or target.root / ".workbench" / "ports" / name
    _write(folder, files)
    return Kit(name, found, folder, tuple(files))


def objections(
    found: Evidence,
    query: Mapping[str, Any] | None,
    worst_ratio: float,
    broken: Sequence[str],
) -> list[str]:
    """Why a kernel is not to be offered; empty when it is.

    Parameters
    ----------
    found : Evidence
        Its record.
    query : mapping or None
        The finding of its call site (`workbench.transfer`), if it was raced there.
    worst_ratio : float
        The target's guardrail: no combo may take longer than that, beside upstream.
    broken : sequence of str
        Guardrails of hot paths that its record breaks.
    """
    doubts = []
    ratio, _, high = found.headline
    if high > MOST_OF_UPSTREAM:
        doubts.append(
            f"{ratio:.4f} x its time, and up to {high:.4f} within the interval, where "
            f"{MOST_OF_UPSTREAM:.2f} is the most"
        )
    worst = max(found.combos, key=lambda combo: combo.ratio, default=None)
    if worst is not None and worst.ratio > worst_ratio:
        doubts.append(
            f"{worst.name} takes {worst.ratio:.4f} x its time, where {worst_ratio:.2f} is the most"
        )
    if query is not None and query["transfer"] is None:
        doubts.append(f"the query's answer is wrong with it ({query['failure']})")
    elif query is not None and query["transfer"] == "loses":
        doubts.append(f"the query loses with it ({query['ratio']:.4f})")
    return doubts + [f"a guard is broken: {line}" for line in broken]


def broken_guards(target: Target, found: TrialRecord) -> list[str] | None:
    """What the guard says of a kernel; None where its host class has no baseline.

    Held against it is the newest race of the kernel against itself, as the baseline is one: what
    a kernel is raced against moves its combos. Without any it is the kept record.
    """
    from workbench.research import guard

    baseline = guard.read(target.folder / guard.FILE).get(found.host_class)
    if baseline is None:
        return None
    looks = [
        one
        for _, one in records(target, found.kernel_sha256)
        if one.host_class == found.host_class and guard.against_itself(one) and one.combos
    ]
    said = guard.broken(max(looks, key=when, default=found), baseline)
    return [f"{line}; `workbench guard {target.name}` asks again" for line in said]


def _table(combos: Sequence[Combo]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    names = [field.name for field in fields(Combo)]
    rows.writerow(names)
    rows.writerows([getattr(combo, name) for name in names] for combo in combos)
    return text.getvalue()


def _write(folder: Path, files: Mapping[str, str]) -> None:
    if folder.exists() and (not folder.is_dir() or _foreign(folder)):
        raise Usage(f"{folder} holds something else than a kit: name an empty folder with --out")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "callsite.json").unlink(missing_ok=True)
    for name, text in files.items():
        write_whole(folder / name, text.encode())


def _foreign(folder: Path) -> bool:
    return any(folder.iterdir()) and not (folder / "change.diff").is_file()
