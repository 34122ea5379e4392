"""When a duel stops: on prepared times and a prepared clock, so that no machine is too loud."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from workbench import comparison, contest, gate, patience, stats
from workbench.setting import Options
from workbench.stats import Blocks, Calibration

CALIBRATION = Calibration(sigma=0.001, sigma_combo=0.004, delta=0.003, processes=24)


def measured(log_ratio):
    """A pair of processes whose candidate takes exp(log_ratio) of 100 us, without noise."""
    incumbent = np.full((4, 4), 1e5)
    combo = np.zeros(4, int)
    return contest.Measured(
        blocks=Blocks(
            combo=combo,
            candidate_first=np.tile([True, False, False, True], (4, 1)),
            candidate_ns=incumbent * math.exp(log_ratio),
            incumbent_ns=incumbent,
            child_log_ratio=np.full((4, 4), log_ratio),
            headline_combo=combo,
            beside_upstream_ns=incumbent[:, 0],
            upstream_ns=incumbent[:, 0],
        ),
        footprint=None,
        peak_rss_mb=100.0,
        timed_share=0.5,
        rounds=4,
        batches=(1,),
        confinement=(),
    )


class FakeRace:
    """Crossovers that take a second and read ``ds``, over and over.

    The two pairs of each differ by what changes sides with the memory.
    """

    layout = SimpleNamespace(workloads=[SimpleNamespace(shape="s", distribution="d")])

    def __init__(self, ds, options):
        self.ds, self.now, self.said = ds, 0.0, []
        self.setting = SimpleNamespace(
            options=options, calibration=CALIBRATION, guardrails=SimpleNamespace(worst_ratio=1.05)
        )
        self.bench = SimpleNamespace(progress=lambda *said: self.said.append(said))

    def cross(self, before):
        assert len(before) % 2 == 0
        self.now += 1.0
        d = self.ds[len(before) // 2 % len(self.ds)]
        return [measured(d + 0.03), measured(d - 0.03)]


@pytest.fixture
def duel(monkeypatch):
    """``duel(ds, **options)`` runs one and gives it with its race."""

    def run(*ds, simpler=False, **options):
        race = FakeRace(ds, Options(**options))
        clock = SimpleNamespace(monotonic=lambda: race.now)
        monkeypatch.setattr(comparison, "time", clock)
        found = comparison.run_duel(race, simpler=simpler)
        assert len(found.measured) == 2 * len(found.crossovers) == found.estimate.processes
        assert found.seconds == found.estimate.crossovers
        return found.estimate.crossovers, found, race

    return run


# Twelve such crossovers prove nothing, and fifteen prove a gain.
OPEN = (-0.074, 0.006)
# After four there is no hope left of a proof in twelve, but of one in a hundred.
HOPELESS = (-0.06, 0.02)


def test_it_stops_where_a_large_gain_is_proven(duel):
    crossovers, found, _ = duel(-0.3)
    assert crossovers == stats.MIN_CROSSOVERS
    assert gate.is_faster(found.estimate, found.calibration)
    assert found.estimate.ratio == pytest.approx(math.exp(-0.3))


@pytest.mark.parametrize("d", [0.0, 0.3])
def test_it_stops_where_there_is_nothing_to_gain(duel, d):
    assert duel(d)[0] == stats.MIN_CROSSOVERS


def test_what_stays_open_is_measured_as_often_as_a_trial_may(duel):
    crossovers, found, race = duel(*OPEN)
    assert crossovers == stats.MAX_CROSSOVERS
    most = {"simpler": False, "most": stats.MAX_CROSSOVERS}
    assert not patience.settled(found.estimate, found.calibration, **most)
    done = stats.MAX_CROSSOVERS
    assert race.said == [*(("timing", i, done) for i in range(done)), ("timing", done, done)]


@pytest.mark.parametrize(("seconds", "more"), [(0.5, 0), (1.5, 1), (2.0, 2)])
def test_patience_goes_on_where_a_trial_would_end_open(duel, seconds, more):
    """A crossover that would not end in time is not begun."""
    assert duel(*OPEN, patience_seconds=seconds)[0] == stats.MAX_CROSSOVERS + more


def test_patience_ends_where_it_has_its_verdict(duel):
    crossovers, found, race = duel(*OPEN, patience_seconds=1000)
    assert crossovers == 15
    assert gate.is_faster(found.estimate, found.calibration)
    assert race.said[-1] == ("timing", 15, 15)


def test_patience_hopes_for_longer(duel):
    assert duel(*HOPELESS)[0] == 4
    assert duel(*HOPELESS, patience_seconds=1000)[0] > stats.MAX_CROSSOVERS


def test_patience_is_no_reason_to_measure_what_is_settled(duel):
    assert duel(-0.3, patience_seconds=1000)[0] == stats.MIN_CROSSOVERS
    assert duel(0.3, patience_seconds=1000)[0] == stats.MIN_CROSSOVERS


def test_all_the_patience_in_the_world_ends(duel, monkeypatch):
    monkeypatch.setattr(comparison, "MOST_CROSSOVERS", 14)
    assert duel(*OPEN, patience_seconds=1e9)[0] == 14


@pytest.mark.parametrize("d", [-0.3, 0.0])
def test_a_baseline_measures_all_it_may(duel, d):
    assert duel(d, mode="baseline")[0] == comparison.BASELINE_CROSSOVERS


def test_a_simpler_kernel_goes_on_until_it_is_shown_to_be_as_fast(duel):
    as_fast = (-0.001, 0.001)
    assert duel(*as_fast)[0] == stats.MIN_CROSSOVERS
    crossovers, found, _ = duel(*as_fast, simpler=True)
    assert crossovers > stats.MIN_CROSSOVERS
    most = {"simpler": True, "most": stats.MAX_CROSSOVERS}
    assert patience.settled(found.estimate, found.calibration, **most)


@pytest.mark.parametrize("pairs", [4, 24])
def test_an_audit_repeats_the_first_pairs_and_guards_two(pairs):
    asked = []
    race = SimpleNamespace(
        check=lambda bounds: asked.append(("check", bounds)),
        replay=lambda replica, done: asked.append(("replay", replica, done)),
        replay_guarded=lambda replica, done, edge: asked.append(("guarded", replica, done, edge)),
        bench=SimpleNamespace(progress=lambda *_: None),
        setting=SimpleNamespace(options=Options()),
    )
    keep = gate.Verdict("keep", "faster", 0, "faster")
    assert comparison.audit(race, list("abcdefghijklmnopqrstuvwx"[:pairs]), keep) == keep
    repeated = list(enumerate("abcdef"[:pairs]))
    assert asked == [
        ("check", True),
        *(("replay", i, done) for i, done in repeated),
        ("guarded", 0, "a", "end"),
        ("guarded", 1, "b", "begin"),
    ]


def test_every_pair_of_the_longest_duel_has_a_seed_of_its_own():
    inputs = SimpleNamespace(workloads=lambda rng: ())
    setting = SimpleNamespace(target=SimpleNamespace(inputs=inputs))
    races = [
        comparison.draw(setting, None, None, (), np.random.SeedSequence(seed))
        for seed in (7, [7, comparison.CONFIRMATION])
    ]
    drawn = [np.random.default_rng(s).integers(1 << 62) for r in races for s in r.pair_seeds]
    assert len(set(drawn)) == len(drawn) == 2 * 2 * comparison.MOST_CROSSOVERS
