"""The explorer of sweeps as a person uses it: choose a slice, point, click, cancel, by keyboard."""

import re
import shutil
from pathlib import Path

import nbformat
from playwright.sync_api import expect

CHECKOUT = Path(__file__).resolve().parents[2]
DATA = "reports/0004-encoder-sweep/data"
OPEN_MS, CLOSEUP_MS = 120_000, 120_000
CELL = f'from workbench.explore import sweeps\nsweeps.show("{DATA}/cells.parquet")'


def opened(project, page, address):
    """A notebook with the one cell that a user types, run."""
    shutil.copytree(CHECKOUT / DATA, project / DATA)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(CELL)], metadata={"kernelspec": kernel}
    )
    nbformat.write(notebook, project / "sweeps.ipynb")
    page.goto(f"{address}/lab/tree/sweeps.ipynb")
    expect(page.get_by_text("| Idle")).to_be_visible(timeout=OPEN_MS)
    page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
    expect(page.locator("svg [data-key]").first).to_be_visible(timeout=OPEN_MS)


def test_a_person_looks_through_a_sweep(project, lab, page, picture):
    opened(project, page, lab)
    for name, value in (("source", "bikes"), ("codec", "libx264"), ("rate control", "vbr")):
        chooser = page.locator(".widget-dropdown").filter(has_text=name)
        chooser.locator("select").select_option(value)
    point = page.locator('svg [data-key][aria-label="bframes=0"]').first
    # every slice has as many; a click on the one before is of no row that is there
    expect(page.locator('svg [data-tip*="nal-hrd=cbr"]')).to_have_count(0)
    expect(page.locator('svg [data-tip*="-c:v libx264"]')).to_have_count(78)

    point.hover()
    tip = page.locator(".workbench-tip:visible")
    expect(tip).to_contain_text("bframes=0")
    expect(tip).to_contain_text(re.compile(r"ffmpeg .*-c:v libx264 .*bframes=0"))
    expect(tip).to_contain_text("loses on 8 of 9 sources: structural")
    picture("sweep-pointed-at")

    point.click()
    expect(page.locator("figure img")).to_have_count(3, timeout=CLOSEUP_MS)
    expect(page.get_by_text("n = 120 frames")).to_be_visible()
    row = page.locator("tr.workbench-chosen")
    expect(row).to_contain_text("bframes=0")
    picture("sweep-frames")

    page.get_by_role("button", name="structural", exact=True).click()
    other = page.locator("tr[data-key]").first
    expect(page.locator("tr[data-key]").filter(has_text="content-dependent")).to_have_count(0)
    other.focus()
    page.keyboard.press("Enter")
    cancel = page.get_by_role("button", name="Cancel")
    expect(cancel).to_be_enabled()
    cancel.click()
    expect(page.get_by_text("Cancelled: choose it again")).to_be_visible()
    expect(page.locator("figure img")).to_have_count(0)
    page.evaluate("void jupyterapp.commands.execute('kernelmenu:shutdown')")
