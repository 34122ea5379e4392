import re
import xml.etree.ElementTree as ET

import pytest

from tests.explore.test_standing import CALIBRATION, NAMES, pair
from workbench import scoreboard
from workbench.explore import dial, forest, shares, standing, trajectory
from workbench.ledger import Row
from workbench.scoreboard import Combo, Ratio, Score


def parsed(picture):
    """The first SVG of a fragment, which must be well formed."""
    return ET.fromstring(re.search(r"<svg.*?</svg>", picture, re.DOTALL)[0])


def words(picture):
    return [e.text for e in parsed(picture).iter("text") if e.text]


@pytest.mark.parametrize("pairs", [1, 2, 3, 6])
def test_a_forest_has_a_row_for_every_combo_whatever_is_known(pairs):
    found = standing.after([pair(i / 500) for i in range(pairs)], NAMES, CALIBRATION)
    drawn = forest.draw(found, running=True)
    said = words(drawn)
    assert said.count("even") == 2
    assert {"odd", "all combos (D)", f"{found.whole.ratio:.4f}"} <= set(said)
    assert ("pair of processes" in said[-1]) == (pairs == 1)
    assert any("logarithmic" in text for text in said)
    points = [float(c.get("cx")) for c in parsed(drawn).iter("circle")]
    assert points == sorted(points)  # -2 %, 0, +3 %


def test_what_is_not_looked_at_is_faint():
    found = standing.after([pair()] * 2, NAMES, CALIBRATION)
    groups = list(parsed(forest.draw(found, shape="large")).iter("g"))
    assert [g.get("class") for g in groups] == ["faint", "faint", None]


def test_the_sentence_claims_no_verdict():
    found = standing.after([pair()] * 4, NAMES, CALIBRATION)
    assert forest.sentence(found).startswith("1.0033 x the incumbent's time (")
    again = standing.after([pair()], NAMES, CALIBRATION, phase=standing.CONFIRMATION)
    assert "on other data after one pair" in forest.sentence(again)


def published():
    combos = tuple(
        Combo(*name, {"kernels": 500.0, "upstream": 1000.0, "peer": 2000.0}, 100.0)
        for name in NAMES
    )
    ratio = Ratio(0.5, 0.49, 0.51, 0.6, "small/even")
    host = {"cpu_model": "CPU <x>", "cores": 2}
    return Score(
        *("t", "landed", "request", "abc", "0" * 64, "2026-01-01T00:00:00", host, {}),
        *(3, 9, 500.0, ratio, {"peer": ratio}, "peer", 0.2, combos, {}),
    )


def test_the_dial_puts_peers_at_their_ratio_to_upstream_in_this_race():
    # upstream takes exp(0.5) times as long as the candidate here
    found = standing.after([pair()] * 2, NAMES, CALIBRATION)
    hands = shares.read(published(), found, {"small": 500.0, "large": 1000.0}, shape="large")
    times = {hand.name: hand.elapsed_ns for hand in (hands.candidate, *hands.others)}
    assert times["this kernel"] == pytest.approx(4000)
    upstream_ns = times["upstream's algorithm"]
    assert upstream_ns == pytest.approx(4000 * 2.718281828**0.5)
    assert times["peer"] == pytest.approx(2 * upstream_ns)
    assert hands.candidate.share == pytest.approx(0.25)
    drawn = dial.draw(hands)
    assert "25% of what this machine allows" in words(drawn)
    assert "CPU &lt;x&gt;" in drawn


@pytest.mark.parametrize("board", [None, published()])
def test_a_dial_without_a_race_says_so(board):
    hands = shares.read(board, None, {})
    assert hands.candidate is None
    assert len(hands.others) == (3 if board else 0)
    assert "no kernel timed yet" in words(dial.draw(hands))


def test_a_dial_without_a_scoreboard_has_the_limit_that_was_measured():
    found = standing.after([pair()] * 2, NAMES, CALIBRATION)
    assert shares.read(None, found, {}).candidate is None
    hands = shares.read(None, found, {"small": 500.0, "large": 1000.0})
    assert hands.candidate.share == pytest.approx(0.25 ** (2 / 3) * 0.5 ** (1 / 3))


def row(status, reason, ratio, description="", host_class="here", kernel="a"):
    return Row(
        *("abc", "2026-01-01T00:00:00+00:00", status, reason, ratio, None, None, ratio),
        *(None, None, None, None, None, None, host_class, kernel * 64, description),
    )


def test_each_trial_of_the_trajectory_says_what_was_tried():
    rows = [
        row("baseline", "baseline", 1.0, kernel="a"),
        row("discard", "incorrect", None, "a < b & c", kernel="b"),
        row("keep", "faster", 0.6, "wider vectors", kernel="c"),
        row("keep", "faster", 0.1, "elsewhere", "other", kernel="d"),
    ]
    drawn = parsed(trajectory.draw(rows, "here"))
    titles = [e.text for e in drawn.iter("title")]
    assert len(titles) == 3
    assert titles[1].splitlines()[:2] == ["#2 discard: incorrect", "a < b & c"]
    assert "0.6000 x upstream" in titles[2]
    assert "1 rows of other host classes" in drawn.get("aria-label")


def test_an_empty_ledger_is_a_sentence():
    assert "Nothing was tried" in trajectory.draw([], "here")


def test_the_published_scoreboard_is_drawn():
    from workbench import targets

    root = targets.find_root()
    for name, line in scoreboard.read(root).items():
        assert dial.draw(shares.read(line, None, {})).count("<tr>") >= 2, name
