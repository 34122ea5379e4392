"""A clock that steps back: what is newest goes by position, never by time."""

import datetime
import os
import time

import pytest

from workbench import (
    builds,
    fsck,
    incumbent,
    ledger,
    outcome,
    overview,
    record,
    targets,
    trial,
)
from workbench.errors import Infrastructure
from workbench.ledger import standing
from workbench.setting import Options

YEARS = (2030, 2026, 2020)


class Clock(datetime.datetime):
    """``now`` is what the test says."""

    year_now = YEARS[0]

    @classmethod
    def now(cls, tz=None):
        return datetime.datetime(cls.year_now, 1, 1, tzinfo=tz)


@pytest.fixture
def clock(monkeypatch):
    for module in (outcome, standing):
        fake = type("datetime", (), {"datetime": Clock, "UTC": datetime.UTC})
        monkeypatch.setattr(module, "datetime", fake)
    return Clock


def kept(project, year, kernel):
    """A record and a row as a trial leaves them, written when the clock said ``year``."""
    source = f"# {kernel}\n"
    digest = incumbent.sha256(source)
    target = targets.load("pq_l2", project)
    row = ledger.Row(
        **{
            **dict.fromkeys(ledger.COLUMNS["performance"]),
            **{"commit": "none+", "timestamp": f"{year}-01-01T00:00:00+00:00"},
            **{"status": "keep", "reason": "faster", "host_class": overview.host_class(target)},
            **{"kernel_sha256": digest, "description": kernel},
        }
    )
    folder = record.folder(project, f"{year}0101T000000000000Z-pq_l2-{digest[:8]}")
    folder.mkdir()
    (folder / "kernels.py").write_text(source)
    ledger.append(ledger.path(target.folder, "performance"), row)
    return digest


def test_the_newest_kept_row_is_the_last_one(project):
    digests = [kept(project, year, f"kernel of {year}") for year in YEARS]
    target = targets.load("pq_l2", project)
    machine = overview.host_class(target)
    assert overview.best("pq_l2", root=project)["kernel_sha256"] == digests[-1]
    years = [row["timestamp"][:4] for row in overview.history("pq_l2", root=project)]
    assert years == [str(year) for year in YEARS]
    found = incumbent.find(target, "performance", machine, None)
    assert found.ref.kernel_sha256 == digests[-1]
    assert found.source == f"# kernel of {YEARS[-1]}\n"


def test_a_revocation_holds_whatever_its_time(project, clock):
    kept(project, YEARS[1], "the one before")
    digest = kept(project, YEARS[0], "the last")
    path = ledger.path(project / "targets" / "pq_l2", "performance")
    clock.year_now = YEARS[2]
    blank = dict.fromkeys(("ratio", "ci_low", "ci_high"))
    row = ledger.revocation(digest, "suspect", "no", commit="c", host_class="h", **blank)
    assert row.timestamp.startswith(str(YEARS[2]))
    ledger.append(path, row)
    assert overview.best("pq_l2", root=project)["description"] == "the one before"


def test_trials_go_on_and_are_remembered_in_order(project, clock):
    """Real trials, of a kernel that is refused at once; the last two in the same microsecond."""
    path = ledger.path(project / "targets" / "pq_l2", "performance")
    (project / "targets" / "pq_l2" / "kernels.py").write_text("import os\n")
    for year in YEARS:
        clock.year_now = year
        done = trial.run("pq_l2", Options(description=str(year)), root=project)
        assert done.id.startswith(str(year))
    before = {p: p.read_bytes() for p in (project / "reports").rglob("*.*") if p.is_file()}
    with pytest.raises(Infrastructure, match="cannot be written"):
        trial.run("pq_l2", Options(description="again"), root=project)
    assert [row.description for row in ledger.read(path)] == [str(year) for year in YEARS]
    after = {p: p.read_bytes() for p in (project / "reports").rglob("*.*") if p.is_file()}
    assert after == before
    assert fsck.run(["pq_l2"], root=project) == []


def test_a_build_that_is_used_stays_however_old_the_clock_says_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(builds, "KEPT_BUILDS", 4)
    for i in range(4):
        builds.stage(tmp_path, "h", f"# before the step {i}\n")
    monkeypatch.setattr(time, "time_ns", lambda: 10**18)
    utime = os.utime

    def utime_then(path, times=None, *, ns=None):
        utime(path, ns=ns or (10**18, 10**18))

    monkeypatch.setattr(os, "utime", utime_then)
    staged = [builds.stage(tmp_path, "h", f"# after it {i}\n") for i in range(3)]
    assert all(path.is_file() for path in staged)
    assert len(list((tmp_path / ".workbench" / "builds").iterdir())) == 4
