"""Ledgers survive what machines do to them, and refuse what they cannot trust."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import ledger
from workbench.errors import Infrastructure
from workbench.ledger import Row, appending

ROOT = Path(__file__).parents[1]


def a_row(**changes: Any) -> Row:
    row = Row(
        commit="4ffc6df0a1b2+",
        timestamp="2025-11-20T05:31:00+00:00",
        status="keep",
        reason="faster",
        ratio=0.391,
        ci_low=0.3899,
        ci_high=0.3921,
        ratio_vs_upstream=0.391,
        worst_ratio=0.44,
        worst_combo="128x16x256/sparse",
        geomean_ns=61234.5,
        peak_rss_mb=181.25,
        allocations=0.0,
        seconds=7.5,
        host_class="0123456789ab",
        kernel_sha256="c0ffee",
        description="permute in registers",
    )
    return dataclasses.replace(row, **changes)


numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])).map(str.strip)
rows = st.builds(
    Row,
    commit=words,
    timestamp=st.datetimes().map(lambda t: t.isoformat()),
    status=st.sampled_from(ledger.STATUSES),
    reason=st.sampled_from(ledger.REASONS),
    **dict.fromkeys((f.name for f in dataclasses.fields(Row) if f.type == "float | None"), numbers),
    worst_combo=st.none() | words.filter(lambda w: w != "n/a"),
    host_class=words,
    kernel_sha256=words,
    description=words,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.tsv"


@pytest.fixture(scope="module", autouse=True)
def no_other_host() -> Iterator[None]:
    """A torn line is a dead writer's at once; tests/faults/test_hosts.py has the living ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(appending, "SETTLE_SECONDS", 0.0)
        yield


@pytest.fixture
def fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the syncing, where a test appends a thousand times."""
    monkeypatch.setattr(os, "fsync", lambda _file: None)


def test_the_columns_are_those_the_project_agreed_on() -> None:
    assert " ".join(ledger.COLUMNS["performance"]) == (
        "commit timestamp status reason ratio ci_low ci_high ratio_vs_upstream worst_ratio "
        "worst_combo geomean_ns peak_rss_mb allocations seconds host_class kernel_sha256 "
        "description"
    )
    for focus in ("quality", "unimplemented", "mixed"):
        assert " ".join(ledger.COLUMNS[focus]) == (
            "commit quality benchguard quality_mean_gap_db quality_min_gap_db transition_snr_db "
            "open_features score status reason timestamp host_class kernel_sha256 description"
        )
    assert ledger.COLUMNS["performance"] == tuple(f.name for f in dataclasses.fields(Row))
    names = [ledger.path(Path(), focus).name for focus in ledger.COLUMNS]
    assert names == [
        *("results.tsv", "results.quality.tsv", "results.unimplemented.tsv", "results.mixed.tsv")
    ]


@settings(deadline=None)
@given(row=rows)
def test_a_row_survives_the_round_trip(row: Row) -> None:
    assert Row.from_fields(row.to_fields()) == row


@settings(max_examples=40, deadline=None)
@given(written=st.lists(rows, max_size=4))
def test_what_is_appended_is_read(
    written: list[Row], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "results.tsv"
    for row in written:
        ledger.append(path, row)
    assert ledger.read(path) == written


def test_a_missing_ledger_is_empty(path: Path) -> None:
    assert ledger.read(path) == []
    assert not path.exists()


def test_none_is_not_zero(path: Path) -> None:
    ledger.append(path, a_row(ratio=None, allocations=0.0, worst_combo=None))
    fields = path.read_text().splitlines()[1].split("\t")
    assert (fields[4], fields[9], fields[12]) == ("n/a", "n/a", "0.0")
    row = ledger.read(path)[0]
    assert (row.ratio, row.worst_combo, row.allocations) == (None, None, 0.0)


@settings(deadline=None)
@given(text=st.text())
def test_no_description_breaks_a_line(text: str) -> None:
    spelt = a_row(description=text).to_fields()["description"]
    assert len(f"x{spelt}x".splitlines()) == 1
    assert "\t" not in spelt
    spelt.encode("utf-8")


def test_tabs_and_newlines_become_spaces(path: Path) -> None:
    ledger.append(path, a_row(description=" one\ttwo\nthree\r\x00\x1b[31m\u2028four\ud800\n"))
    assert ledger.read(path)[0].description == "one two three   [31m four"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ratio": math.nan}, "ratio is 'nan', not a finite number"),
        ({"seconds": math.inf}, "seconds is 'inf'"),
        ({"status": "kept"}, "status is 'kept'; there are baseline, keep"),
        ({"reason": "luck"}, "reason is 'luck'; there are"),
        ({"timestamp": "yesterday"}, "timestamp is 'yesterday', not ISO 8601"),
    ],
)
def test_a_row_that_is_none_is_not_written(
    path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(Infrastructure, match=message):
        ledger.append(path, a_row(**changes))
    assert not path.exists()


def a_score(**changes: Any) -> ledger.ScoreRow:
    row = ledger.ScoreRow(
        commit="4ffc6df0a1b2",
        quality="pass",
        benchguard="pass",
        quality_mean_gap_db=-0.25,
        quality_min_gap_db=None,
        transition_snr_db=12.5,
        open_features=3.0,
        score=0.5,
        status="keep",
        reason="better",
        timestamp="2026-11-30T05:31:00+00:00",
        host_class="0123456789ab",
        kernel_sha256="c0ffee",
        description="a two-pass allocation",
    )
    return dataclasses.replace(row, **changes)


def test_other_focuses_have_rows_of_their_own(tmp_path: Path) -> None:
    path = ledger.path(tmp_path, "quality")
    ledger.append(path, a_score(description="a\tb"))
    ledger.append(path, a_score(score=None, status="discard", reason="incorrect"))
    assert ledger.read_any(path) == [
        a_score(description="a b"),
        a_score(score=None, status="discard", reason="incorrect"),
    ]
    assert ledger.read_table(path)[0]["quality_min_gap_db"] == "n/a"
    with pytest.raises(Infrastructure, match="read_any"):
        ledger.read(path)
    with pytest.raises(Infrastructure, match="columns differ"):
        ledger.append(path, a_row())
    with pytest.raises(Infrastructure, match="columns differ"):
        ledger.append(ledger.path(tmp_path, "performance"), a_score())
    with pytest.raises(Infrastructure, match="score is 'nan'"):
        ledger.append(path, a_score(score=math.nan))


def test_the_best_score_is_the_newest_keep_that_stands() -> None:
    kept = [a_score(kernel_sha256=name, score=float(i)) for i, name in enumerate("abc")]
    there = a_score(host_class="another", kernel_sha256="d")
    assert ledger.best([*kept, there], "0123456789ab") == kept[2]
    gone = ledger.revocation(
        "c", "suspect", "", commit="x", host_class="0123456789ab", focus="mixed"
    )
    assert isinstance(gone, ledger.ScoreRow)
    assert (gone.quality, gone.score) == ("n/a", None)
    assert ledger.best([*kept, gone], "0123456789ab") == kept[1]
    assert [entry.revoked for entry in ledger.history([*kept, gone])] == [False, False, True, False]
    assert ledger.best([], "0123456789ab") is None


def test_an_unknown_focus_or_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Infrastructure, match="there are performance, quality"):
        ledger.path(tmp_path, "speed")
    with pytest.raises(Infrastructure, match=r"notes\.tsv is no ledger"):
        ledger.read(tmp_path / "notes.tsv")


# --- what machines do ------------------------------------------------------------------------


@pytest.mark.usefixtures("fast_disk")
def test_a_crash_at_any_byte_loses_no_complete_row(path: Path) -> None:
    written = [a_row(description=f"trial {i}: naïve") for i in range(3)]
    for row in written:
        ledger.append(path, row)
    whole = path.read_bytes()
    torn = path.with_name("results.tsv.torn")
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        torn.unlink(missing_ok=True)
        complete = max(0, whole[:size].count(b"\n") - 1)
        assert ledger.read(path) == written[:complete]
        ledger.append(path, written[0])
        assert ledger.read(path) == [*written[:complete], written[0]]
        fragment = whole[whole[:size].rfind(b"\n") + 1 : size]
        assert (torn.read_bytes() if torn.exists() else b"") == (fragment and fragment + b"\n")


def test_a_torn_line_of_any_bytes_is_moved_aside(path: Path) -> None:
    ledger.append(path, a_row())
    with path.open("ab") as file:
        file.write(b"\x00\xff half a row")
    assert ledger.read(path) == [a_row()]
    ledger.append(path, a_row(status="discard", reason="slower"))
    assert [row.status for row in ledger.read(path)] == ["keep", "discard"]
    assert path.with_name("results.tsv.torn").read_bytes() == b"\x00\xff half a row\n"


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damage_is_refused_or_leaves_true_rows(
    data: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "results.tsv"
    written = [a_row(description=f"trial {i}") for i in range(3)]
    lines = ["\t".join(ledger.COLUMNS["performance"])]
    lines += ["\t".join(row.to_fields().values()) for row in written]
    whole = "".join(f"{line}\n" for line in lines).encode()
    at = data.draw(st.integers(0, len(whole)))
    junk = data.draw(st.binary(max_size=20))
    cut = data.draw(st.integers(0, 20))
    damaged = whole[:at] + junk + whole[at + cut :]
    path.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    before = path.read_bytes()
    complete = before[: before.rfind(b"\n") + 1]
    with contextlib.suppress(Infrastructure):
        found = [list(row.to_fields().values()) for row in ledger.read(path)]
        kept = [line.split("\t") for line in complete.decode().split("\n")[1:-1]]
        assert _as_numbers(found) == _as_numbers(kept)
    with contextlib.suppress(Infrastructure):
        ledger.append(path, written[0])
    assert path.read_bytes().startswith(complete)


def _as_numbers(table: list[list[str]]) -> list[list[float | str]]:
    """Numbers as values (``1.50`` is ``1.5``), texts without the blanks around them."""

    def value(text: str) -> float | str:
        try:
            return float(text)
        except ValueError:
            return text.strip()

    return [[value(text) for text in row] for row in table]


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=100))
def test_a_binary_file_is_refused(raw: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "results.tsv"
    path.write_bytes(raw)
    header = "\t".join(ledger.COLUMNS["performance"]).encode()
    if header.startswith(raw):
        assert ledger.read(path) == []
        return
    for use in (ledger.read, lambda p: ledger.append(p, a_row())):
        with pytest.raises(Infrastructure, match=r"line 1: .* is not the header"):
            use(path)
    assert path.read_bytes() == raw


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("commit\t", "revision\t", "line 1: .*is not the header of results.tsv"),
        ("\n", "\r\n", "line 1"),
        ("\tkeep\t", "\tkept\t", "line 2: status is 'kept'; there are baseline"),
        ("\tfaster\t", "\tmagic\t", "line 2: reason is 'magic'"),
        ("\t0.391\t", "\tabout half\t", "line 2: ratio is 'about half', not a finite number"),
        ("\t0.391\t", "\tnan\t", "line 2: ratio is 'nan'"),
        ("\t0.391\t", "\t0_1\t", "line 2: ratio is '0_1'"),
        ("\t0.391\t", "\t1e999\t", "line 2: ratio is '1e999'"),
        ("\t0.391\t", "\t\t", "line 2: ratio is ''"),
        ("\tkeep\t", "\t", "line 2: 16 fields, where results.tsv has 17"),
        ("\tkeep\t", "\tkeep\t\t", "line 2: 18 fields"),
        ("permute", "perm\udcffute", "line 2: byte 0xff is not UTF-8"),
        ("2025-11-20T05", "2025-11-20X05:99", "line 2: timestamp is"),
    ],
)
def test_an_edited_ledger_is_refused_by_line(path: Path, old: str, new: str, message: str) -> None:
    ledger.append(path, a_row())
    text = path.read_text().replace(old, new, 1)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(Infrastructure, match=message) as error:
        ledger.read(path)
    assert error.value.exit_code == 5
    assert "move the file away" in str(error.value)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_read_only_ledger_is_refused_even_for_root(
    path: Path, what: str, request: pytest.FixtureRequest
) -> None:
    ledger.append(path, a_row())
    before = path.read_bytes()
    place = path if what == "file" else path.parent
    mode = stat.S_IMODE(place.stat().st_mode)
    request.addfinalizer(lambda: place.chmod(mode))
    place.chmod(0o444 if what == "file" else 0o555)
    for use in (ledger.check_appendable, lambda p: ledger.append(p, a_row())):
        with pytest.raises(Infrastructure, match=r"is read-only.*chmod u"):
            use(path)
    assert path.read_bytes() == before
    assert ledger.read(path) == [a_row()]


def test_a_place_that_cannot_hold_a_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Infrastructure, match="is no folder"):
        ledger.check_appendable(tmp_path / "gone" / "results.tsv")
    (tmp_path / "results.tsv").mkdir()
    with pytest.raises(Infrastructure, match="is not a file"):
        ledger.check_appendable(tmp_path / "results.tsv")
    with pytest.raises(Infrastructure, match="cannot be read"):
        ledger.read(tmp_path / "results.tsv")


def test_a_full_disk_takes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.append(path, a_row())
    before, write = path.read_bytes(), os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:10]))
    with pytest.raises(Infrastructure, match="is the disk full"):
        ledger.append(path, a_row())
    assert path.read_bytes() == before


def test_a_lock_that_never_opens_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appending, "LOCK_SECONDS", 0.05)
    with FileLock(f"{path}.lock"), pytest.raises(Infrastructure, match="has been locked"):
        ledger.append(path, a_row())


APPENDER = """
import sys
from pathlib import Path
from tests.test_ledger import a_row
from workbench import ledger
name, count = sys.argv[2], int(sys.argv[3])
for i in range(count):
    ledger.append(Path(sys.argv[1]), a_row(commit=name, description=f"{i} " + name * 1000))
"""


@contextlib.contextmanager
def appender(path: Path, name: str, count: int) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that appends rows."""
    command = [sys.executable, "-c", APPENDER, str(path), name, str(count)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, cwd=ROOT) as process:
        yield process


def test_sixteen_processes_append_at_once(path: Path) -> None:
    with contextlib.ExitStack() as stack:
        names = [chr(ord("a") + i) for i in range(16)]
        writers = [stack.enter_context(appender(path, name, 4)) for name in names]
        assert [writer.wait(timeout=300) for writer in writers] == [0] * 16
    found = ledger.read(path)
    for name in names:
        descriptions = [row.description for row in found if row.commit == name]
        assert descriptions == [f"{i} " + name * 1000 for i in range(4)]
    assert not path.with_name("results.tsv.torn").exists()


def test_a_writer_killed_at_any_time_leaves_a_ledger(path: Path) -> None:
    with appender(path, "x", 100_000) as writer:
        deadline = time.monotonic() + 120
        while not path.exists() or path.stat().st_size < 50_000:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        writer.send_signal(signal.SIGKILL)
    count = len(ledger.read(path))
    assert count > 0
    ledger.append(path, a_row(commit="after"))  # the dead writer's lock is gone with it
    found = ledger.read(path)
    assert len(found) == count + 1
    assert found[-1].commit == "after"
    assert [row.description.split()[0] for row in found[:-1]] == [str(i) for i in range(count)]


# --- what rows mean --------------------------------------------------------------------------


def test_best_is_the_newest_kept_row_of_the_host_class() -> None:
    history = [
        a_row(status="baseline", kernel_sha256="a"),
        a_row(status="keep", kernel_sha256="b"),
        a_row(status="keep", kernel_sha256="c", host_class="other"),
        a_row(status="discard", kernel_sha256="d"),
        a_row(status="crash", kernel_sha256="e"),
    ]
    assert ledger.best(history, "0123456789ab") == history[1]
    assert ledger.best(history, "other") == history[2]
    assert ledger.best(history, "unknown") is None
    assert ledger.best(history[3:], "0123456789ab") is None
    assert ledger.best([], "0123456789ab") is None


def test_a_revoked_kernel_is_not_best_until_it_is_judged_again() -> None:
    history = [
        a_row(status="baseline", kernel_sha256="a"),
        a_row(status="keep", kernel_sha256="b"),
        a_row(status="revoke", reason="call-site", kernel_sha256="b", host_class="other"),
    ]
    assert ledger.best(history, "0123456789ab") == history[0]
    assert [entry.revoked for entry in ledger.history(history)] == [False, True, False]
    again = a_row(status="keep", kernel_sha256="b", commit="again")
    assert ledger.best([*history, again], "0123456789ab") == again
    assert type(ledger.best([*history, again], "0123456789ab")) is Row


@pytest.mark.parametrize(
    ("status", "before", "after", "replaces"),
    [
        ("keep", 0.50, 0.40, True),
        ("keep", 0.50, 0.52, True),
        ("keep", 0.50, 0.53, False),
        ("keep", None, 0.90, True),
        ("keep", 0.50, None, True),
        ("baseline", 0.50, 0.90, True),
        ("discard", 0.50, 0.40, False),
    ],
)
def test_a_slower_kept_row_is_not_best(
    status: str, before: float | None, after: float | None, replaces: bool
) -> None:
    first = a_row(kernel_sha256="a", ratio_vs_upstream=before)
    second = a_row(kernel_sha256="b", ratio_vs_upstream=after, status=status)
    assert ledger.best([first, second], "0123456789ab") == (second if replaces else first)


def test_a_revoked_row_shields_no_slower_one() -> None:
    history = [
        a_row(kernel_sha256="a", ratio_vs_upstream=0.4),
        a_row(kernel_sha256="b", ratio_vs_upstream=0.6),
        a_row(status="revoke", reason="call-site", kernel_sha256="a"),
    ]
    assert ledger.best(history, "0123456789ab") == history[1]


@pytest.mark.benchmark
@pytest.mark.parametrize(
    ("name", "job"),
    [
        ("append", lambda path: ledger.append(path, a_row())),
        ("read of 1,000 rows", ledger.read),
    ],
)
def test_cost_of_a_ledger(
    path: Path,
    name: str,
    job: Callable[[Path], object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    ledger.append(path, a_row())
    header, line = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + line * 1000)
    start = time.perf_counter()
    job(path)
    elapsed_ms = (time.perf_counter() - start) * 1e3
    with capsys.disabled():
        print(f"\n  {name}: {elapsed_ms:.1f} ms", end="")  # noqa: T201 - a benchmark prints
