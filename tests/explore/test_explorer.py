"""What the race explorer does when something is pressed or heard, without a race."""

import dataclasses

import pytest

from tests.explore.test_standing import CALIBRATION, NAMES, pair
from workbench.explore import panel, standing
from workbench.explore.explorer import Explorer
from workbench.explore.screen import BEFORE, WAITING

TARGET = "pq_l2"


@pytest.fixture
def explorer(project):
    found = Explorer(TARGET, project)
    yield found
    found.close()


def test_a_text_survives_a_look_at_the_file_and_at_another_target(explorer):
    page = explorer.panel
    assert explorer._request().source is None
    page.source.value = panel.CELL
    page.text.value = mine = page.text.value + "# mine\n"
    page.source.value = panel.FILE
    assert (page.text.value, explorer._request().source) == ("", None)
    page.source.value = panel.CELL
    assert page.text.value == explorer._request().source == mine
    page.target.value = "pq_dot"
    assert "# mine" not in page.text.value
    page.target.value = TARGET
    assert page.text.value == mine
    page.reload.click()
    assert "# mine" not in explorer._request().source


def test_a_target_that_cannot_be_read_is_not_raced_in_another_s_name(explorer, project):
    (project / "targets" / "pq_dot" / "target.toml").write_text("title = ")
    explorer.panel.target.value = "pq_dot"
    assert explorer.panel.race.disabled
    assert "target.toml" in explorer.panel.verdict.value
    explorer.panel.target.value = TARGET
    assert not explorer.panel.race.disabled


def test_a_confirmation_that_was_seen_counts_however_its_race_ends(explorer):
    found = standing.after([pair()] * 2, NAMES, CALIBRATION, phase=standing.CONFIRMATION)
    told = [{"event": "standing", "standing": found.as_json()}, {"event": "error", "text": "full"}]
    for event in told:
        explorer._hear(event)
    assert explorer._request().unwritten == 1
    assert "full" in explorer.panel.verdict.value


def test_looking_at_a_shape_does_not_end_the_words_of_a_running_race(explorer):
    shape = explorer.panel.shape
    explorer.screen.seen.running = True
    shape.value = shape.options[1][1]
    assert BEFORE in explorer.panel.forest.value
    explorer._hear({"event": "cancelled"})
    assert WAITING in explorer.panel.forest.value


def test_bars_of_a_confirmation_are_of_its_own_level(explorer):
    found = standing.after([pair()] * 4, NAMES, CALIBRATION, 0.0152, standing.CONFIRMATION)
    explorer._hear({"event": "standing", "standing": found.as_json()})
    assert "Bars: 98.48% confidence" in explorer.panel.again.value
    screen = dataclasses.replace(found, phase=standing.SCREEN, alpha=0.02)
    explorer._hear({"event": "standing", "standing": screen.as_json()})
    assert "Bars: 98% confidence" in explorer.panel.forest.value
