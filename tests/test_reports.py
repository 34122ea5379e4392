"""Published pages say what their data says."""

import json
from pathlib import Path

import pytest

from workbench import overview
from workbench.digest import find
from workbench.digest.build import DRAWN_WITH, render
from workbench.digest.check import check, drawn_elsewhere

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("digest", find(ROOT), ids=lambda digest: digest.name)
def test_a_digest_is_what_its_data_says_to_the_byte(digest):
    built = render(digest)
    said = [f"{fault.path.name}:{fault.line}: {fault.message}" for fault in check(built)]
    assert said == [], f"workbench digest build {digest.name}"
    if theirs := drawn_elsewhere(built):
        pytest.skip(f"pixels are not compared, {theirs} drew them: reports/constraints.txt")
    assert built.files == {name: (digest.folder / name).read_bytes() for name in built.files}


def test_every_figure_was_drawn_with_the_locked_packages():
    pins = (ROOT / "reports" / "constraints.txt").read_text().splitlines()
    locked = dict(line.split("==") for line in pins if not line.startswith("#"))
    drawn = list(ROOT.glob(f"reports/*/{DRAWN_WITH}"))
    assert drawn
    for path in drawn:
        assert json.loads(path.read_text()) == locked, "pip install -r, then workbench digest build"


def test_the_table_of_targets_is_what_is_published():
    table = overview.markdown(overview.targets(ROOT))
    assert table in (ROOT / "docs" / "targets" / "README.md").read_text(), (
        "run `workbench targets --markdown`"
    )


def test_everything_published_is_of_the_committed_kernels():
    assert [row["target"] for row in overview.targets(ROOT) if row["stale"]] == []
