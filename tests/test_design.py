"""docs/design.md and the decisions are complete; the pictures are what their script draws."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))


def test_the_pictures_are_what_the_script_draws():
    place = ROOT / "docs" / "images" / "draw.py"
    for name, picture in runpy.run_path(str(place))["PICTURES"].items():
        committed = (place.parent / name).read_text(encoding="utf-8")
        assert committed == picture(), f"{name} is old: python docs/images/draw.py"


def test_every_room_is_in_the_table():
    table = (ROOT / "docs" / "design.md").read_text().split("## Rooms")[1].split("\n## ")[0]
    for path in (ROOT / "workbench").iterdir():
        name = path.stem
        if name.startswith("_") or not (path.suffix == ".py" or (path / "__init__.py").is_file()):
            continue
        assert f"`{name}`" in table, f"docs/design.md does not say what {name} holds"


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name[:4])
def test_a_decision_names_what_was_rejected_and_when_to_look_again(page):
    text = page.read_text()
    for heading in ("Context", "Decision", "Rejected", "(Revisit|Again)"):
        assert re.search(rf"^\*\*{heading}\b", text, re.MULTILINE), heading


def test_every_decision_is_listed():
    listed = (ROOT / "docs" / "decisions" / "README.md").read_text()
    names = re.findall(r"^\| \[\d{4} [^]]+\]\(([^)]+)\) \|", listed, re.MULTILINE)
    assert names == [page.name for page in DECISIONS]
