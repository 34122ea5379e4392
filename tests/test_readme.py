"""The pages say what the program does: commands, links, exit codes, fields, schema."""

import dataclasses
import json
import re
import subprocess
from pathlib import Path

import pytest
import typer

from workbench import cli, ledger, record
from workbench.cli import explained

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = (ROOT / "docs" / "commands.md").read_text()
ERRORS = (ROOT / "docs" / "errors.md").read_text()
HARNESS = (ROOT / "docs" / "harness.md").read_text()
RECORD = (ROOT / "docs" / "record.md").read_text()
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "targets/*/*.md", "snapshots/**/*.md", "reports/*/*.md")
    for path in ROOT.glob(pattern)
    if path.name != "lessons.md"
)
FIRST = (
    "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/papermill "
    "notebooks/trial.ipynb reports/trials/first.ipynb -p target pq_l2"
)
SECOND = "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest"
THIRD = (
    "python3 -m venv .venv && .venv/bin/pip install -e '.[sweep]' && .venv/bin/papermill "
    "notebooks/sweep.ipynb reports/sweeps/first.ipynb"
)
REGENERATE = (
    "docs/trial.schema.json is old: python -c 'import json; from workbench import record; "
    "print(json.dumps(record.json_schema(), indent=1))' > docs/trial.schema.json"
)


def test_the_commands_are_there_word_for_word():
    lines = [line.strip() for line in README.splitlines()]
    assert FIRST in lines
    assert SECOND in lines
    assert THIRD in lines
    assert sum("venv .venv" in line for line in lines) == 3


def test_the_commands_output_folders_exist_in_a_clone():
    listed = subprocess.run(
        ["git", "ls-files", "reports"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {"reports/trials/.gitkeep", "reports/sweeps/.gitkeep"} <= set(listed.stdout.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links_resolve(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not re.match(r"https?:|#", link):
            assert (page.parent / link.split("#")[0]).exists(), link


@pytest.mark.parametrize("page", [COMMANDS, HARNESS], ids=["commands", "harness"])
def test_exit_codes_are_those_of_the_command(page):
    said = dict(re.findall(r"^\| (\d+) \| ([^|]+?) \|", page, re.MULTILINE))
    words = " ".join(cli.EXIT_CODES.split()).removeprefix("Exit codes: ").rstrip(".")
    assert said == dict(part.split(" ", 1) for part in words.split("; "))


def test_the_example_runs(capsys):
    (source,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(source, "README.md", "exec"), {})
    agreement, ratios = capsys.readouterr().out.splitlines()
    assert agreement.startswith("Agreement(")
    assert "2:" in ratios


def test_every_command_is_named():
    group = typer.main.get_command(cli.app)
    for name, command in group.commands.items():
        for sub in getattr(command, "commands", {None: None}):
            full = f"workbench {name} {sub}" if sub else f"workbench {name}"
            assert f"`{full}" in COMMANDS, full
    pages = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    named = set(re.findall(r"`workbench ([a-z][a-z-]*)", README + pages))
    assert named <= set(group.commands)


def test_an_error_names_the_page_that_explains_it(capsys):
    assert cli.fail("what was wrong", 64) == 64
    assert capsys.readouterr().err.endswith("what was wrong [docs/errors.md#64-wrong-usage]\n")
    headings = re.findall(r"^## (.+)$", ERRORS, re.MULTILINE)
    anchors = {f"docs/errors.md#{re.sub(' ', '-', heading.lower())}" for heading in headings}
    assert set(explained.PAGES.values()) <= anchors
    codes = {heading.split()[0] for heading in headings}
    assert {"0", *codes} == set(re.findall(r"^\| (\d+) \|", COMMANDS, re.MULTILINE))


def test_the_readme_counts_what_is_there():
    cheats = [path.stem for path in (ROOT / "tests" / "exploits").glob("*.py")]
    number = len(set(cheats) - {"test_exploits", "declared", "legitimate"})
    assert f"\n{number} kernels that cheat are in" in README


def test_every_field_and_word_of_a_record_is_explained():
    for field in dataclasses.fields(record.TrialRecord):
        assert re.search(rf"\b{field.name}\b", RECORD), field.name
    for word in (*ledger.STATUSES, *ledger.REASONS):
        assert f"`{word}`" in RECORD, word


def test_the_published_schema_is_current():
    published = json.loads((ROOT / "docs" / "trial.schema.json").read_text())
    assert published == record.json_schema(), REGENERATE
