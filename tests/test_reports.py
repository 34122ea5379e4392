"""Published pages say what their data says."""

from pathlib import Path

import pytest

from workbench import overview
from workbench.digest import find
from workbench.digest.build import render
from workbench.digest.check import check

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("digest", find(ROOT), ids=lambda digest: digest.name)
def test_a_digest_is_what_its_data_says_to_the_byte(digest):
    built = render(digest)
    said = [f"{fault.path.name}:{fault.line}: {fault.message}" for fault in check(built)]
    assert said == [], f"workbench digest build {digest.name}"
    committed = {name: (digest.folder / name).read_bytes() for name in built.files}
    if committed.get("figures/drawn-with.json") == built.files.get("figures/drawn-with.json"):
        assert built.files == committed


def test_the_table_of_targets_is_what_is_published():
    table = overview.markdown(overview.targets(ROOT))
    assert table in (ROOT / "docs" / "targets" / "README.md").read_text(), (
        "run `workbench targets --markdown`"
    )


def test_everything_published_is_of_the_committed_kernels():
    assert [row["target"] for row in overview.targets(ROOT) if row["stale"]] == []
