"""Published pages say what their data says."""

import base64
import json
from importlib.metadata import version
from pathlib import Path

import pytest

from workbench import overview, scoreboard, targets
from workbench.digest import find
from workbench.digest.build import DRAWERS, DRAWN_WITH, render
from workbench.digest.check import check, drawn_elsewhere
from workbench.publish import board

ROOT = Path(__file__).resolve().parents[1]
PINS = (ROOT / "reports" / "constraints.txt").read_text().splitlines()
LOCKED = dict(line.split("==") for line in PINS if not line.startswith("#"))
REPUBLISH = "`tournament.publish(root, [])` writes it from scoreboard.json, and measures nothing"


@pytest.mark.parametrize("digest", find(ROOT), ids=lambda digest: digest.name)
def test_a_digest_is_what_its_data_says_to_the_byte(digest):
    built = render(digest)
    said = [f"{fault.path.name}:{fault.line}: {fault.message}" for fault in check(built)]
    assert said == [], f"workbench digest build {digest.name}"
    if theirs := drawn_elsewhere(built):
        pytest.skip(f"pixels are not compared, {theirs} drew them: reports/constraints.txt")
    assert built.files == {name: (digest.folder / name).read_bytes() for name in built.files}


def test_every_figure_was_drawn_with_the_locked_packages():
    drawn = list(ROOT.glob(f"reports/*/{DRAWN_WITH}"))
    assert drawn
    for path in drawn:
        assert json.loads(path.read_text()) == LOCKED, "pip install -r, then workbench digest build"


def test_the_scoreboard_is_what_its_lines_say():
    folder, lines = ROOT / "reports" / "scoreboard", scoreboard.read(ROOT)
    scores = [lines[name] for name in targets.names(ROOT) if name in lines]
    assert board.page(scores) == (folder / "README.md").read_text(), REPUBLISH
    if {name: version(name) for name in DRAWERS} != LOCKED:
        pytest.skip("pixels are not compared, others drew them: reports/constraints.txt")
    drawn = board.figure(scores).png()
    assert drawn == (folder / "scoreboard.png").read_bytes(), REPUBLISH
    notebook = (ROOT / "notebooks" / "scoreboard.ipynb").read_text()
    assert base64.b64encode(drawn).decode() in notebook, "execute notebooks/scoreboard.ipynb anew"


def test_the_table_of_targets_is_what_is_published():
    table = overview.markdown(overview.targets(ROOT))
    assert table in (ROOT / "docs" / "targets" / "README.md").read_text(), (
        "run `workbench targets --markdown`"
    )


def test_everything_published_is_of_the_committed_kernels():
    assert [row["target"] for row in overview.targets(ROOT) if row["stale"]] == []
