import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.analysis.progress import progress
from workbench.errors import Usage

attempts = st.lists(
    st.tuples(
        st.one_of(st.just(math.nan), st.sampled_from([0.4, 0.41, 0.42, 0.5, 1.0, 1.2])),
        st.sampled_from(["keep", "start", "discard"]),
        st.one_of(st.just(math.nan), st.sampled_from([0.0, 1.0, 2.5])),
    ),
    max_size=25,
)


def naive(tried, level, patience):
    """The same, an attempt at a time."""
    best, bests, gaps, since_keep, seconds, keeps, count = None, [], [], 0, 0.0, 0, 0
    for score, what, took in tried:
        if what != "start":
            count += 1
            since_keep += 1
            seconds += 0.0 if math.isnan(took) else took
        if what == "keep":
            keeps += 1
            gaps.append(since_keep)
            since_keep = 0
        if what != "discard" and not math.isnan(score):
            best = score if best is None else min(best, score)
        bests.append(best)
    plateau = None
    if best is not None:
        at = next(i for i, b in enumerate(bests) if b is not None and b <= best * (1 + level))
        since = sum(what != "start" for _, what, _ in tried[at + 1 :])
        spent = sum(t for _, w, t in tried[: at + 1] if w != "start" and not math.isnan(t))
        plateau = (at, spent, since, since >= patience)
    return bests, gaps, seconds, (keeps, count), plateau


@given(attempts, st.sampled_from([0.0, 0.03, 0.05, 0.3]), st.integers(1, 6))
def test_it_is_what_one_attempt_after_the_other_says(tried, level, patience):
    score, what, seconds = ([row[i] for row in tried] for i in range(3))
    kept, start = ([word == name for word in what] for name in ("keep", "start"))
    found = progress(score, kept, start, seconds, level, patience)
    bests, gaps, total, share, plateau = naive(tried, level, patience)
    np.testing.assert_array_equal(found.best, np.array(bests, float))
    assert list(found.gaps) == gaps
    assert found.seconds == total
    assert (found.kept.hits, found.kept.of) == share
    assert np.isnan(found.seconds_a_keep) == (share[0] == 0)
    seen = found.plateau
    assert plateau == (seen and (seen.attempt, seen.seconds, seen.since, seen.is_reached))


def test_nothing_tried_is_no_progress():
    found = progress([], [], [], [])
    assert (found.gaps, found.kept.of, found.plateau) == ((), 0, None)


def test_the_last_improvement_is_no_plateau_yet():
    scores = [1.0, *[0.5] * 12, 0.2]
    kept = [False, True, *[False] * 11, True]
    found = progress(scores, kept, [True, *[False] * 13], [1.0] * 14)
    assert found.plateau.attempt == 13
    assert not found.plateau.is_reached


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (([1.0], [True], [True], [1.0]), "kept or a start, not both"),
        (([1.0], [True], [False], []), "one value an attempt"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, why):
    with pytest.raises(Usage, match=why):
        progress(*arguments)
