"""notebooks/explore.ipynb with a kernel that wins: raced once more, kept, and put into its file."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from test_explore_races import RACE_MS, choose, open_notebook, rows

TARGET = "pq_encode"
TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"


@pytest.fixture
def faster(project):
    """The kernel that the tutorial writes."""
    path = project / "targets" / TARGET / "kernels.py"
    source = path.read_text()
    (edit,) = re.findall(r"^```python\n(.*?)^```$", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)
    return source[: source.index("@njit\n")] + edit


def test_a_win_is_raced_once_more_and_kept(project, lab, page, picture, faster):
    explorer = open_notebook(page, lab)
    choose(explorer, "target", TARGET)
    explorer.get_by_role("button", name="the text below").click()
    expect(explorer.locator("textarea")).to_have_value(re.compile("nearest_of_8"))
    explorer.locator("textarea").fill(faster)
    explorer.get_by_placeholder(re.compile("the hypothesis")).fill("a lane is a centroid")
    explorer.get_by_role("button", name="Race").click()
    expect(explorer).to_contain_text("Raced once more, on other data", timeout=3 * RACE_MS)
    picture("explore-confirming")
    expect(explorer).to_contain_text("judged; nothing is written yet", timeout=3 * RACE_MS)
    expect(explorer.locator("pre")).to_be_visible(timeout=RACE_MS)
    picture("explore-won")
    expect(explorer).to_contain_text("keep (faster)")
    keep = explorer.get_by_role("button", name="Keep this trial")
    keep.click()
    expect(explorer).to_contain_text("kernels.py now holds this kernel", timeout=60_000)
    picture("explore-won-kept")
    (row,) = rows(project, TARGET)
    assert (row.status, row.description) == ("keep", "a lane is a centroid")
    assert (project / "targets" / TARGET / "kernels.py").read_text() == faster
    page.evaluate(
        "void jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    expect(page.locator("body[data-jp-theme-light=false]")).to_have_count(1)
    explorer.locator("pre").scroll_into_view_if_needed()
    picture("explore-won-dark")
