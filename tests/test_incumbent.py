import shutil

import pytest
from repositories import git

from workbench import incumbent, ledger, record, targets
from workbench.errors import Infrastructure, Usage
from workbench.ledger import Row

HOST = "0123456789ab"


@pytest.fixture
def target(project):
    return targets.load("pq_l2", project)


def row(target, source, status="keep", **changes):
    fields = dict.fromkeys(ledger.COLUMNS["performance"])
    fields |= {
        "commit": "none",
        "timestamp": "2026-01-01T00:00:00+00:00",
        "status": status,
        "reason": "faster",
        "host_class": HOST,
        "kernel_sha256": incumbent.sha256(source),
        "description": "",
    }
    ledger.append(ledger.path(target.folder, "performance"), Row(**(fields | changes)))


def store(target, source):
    name = f"20260101-{target.name}-{incumbent.sha256(source)[:8]}"
    folder = record.folder(target.root, name)
    folder.mkdir(parents=True)
    (folder / "kernels.py").write_text(source)


def test_upstream_on_request(target):
    found = incumbent.find(target, "performance", HOST, "upstream")
    assert found.source == (target.folder / "upstream.py").read_text()
    assert found.ref.origin == "upstream"


def test_a_commit_on_request(target):
    before = git(target.root, "rev-parse", "HEAD")
    old = target.kernels_path.read_text()
    target.kernels_path.write_text(old + "# changed\n")
    git(target.root, "commit", "-qam", "change")
    assert incumbent.find(target, "performance", HOST, before).source == old
    assert incumbent.find(target, "performance", HOST, "HEAD").source == old + "# changed\n"


def test_an_unknown_commit_is_a_usage_error(target):
    with pytest.raises(Usage, match="'upstream' or a commit"):
        incumbent.find(target, "performance", HOST, "nonsense")


def test_the_newest_kept_row_of_this_host_class(target):
    for source, changes in {
        "# one\n": {},
        "# two\n": {},
        "# elsewhere\n": {"host_class": "ffffffffffff"},
        "# slow\n": {"status": "discard", "reason": "slower"},
    }.items():
        row(target, source, **changes)
        store(target, source)
    assert incumbent.find(target, "performance", HOST, None).source == "# two\n"


def test_a_record_that_was_edited_is_not_the_kept_kernel(target):
    row(target, "# kept\n")
    store(target, "# kept\n")
    name = f"20260101-{target.name}-{incumbent.sha256('# kept' + chr(10))[:8]}"
    (record.folder(target.root, name) / "kernels.py").write_text("# edited\n")
    with pytest.raises(Infrastructure, match="in no record"):
        incumbent.find(target, "performance", HOST, None)


def test_a_kept_kernel_without_record_comes_from_its_commit(target):
    source = target.kernels_path.read_text()
    row(target, source, commit=git(target.root, "rev-parse", "HEAD"))
    assert incumbent.find(target, "performance", HOST, None).source == source


def test_without_rows_the_merge_base_counts(target):
    base = target.kernels_path.read_text()
    git(target.root, "checkout", "-qb", "experiment")
    target.kernels_path.write_text(base + "# mine\n")
    git(target.root, "commit", "-qam", "mine")
    found = incumbent.find(target, "performance", HOST, None)
    assert (found.source, found.ref.origin) == (base, "merge-base")


def test_head_marks_an_uncommitted_kernel(target):
    source = target.kernels_path.read_text()
    clean = incumbent.head(target, source)
    assert clean == git(target.root, "rev-parse", "--short=12", "HEAD")
    assert incumbent.head(target, "# edited\n") == clean + "+"
    target.kernels_path.write_text("# edited\n")
    assert incumbent.head(target) == clean + "+"
    assert incumbent.head(target, source) == clean


def test_windows_line_ends_stay(target):
    source = target.kernels_path.read_text().replace("\n", "\r\n")
    target.kernels_path.write_bytes(source.encode())
    git(target.root, "commit", "-qam", "windows")
    commit = git(target.root, "rev-parse", "HEAD")
    assert incumbent.head(target) == commit[:12]
    found = incumbent.find(target, "performance", HOST, "HEAD")
    assert (found.source, found.ref.commit) == (source, commit[:12])
    row(target, source)
    store(target, source)
    assert incumbent.find(target, "performance", HOST, None).source == source


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"])
def test_another_repository_in_the_environment_is_ignored(target, tmp_path, monkeypatch, variable):
    before = incumbent.find(target, "performance", HOST, None), incumbent.head(target)
    assert before[0].ref.origin == "merge-base"
    monkeypatch.setenv(variable, str(tmp_path))
    assert (incumbent.find(target, "performance", HOST, None), incumbent.head(target)) == before


def test_a_new_target_on_a_branch_races_upstream(target):
    git(target.root, "checkout", "-qb", "experiment")
    shutil.copytree(target.folder, target.root / "targets" / "other")
    git(target.root, "add", ".")
    git(target.root, "commit", "-qm", "other")
    other = targets.load("other", target.root)
    assert incumbent.find(other, "performance", HOST, None).ref.origin == "upstream"
    with pytest.raises(Usage, match="has it"):
        incumbent.find(other, "performance", HOST, "main")


def test_a_project_inside_a_bigger_repository(target, tmp_path):
    root = tmp_path / "bigger" / "inner"
    shutil.copytree(target.root, root, ignore=shutil.ignore_patterns(".git", ".workbench"))
    git(tmp_path / "bigger", "init", "-q", "--initial-branch=main")
    git(tmp_path / "bigger", "add", ".")
    git(tmp_path / "bigger", "commit", "-qm", "all")
    inner = targets.load("pq_l2", root)
    found = incumbent.find(inner, "performance", HOST, None)
    assert (found.source, found.ref.origin) == (inner.kernels_path.read_text(), "merge-base")
    assert not incumbent.head(inner).endswith("+")


@pytest.mark.parametrize("name", ["", "--help", "--output=x", ":", "HEAD:targets"])
def test_what_is_no_commit_is_never_an_option(target, name):
    with pytest.raises(Usage, match="'upstream' or a commit"):
        incumbent.find(target, "performance", HOST, name)
