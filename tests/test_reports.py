"""Published pages say what their data says."""

import subprocess
import sys
from pathlib import Path

import pytest

from workbench import overview

ROOT = Path(__file__).resolve().parents[1]
TABLES = sorted(ROOT.glob("reports/*/tables.py"))


@pytest.mark.parametrize("script", TABLES, ids=[path.parent.name for path in TABLES])
def test_every_table_of_a_report_is_what_its_data_says(script):
    command = [sys.executable, str(script), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{script.parent.name}: run python {script.name}; {done.stderr}"


def test_the_table_of_targets_is_what_is_published():
    table = overview.markdown(overview.targets(ROOT))
    assert table in (ROOT / "docs" / "targets" / "README.md").read_text(), (
        "run `workbench targets --markdown`"
    )


def test_everything_published_is_of_the_committed_kernels():
    assert [row["target"] for row in overview.targets(ROOT) if row["stale"]] == []
