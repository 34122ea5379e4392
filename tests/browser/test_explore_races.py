"""notebooks/explore.ipynb as a person uses it: open, choose, race, cancel, race again, keep."""

import contextlib
import re
import shutil
import time
from pathlib import Path

from playwright.sync_api import expect

from workbench import ledger, record

CHECKOUT = Path(__file__).resolve().parents[2]
# A first compilation on a busy machine, and another's trial on the timing core before it.
OPEN_MS, RACE_MS = 120_000, 300_000


def open_notebook(page, address):
    """Open the notebook and run all its cells; returns the explorer's part of the page."""
    page.goto(f"{address}/lab/tree/notebooks/explore.ipynb")
    expect(page.get_by_text("| Idle")).to_be_visible(timeout=OPEN_MS)
    page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
    explorer = page.locator(".wb-explorer").last
    expect(explorer.get_by_role("button", name="Race")).to_be_visible(timeout=OPEN_MS)
    return explorer


def choose(explorer, what, value):
    explorer.locator(".widget-dropdown").filter(has_text=what).locator("select").select_option(
        value
    )


def rows(project, target="pq_l2"):
    return ledger.read(ledger.path(project / "targets" / target, "performance"))


def family(project):
    """Processes of a project's races, by number: those that were asked, and all below them."""
    parents, found = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            parents[folder.name] = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            ours = str(project).encode() in (folder / "environ").read_bytes()
            if ours and "workbench.explore." in command:
                found[folder.name] = command
    while more := {c for c, parent in parents.items() if parent in found and c not in found}:
        found |= dict.fromkeys(more, "below")
    return set(found)


def alive(processes):
    return {number for number in processes if Path("/proc", number).exists()}


def test_a_person_races_cancels_races_again_and_keeps(project, lab, page, picture):
    shutil.copytree(CHECKOUT / "reports" / "scoreboard", project / "reports" / "scoreboard")
    explorer = open_notebook(page, lab)
    choose(explorer, "shape", "768x96x256")
    expect(explorer).to_contain_text("Nothing was tried on this host class yet")
    picture("explore-opened")

    race, cancel, keep = (
        explorer.get_by_role("button", name=name) for name in ("Race", "Cancel", "Keep this trial")
    )
    expect(keep).to_be_disabled()
    race.click()
    expect(explorer).to_contain_text("so far", timeout=RACE_MS)
    picture("explore-racing")
    cancel.click()
    expect(explorer).to_contain_text("cancelled; nothing was written", timeout=20_000)
    expect(keep).to_be_disabled()
    assert rows(project) == []
    assert [p.name for p in (project / "reports" / "trials").iterdir()] == [".gitkeep"]

    explorer.get_by_placeholder(re.compile("the hypothesis")).fill("nothing changed")
    race.click()
    expect(explorer).to_contain_text("judged; nothing is written yet", timeout=RACE_MS)
    expect(explorer).to_contain_text(re.compile(r"(discard|keep) \([a-z-]+\): "))
    assert rows(project) == []
    expect(explorer.locator("pre")).to_be_visible(timeout=RACE_MS)
    expect(explorer).to_contain_text("instructions,")
    picture("explore-judged")

    keep.click()
    expect(explorer).to_contain_text("kept as reports/trials/", timeout=20_000)
    expect(keep).to_be_disabled()
    (row,) = rows(project)
    assert row.description == "nothing changed"
    (folder,) = (project / "reports" / "trials").glob("*-pq_l2-*")
    kept = record.read(folder / "trial.json")
    assert (kept.status, kept.ratio) == (row.status, row.ratio)
    assert (folder / "blocks.parquet").is_file()
    expect(explorer).to_contain_text("1 trial on this host class")
    picture("explore-kept")


def test_a_kernel_that_is_shut_down_takes_its_race_along(project, lab, page, picture):
    explorer = open_notebook(page, lab)
    explorer.get_by_role("button", name="Race").click()
    expect(explorer).to_contain_text(re.compile("(correctness|timing): "), timeout=RACE_MS)
    end = time.monotonic() + 20
    while len(running := family(project)) < 2:  # the race, and the judge's fork servers
        assert time.monotonic() < end
        time.sleep(0.1)
    page.evaluate("void jupyterapp.serviceManager.sessions.shutdownAll()")
    end = time.monotonic() + 20
    while alive(running) and time.monotonic() < end:
        time.sleep(0.2)
    assert alive(running) == set()
    assert rows(project) == []
    picture("explore-shut-down")


def test_a_kernel_written_in_the_page_is_refused_in_one_line(project, lab, page, picture):
    explorer = open_notebook(page, lab)
    page.evaluate(
        "void jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    explorer.get_by_role("button", name="the text below").click()
    text = explorer.locator("textarea")
    expect(text).to_have_value(re.compile("def distances"))
    text.fill("import os\n")
    explorer.get_by_role("button", name="Race").click()
    expect(explorer).to_contain_text("discard (policy)", timeout=RACE_MS)
    expect(explorer).to_contain_text("Nothing was timed.")
    expect(explorer).not_to_contain_text("Traceback")
    assert "def distances" in (project / "targets" / "pq_l2" / "kernels.py").read_text()
    picture("explore-dark")
