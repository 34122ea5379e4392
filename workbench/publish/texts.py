"""A record in words and figures, for a notebook to show and a shell to search."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd
from tqdm import tqdm

from workbench.record import TrialRecord

# Printed as `key: value`, in this order.
KEYS = (
    *("status", "reason", "ratio", "ci_low", "ci_high", "ratio_vs_upstream"),
    *("worst_ratio", "worst_combo", "geomean_ns", "peak_rss_mb", "allocations"),
    "score",
    *("max_abs_err", "bit_identical", "processes", "seconds", "exit_code"),
    *("target", "mode", "focus", "incumbent", "commit", "kernel_sha256", "host_class", "seed"),
    "record",
)
WORST_EXIT_THAT_PASSES = 1
COUNTED, UNCOUNTED = "{desc} |{bar:30}| {n_fmt}/{total_fmt} {elapsed}", "{desc} {elapsed}"


class TrialFailed(Exception):
    """The candidate could not be timed to the end; the message says why in one line."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback."""
        return [f"TrialFailed: {self}"]


def require_correct(record: TrialRecord) -> None:
    """Fail when a candidate was incorrect, crashed, over budget or refused; a discard passes.

    Raises
    ------
    TrialFailed
        With the record's sentence. The last call of a notebook, so that everything is shown
        before papermill exits with an error.
    """
    if record.exit_code > WORST_EXIT_THAT_PASSES:
        raise TrialFailed(f"{record.sentence} [exit code {record.exit_code}]")


def key_values(record: TrialRecord) -> str:
    """One ``key: value`` a line, ``n/a`` where nothing was measured.

    Figures have six significant digits; the record holds them all.
    """
    values = {
        **{f.name: getattr(record, f.name) for f in dataclasses.fields(record)},
        "score": record.score and record.score.value,
        "incumbent": f"{record.incumbent.origin} {record.incumbent.kernel_sha256[:8]}",
        "record": f"reports/trials/{record.id}",
    }
    return "\n".join(f"{key}: {_spell(values[key])}" for key in KEYS)


def _spell(value: Any) -> str:
    if value is None:
        return "n/a"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def verdict(record: TrialRecord) -> str:
    """The verdict in a sentence, how far that is from upstream, and doubts, a line each."""
    lines = [record.sentence]
    if record.ratio_vs_upstream is not None:
        lines.append(
            f"{record.ratio_vs_upstream:.4f} x upstream's time "
            f"({record.ci_low_vs_upstream:.4f} to {record.ci_high_vs_upstream:.4f})"
        )
    if record.score is not None:
        score = record.score
        lines.append(
            f"quality {score.mean_gap_db:+.4f} dB beside upstream's on average, "
            f"{score.min_gap_db:+.4f} dB at least"
        )
        if score.open_features:
            lines.append(f"open features: {', '.join(score.open_features)}")
    return "\n".join([*lines, *(f"warning: {doubt}" for doubt in record.warnings)])


def mismatch(record: TrialRecord) -> str:
    """What was wrong, where: case, problem, element, got, want, allowed error.

    What the kernel itself printed comes last and is labelled untrusted.
    """
    failure = record.failure
    if failure is None:
        return "mismatch: none"
    found = {"case": failure.case, "problem": failure.message}
    if failure.output is not None:
        where = ", ".join(map(str, failure.index or ()))
        found |= {
            "element": f"{failure.output}[{where}]" if where else failure.output,
            "got": str(failure.got),
            "want": str(failure.want),
            "allowed error": _spell(failure.allowed),
        }
    if failure.untrusted_output:
        found["printed by the kernel (untrusted)"] = repr(failure.untrusted_output)
    return "\n".join(f"{key}: {value}" for key, value in found.items())


def combo_table(record: TrialRecord) -> pd.DataFrame:
    """One row a combo: its ratio with interval, and the median times per request in us.

    Of a trial that is judged by a score, one row a cell: its gap in dB, the worst first.

    Returns
    -------
    DataFrame
        Indexed by shape and distribution, or by cell; empty when nothing was measured.
    """
    if record.score is not None:
        gaps = pd.Series(record.score.cells, dtype=float).sort_values(kind="stable")
        return gaps.rename_axis("cell").to_frame("gap_db")
    rows = [
        {
            "ratio": c.ratio,
            "ci_low": c.ci_low,
            "ci_high": c.ci_high,
            "candidate_us": c.candidate_ns / 1e3,
            "incumbent_us": c.incumbent_ns / 1e3,
            "upstream_us": c.upstream_ns / 1e3,
            "ratio_vs_upstream": c.candidate_ns / c.upstream_ns,
        }
        for c in record.combos
    ]
    names = [[c.shape for c in record.combos], [c.distribution for c in record.combos]]
    index = pd.MultiIndex.from_arrays(names, names=["shape", "distribution"])
    return pd.DataFrame(rows, index)


class Bar:
    """Shows a running trial: pass it as ``progress`` to `workbench.trial.run`.

    One text bar a phase, on stderr; it works in a notebook, under papermill and in a terminal.
    """

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._phase = ""

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Note that ``done`` of ``total`` steps of a phase are done; total 0 is unknown."""
        if self._bar is None or phase != self._phase:
            self.close()
            shape = COUNTED if total else UNCOUNTED
            self._bar = tqdm(desc=phase, total=total or None, mininterval=1.0, bar_format=shape)
            self._phase = phase
        self._bar.update(done - self._bar.n)
        if total and done >= total:
            self.close()

    def close(self) -> None:
        """Finish the current bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar, self._phase = None, ""
