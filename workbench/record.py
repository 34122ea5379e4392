"""A trial's record: one frozen dataclass, its JSON form and schema, and its folder on disk."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.errors import Infrastructure
from workbench.files import sync
from workbench.stats import Blocks, Calibration, ComboEstimate

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class IncumbentRef:
    """What the candidate was raced against.

    Attributes
    ----------
    origin : str
        ``keep`` or ``baseline`` (a ledger row), ``merge-base``, ``commit`` or ``upstream``.
    commit : str or None
        The commit it came from, where there is one.
    kernel_sha256 : str
        Of the file's content.
    """

    origin: str
    commit: str | None
    kernel_sha256: str


@dataclass(frozen=True)
class Failure:
    """Why a candidate was not timed, or not to the end.

    Attributes
    ----------
    case : str
        The correctness case or the phase.
    message : str
        One line.
    output : str or None
        Name of the wrong output buffer, if the output was wrong.
    index : tuple of int or None
        Position of the first wrong element.
    got, want : float, int, str or None
        Its value and the true one.
    allowed : float or None
        The distance that would have agreed.
    untrusted_output : str
        What the kernel printed, truncated: never to be taken for the judge's words.
    """

    case: str
    message: str
    output: str | None = None
    index: tuple[int, ...] | None = None
    got: float | int | str | None = None
    want: float | int | str | None = None
    allowed: float | None = None
    untrusted_output: str = ""


@dataclass(frozen=True)
class Confirmation:
    """A keep raced once more: other data, other seeds, other processes, random addresses.

    Attributes
    ----------
    ratio, ci_low, ci_high : float
        As in the record, at the error rate ``alpha``.
    processes : int
        Pairs of fresh processes.
    alpha : float
        Two-sided error rate: what the ledger's budget for false keeps still allowed.
    before : int
        Confirmations that this ledger had had on this host class since its baseline.
    holds : bool
        Whether the keep stands.
    """

    ratio: float
    ci_low: float
    ci_high: float
    processes: int
    alpha: float
    before: int
    holds: bool


@dataclass(frozen=True)
class Score:
    """What a trial of another focus than performance is judged by; higher is better.

    Attributes
    ----------
    value : float
        The focus's score, see `workbench.scoring.value`.
    incumbent_value : float or None
        The incumbent's, from the same run; None for a baseline.
    mean_gap_db, min_gap_db : float
        Quality above upstream's, mean and least over ``cells``.
    transition_snr_db : float or None
        Least quality where the stream changes its frame size or bandwidth.
    cells : mapping of str to float
        The gap of each cell, dB.
    open_features : tuple of str
        Features that fail their judge.
    features : int
        How many features are judged.
    """

    value: float
    incumbent_value: float | None
    mean_gap_db: float
    min_gap_db: float
    transition_snr_db: float | None
    cells: Mapping[str, float]
    open_features: tuple[str, ...]
    features: int


@dataclass(frozen=True)
class TrialRecord:
    """Everything known about one trial. Times are ns per request, ratios below 1 are faster.

    A figure that was not measured is None, never zero.
    """

    id: str
    timestamp: str
    target: str
    mode: str
    focus: str
    description: str
    status: str
    reason: str
    exit_code: int
    sentence: str
    commit: str
    kernel_sha256: str
    incumbent: IncumbentRef
    judge_sha256: str
    judge_files: Mapping[str, str]
    host_class: str
    host: Mapping[str, Any]
    versions: Mapping[str, str]
    seed: int
    calibration: Calibration
    seconds: float
    ratio: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    ratio_vs_upstream: float | None = None
    ci_low_vs_upstream: float | None = None
    ci_high_vs_upstream: float | None = None
    worst_ratio: float | None = None
    worst_combo: str | None = None
    geomean_ns: float | None = None
    peak_rss_mb: float | None = None
    allocations: float | None = None
    cycles: float | None = None
    instructions: float | None = None
    max_abs_err: float | None = None
    bit_identical: bool | None = None
    recall: float | None = None
    syntax_nodes: int | None = None
    processes: int = 0
    d_median: tuple[float, ...] = ()
    d_min: tuple[float, ...] = ()
    clock_gap: float | None = None
    confirmation: Confirmation | None = None
    score: Score | None = None
    seconds_to_decide: float | None = None
    timed_share: float | None = None
    confinement: tuple[str, ...] = ()
    combos: tuple[ComboEstimate, ...] = ()
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()
    schema_version: int = field(default=SCHEMA_VERSION)

    def to_json(self) -> str:
        """One JSON object; what is not finite becomes null."""
        return json.dumps(_finite(dataclasses.asdict(self)), indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> TrialRecord:
        """Parse and validate what `to_json` wrote."""
        from pydantic import TypeAdapter

        return TypeAdapter(cls).validate_json(text)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def json_schema() -> dict[str, Any]:
    """JSON Schema of ``trial.json`` and of ``workbench trial --json``."""
    from pydantic import TypeAdapter

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **TypeAdapter(TrialRecord).json_schema(mode="serialization"),
        "title": f"workbench trial record, version {SCHEMA_VERSION}",
    }


def check_writable(root: Path) -> None:
    """Refuse a reports folder that cannot take a record, before anything slow is done for it.

    Root may write anywhere, so a folder without any write bit counts as read-only.
    """
    trials = folder(root, "")
    try:
        trials.mkdir(parents=True, exist_ok=True)
        writable = trials.stat().st_mode & 0o222 and os.access(trials, os.W_OK)
    except OSError as error:
        raise Infrastructure(f"{trials} cannot be made: {error.strerror}") from error
    if not writable:
        raise Infrastructure(f"{trials} is read-only, so no trial could be recorded")


def folder(root: Path, trial_id: str) -> Path:
    """Where a trial's record lies."""
    return root / "reports" / "trials" / trial_id


def write(root: Path, record: TrialRecord, kernel: str, replicas: Sequence[Blocks]) -> Path:
    """Put a record on disk: complete and synced, or not there at all.

    Writes ``trial.json``, ``kernels.py`` as judged and, when anything was timed,
    ``blocks.parquet`` and ``upstream.parquet``; the folder appears under its name by one rename.
    """
    final = folder(root, record.id)
    draft = final.with_name(f".{record.id}.partial")
    try:
        draft.mkdir(parents=True)
        # Bytes, because text would be spelt in the locale's encoding, and the digest fail.
        (draft / "trial.json").write_bytes(f"{record.to_json()}\n".encode())
        (draft / "kernels.py").write_bytes(kernel.encode())
        if replicas:
            _write_blocks(draft, record, replicas)
        for path in [*draft.iterdir(), draft]:
            sync(path)
        draft.rename(final)
        sync(final.parent)
    except BaseException as error:
        shutil.rmtree(draft, ignore_errors=True)
        if not isinstance(error, OSError):
            raise
        raise Infrastructure(f"the record {final} cannot be written: {error}") from error
    return final


def read(path: Path) -> TrialRecord:
    """Read a record's ``trial.json``.

    Raises
    ------
    Infrastructure
        If it is missing or not a record, naming the file.
    """
    try:
        found = TrialRecord.from_json(path.read_bytes())
        if found.schema_version != SCHEMA_VERSION:
            version = found.schema_version
            raise ValueError(f"schema {version}, this program reads {SCHEMA_VERSION}")
        json.dumps(dataclasses.asdict(found), allow_nan=False)  # 1e999 is read as infinity
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise Infrastructure(f"{path} is not a trial record: {first}") from error
    return found


def _write_blocks(folder: Path, record: TrialRecord, replicas: Sequence[Blocks]) -> None:
    """``blocks.parquet``, a row a block; ``upstream.parquet``, a row a pair. ns per request."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    blocks, headline = [], []
    for process, part in enumerate(replicas):
        pairs = range(part.candidate_ns.shape[1])
        columns = {
            "process": np.full(len(part.combo), process),
            "combo": part.combo,
            "candidate_first": part.candidate_first[:, 0],
            **{f"candidate_{i}_ns": part.candidate_ns[:, i] for i in pairs},
            **{f"incumbent_{i}_ns": part.incumbent_ns[:, i] for i in pairs},
        }
        blocks.append(pa.table(columns))
        columns = {
            "process": np.full(len(part.headline_combo), process),
            "combo": part.headline_combo,
            "candidate_ns": part.beside_upstream_ns,
            "upstream_ns": part.upstream_ns,
        }
        headline.append(pa.table(columns))
    combos = {"combos": json.dumps([f"{c.shape}/{c.distribution}" for c in record.combos])}
    for name, tables in {"blocks": blocks, "upstream": headline}.items():
        whole = pa.concat_tables(tables).replace_schema_metadata(combos)
        parquet.write_table(whole, folder / f"{name}.parquet")
