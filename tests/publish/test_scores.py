"""Pictures of trials that are judged by a score."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from workbench import publish, record
from workbench.ledger import ScoreRow

ROOT = Path(__file__).parents[2]
SCORE = record.Score(
    value=-1.5,
    incumbent_value=-1.75,
    mean_gap_db=-1.5,
    min_gap_db=-4.0,
    transition_snr_db=12.5,
    cells={"speech/20ms/64k": -4.0, "music/10ms/96k": -0.5, "noise/5ms/128k": 0.25},
    open_features=("silk", "hybrid"),
    features=12,
)


def row(score, reason="better", status="keep", sha="a", description="an idea"):
    return ScoreRow(
        *("abc", "pass", "pass", -1.0, -2.0, None, 3.0, score, status, reason),
        *("2026-11-30T05:31:00+00:00", "class", sha, description),
    )


@pytest.fixture(scope="module")
def a_record():
    """A real trial's, as report 0001 published it."""
    found = sorted((ROOT / "reports/0001-pq-l2/data/trials").glob("*.json"))
    return record.TrialRecord.from_json(found[0].read_bytes())


@pytest.fixture
def scored(a_record):
    return dataclasses.replace(a_record, focus="quality", score=SCORE, combos=())


def inked(picture, tmp_path):
    """Share of the picture that is not white."""
    path = tmp_path / "picture.png"
    path.write_bytes(picture.png())
    return float((imread(path)[..., :3].min(axis=-1) < 0.9).mean())


def test_every_cell_is_drawn_and_named(scored, tmp_path):
    picture = publish.measured(scored)
    (axes,) = picture.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        *("speech/20ms/64k", "music/10ms/96k", "noise/5ms/128k")
    ]
    drawn = np.asarray(axes.collections[-1].get_offsets())
    assert drawn[:, 0].tolist() == [-4.0, -0.5, 0.25]
    assert "2 of 12 features open" in picture.get_supxlabel().replace("\n", " ")
    assert inked(picture, tmp_path) > 0.005


def test_many_cells_have_no_names(scored):
    many = dataclasses.replace(SCORE, cells={str(i): float(i) for i in range(200)})
    (axes,) = publish.measured(dataclasses.replace(scored, score=many)).axes
    assert axes.get_yticklabels() == []
    assert "200 cells" in axes.get_ylabel()


def test_what_was_not_scored_says_so(scored):
    picture = publish.measured(dataclasses.replace(scored, score=None, reason="incorrect"))
    assert "nothing was scored" in picture.texts[0].get_text()


def test_the_step_is_the_score_to_beat(tmp_path):
    rows = [
        row(-2.0, "baseline", "baseline", "a"),
        row(-1.5, sha="b"),
        row(-1.8, "no-better", "discard", "c"),
        row(None, "incorrect", "discard", "d"),
    ]
    picture = publish.tried(rows, {})
    (axes,) = picture.axes
    step = max(axes.lines, key=lambda line: len(line.get_xdata()))
    assert list(step.get_ydata()) == [-2.0, -1.5, -1.5]
    assert [text.get_text() for text in axes.texts] == ["an idea", "an idea"]
    assert inked(picture, tmp_path) > 0.005


def test_a_ledger_of_times_is_drawn_as_before(a_record):
    assert publish.tried([], {}).axes[0].get_ylabel() == "candidate time / upstream time"
    assert publish.measured(a_record).axes


def test_words_and_tables_have_the_score(scored):
    assert "score: -1.5" in publish.key_values(scored)
    assert "open features: silk, hybrid" in publish.verdict(scored)
    table = publish.combo_table(scored)
    assert table.index[0] == "speech/20ms/64k"
    assert table["gap_db"].is_monotonic_increasing
