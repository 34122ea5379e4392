"""What an agent brought: rows that count come home, a keep is committed."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence

from workbench import incumbent, ledger, record, targets
from workbench.errors import Infrastructure, WorkbenchError
from workbench.research import claimed, claims, worktree
from workbench.research.claim import Attempt
from workbench.research.workplace import Row, State, Workplace, save

# What a row and its record say in the same words.
SHARED = ("timestamp", "status", "reason", "kernel_sha256", "host_class", "commit")


def brought(work: Workplace, state: State) -> tuple[list[Row], str]:
    """Rows that an agent added to what it was lent, and what is wrong with them."""
    try:
        if not work.lent.read_bytes().startswith((work.home / "lent.tsv").read_bytes()):
            return [], "changed rows of the ledger that it was lent"
        return ledger.read_table(work.lent)[state.rows :], ""
    except (OSError, Infrastructure) as error:
        return [], f"left no ledger that can be read ({error})"


def account(work: Workplace, state: State, how: str) -> tuple[State, str]:
    """Remember what an agent brought, and commit it if it is a keep."""
    new, why = brought(work, state)
    worktree.collect(work.root, work.place)
    judged = [row for row in new if is_judged(work, row)]
    why = why or unusable(new, judged, work)
    bring_home(work, judged, why)
    number = state.iterations + 1
    state = dataclasses.replace(state, iterations=number, rows=-1)
    if why:
        state = dataclasses.replace(state, misses=state.misses + 1)
        line = f"{number}: the agent ({how}) {why}: nothing is kept"
    else:
        (row,) = new
        state = dataclasses.replace(state, misses=0, since_keep=state.since_keep + 1)
        line = f"{number}: {spell(row)}"
        if row["status"] == "keep":
            state = dataclasses.replace(state, pending=row)
    save(work, state)  # from here on nothing in the tree is needed
    state = finished(work, state)
    return state, line + ("" if why else report(work))


def finished(work: Workplace, state: State) -> State:
    """Commit a keep that is accounted for, if there is one; once, whenever that is stopped."""
    if not state.pending:
        return state
    head = commit(work, state.pending, state.head)
    state = dataclasses.replace(state, kept=state.kept + 1, since_keep=0, head=head, pending={})
    save(work, state)
    return state


def is_judged(work: Workplace, row: Row) -> bool:
    """Whether a trial's record says the same as a row."""
    trials = record.folder(work.root, "")
    for path in trials.glob(f"*-{work.name}-{row['kernel_sha256'][:8]}/trial.json"):
        with contextlib.suppress(WorkbenchError):
            found = record.read(path)
            if all(row[name] == getattr(found, name) for name in SHARED):
                return True
    return False


def bring_home(work: Workplace, new: Sequence[Row], why: str) -> None:
    """Append rows to the ledger that counts, each once, however often a kill made us begin.

    A keep that the loop does not commit is taken back: the next kernel shall not race it.
    """
    known = ledger.read_table(work.ledger)
    for fields in new:
        row = ledger.ROWS[work.focus].from_fields(fields)
        if fields not in known:
            ledger.append(work.ledger, row)
        said = f"loop: the agent {why}"
        is_back = any(
            (each["status"], each["kernel_sha256"], each["description"])
            == ("revoke", row.kernel_sha256, said)
            for each in known
        )
        if why and row.status == "keep" and not is_back:
            back = ledger.revocation(
                row.kernel_sha256,
                "suspect",
                said,
                commit=row.commit,
                host_class=row.host_class,
                focus=work.focus,
            )
            ledger.append(work.ledger, back)


def unusable(new: Sequence[Row], judged: Sequence[Row], work: Workplace) -> str:
    """Why what an agent brought does not count; empty if it does."""
    if len(new) != 1:
        return f"brought {len(new)} trials, not one"
    if not judged:
        return "left no record of its trial"
    if new[0].get("host_class", work.host_class) != work.host_class:
        return "was judged by another judge than the committed one"
    return ""


def commit(work: Workplace, row: Row, head: str) -> str:
    """Commit the kernel as it was judged, alone and on the last keep, whatever else was done."""
    target = targets.load(work.name, work.root)
    source = incumbent.of_row(target, ledger.ROWS[work.focus].from_fields(row)).source
    worktree.reset(work.root, work.place, work.branch, head)
    file = target.kernels_path.relative_to(work.root).as_posix()
    return worktree.commit_file(work.place, file, source, f"{work.name}: {row['description']}")


def report(work: Workplace) -> str:
    """Put the last attempts into the claim; what stands in the way of it is for people."""
    if not claimed.wanted(work.root):
        return ""
    rows = ledger.read_table(work.ledger)
    try:
        claims.refresh(work.root, [attempt(row) for row in reversed(rows)])
    except WorkbenchError as error:
        return f" (the claim was not renewed: {error})"
    return ""


def attempt(row: Row) -> Attempt:
    """A ledger's row as others see it."""
    ratio = row.get("ratio", ledger.MISSING)
    return Attempt(
        row.get("timestamp", ""),
        row["status"],
        row.get("reason", ""),
        None if ratio == ledger.MISSING else float(ratio),
        row["description"],
    )


def spell(row: Row) -> str:
    """A trial in one line."""
    reason = f" ({row['reason']})" if "reason" in row else ""
    measured = row.get("ratio", row.get("score", ledger.MISSING))
    measured = "" if measured == ledger.MISSING else f" {float(measured):.4f}"
    return f"{row['status']}{reason}{measured}  {row['description']}"
