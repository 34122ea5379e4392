"""The kit for upstream: what it says is the record's, and what is nothing to offer is refused."""

import csv
import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from repositories import git

from workbench import cli, incumbent, ledger, policy, port, record, stats, targets, transfer
from workbench.deliver import evidence, kit
from workbench.errors import Refused
from workbench.record import Confirmation, IncumbentRef, TrialRecord
from workbench.research import guard
from workbench.stats import Blocks, Calibration, ComboEstimate
from workbench.transfer import CallSiteRecord, Case

CHECKOUT = Path(__file__).resolve().parents[1]
LEFT_BEHIND = shutil.ignore_patterns(
    "results*.tsv*", "lessons.md", "*calibration.json*", "guard.json"
)
SHAPES = ("128x16x256/clustered", "768x96x256/sparse")

INPUTS = """
from workbench.targets import Workload


def battery(rng):
    drawn = ("clustered", "uniform", "sparse", "sparse")
    return [Workload("768x96x256", name, {}, None, {}) for name in drawn]
"""


@pytest.fixture
def target(tmp_path, monkeypatch):
    """The checkout's pq_l2 in a small repository of its own, with cases that cost nothing."""
    root = tmp_path / "project"
    (root / "reports" / "trials").mkdir(parents=True)
    for name in ("pyproject.toml", ".gitignore"):
        shutil.copy2(CHECKOUT / name, root / name)
    shutil.copytree(CHECKOUT / "targets" / "pq_l2", root / "targets" / "pq_l2", ignore=LEFT_BEHIND)
    (root / "targets" / "pq_l2" / "inputs.py").write_text(INPUTS)
    for words in (["init"], ["add", "--all"], ["commit", "-m", "x"]):
        git(root, *words)
    monkeypatch.setenv("WORKBENCH_ROOT", str(root))
    return targets.load("pq_l2", root)


def trial(project, **changes):
    """A kept record of the project's kernel, raced with another kernel."""
    files = policy.judge_files(project.root, project.folder)
    digest = incumbent.sha256(project.kernels_path.read_text())
    combos = tuple(
        ComboEstimate(*name.split("/"), 0.9, 0.88, 0.92, 100.0, 111.0, 250.0) for name in SHAPES
    )
    known = {
        "id": f"20260101T000000000000Z-pq_l2-{digest[:8]}",
        "timestamp": "2026-01-01T00:00:00+00:00",
        "target": "pq_l2",
        "mode": "trial",
        "focus": "performance",
        "description": "planes of bytes",
        "status": "keep",
        "reason": "faster",
        "exit_code": 0,
        "sentence": "keep (faster)",
        "commit": "0123456789ab+",
        "kernel_sha256": digest,
        "incumbent": IncumbentRef("keep", "ff", "f" * 64),
        "judge_sha256": policy.judge_sha256(files),
        "judge_files": files,
        "host_class": "a-host-class",
        "host": {"cpu_model": "A processor", "cores": 2, "numba_env": {}},
        "versions": {"numba": "0.68.1"},
        "seed": 7,
        "calibration": Calibration(),
        "seconds": 1.5,
        "ratio": 0.9,
        "ci_low": 0.89,
        "ci_high": 0.91,
        "ratio_vs_upstream": 0.41,
        "ci_low_vs_upstream": 0.40,
        "ci_high_vs_upstream": 0.42,
        "allocations": 0.0,
        "peak_rss_mb": 140.0,
        "max_abs_err": 0.5,
        "bit_identical": False,
        "processes": 4,
        "combos": combos,
        "confirmation": Confirmation(0.9, 0.89, 0.91, 4, 0.02, 0, True),
        "warnings": ("a doubt",),
    }
    return TrialRecord(**{**known, **changes})


def pairs():
    """Four processes: a kernel 0.4 x upstream in the first combo, 0.4 to 0.44 in the second."""
    for process in range(4):
        ratios = np.array([0.4, 0.4 + 0.02 * (process // 2)])
        combo = np.array([0, 1, 0, 1])
        upstream = np.full(4, 250.0)
        times = np.ones((2, 4))
        first = np.array([[True, False, False, True]] * 2)
        beside = upstream * ratios[combo]
        yield Blocks(np.array([0, 1]), first, times, times, times, combo, beside, upstream)


def judged(target, **changes):
    """A record of the project's kernel on disk, and its row."""
    found = trial(target, **changes)
    source = target.kernels_path.read_text()
    record.write(target.root, found, source, list(pairs()))
    names = {field.name for field in dataclasses.fields(ledger.Row)}
    row = {name: getattr(found, name, None) for name in names}
    ledger.append(ledger.path(target.folder, "performance"), row)
    return found


def published(target, name="0007-elsewhere", file="trials/one.json", **changes):
    """The same in a digest."""
    path = target.root / "reports" / name / "data" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(trial(target, **changes).to_json())
    return path.relative_to(target.root).as_posix()


def raced(target, **changes):
    """A published finding of the project's kernel in its query."""
    known = {
        "target": "pq_l2",
        "timestamp": "2026-01-02T00:00:00+00:00",
        "commit": "0" * 12,
        "kernel_sha256": incumbent.sha256(target.kernels_path.read_text()),
        "incumbent": "upstream",
        "incumbent_sha256": "0" * 64,
        "host_class": "a-host-class",
        "host": {},
        "versions": {},
        "transfer": "wins",
        "ratio": 0.7,
        "ci_low": 0.69,
        "ci_high": 0.71,
        "processes": 6,
        "cases": (Case("1M", "and", 0.7, 0.69, 0.71, 7e3, 1e4, 0.2, 0.5, 10),),
    }
    path = transfer.path(target.root, "pq_l2")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CallSiteRecord(**{**known, **changes}).to_json())


def one_line(err):
    return err.startswith("workbench: ") and err.count("\n") == 1 and "Traceback" not in err


def test_a_kit_has_what_a_maintainer_needs(target, tmp_path, capsys):
    found = judged(target)
    raced(target)
    out = tmp_path / "kit"
    assert cli.run(["port", "pq_l2", "--out", str(out)]) == 0
    assert "pq_l2: 0.4100 x the time of upstream.py (0.4000 to 0.4200)" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {
        *("README.md", "kernels.py", "upstream.py", "change.diff"),
        *("trial.json", "combos.csv", "callsite.json"),
    }
    for name in ("kernels.py", "upstream.py"):
        assert (out / name).read_bytes() == (target.folder / name).read_bytes()
    assert record.read(out / "trial.json") == found
    page = (out / "README.md").read_text()
    for words in (
        "0.4100 (0.4000 to 0.4200) x the time of `upstream.py`",
        target.spec["upstream"]["symbol"],
        target.spec["upstream"]["call_site"],
        "> Use each load of the planes three times",  # the kernel's own words
        "x the time of its incumbent: planes of bytes",  # the ledger's
        "| 128x16x256/clustered | 100 | 250 | 0.4000 (",
        "addresses before it was kept: 0.9000 (0.8900 to 0.9100) x the kernel it was raced with",
        "The judge's doubt: a doubt",
        "| 1M/and | 0.7000 (0.6900 to 0.7100) | 7 | 50.0% to 20.0% |",
        "not bit for bit: the greatest absolute difference to `reference.py` is 0.5",
        "oracle: kind max_abs_err, atol 0.0001, rtol 1e-06",
        "- 768x96x256: clustered, uniform, sparse",  # the battery
        "A processor, 2 cores, host class a-host-class",
        "numba 0.68.1",
        f"git checkout {incumbent.head(target)}",
        "    workbench trial pq_l2 --incumbent upstream",
        "    workbench integrate pq_l2",
    ):
        assert words in page, words
    assert str(target.root) not in page


def test_single_workloads_have_the_interval_of_their_own_crossovers(target):
    judged(target)
    (found,) = evidence.evidence(target, target.kernels_path.read_text())
    first, second = found.combos
    assert first.ratio == second.ratio == 0.4
    sigma = Calibration().sigma_combo
    want = stats.interval(np.log([0.4, 0.4]), sigma)[1:]
    assert (first.ci_low, first.ci_high) == pytest.approx(want)
    want = stats.interval(np.log([0.4, 0.42]), sigma)[1:]
    assert (second.ci_low, second.ci_high) == pytest.approx(want)
    rows = list(csv.DictReader(port._table(found.combos).splitlines()))
    assert [float(row["ci_high"]) for row in rows] == [first.ci_high, second.ci_high]


def test_a_duel_with_upstream_speaks_for_itself(target):
    upstream = incumbent.upstream(target).ref
    combo = ComboEstimate("128x16x256", "uniform", 0.5, 0.49, 0.51, 100.0, 200.0, 250.0)
    judged(target, incumbent=upstream, ratio=0.5, ci_low=0.4, ci_high=0.6, combos=(combo,) * 2)
    kernel = port.run("pq_l2", root=target.root)
    assert kernel.evidence.duel
    assert kernel.evidence.headline == (0.5, 0.4, 0.6)  # the less flattering
    first = kernel.evidence.combos[0]
    assert (first.ratio, first.ci_low, first.ci_high, first.upstream_ns) == (0.5, 0.49, 0.51, 200.0)
    assert kernel.summary()["ci_high_vs_upstream"] == 0.6
    page = (target.root / ".workbench" / "ports" / "pq_l2" / "README.md").read_text()
    assert "The verdict was against upstream.py: 0.5000 (0.4000 to 0.6000)" in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ci_high_vs_upstream": 0.9001}, "0.9001 within the interval"),
        ({"status": "discard"}, "no kept record"),
        ({"status": "baseline", "mode": "baseline"}, "no kept record"),
        ({"kernel_sha256": "0" * 64}, "no kept record"),
        ({"target": "pq_dot"}, "no kept record"),
        ({"judge_files": {"targets/pq_l2/upstream.py": "0" * 64}}, "no kept record"),
        ({"ci_high_vs_upstream": None}, "no kept record"),
        (
            {"combos": (ComboEstimate("a", "b", 0.9, 0.8, 1.0, 106.0, 110.0, 100.0),) * 2},
            "a/b takes 1.0600 x its time",
        ),
    ],
)
def test_what_is_nothing_to_offer_is_exit_4_in_one_line(target, capsys, changes, words):
    found = trial(target, **changes)
    record.write(target.root, found, target.kernels_path.read_text(), list(pairs()))
    assert cli.run(["port", "pq_l2"]) == 4
    captured = capsys.readouterr()
    assert one_line(captured.err)
    assert words in captured.err
    assert not (target.root / ".workbench" / "ports").exists()


def test_a_tenth_of_the_time_is_enough(target):
    judged(target, ci_high_vs_upstream=port.MOST_OF_UPSTREAM)
    port.run("pq_l2", root=target.root)


def test_no_record_says_what_makes_one(target, capsys):
    assert cli.run(["port", "pq_l2", "--json"]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert one_line(captured.err)
    assert "`workbench init pq_l2` and `workbench trial pq_l2 --incumbent upstream`" in captured.err


def test_a_kernel_that_no_commit_has_is_refused(target, capsys):
    judged(target)
    target.kernels_path.write_text(target.kernels_path.read_text() + "# edited\n")
    assert cli.run(["port", "pq_l2"]) == 4
    assert "is not the committed one" in capsys.readouterr().err


def test_a_candidate_target_is_refused(target, capsys):
    path = target.folder / "target.toml"
    path.write_text(path.read_text().replace('status = "landed"', 'status = "candidate"'))
    assert cli.run(["port", "pq_l2"]) == 4
    assert "is a candidate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"transfer": "loses", "ratio": 1.1}, "the query loses with it (1.1000)"),
        ({"transfer": None, "ratio": None, "failure": "row 7"}, "answer is wrong with it (row 7)"),
    ],
)
def test_a_kernel_that_loses_in_the_query_is_refused(target, capsys, changes, words):
    judged(target)
    raced(target, **changes)
    assert cli.run(["port", "pq_l2"]) == 4
    assert words in capsys.readouterr().err


def test_a_finding_of_another_kernel_is_none(target):
    judged(target)
    raced(target, transfer="loses", kernel_sha256="0" * 64)
    out = port.run("pq_l2", root=target.root).out
    assert "Not raced there with this kernel" in (out / "README.md").read_text()
    assert not (out / "callsite.json").exists()


def revoke(target, when):
    row = ledger.revocation(
        incumbent.sha256(target.kernels_path.read_text()),
        *("suspect", "not found again"),
        commit="0" * 12,
        host_class="a-host-class",
        ratio=None,
        ci_low=None,
        ci_high=None,
    )
    path = ledger.path(target.folder, "performance")
    ledger.append(path, dataclasses.replace(row, timestamp=when))


def test_a_keep_that_was_revoked_is_none_until_it_is_kept_again(target):
    judged(target)
    revoke(target, "2026-01-03T00:00:00+00:00")
    with pytest.raises(Refused, match="no kept record"):
        port.run("pq_l2", root=target.root)
    published(target, timestamp="2026-01-02T23:59:59+00:00")  # kept elsewhere, but before
    with pytest.raises(Refused, match="no kept record"):
        port.run("pq_l2", root=target.root)
    again = published(target, file="again.json", timestamp="2026-01-04T00:00:00+00:00")
    assert port.run("pq_l2", root=target.root).evidence.path == again


def test_a_fresh_clone_has_what_a_digest_published(target, capsys):
    path = published(target)
    assert cli.run(["port", "pq_l2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["record"], said["ratio_vs_upstream"]) == (path, 0.41)
    page = (target.root / ".workbench" / "ports" / "pq_l2" / "README.md").read_text()
    assert "| 128x16x256/clustered | 100 | 250 | 0.4000 |" in page
    assert "Single workloads have no interval" in page


def test_which_record_is_relied_on(target):
    source = target.kernels_path.read_text()
    other_cpu = {"cpu_model": "A processor", "numba_env": {"NUMBA_CPU_NAME": "haswell"}}
    new = "2026-01-05T00:00:00+00:00"
    paths = [
        published(target, file="portable.json", timestamp=new, host=other_cpu),
        published(target, file="old.json"),
        published(target, file="new.json", timestamp=new),
    ]
    assert [one.path for one in evidence.evidence(target, source)] == [paths[i] for i in (2, 1, 0)]
    judged(target)
    found = evidence.evidence(target, source)
    assert found[0].path.startswith("reports/trials/")
    page = (port.run("pq_l2", root=target.root).out / "README.md").read_text()
    assert "portable.json`, built with NUMBA_CPU_NAME=haswell" in page


def test_cases_that_changed_since_are_not_claimed(target):
    files = dict(policy.judge_files(target.root, target.folder))
    files["targets/pq_l2/inputs.py"] = "0" * 64
    judged(target, judge_files=files)
    page = (port.run("pq_l2", root=target.root).out / "README.md").read_text()
    assert "as it was at commit 0123456789ab; it has changed since" in page
    assert "Held on:" not in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bit_identical": True}, "Every answer has the same bits as `reference.py`'s."),
        ({"recall": 0.9876}, "Lossy by design: least mean recall of a correctness case 0.9876."),
        ({"max_abs_err": None, "bit_identical": None}, "`reference.py` is not measured"),
    ],
)
def test_bits_are_claimed_only_where_they_were_the_same(target, changes, words):
    judged(target, **changes)
    page = (port.run("pq_l2", root=target.root).out / "README.md").read_text()
    assert words in page
    assert ("same bits" in page) == bool(changes.get("bit_identical"))


def guarded(target, found, **changes):
    """A guard.json that this record just passes, for its host class or another."""
    baseline = guard.baseline_of(found, dict.fromkeys(SHAPES, 0.001))
    others = {"host_class": found.host_class, **changes}
    guard.write(target.folder / guard.FILE, {others["host_class"]: baseline})


def against(rival, target, day, slower):
    """A later race of the kernel, as `workbench guard` does with itself; None is itself."""
    digest = incumbent.sha256(target.kernels_path.read_text())
    combos = trial(target).combos
    slowed = tuple(dataclasses.replace(c, candidate_ns=c.candidate_ns * slower) for c in combos)
    found = trial(
        target,
        id=f"2026010{day}T000000000000Z-pq_l2-{digest[:8]}",
        timestamp=f"2026-01-0{day}T00:00:00+00:00",
        status="discard",
        incumbent=IncumbentRef("commit", "0", rival or digest),
        combos=slowed,
    )
    record.write(target.root, found, target.kernels_path.read_text(), [])


def test_a_broken_guard_is_refused(target, capsys):
    found = judged(target)
    guarded(target, found)
    page = (port.run("pq_l2", root=target.root).out / "README.md").read_text()
    assert "no baseline" not in page
    slower = tuple(dataclasses.replace(c, candidate_ns=c.candidate_ns / 1.2) for c in found.combos)
    guarded(target, dataclasses.replace(found, combos=slower))
    assert cli.run(["port", "pq_l2"]) == 4
    err = capsys.readouterr().err
    assert "a guard is broken: 128x16x256/clustered takes 0.400 of upstream's time" in err
    assert "`workbench guard pq_l2` asks again" in err
    assert one_line(err)


def test_the_guard_is_held_against_the_newest_race_of_the_kernel_with_itself(target):
    found = judged(target)
    faster = tuple(dataclasses.replace(c, candidate_ns=c.candidate_ns / 1.2) for c in found.combos)
    guarded(target, dataclasses.replace(found, combos=faster))
    against(None, target, 2, slower=1.3)
    with pytest.raises(Refused, match=r"takes 0\.520"):
        port.run("pq_l2", root=target.root)
    against(None, target, 3, slower=1 / 1.2)
    against("f" * 64, target, 4, slower=1.3)
    port.run("pq_l2", root=target.root)


def test_a_host_class_without_a_guard_is_said(target):
    guarded(target, judged(target), host_class="another")
    page = (port.run("pq_l2", root=target.root).out / "README.md").read_text()
    assert "this host class has no baseline" in page


@pytest.mark.parametrize("text", ["", "[]", "{", "7", '{"a-host-class": {}}'])
def test_a_guard_that_cannot_be_read_is_an_error(target, capsys, text):
    judged(target)
    (target.folder / "guard.json").write_text(text)
    assert cli.run(["port", "pq_l2"]) == 5
    assert one_line(capsys.readouterr().err)


def test_a_kit_is_written_anew_but_never_over_something_else(target, tmp_path, capsys):
    judged(target)
    raced(target)
    out = tmp_path / "kit"
    port.run("pq_l2", out, root=target.root)
    transfer.path(target.root, "pq_l2").unlink()
    port.run("pq_l2", out, root=target.root)
    assert not (out / "callsite.json").exists()  # of the first kit
    for other in (tmp_path / "file", tmp_path / "folder" / "thesis.tex"):
        other.parent.mkdir(exist_ok=True)
        other.write_text("mine")
        place = other if other.name == "file" else other.parent
        assert cli.run(["port", "pq_l2", "--out", str(place)]) == 64
        assert one_line(capsys.readouterr().err)
        assert other.read_text() == "mine"


def test_the_diff_leads_from_upstream_to_the_kernel(target, tmp_path):
    judged(target)
    out = port.run("pq_l2", root=target.root).out
    place = tmp_path / "targets" / "pq_l2"
    place.mkdir(parents=True)
    (place / "kernels.py").write_bytes((out / "upstream.py").read_bytes())
    text = (out / "change.diff").read_text().replace("/upstream.py", "/kernels.py", 1)
    command = ["git", "apply", "-p0", "-"]
    subprocess.run(command, cwd=tmp_path, input=text, text=True, check=True)
    assert (place / "kernels.py").read_bytes() == (out / "kernels.py").read_bytes()


def test_steps_are_the_kept_ones_that_led_there(target):
    digest = incumbent.sha256(target.kernels_path.read_text())
    path = ledger.path(target.folder, "performance")
    blank = dict.fromkeys(f.name for f in dataclasses.fields(ledger.Row))
    tried = [
        ("keep", "a" * 64, "first"),
        ("discard", "b" * 64, "no"),
        ("keep", "c" * 64, "withdrawn"),
        ("keep", digest, "last"),
        ("revoke", "c" * 64, "was wrong"),
        ("keep", "d" * 64, "later"),
    ]
    for day, (status, kernel, description) in enumerate(tried, 1):
        row = {
            **blank,
            **{"commit": "0", "timestamp": f"2026-01-0{day}", "status": status},
            **{"reason": "faster", "host_class": "h", "kernel_sha256": kernel},
            "description": description,
        }
        ledger.append(path, row)
    assert [row.description for row in evidence.steps(target, digest)] == ["first", "last"]
    assert evidence.steps(target, "e" * 64) == []


DIGEST = """# 0007

## What won, and why

- **pq_l2, pq_dot**: planes of bytes,
  ![picture](figures/x.png)
  see [the page](../x.md) and [paper](https://example.org/x).
- **take**: prefetched.

## Later
- **pq_l2**: no mechanism.
"""


def quoted(target):
    source = target.kernels_path.read_text()
    return dict(kit.quotes(target, source, incumbent.sha256(source)))


def test_a_digest_is_quoted_where_it_speaks_of_the_target(target):
    folder = target.root / "reports" / "0007-many"
    folder.mkdir()
    (folder / "README.md").write_text(DIGEST)
    said = quoted(target)["reports/0007-many/README.md, What won, and why"]
    assert said.startswith("- **pq_l2, pq_dot**: planes of bytes,\n")
    assert "take" not in said
    assert "no mechanism" not in said
    judged(target)
    page = (port.run("pq_l2", root=target.root).out / "README.md").read_text()
    assert ">   see the page and [paper](https://example.org/x)." in page


@pytest.mark.parametrize(
    ("slug", "text", "mine"),
    [
        ("0007-pq-l2", "Because.", True),
        ("0007-pq-l2-u8", "Because.", False),
        ("0007-pq-l2", "- **take**: prefetched.", False),  # of another, in the digest of this one
    ],
)
def test_a_digest_of_one_target_is_quoted_whole(target, slug, text, mine):
    (target.root / "targets" / "take").mkdir()
    (target.root / "targets" / "take" / "target.toml").touch()
    folder = target.root / "reports" / slug
    folder.mkdir()
    (folder / "README.md").write_text(f"# 7\n\n## Mechanism\n\n<!-- why -->\n{text}\n")
    assert (f"reports/{slug}/README.md, Mechanism" in quoted(target)) == mine


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://github.com/o/r.git", "https://github.com/o/r.git"),
        ("https://name:secret@github.com/o/r", "URL-OF-THIS-REPOSITORY"),
        ("https://github.com/o/r;rm -rf x", "URL-OF-THIS-REPOSITORY"),
        ("git@github.com:o/r.git", "URL-OF-THIS-REPOSITORY"),
        ("/srv/private/r", "URL-OF-THIS-REPOSITORY"),
        ("https://localhost/o/r", "URL-OF-THIS-REPOSITORY"),
        (None, "URL-OF-THIS-REPOSITORY"),
    ],
)
def test_a_clone_is_told_from_where_only_if_anybody_can(tmp_path, url, said):
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    if url:
        command = ["git", "-C", str(tmp_path), "remote", "add", "origin", url]
        subprocess.run(command, check=True)
    assert kit.origin(tmp_path) == said


def test_unknown_targets_are_wrong_usage(target, capsys):
    assert cli.run(["port", "pq_12"]) == 64
    assert one_line(capsys.readouterr().err)
