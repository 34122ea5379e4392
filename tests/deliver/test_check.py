"""Which deliverables of a change are there, by words alone and in real repositories."""

import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repositories import git

from workbench import cli
from workbench.deliver import check as checks
from workbench.deliver.check import FRAGMENT_NAME, NAMES, Change, check, section
from workbench.digest import template

KERNEL = "targets/pq_l2/kernels.py"
DIGEST = "reports/0009-found/README.md"
FRAGMENT = ".changes/found.change.md"
WHOLE = """\
# 0009 Found

A table of bytes takes 0.4 of the time.

## Decision matrix

| alternative | for | against | chosen |
|---|---|---|---|
| bytes | fast | lossy | yes |
| floats | exact | slow | no |

## Invariant

Rows keep their order; `tests/targets/test_pq_l2.py` holds it.

## Reproduce

    workbench trial pq_l2 --incumbent upstream

## When upstream moves

Ask for the codes again.
"""
TESTS = frozenset(["tests/targets/test_pq_l2.py"])


def change(edited=(KERNEL, DIGEST, FRAGMENT), *, digest=WHOLE, removed=(), messages="", **pages):
    known = {DIGEST: digest, FRAGMENT: "PQ L2 is faster.\n", **pages.get("pages", {})}
    before = pages.get("before", {})
    return Change(tuple(edited), tuple(removed), known, messages, TESTS, before)


def failed(found):
    return [line.deliverable for line in check(found) if line.status == "FAIL"]


def test_a_change_of_a_kernel_with_all_six_passes():
    lines = check(change())
    assert [line.deliverable for line in lines] == list(NAMES)
    assert {line.status for line in lines} == {"OK"}
    assert lines[2].sentence == f"{DIGEST}, Invariant: held by tests/targets/test_pq_l2.py"


def test_a_change_of_a_kernel_with_nothing_lacks_all_six_and_is_told_where_to_write():
    lines = check(change([KERNEL]))
    assert [line.status for line in lines] == ["FAIL"] * 6
    where = ("reports/NNNN-SLUG", "'## Decision matrix'", "'## Invariant'", "'## Reproduce'")
    for line, place in zip(lines, (*where, ".changes/", "'## When upstream moves'"), strict=True):
        assert place in line.sentence


def test_the_sections_may_stand_on_the_digest_s_other_pages():
    finding, *parts = WHOLE.split("\n## ")
    names = ("decision.md", "invariants.md", "reproduce.md", "moves.md")
    pages = {
        DIGEST.replace("README.md", name): f"# Page\n\n## {part}\n"
        for name, part in zip(names, parts, strict=True)
    }
    found = change((KERNEL, DIGEST, FRAGMENT, *pages), digest=finding, pages=pages)
    assert failed(found) == []
    assert "decision.md, Decision matrix" in check(found)[1].sentence
    assert failed(change((KERNEL, *pages), pages=pages)) == ["digest", FRAGMENT_NAME]


@pytest.mark.parametrize(
    "path",
    [
        *(f"targets/pq_l2/{name}" for name in ("kernels.py", "bench.py", "target.toml")),
        *("workbench/gate.py", "workbench/oracles.py", "workbench/policy/custody.py"),
        "snapshots/lance/pq_l2/manifest.json",
    ],
)
def test_what_needs_all_six(path):
    assert len(check(change([path]))) == 6
    assert len(check(change([], removed=[path]))) == 6


@pytest.mark.parametrize(
    "path",
    [
        *("README.md", "docs/design.md", "targets/pq_l2/program.md", "workbench/overview.py"),
        *("workbench/__init__.py", "tests/test_gate.py", "notebooks/trial.ipynb"),
        "targets/pq_l2/guard.json",
        "reports/0002-lance-kernels/data/targets/pq_l2/kernels.py",
    ],
)
def test_what_needs_a_changelog_fragment_only(path):
    assert [line.deliverable for line in check(change([path]))] == [FRAGMENT_NAME]


def test_nothing_changed_needs_nothing():
    assert check(change([])) == []


@pytest.mark.parametrize(
    ("old", "new", "lacks"),
    [
        ("A table of bytes takes 0.4 of the time.", "", "digest"),
        ("A table of bytes takes 0.4 of the time.", "<!-- what\ncame out -->", "digest"),
        ("| floats | exact | slow | no |\n", "", "decision matrix"),
        ("|---|---|---|---|\n", "", "decision matrix"),
        ("| bytes | fast | lossy | yes |", "| | | | |", "decision matrix"),
        ("tests/targets/test_pq_l2.py", "a test", "invariant note"),
        ("tests/targets/test_pq_l2.py", "tests/targets/test_gone.py", "invariant note"),
        ("    workbench trial", "workbench trial", "reproducer"),
        ("Ask for the codes again.", "", "re-sync note"),
        ("## Decision matrix", "## Decisions", "decision matrix"),
        ("## Invariant", "### Invariant", "invariant note"),
        ("## Reproduce", "## To reproduce", "reproducer"),
        ("## When upstream moves", "## Later", "re-sync note"),
    ],
)
def test_each_section_is_asked_for_by_itself(old, new, lacks):
    assert old in WHOLE
    assert failed(change(digest=WHOLE.replace(old, new))) == [lacks]


def test_a_digest_that_another_change_wrote_does_not_count():
    assert len(failed(change([KERNEL, FRAGMENT]))) == 5


@pytest.mark.parametrize("digest", [WHOLE, WHOLE + " ", WHOLE.replace("\n\n", "\n \n\n")])
def test_an_old_digest_with_another_space_is_nothing_new(digest):
    found = change(digest=digest, before={DIGEST: WHOLE})
    assert failed(found) == [name for name in NAMES if name != FRAGMENT_NAME]
    assert check(found)[0].sentence.endswith("(what a page said before this change does not count)")


@pytest.mark.parametrize(
    ("old", "new", "there"),
    [
        ("takes 0.4 of the time", "takes 0.3 of the time", "digest"),
        ("| floats | exact | slow | no |", "| words | exact | slow | no |", "decision matrix"),
        ("Rows keep their order", "Codes keep their order", "invariant note"),
        ("--incumbent upstream", "--incumbent main", "reproducer"),
        ("Ask for the codes again.", "Ask for the codebook again.", "re-sync note"),
    ],
)
def test_of_an_old_digest_only_what_it_says_anew_counts(old, new, there):
    found = change(digest=WHOLE.replace(old, new), before={DIGEST: WHOLE})
    assert failed(found) == [name for name in NAMES if name not in (there, FRAGMENT_NAME)]


def test_a_new_figure_in_a_table_above_is_no_finding():
    with_table = WHOLE.replace("## Decision", "| a |\n|---|\n| 1 |\n\n## Decision", 1)
    found = change(digest=with_table.replace("| 1 |", "| 2 |"), before={DIGEST: with_table})
    assert "digest" in failed(found)
    assert "digest" in failed(change(digest=WHOLE.replace("A table of bytes", "| A table")))


def test_a_digest_of_another_name_is_the_same_digest():
    old = "reports/0008-found/README.md"
    assert len(failed(change(removed=[old], before={old: WHOLE}))) == 5


def test_old_waivers_and_fragments_do_not_count_and_an_old_note_in_program_md_does():
    waived = WHOLE.replace("Ask for the codes again.", "x\n\nno digest needed: there was none")
    found = change(digest=waived + "more\n", before={DIGEST: waived})
    assert "digest" in failed(found)
    assert "digest" not in failed(change(digest=waived, before={}, messages=""))
    said = "no digest needed: there was none"
    assert "digest" not in failed(change(digest=waived, before={DIGEST: waived}, messages=said))
    old = {FRAGMENT: "PQ L2 is faster. \n"}
    assert failed(change(before=old)) == [FRAGMENT_NAME]
    pages = {"targets/pq_l2/program.md": "## When upstream moves\n\nAsk again.\n"}
    assert "re-sync note" not in failed(change(before={DIGEST: WHOLE}, pages=pages))


def test_a_decision_page_that_weighs_nothing_new_is_no_matrix():
    page, text = "docs/decisions/0099-bytes.md", "Words.\n\n**Rejected.** Floats: slow.\n"
    bare = WHOLE.replace("| floats | exact | slow | no |\n", "")
    how = {"digest": bare, "before": {page: text}}
    edited = [KERNEL, DIGEST, FRAGMENT, page]
    typo, more = text.replace("Words", "Word"), text.replace("slow", "slow and wide")
    assert failed(change(edited, **how, pages={page: typo})) == ["decision matrix"]
    assert failed(change(edited, **how, pages={page: more})) == []


@pytest.mark.parametrize(
    "path", ["reports/scoreboard/README.md", "reports/ports/pq_l2/README.md", "reports/0009/x.md"]
)
def test_not_every_page_below_reports_is_a_digest(path):
    found = change([KERNEL, path, FRAGMENT], pages={path: WHOLE})
    assert "digest" in failed(found)


@pytest.mark.parametrize("text", ["**Rejected.** Floats: slow.", WHOLE.split("## Invariant")[0]])
def test_a_decision_page_holds_the_matrix_as_well(text):
    page = "docs/decisions/0099-bytes.md"
    bare = WHOLE.replace("| floats | exact | slow | no |\n", "")
    found = change([KERNEL, DIGEST, FRAGMENT, page], digest=bare, pages={page: text})
    assert failed(found) == []


def test_a_program_md_holds_the_re_sync_note_as_well_if_every_changed_target_has_it():
    bare = WHOLE.replace("## When upstream moves", "## Later")
    pages = {"targets/pq_l2/program.md": "## When upstream moves\n\nAsk again.\n"}
    assert failed(change(digest=bare, pages=pages)) == []
    two = change([KERNEL, "targets/pq_dot/kernels.py", DIGEST, FRAGMENT], digest=bare, pages=pages)
    assert failed(two) == ["re-sync note"]
    judge = change(["workbench/gate.py", DIGEST, FRAGMENT], digest=bare, pages=pages)
    assert failed(judge) == ["re-sync note"]


def test_a_fragment_says_something_or_is_assembled_by_a_release():
    assert failed(change(pages={FRAGMENT: " \n"})) == [FRAGMENT_NAME]
    assert failed(change(["CHANGELOG.md"])) == [FRAGMENT_NAME]
    assert failed(change(["CHANGELOG.md"], removed=[FRAGMENT])) == []
    for other in (".changes/README.md", ".changes/found.md", "docs/found.change.md"):
        assert failed(change([other], pages={other: "words"})) == [FRAGMENT_NAME]


@pytest.mark.parametrize("name", NAMES)
def test_each_is_waived_in_words_and_the_words_are_shown(name):
    said = f"Faster by bytes\n\nNo {name} needed: the method is the one of 0001\n"
    (line,) = [one for one in check(change([KERNEL], messages=said)) if one.status == "WAIVED"]
    assert line.deliverable == name
    assert line.sentence == f"no {name} needed: the method is the one of 0001"
    assert len(failed(change([KERNEL], messages=said))) == 5


@pytest.mark.parametrize(
    "said",
    [
        "no digest needed:",
        "no digest needed: \n",
        "no digest needed: REASON",
        "no digest needed",
        "digest not needed: x",
        "we say that no digest needed: x",
        "no digests needed: x",
    ],
)
def test_a_waiver_without_a_reason_or_in_passing_is_none(said):
    assert "digest" in failed(change([KERNEL], messages=said))


def test_a_waiver_in_the_digest_counts_but_not_in_a_comment():
    bare = WHOLE.replace("Ask for the codes again.", "No re-sync note needed: no upstream.")
    assert failed(change(digest=bare.replace("## When upstream moves", ""))) == []
    hidden = WHOLE.replace("Ask for the codes again.", "<!--\nno re-sync note needed: x\n-->")
    assert failed(change(digest=hidden)) == ["re-sync note"]


def test_what_is_there_is_not_waived():
    assert check(change(messages="no digest needed: x"))[0].status == "OK"


def test_headings_inside_a_fence_are_commands():
    text = "## Reproduce\n```\n## Invariant\nmake\n```\n## Invariant\nx\n# End\ny"
    assert section(text, "reproduce") == "```\n## Invariant\nmake\n```"
    assert section(text, "Invariant") == "x"
    assert section(text, "nothing") == ""


@given(st.text(), st.text())
def test_no_page_and_no_message_breaks_it(text, messages):
    found = change(digest=text, messages=messages)
    assert len(check(found)) == 6
    assert section(text, text) is not None


def test_a_new_digest_is_unwritten_everywhere_and_has_every_heading():
    texts = (template.README, template.DECISION, template.INVARIANTS, template.REPRODUCE)
    names = ("README.md", "decision.md", "invariants.md", "reproduce.md")
    told = {"number": "0009", "title": "Found", "sections": ""}
    pages = {
        DIGEST.replace("README.md", name): text.format(**told)
        for name, text in zip(names, texts, strict=True)
    }
    assert failed(change((KERNEL, *pages, FRAGMENT), pages=pages)) == [
        name for name in NAMES if name != FRAGMENT_NAME
    ]
    for heading in ("Decision matrix", "Invariant", "Reproduce", "When upstream moves"):
        assert any(section(text, heading) for text in pages.values()), heading


# In repositories.


def commit(root, message, **files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "-m", message)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A project with a kernel on main, and a branch of it."""
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    files = {"pyproject.toml": "[tool.workbench]\n", KERNEL: "a = 1\n", next(iter(TESTS)): ""}
    commit(root, "begin", **files, **{".changes/old.change.md": "Old.\n"})
    git(root, "checkout", "--quiet", "-b", "work")
    monkeypatch.setenv("WORKBENCH_ROOT", str(root))
    return root


def test_a_branch_is_compared_with_where_it_left_main(clone, capsys):
    commit(clone, "a", **{KERNEL: "a = 2\n", DIGEST: WHOLE, FRAGMENT: "Faster.\n"})
    git(clone, "checkout", "--quiet", "main")
    commit(clone, "elsewhere", **{"workbench/gate.py": "b = 1\n"})
    git(clone, "checkout", "--quiet", "work")
    assert cli.run(["deliver", "check", "--base", "main"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("3 files since ")
    assert out[0].endswith(f"needed is all six, because of {KERNEL}")
    assert [line.split()[0] for line in out[1:]] == ["OK"] * 6


def test_a_space_in_an_old_digest_brings_nothing(clone):
    git(clone, "checkout", "--quiet", "main")
    commit(clone, "another", **{DIGEST: WHOLE})
    git(clone, "checkout", "--quiet", "-B", "work")
    commit(clone, "a", **{KERNEL: "a = 2\n", DIGEST: WHOLE + " \n", FRAGMENT: "Faster.\n"})
    _, found = checks.read(clone)
    assert found.before == {DIGEST: WHOLE}
    assert len(failed(found)) == 5
    commit(clone, "b", **{DIGEST: WHOLE.replace("Rows keep", "Codes keep")})
    assert len(failed(checks.read(clone)[1])) == 4


def test_what_fails_is_exit_1_and_says_what_is_not_committed(clone, capsys):
    commit(clone, "a\n\nno decision matrix needed: there was one way", **{KERNEL: "a = 2\n"})
    (clone / ".changes" / "found.change.md").write_text("Faster.\n")
    assert cli.run(["deliver", "check"]) == 1
    out = capsys.readouterr().out
    assert out.count("FAIL  ") == 5
    assert "WAIVED  decision matrix: no decision matrix needed: there was one way" in out
    assert "in no commit" in out
    assert cli.run(["deliver", "check", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["files"], said["judged"], said["passed"]) == (1, [KERNEL], False)
    assert [line["status"] for line in said["deliverables"]].count("FAIL") == 5


def test_renamed_and_removed_files_and_odd_names_are_seen(clone):
    git(clone, "mv", KERNEL, "targets/pq_l2/kernels.old")
    commit(clone, "a", **{"docs/ü\t\n ö.md": "x"})
    _, found = checks.read(clone)
    assert found.removed == (KERNEL,)
    assert set(found.edited) == {"targets/pq_l2/kernels.old", "docs/ü\t\n ö.md"}
    assert found.judged == (KERNEL,)


def test_a_project_below_the_top_of_its_repository(clone, tmp_path):
    outer = tmp_path / "outer"
    (outer / "inner" / "targets" / "pq_l2").mkdir(parents=True)
    git(outer, "init", "--quiet", "--initial-branch=main")
    commit(outer, "begin", **{f"inner/{KERNEL}": "a = 1\n"})
    git(outer, "checkout", "--quiet", "-b", "work")
    inside = {f"inner/{KERNEL}": "a = 2\n", f"inner/{DIGEST}": WHOLE, f"inner/{FRAGMENT}": "F.\n"}
    commit(outer, "a", **inside, **{"inner/tests/targets/test_pq_l2.py": "", "outside.py": ""})
    _, found = checks.read(outer / "inner")
    assert "outside.py" not in found.edited
    assert {line.status for line in check(found)} == {"OK"}


def test_on_the_default_branch_nothing_is_needed(clone, capsys):
    git(clone, "checkout", "--quiet", "main")
    assert cli.run(["deliver", "check"]) == 0
    assert "needed is nothing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("base", "code", "words"),
    [("nowhere", 64, "no branch or commit 'nowhere'"), ("stranger", 64, "no commit in common")],
)
def test_a_base_that_is_none_is_one_line(clone, capsys, base, code, words):
    git(clone, "checkout", "--quiet", "--orphan", "stranger")
    commit(clone, "another beginning")
    git(clone, "checkout", "--quiet", "work")
    assert cli.run(["deliver", "check", "--base", base]) == code
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert words in err


def test_no_default_branch_and_no_repository_are_one_line(clone, capsys, monkeypatch, tmp_path):
    git(clone, "branch", "--quiet", "--move", "main", "trunk")
    assert cli.run(["deliver", "check"]) == 64
    assert "name it with --base" in capsys.readouterr().err
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "pyproject.toml").write_text("[tool.workbench]\n")
    monkeypatch.setenv("WORKBENCH_ROOT", str(bare))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert cli.run(["deliver", "check"]) == 5
    assert "no commit to look at" in capsys.readouterr().err


def test_the_setting_is_a_command_for_a_shell(capsys):
    assert cli.run(["deliver", "required-check", "--json"]) == 0
    body = capsys.readouterr().out
    assert cli.run(["deliver", "required-check"]) == 0
    command = capsys.readouterr().out
    assert json.loads(body)["rules"][0]["type"] == "required_status_checks"
    fake = 'gh() { printf "%s\\n" "$@"; cat; }\n' + command
    done = subprocess.run(["sh", "-c", fake], capture_output=True, text=True, check=True)
    words, _, given = done.stdout.partition("-\n")
    assert words.split() == ["api", "--method", "POST", "repos/{owner}/{repo}/rulesets", "--input"]
    assert given == body
