"""fsck names what is wrong, where, and what mends it; and nothing else."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from repositories import git

from workbench import cli, fsck, incumbent, ledger, locks, outcome, record, targets
from workbench.errorrates import verdicts
from workbench.errors import Usage
from workbench.record import IncumbentRef, TrialRecord
from workbench.stats import Blocks, Calibration, ComboEstimate

CHECKOUT = targets.find_root()
LEFT_BEHIND = shutil.ignore_patterns("results*.tsv*", "*calibration.json*", "__pycache__")
NAME = "20260101T000000000000Z-pq_l2"


def a_record(project, source, **changes):
    digest = incumbent.sha256(source)
    known = {
        **{"id": f"{NAME}-{digest[:8]}", "timestamp": "2026-01-01T00:00:00+00:00"},
        **{"target": "pq_l2", "mode": "trial", "focus": "performance", "status": "keep"},
        **{"description": "what was tried", "reason": "faster", "exit_code": 0},
        **{"sentence": "keep", "commit": "none+", "kernel_sha256": digest},
        **{"incumbent": IncumbentRef("upstream", None, "u"), "judge_sha256": "j"},
        **{"judge_files": {}, "host_class": "h", "host": {}, "versions": {}, "seed": 1},
        **{"calibration": Calibration(), "seconds": 1.0, "processes": 1, "ratio": 0.5},
        "combos": (ComboEstimate("s", "d", 0.5, 0.4, 0.6, 1.0, 2.0, 2.0),),
    }
    done = TrialRecord(**{**known, **changes})
    times = np.ones((3, 4))
    blocks = Blocks(np.zeros(3, int), times > 0, times, times, times, *np.zeros((3, 3)))
    record.write(project, done, source, [blocks] if done.processes else [])
    return done


@pytest.fixture
def whole(tmp_path, monkeypatch):
    """A small project with one kept trial and everything that fsck looks at."""
    project = tmp_path / "project"
    for name in ("targets/pq_l2", "targets/take", "snapshots/lance/pq_l2", "snapshots/lance/take"):
        shutil.copytree(CHECKOUT / name, project / name, ignore=LEFT_BEHIND)
    (project / "pyproject.toml").write_text("[tool.workbench]\n")
    (project / "reports" / "trials").mkdir(parents=True)
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "-m", "small")
    monkeypatch.setenv("WORKBENCH_ROOT", str(project))
    done = a_record(project, "# kept\n")
    folder = project / "targets" / "pq_l2"
    ledger.append(folder / "results.tsv", outcome.row_of(done))
    values = {"sigma": 0.1, "sigma_combo": 0.1, "delta": 0.1, "processes": 6, "geomean_ns": 1.0}
    (folder / "calibration.json").write_text(json.dumps({"h": values}))
    campaign = project / ".workbench" / "error-rates"
    verdicts.append(campaign, VERDICT)
    return project


VERDICT = verdicts.Found(
    **{"kernel": "pq_l2", "condition": "quiet", "variant": "identical", "kept": False},
    **{"reason": "inconclusive", "screened": False, "seconds": 8.0, "geomean_ns": 1e3},
    **{"sigma": 1e-3, "delta": 5e-3, "d_median": (0.1, 0.2), "d_min": (0.1, 0.2)},
    **{"confirm_median": (), "confirm_min": (), "shorter": {"0.5": [[0.1, 0.2]]}},
    **{"crossover_seconds": 1.0, "candidate_pooled": (1.0, 2.0), "incumbent_pooled": (1.0, 2.0)},
    **{"host_class": "h", "timestamp": "2026-01-01"},
)
LEDGER = "targets/pq_l2/results.tsv"
RECORD = f"reports/trials/{NAME}-{incumbent.sha256('# kept' + chr(10))[:8]}"
SNAPSHOT = "snapshots/lance/pq_l2"


def test_what_is_whole_is_clean_and_stays_untouched(whole):
    def state():
        files = [p for p in whole.rglob("*") if p.is_file() and ".git/" not in str(p)]
        return {p: p.read_bytes() for p in files if p.suffix != ".lock"}

    before = state()
    assert fsck.run(root=whole) == []
    assert state() == before


def rewrite(old, new):
    def damage(path):
        raw = path.read_bytes()
        assert old in raw
        path.write_bytes(raw.replace(old, new))

    return damage


def append(raw):
    def damage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(raw)

    return damage


def cut(path):
    path.write_bytes(path.read_bytes()[:100])


def double(path):
    header, row = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + row + row)


# What is done to which file; then what is named: file (the same, if empty), line, problem, mend.
DAMAGE = {
    "a row changed": (
        *(LEDGER, rewrite(b"\tkeep\t", b"\tkept\t")),
        *("", 2, "status is 'kept'; there are", "rows are never edited: restore that line"),
    ),
    "a header changed": (
        *(LEDGER, rewrite(b"commit\t", b"revision\t")),
        *("", 1, "is not the header", "move the file away and a new ledger begins"),
    ),
    "a row torn": (
        *(LEDGER, append(b"half a row")),
        *("", 3, "cut short by a crash", "the next trial moves it to results.tsv.torn"),
    ),
    "a row twice": (LEDGER, double, "", 3, "is line 2 once more", f"sed -i 3d {LEDGER}"),
    "a row moved aside": (
        *(f"{LEDGER}.torn", append(b"half a row\n")),
        *("", None, "rows that a crash cut short", f"rm {LEDGER}.torn"),
    ),
    "another focus": (
        *("targets/pq_l2/results.mixed.tsv", append(b"nonsense\n")),
        *("", 1, "is not the header", "move the file away"),
    ),
    "a draft of a ledger": (
        *("targets/pq_l2/results.tsv.0123.partial", append(b"x")),
        *("", None, "was being written", "rm targets/pq_l2/results.tsv.0123.partial"),
    ),
    "a draft of a calibration": (
        *("targets/pq_l2/.calibration.json.0a_bcdef", append(b"{")),
        *("", None, "was being written", "rm targets/pq_l2/.calibration.json.0a_bcdef"),
    ),
    "a draft of a calibration, of an older version": (
        *("targets/pq_l2/calibration.json.partial", append(b"{")),
        *("", None, "was being written", "rm targets/pq_l2/calibration.json.partial"),
    ),
    "a record cut short": (f"{RECORD}/trial.json", cut, "", None, "not a trial record", "rm -r "),
    "a record without trial.json": (
        *(f"{RECORD}/trial.json", lambda path: path.unlink()),
        *("", None, "not a trial record", f"rm -r {RECORD}"),
    ),
    "a table cut short": (
        *(f"{RECORD}/blocks.parquet", cut, "", None, "cannot be read", f"rm -r {RECORD}"),
    ),
    "a table lost": (
        *(f"{RECORD}/upstream.parquet", lambda path: path.unlink()),
        *("", None, "is missing", f"rm -r {RECORD}"),
    ),
    "a finding in a record": (
        *(f"{RECORD}/callsite.json", append(b"{}")),
        *("", None, "is no finding of a call site", "`workbench integrate` writes a new one"),
    ),
    "a record cut off while it was written": (
        *(f"reports/trials/.{NAME}-0123abcd.partial/trial.json", append(b"{")),
        f"reports/trials/.{NAME}-0123abcd.partial",
        *(None, "was being written when its process ended", "rm -r reports/trials/.2026"),
    ),
    "a record of no target": (
        *("reports/trials/20260101T000000000000Z-gone-0123abcd/kernels.py", append(b"#")),
        "reports/trials/20260101T000000000000Z-gone-0123abcd",
        *(None, "is of no target here", "rm -r reports/trials/2026"),
    ),
    "an archive changed": (
        *(f"{SNAPSHOT}/768x96x256.npz", append(b"x")),
        *("", None, "does not have the sha256 of its manifest", "restore it with git checkout -- "),
    ),
    "an archive too many": (
        *(f"{SNAPSHOT}/extra.npz", append(b"x")),
        *("", None, "is not in its manifest", "remove it, or record it on purpose"),
    ),
    "a manifest cut short": (
        *(f"{SNAPSHOT}/manifest.json", cut),
        *("", None, "cannot be read", f"restore it with git checkout -- {SNAPSHOT}/manifest.json"),
    ),
    "a manifest lost": (
        *(f"{SNAPSHOT}/manifest.json", lambda path: path.unlink()),
        *("", None, "is missing", f"restore it with git checkout -- {SNAPSHOT}/manifest.json"),
    ),
    "a draft of an archive": (
        *(f"{SNAPSHOT}/.768x96x256.npz.ab12cd_9", append(b"x")),
        *("", None, "was being written", f"rm {SNAPSHOT}/.768x96x256.npz.ab12cd_9"),
    ),
    "a verdict changed": (
        *(".workbench/error-rates/verdicts.jsonl", append(b"{}\n")),
        *("", 2, "is no verdict: Field required", "delete that line"),
    ),
    "a verdict torn": (
        *(".workbench/error-rates/verdicts.jsonl", append(b"{")),
        *("", 2, "cut short by a crash", "`workbench calibrate` goes on"),
    ),
    "a published campaign": (
        *("reports/0003-error-rates/data/verdicts.jsonl", append(b"[]\n")),
        *("", 1, "is no verdict", "delete that line"),
    ),
    "a calibration changed": (
        *("targets/pq_l2/calibration.json", rewrite(b'"sigma": 0.1', b'"sigma": 7')),
        *("", None, "is no calibration", "`workbench init pq_l2 --rebaseline` measures a new one"),
    ),
    "a call site's page": (
        *("reports/callsites/pq_l2.json", append(b'{"ratio": 1}')),
        *("", None, "is no finding of a call site", "`workbench integrate` writes a new one"),
    ),
    "the scoreboard": (
        *("reports/scoreboard/scoreboard.json", append(b"[1]")),
        *("", None, "is no scoreboard", "`workbench scoreboard` writes a new one"),
    ),
    "a target's table": (
        *("targets/take/target.toml", append(b"nonsense")),
        *("", None, "Expected '='", "git checkout -- targets/take"),
    ),
}


@pytest.mark.parametrize(
    ("file", "damage", "named", "line", "problem", "mend"), DAMAGE.values(), ids=DAMAGE
)
def test_damage_is_named_with_what_mends_it(whole, file, damage, named, line, problem, mend):
    (whole / file).parent.mkdir(parents=True, exist_ok=True)
    damage(whole / file)
    found = fsck.run(root=whole)
    first = found[0]
    assert (first.file, first.line) == (named or file, line)
    assert problem in first.problem
    assert mend in first.mend
    assert str(whole) not in first.sentence
    assert "\n" not in first.sentence
    # A kernel whose record is damaged may be gone for the ledger too.
    assert {f.file for f in found[1:]} <= {LEDGER}


def test_another_kernel_in_a_record_is_named_there_and_in_the_ledger(whole):
    (whole / RECORD / "kernels.py").write_text("# another\n")
    kernel, row = fsck.run(root=whole)
    assert kernel.file == f"{RECORD}/kernels.py"
    assert "is not the kernel that was judged" in kernel.problem
    assert (row.file, row.line) == (LEDGER, 2)
    assert "is in no record and no commit" in row.problem
    assert "--incumbent upstream|COMMIT" in row.mend


def test_a_record_without_its_row_is_named_and_a_row_without_a_record_is_not(whole):
    """Records may be thrown away; a row needs one only while its kernel is to be beaten."""
    done = a_record(whole, "# killed before its row\n", processes=0)
    (found,) = fsck.run(root=whole)
    assert found.file == f"reports/trials/{done.id}"
    assert f"has no row in {LEDGER}" in found.problem
    assert f"rm -r reports/trials/{done.id}" in found.mend
    row = outcome.row_of(dataclasses.replace(done, status="discard", reason="slower"))
    ledger.append(whole / LEDGER, row)
    assert fsck.run(root=whole) == [found]  # a row of another verdict is not its row
    ledger.append(whole / LEDGER, outcome.row_of(done))
    assert fsck.run(root=whole) == []
    shutil.rmtree(whole / found.file)
    (lost,) = fsck.run(root=whole)
    assert (lost.file, lost.line) == (LEDGER, 4)
    blank = dict.fromkeys(("ratio", "ci_low", "ci_high"))
    revoked = ledger.revocation(
        done.kernel_sha256, "suspect", "gone", commit="c", host_class="h", **blank
    )
    ledger.append(whole / LEDGER, revoked)
    assert fsck.run(root=whole) == []


def test_a_kept_kernel_that_git_has_needs_no_record(whole):
    kernel = whole / "targets" / "pq_l2" / "kernels.py"
    kernel.write_text("# kept\n")
    shutil.rmtree(whole / RECORD)
    (lost,) = fsck.run(root=whole)
    assert lost.line == 2
    git(whole, "commit", "--quiet", "-am", "kept")
    commit = incumbent.head(targets.load("pq_l2", whole))
    rewrite(b"none+", commit.encode())(whole / LEDGER)
    assert fsck.run(root=whole) == []


def test_what_a_running_trial_has_not_finished_is_passed_over(whole):
    a_record(whole, "# its row comes next\n")
    (whole / "reports" / "trials" / f".{NAME}-0123abcd.partial").mkdir()
    with locks.exclusive(targets.load("pq_l2", whole)):
        assert fsck.run(root=whole) == []
    assert len(fsck.run(root=whole)) == 2


def test_a_target_that_is_named_is_the_only_one_checked(whole):
    (whole / LEDGER).write_text("nonsense\n")
    (whole / "snapshots/lance/take/manifest.json").unlink()
    assert [f.file for f in fsck.run(["take"], root=whole)] == [
        "snapshots/lance/take/manifest.json"
    ]
    assert [f.file for f in fsck.run(["pq_l2"], root=whole)] == [LEDGER]
    with pytest.raises(Usage, match="did you mean"):
        fsck.run(["pq_l3"], root=whole)


def test_the_command_exits_with_5_when_something_is_wrong(whole, capsys):
    assert cli.run(["fsck"]) == 0
    assert capsys.readouterr().out == "nothing is wrong\n"
    assert cli.run(["fsck", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    append(b"half a \x1b[2Jrow")(whole / LEDGER)
    assert cli.run(["fsck", "pq_l2"]) == 5
    out = capsys.readouterr().out
    assert out.startswith(f"{LEDGER} line 3: was cut short by a crash; ")
    assert out.count("\n") == 1
    assert cli.run(["fsck", "pq_l2", "--json"]) == 5
    (found,) = json.loads(capsys.readouterr().out)
    assert list(found) == ["file", "line", "problem", "mend"]
    assert cli.run(["fsck", "nonsense"]) == 64
    assert cli.run(["fsck", "--help"]) == 0
    assert "Exit 0 when all is well, 5 when something is wrong" in " ".join(
        capsys.readouterr().out.replace("│", " ").split()
    )


def test_what_the_checkout_publishes_is_whole():
    mine = ("targets/", "reports/trials/", ".workbench/")  # this machine's, and not published
    assert [f for f in fsck.run(root=CHECKOUT) if not f.file.startswith(mine)] == []
