"""What the explorer says in words: verdict, readings, and the loop that was read off the code."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.explore.listing import Loop
from workbench.record import TrialRecord

MISSING = "n/a"


def said(text: str, look: str = "") -> str:
    """One line for a person; nothing in it is taken for markup."""
    return f'<p class="{look}" role="status">{html.escape(text)}</p>'


def verdict(record: TrialRecord, doubts: Sequence[str] = ()) -> str:
    """The verdict's sentence and the doubts about it; what a kernel printed is called untrusted."""
    look = (
        "good" if record.status in ("keep", "baseline") else "bad" if record.exit_code > 1 else ""
    )
    lines = [f'<p class="{look}" role="status"><b>{html.escape(record.sentence)}</b></p>']
    if record.failure is not None and record.failure.untrusted_output:
        printed = repr(record.failure.untrusted_output)
        lines.append(said(f"the kernel printed (untrusted): {printed}", "soft"))
    lines += [said(f"warning: {line}", "soft") for line in (*record.warnings, *doubts)]
    return "".join(lines)


def readings(record: TrialRecord, limits: Mapping[str, Any]) -> str:
    """Allocations, memory, counters and accuracy, beside what the target allows.

    Parameters
    ----------
    record : TrialRecord
        Of the race.
    limits : mapping
        ``[guardrails]`` of target.toml.
    """
    rows = (
        ("allocations a request", _number(record.allocations), f"{limits['max_allocations']:g}"),
        ("peak memory, MB", _number(record.peak_rss_mb, ",.0f"), f"{limits['max_peak_rss_mb']:,g}"),
        ("worst combo", _worst(record), f"{limits['worst_ratio']:g}"),
        ("cycles a request", _number(record.cycles, ",.0f"), ""),
        ("instructions a request", _number(record.instructions, ",.0f"), ""),
        ("largest error", _number(record.max_abs_err, ".3g"), ""),
        ("bits equal the reference's", _yes(record.bit_identical), ""),
        ("syntax nodes", _number(record.syntax_nodes, ",d"), ""),
        ("the trial, s", _number(record.seconds, ".1f"), f"{limits['budget_seconds']:g}"),
    )
    cells = "".join(
        f'<tr><td>{html.escape(name)}</td><td class="right">{html.escape(value)}</td>'
        f'<td class="right soft">{html.escape(limit)}</td></tr>'
        for name, value, limit in rows
    )
    head = "<tr><th></th><th>reading</th><th>at most</th></tr>"
    against = f"Raced against: {record.incumbent.origin} {record.incumbent.kernel_sha256[:8]}"
    return f"<h4>Readings</h4><table>{head}{cells}</table>{said(against, 'soft')}"


def loop(found: Loop) -> str:
    """An innermost loop; instructions on vectors are bold and marked with their width in bits."""
    share = found.vectors / max(found.instructions, 1)
    head = (
        f"{found.instructions} instructions, {found.vectors} of them on vectors ({share:.0%})"
        + (f", {found.widest} bits wide at most" if found.widest else "")
        + ("; it calls other functions" if found.calls else "")
    )
    lines = [
        html.escape(one.text)
        if one.label
        else f"<b>{one.bits:>5}  {html.escape(one.text)}</b>"
        if one.bits
        else f"       {html.escape(one.text)}"
        for one in found.body
    ]
    listing = "\n".join(lines)
    return f"<p class='soft'>{html.escape(head)}</p><pre>{listing}</pre>"


def name(found: Loop, rank: int) -> str:
    """A loop's line in a list of them."""
    return f"{rank}. {found.function}: {found.work} vector operations of {found.instructions}"


def _number(value: float | None, form: str = "g") -> str:
    return MISSING if value is None else format(value, form)


def _yes(value: bool | None) -> str:
    return MISSING if value is None else "yes" if value else "no"


def _worst(record: TrialRecord) -> str:
    if record.worst_ratio is None:
        return MISSING
    return f"{record.worst_ratio:.4f} {record.worst_combo}"
