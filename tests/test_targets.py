"""A target folder is loaded whole, or refused in one line that names the key."""

import copy
import math
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from workbench import ledger, oracles, spec, targets
from workbench.errors import Infrastructure, Usage

TABLE = tomllib.loads((targets.find_root() / "targets/pq_l2/target.toml").read_text())
GONE = object()


def changed(key, value):
    table = copy.deepcopy(TABLE)
    *folders, last = key.split(".")
    place = table
    for folder in folders:
        place = place[folder]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return table


RECALL = {"kind": "recall", "k": 10, "minimum": 0.95, "row_minimum": 0.7, "max_error": 0.05}
WRONG = [
    *[(key, GONE) for key in ("title", "status", "surface", "oracle", "guardrails")],
    *[("title", value) for value in (3, "", "two\nlines", "\x1b[2K", ["a"])],
    *[("status", value) for value in ("done", "", 1, True)],
    *[("schema", value) for value in (2, "1")],
    *[("focuses", value) for value in (3, "performance", [], ["speed"], [3])],
    *[("surface", value) for value in (3, "setup", {}, [], {"a b": ["x"]}, {"setup": "codes"})],
    *[("surface.setup", value) for value in (None, 1, [1], ["a b"], [""], {"x": 1})],
    *[("oracle", value) for value in ("bitwise", {}, {"kind": "close"}, {"kind": 3})],
    *[("oracle", {**RECALL, "minimum": value}) for value in (0.0, 1.5, "1", math.nan)],
    *[("oracle", {**RECALL, "k": value}) for value in (0, 1.5, "10")],
    ("oracle", {**RECALL, "row_minimum": -0.1}),
    ("oracle", {**RECALL, "max_error": 0}),
    ("oracle", {"kind": "recall", "minimum": 0.95, "k": 10}),
    *[("oracle", {"kind": "bitwise", "lengths": value}) for value in (1, "out", {"out": 1})],
    ("oracle", {"kind": "bitwise", "atol": 1.0}),
    ("oracle", {"kind": "top_k", "atol": 1.0}),
    *[("oracle.atol", value) for value in (GONE, "1e-4", -1.0, math.nan, math.inf, True)],
    *[("oracle.rtol", value) for value in (GONE, 1.0, -1e-9, math.nan)],
    *[("guardrails", value) for value in (3, "none", {}, [])],
    *[("guardrails.max_allocations", value) for value in (GONE, -1, "0", math.nan, False)],
    *[("guardrails.max_peak_rss_mb", value) for value in (GONE, 0, -1, math.inf)],
    *[("guardrails.worst_ratio", value) for value in (GONE, 0.0, math.nan, "1.05", [1.05])],
    *[("guardrails.budget_seconds", value) for value in (GONE, 0, -60, "60", 10**400)],
    ("guardrails.worst_ration", 1.05),
    *[("upstream", value) for value in (3, "lance", [])],
    *[("upstream.cost_fraction", value) for value in ("a lot", -0.1, 1.1, math.nan)],
    *[(f"upstream.{key}", 3) for key in ("call_site", "access_pattern", "system", "version")],
    *[("roofline", value) for value in (3, {}, {"bytes": 3})],
    ("roofline.arithmetic", "f16"),
    *[("roofline.bytes_per_unit", value) for value in (GONE, {"a": "b"}, {"a": 0})],
    ("gaurdrails", {}),
]


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_what_is_wrong_is_named(key, value):
    with pytest.raises(ValueError, match=rf"^{key.split('.')[0]}") as error:
        spec.parse(changed(key, value))
    said = str(error.value)
    assert "\n" not in said
    if value is not GONE and "." in key:
        assert said.startswith(key)
    if value is GONE:
        assert said == f"{key} is missing"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("focuses", list(ledger.COLUMNS)),
        ("surface", {"f": []}),
        ("oracle", {"kind": "bitwise"}),
        ("oracle", {"kind": "bitwise", "lengths": {"out": "count"}}),
        ("oracle", {**RECALL, "distances": "out"}),
        ("oracle", {"kind": "top_k", "atol": 0, "rtol": 0.5, "ids": "found"}),
        ("upstream", GONE),
        ("upstream", {"call_site": "", "cost_fraction": 0.0, "access_pattern": "", "note": [1]}),
        ("roofline", GONE),
        *[("status", status) for status in ("landed", "off-path", "rejected", "candidate")],
    ],
)
def test_what_is_right_is_kept(key, value):
    table = changed(key, value)
    assert spec.parse(table) == table


def test_every_kind_of_oracle_has_a_table():
    numbers = {
        "max_abs_err": ("atol", "rtol"),
        "top_k": ("atol", "rtol"),
        "parity": ("atol", "min_snr_db"),
    }
    for kind in oracles.KINDS:
        oracle = {"kind": kind, **dict.fromkeys(numbers.get(kind, ()), 0.5)}
        oracle |= {"pcm": "pcm"} if kind == "parity" else {}
        oracle = RECALL if kind == "recall" else oracle
        assert spec.parse(changed("oracle", oracle))["oracle"] == oracle


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"worst_ratio = 1.05", b"worst_ratio = nan", "guardrails.worst_ratio is nan: "),
        (b'status = "landed"', b"", "status is missing"),
        (b"schema = 1", b"schema = ", "line 1"),
        (b"schema = 1", b"# \xff", "0xff"),
    ],
)
def test_load_names_the_file_and_the_key(project, old, new, said):
    path = project / "targets" / "pq_l2" / "target.toml"
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(Infrastructure) as error:
        targets.load("pq_l2", project)
    assert str(error.value).startswith("targets/pq_l2/target.toml: ")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_runner_needs_no_pydantic():
    code = "import sys, workbench.targets, workbench.runner; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- the project's root ----------------------------------------------------------------------


def test_a_root_that_was_named_is_the_only_one_tried(project, tmp_path, monkeypatch):
    monkeypatch.chdir(project)
    for wrong in (tmp_path, tmp_path / "nowhere"):
        monkeypatch.setenv("WORKBENCH_ROOT", str(wrong))
        with pytest.raises(Usage, match="no workbench project at or above"):
            targets.find_root()
    with pytest.raises(Usage):
        targets.find_root(tmp_path)
    monkeypatch.setenv("WORKBENCH_ROOT", str(project / "targets"))
    assert targets.find_root() == project.resolve()


def test_without_a_name_the_folder_and_then_the_package_count(project, tmp_path, monkeypatch):
    monkeypatch.chdir(project / "targets")
    monkeypatch.setenv("WORKBENCH_ROOT", "")
    assert targets.find_root() == project.resolve()
    monkeypatch.delenv("WORKBENCH_ROOT")
    monkeypatch.chdir(tmp_path)
    assert targets.find_root() == Path(targets.__file__).resolve().parents[1]


def test_what_is_no_project_file_is_passed_over(project, monkeypatch):
    inner = project / "targets"
    (inner / "pyproject.toml").write_bytes(bytes(range(256)))
    (inner / "pq_l2" / "pyproject.toml").mkdir()
    monkeypatch.setenv("WORKBENCH_ROOT", str(inner / "pq_l2"))
    assert targets.find_root() == project.resolve()
