"""Searches, on an encoder that only counts."""

import pytest

from workbench.encoders.codecs import CODECS
from workbench.encoders.search import Point, best, coarse_to_fine, over_recipes


class Fake:
    """VMAF falls by one a quantiser, bitrate by a tenth; some recipes are better or worse."""

    def __init__(self, gains=None):
        self.asked = []
        self.gains = gains or {}

    def __call__(self, quality, recipe):
        self.asked.append((quality, recipe))
        rate = 10_000 * 0.9**quality * (1 - self.gains.get(recipe, 0.0))
        return Point(quality, recipe, rate, 100.0 - quality)


@pytest.mark.parametrize(("high", "most"), [(51, 15), (63, 17)])
@pytest.mark.parametrize("target", range(30, 101))
def test_the_largest_quantiser_that_clears_is_found_in_few_encodes(target, high, most):
    fake = Fake()
    found = best(coarse_to_fine(fake, target, high=high), target)
    assert len(fake.asked) <= most
    assert len(set(fake.asked)) == len(fake.asked)
    assert found.quality == min(100 - target, high)


def test_a_target_beyond_the_finest_is_not_found():
    fake = Fake()
    assert best(coarse_to_fine(fake, 100.5), 100.5) is None
    assert len(fake.asked) == 15


def test_it_stops_where_the_coarsest_clears():
    fake = Fake()
    assert [point.quality for point in coarse_to_fine(fake, 40)] == [51]
    assert len(fake.asked) == 1


def test_it_stays_within_an_encoders_range_and_keeps_the_recipe():
    fake = Fake()
    coarse_to_fine(fake, 55, "aq-mode=0", low=18, high=44)
    qualities = [quality for quality, _ in fake.asked]
    assert min(qualities) >= 18
    assert max(qualities) <= 44
    assert {recipe for _, recipe in fake.asked} == {"aq-mode=0"}


def test_a_range_without_a_multiple_of_ten_is_looked_at_too():
    for target in range(81, 90):
        points = coarse_to_fine(Fake(), target, low=11, high=19)
        assert best(points, target).quality == 100 - target


def test_the_best_is_the_lowest_bitrate_that_clears():
    points = [Point(30, "a", 500.0, 94.0), Point(31, "b", 400.0, 93.0), Point(32, "c", 300.0, 92.9)]
    assert best(points, 93.0) is points[1]
    assert best(points, 99.0) is None
    assert best([], 93.0) is None


def test_qualities_and_recipes_are_searched_together():
    pytest.importorskip("optuna")
    codec = CODECS["libx264"]
    fake = Fake({"psy=0": 0.3, "tune=grain": -0.5})
    points = over_recipes(fake, codec, "cqp", 68.0)
    assert len(fake.asked) == len(set(fake.asked)) == len(points) <= 40
    known = {"bare", *codec.recipes_of("cqp")}
    assert {recipe for _, recipe in fake.asked} <= known
    found = best(points, 68.0)
    # 32 clears the target, and no recipe but one is better than bare.
    assert found.knob_combo == "psy=0"
    assert found.quality >= 31
    assert [(p.quality, p.knob_combo) for p in over_recipes(fake, codec, "cqp", 68.0)] == [
        (p.quality, p.knob_combo) for p in points
    ]


def test_what_is_refused_is_not_tried_and_encodes_are_bounded():
    pytest.importorskip("optuna")
    fake = Fake({"psy=0": 0.3})
    over_recipes(fake, CODECS["libx264"], "cqp", 68.0, refused=("psy=0", "bare"), encodes=12)
    assert {recipe for _, recipe in fake.asked}.isdisjoint({"psy=0", "bare"})
    assert len(fake.asked) <= 12
