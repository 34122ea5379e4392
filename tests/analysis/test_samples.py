import math

import numpy as np
import pytest
from scipy.stats import beta
from synthetic import sweep

from workbench.analysis.axes import ENCODER
from workbench.analysis.samples import Share, hold, structural_recipes
from workbench.analysis.structural import Cut

TABLE = sweep({("vbr", "aq=4"): [1.0] * 9, ("cqp", "bf=3"): [1.0] * 7 + [0.0] * 2})


def pairs(frame):
    return sorted(zip(frame["rc_mode"], frame["knob_combo"], strict=True))


def test_recipes_with_a_structural_cell_are_listed_once():
    assert pairs(structural_recipes(TABLE, ENCODER)) == [("cqp", "bf=3"), ("vbr", "aq=4")]
    assert pairs(structural_recipes(TABLE, ENCODER, Cut(share=8 / 9))) == [("vbr", "aq=4")]


def test_the_whole_sweep_finds_everything_of_itself():
    found = hold(TABLE, np.ones(len(TABLE), bool), ENCODER)
    assert (found.cells, found.of) == (len(TABLE), len(TABLE))
    assert (found.recall, found.precision) == (Share(2, 2), Share(2, 2))
    assert found.missed.empty
    assert found.mistaken.empty


def test_what_a_sample_misses_and_what_it_mistakes_is_named():
    # six sources, of which bf=3 hits four: 67 % is below the cut
    few = TABLE["source"].isin([f"clip{i}" for i in (0, 1, 2, 3, 7, 8)]).to_numpy()
    found = hold(TABLE, few, ENCODER)
    assert (found.recall, found.precision) == (Share(1, 2), Share(1, 1))
    assert pairs(found.missed) == [("cqp", "bf=3")]
    # where content decides, the sources on which it loses mistake it for structural
    table = sweep({("vbr", "aq=1"): [1.0] * 5 + [0.0] * 4})
    half = table["source"].isin([f"clip{i}" for i in range(5)]).to_numpy()
    found = hold(table, half, ENCODER)
    assert (found.recall, found.precision) == (Share(0, 0), Share(0, 1))
    assert pairs(found.mistaken) == [("vbr", "aq=1")]
    assert found.cells == half.sum()


@pytest.mark.parametrize(("hits", "of"), [(3, 4), (0, 5), (5, 5)])
def test_the_interval_is_clopper_and_pearsons(hits, of):
    low, high = Share(hits, of).interval
    assert Share(hits, of).value == hits / of
    assert low == pytest.approx(beta.ppf(0.025, hits, of - hits + 1) if hits else 0)
    assert high == pytest.approx(beta.ppf(0.975, hits + 1, of - hits) if hits < of else 1)


def test_of_nothing_nothing_is_known():
    assert math.isnan(Share(0, 0).value)
    assert Share(0, 0).interval == (0, 1)
