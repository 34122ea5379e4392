import numpy as np
import pytest
from synthetic import QUALITIES, sweep

from workbench.analysis.axes import ENCODER
from workbench.analysis.hull import hull
from workbench.analysis.ladder import by_quantiser, evenly, ladder
from workbench.errors import Usage


@pytest.fixture(scope="module")
def curve():
    table = sweep({}, sources=1, modes=("cqp",))
    best = hull(table, ENCODER)
    return best.sort_values("vmaf_score", ascending=False)


def test_rungs_are_the_members_nearest_to_the_quantisers(curve):
    found = ladder(curve, ENCODER, by_quantiser((18.0, 23.0, 38.0)))
    assert list(found["quality"]) == [36.0, 24.0, 20.0]
    assert found["bitrate_kbps"].is_monotonic_increasing


def test_a_rung_asked_for_twice_is_there_once(curve):
    assert len(ladder(curve, ENCODER, by_quantiser((18.0, 19.0, 20.0)))) == 1


@pytest.mark.parametrize("rungs", [2, 3, 5])
def test_even_rungs_keep_both_ends_and_lie_a_factor_apart(curve, rungs):
    found = ladder(curve, ENCODER, evenly(rungs))["bitrate_kbps"]
    costs = np.sort(curve["bitrate_kbps"])
    want = {
        costs[np.abs(np.log(costs / at)).argmin()] for at in np.geomspace(*costs[[0, -1]], rungs)
    }
    assert list(found) == sorted(want)
    assert {costs[0], costs[-1]} <= set(found)


def test_one_cell_is_a_ladder_and_none_is_refused(curve):
    assert len(ladder(curve.iloc[:1], ENCODER, evenly())) == 1
    with pytest.raises(Usage, match=r"^the hull is empty"):
        ladder(curve.iloc[:0], ENCODER, evenly())


def test_any_function_of_a_hull_is_a_sampler(curve):
    found = ladder(curve, ENCODER, lambda hull, _: [len(hull) - 1, 0])
    assert list(found["quality"]) == [QUALITIES[-1], QUALITIES[0]]
