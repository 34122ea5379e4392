"""Figures and texts say what the record says, without pyplot."""

import dataclasses
import io
import math
import re

import numpy as np
import pytest
from matplotlib import _pylab_helpers
from matplotlib.colors import to_hex
from PIL import Image, ImageColor

from workbench import ledger, publish, stats
from workbench.publish import style
from workbench.record import Failure, IncumbentRef, TrialRecord
from workbench.stats import Calibration

NAMES = [
    (shape, distribution)
    for shape in ("128x16x256", "256x16x256", "768x96x256")
    for distribution in ("clustered", "uniform", "sparse")
]
CALIBRATION = Calibration(0.0012, 0.004, 0.003, 18)


def make_record(factor=0.41, processes=3, seed=0, **changes):
    rng = np.random.default_rng(seed)
    base_ns = np.repeat([160e3, 200e3, 1100e3], 3)
    replicas = []
    for _ in range(processes):
        d = math.log(factor) + rng.normal(0, 0.003, 9)
        replicas.append(stats.Replica(d, d, d - 0.1, base_ns * np.exp(d), base_ns, 0.0))
    found = stats.estimate(replicas, NAMES, CALIBRATION)
    figures = {
        "ratio": found.ratio,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "ratio_vs_upstream": found.ratio_vs_upstream,
        "ci_low_vs_upstream": found.ci_low_vs_upstream,
        "ci_high_vs_upstream": found.ci_high_vs_upstream,
        "worst_ratio": found.worst.ratio,
        "worst_combo": f"{found.worst.shape}/{found.worst.distribution}",
        "geomean_ns": found.geomean_ns,
        "processes": processes,
        "combos": found.combos,
    }
    return dataclasses.replace(UNTIMED, **{**figures, **changes})


UNTIMED = TrialRecord(
    id="20250101T000000000000Z-pq_l2-abababab",
    timestamp="2025-01-01T00:00:00+00:00",
    target="pq_l2",
    mode="trial",
    focus="performance",
    description="a row of the table in sixteen registers",
    status="keep",
    reason="faster",
    exit_code=0,
    sentence="keep (faster): 0.4100 x the incumbent's time",
    commit="0123456789ab",
    kernel_sha256="ab" * 32,
    incumbent=IncumbentRef("baseline", "0123456789ab", "cd" * 32),
    judge_sha256="ef" * 32,
    judge_files={},
    host_class="f00ba4f00ba4",
    host={"cpu_model": "A CPU", "cores": 2},
    versions={},
    seed=1,
    calibration=CALIBRATION,
    seconds=9.1,
)
WRONG = dataclasses.replace(
    UNTIMED,
    status="discard",
    reason="incorrect",
    exit_code=2,
    sentence="discard (incorrect): 128x16x256/gaussian: out[0, 7] is 2.0",
    failure=Failure("128x16x256/gaussian", "off by 1", "out", (0, 7), 2.0, 1.0, 1e-4, "hello"),
)


def row(status, reason, ratio, description="", host_class="f00ba4f00ba4", kernel="k"):
    figures = (ratio, ratio, ratio, ratio, ratio, None, None, None, None, 9.0)
    when = "2025-01-01T00:00:00+00:00"
    return ledger.Row("abc", when, status, reason, *figures, host_class, kernel, description)


ROWS = [
    row("keep", "faster", 0.3, "on an older machine", "0" * 12),
    row("baseline", "baseline", 1.0004, kernel="0"),
    row("keep", "faster", 0.83, "sums of a block stay in registers", kernel="1"),
    row("discard", "inconclusive", 0.829, "unroll by two", kernel="2"),
    row("discard", "incorrect", None, "half floats", kernel="3"),
    row("keep", "faster", 0.40, "permutes", kernel="4"),
    row("keep", "simpler", 0.401, "fewer nodes", kernel="5"),
    row("discard", "slower", 0.95, "gathers", kernel="6"),
]


def texts(figure):
    return "\n".join(t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text")))


def lines(axes, marker):
    return [line for line in axes.lines if line.get_marker() == marker]


@pytest.fixture(autouse=True)
def no_pyplot_state():
    yield
    assert not _pylab_helpers.Gcf.figs


def test_forest_shows_every_combo_and_the_whole():
    trial = make_record()
    axes = publish.forest(trial).axes[0]
    assert axes.get_xscale() == "log"
    drawn = [float(line.get_xdata()[0]) for line in lines(axes, "o")]
    assert drawn == [c.ratio for c in trial.combos]
    assert [float(line.get_xdata()[0]) for line in lines(axes, "D")] == [trial.ratio]
    low, high = axes.get_xlim()
    assert low < min(drawn) < 1 < high  # the line of no change is always in view
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert [r.split()[-1] for r in rows[:-1]] == [distribution for _, distribution in NAMES]
    assert [r.split()[0] for r in rows[:-1:3]] == ["128x16x256", "256x16x256", "768x96x256"]


def test_forest_says_machine_sample_interval_delta_and_units():
    said = re.sub(r"\s+", " ", texts(publish.forest(make_record())))
    for words in (
        *("A CPU, 2 cores", "3 pairs of fresh processes", "98% confidence sequence"),
        *("delta = 0.30%", "µs", "below 1 is faster", "keep (faster)", "baseline 0123456789ab"),
    ):
        assert words in said


def test_an_interval_is_coloured_by_whether_it_excludes_no_change():
    combos = [
        dataclasses.replace(combo, ratio=ratio, ci_low=ratio * 0.98, ci_high=ratio * 1.02)
        for combo, ratio in zip(make_record().combos, (0.9, 1.0, 1.1), strict=False)
    ]
    axes = publish.forest(make_record(combos=combos)).axes[0]
    colours = [line.get_color() for line in lines(axes, "o")]
    assert colours == [style.BLUE, style.GREY, style.VERMILLION]


def test_a_boundless_interval_is_cut_and_marked():
    combos = list(make_record(1.0).combos)
    combos[4] = dataclasses.replace(combos[4], ci_low=0.0, ci_high=math.inf)
    axes = publish.forest(make_record(1.0, combos=combos)).axes[0]
    assert len(lines(axes, "<")) == len(lines(axes, ">")) == 1
    assert 1 / 1.4 < axes.get_xlim()[0] < axes.get_xlim()[1] < 1.4


def test_a_ratio_may_lie_outside_its_interval():
    combos = list(make_record(1.0).combos)  # the ratio is a median, the interval is of the mean
    combos[0] = dataclasses.replace(combos[0], ratio=1.02, ci_low=1.03, ci_high=1.05)
    assert "1.0200" in texts(publish.forest(make_record(1.0, combos=combos)))


def test_a_trial_without_times_says_so():
    assert "nothing was timed" in texts(publish.forest(WRONG))
    assert publish.combo_table(WRONG).empty
    publish.trial_picture(WRONG, ROWS).png()


def test_a_picture_shows_itself_and_equal_records_give_equal_files():
    trial = make_record()
    png, size = publish.forest(trial)._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert size["width"] == 960
    assert png == publish.forest(trial).png()


def test_a_file_keeps_the_colours_that_carry_meaning():
    with Image.open(io.BytesIO(publish.trajectory(ROWS).png())) as image:
        found = {colour for _, colour in image.convert("RGB").getcolors(1 << 20)}
    for wanted in map(ImageColor.getrgb, (style.BLUE, style.VERMILLION, style.GREY)):
        assert min(math.dist(wanted, colour) for colour in found) < 12


def test_trajectory_fills_kept_and_leaves_discards_hollow():
    axes = publish.trajectory(ROWS).axes[0]
    marks = {line.get_label(): line for line in axes.lines}
    assert to_hex(marks["keep: faster"].get_markerfacecolor()) == style.BLUE.lower()
    assert marks["discard: inconclusive"].get_markerfacecolor() == "white"
    assert list(marks["keep: faster"].get_xdata()) == [2, 5]
    assert list(marks["not timed: incorrect"].get_xdata()) == [4]
    assert len({(m.get_marker(), m.get_color()) for m in marks.values()}) == len(marks)
    assert axes.get_legend() is not None


def test_the_step_line_is_the_kernel_to_beat():
    axes = publish.trajectory(ROWS).axes[0]
    (steps,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    assert list(steps.get_xdata()) == [1, 2, 5, 6, 7]
    assert list(steps.get_ydata()) == [1.0004, 0.83, 0.40, 0.401, 0.401]


def test_other_host_classes_are_counted_but_not_drawn():
    said = re.sub(r"\s+", " ", texts(publish.trajectory(ROWS, host="A CPU")))
    assert "on an older machine" not in said
    assert "A CPU, host class f00ba4f00ba4: 7 trials" in said
    assert "other host classes (1)" in said


def test_a_revoked_keep_is_hollow_and_no_step():
    revoked = [*ROWS, row("revoke", "call-site", None, "the real query is slower", kernel="4")]
    axes = publish.trajectory(revoked).axes[0]
    marks = {line.get_label(): line for line in axes.lines}
    assert marks["keep: faster (revoked)"].get_markerfacecolor() == "white"
    (steps,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    assert 0.40 not in steps.get_ydata()


def test_names_of_kept_steps_never_overlap():
    many = [row("keep", "faster", 0.5 - i * 1e-4, f"step {i}", kernel=str(i)) for i in range(12)]
    axes = publish.trajectory(many).axes[0]
    heights = sorted(t.xyann[1] for t in axes.texts)
    assert min(np.diff(heights)) > 0.06


def test_an_empty_ledger_is_an_empty_figure():
    assert publish.trajectory([]).png().startswith(b"\x89PNG")


def test_combo_table_has_units_in_its_names():
    trial = make_record()
    table = publish.combo_table(trial)
    assert table.index.to_list() == NAMES
    first = trial.combos[0]
    assert table.iloc[0]["candidate_us"] == first.candidate_ns / 1e3
    assert table.iloc[0]["ratio_vs_upstream"] == first.candidate_ns / first.upstream_ns


def test_key_values_are_one_a_line_and_never_invent_a_figure():
    found = dict(line.split(": ", 1) for line in publish.key_values(WRONG).splitlines())
    assert found["status"] == "discard"
    assert found["exit_code"] == "2"
    assert found["ratio"] == found["geomean_ns"] == "n/a"
    assert found["record"] == f"reports/trials/{WRONG.id}"
    assert publish.key_values(make_record()).startswith("status: keep\nreason: faster\nratio: 0.4")


def test_the_verdict_names_upstream_and_doubts():
    said = publish.verdict(make_record(warnings=["expect more noise"]))
    assert said.splitlines()[0] == UNTIMED.sentence
    assert "x upstream's time" in said
    assert "warning: expect more noise" in said


def test_a_mismatch_names_case_element_and_values():
    said = publish.mismatch(WRONG)
    for words in ("case: 128x16x256/gaussian", "element: out[0, 7]", "got: 2.0", "want: 1.0"):
        assert words in said
    assert "allowed error: 0.0001" in said
    assert "(untrusted): 'hello'" in said
    assert publish.mismatch(make_record()) == "mismatch: none"


@pytest.mark.parametrize(("code", "passes"), [(0, True), (1, True), (2, False), (3, False)])
def test_only_a_keep_or_a_discard_passes(code, passes):
    trial = dataclasses.replace(WRONG, exit_code=code)
    if passes:
        publish.require_correct(trial)
        return
    with pytest.raises(publish.TrialFailed, match=r"gaussian.*exit code") as failed:
        publish.require_correct(trial)
    assert len(failed.value._render_traceback_()) == 1


def test_the_bar_shows_each_phase_once(capsys):
    bar = publish.Bar()
    for phase, done, total in (("waiting", 0, 0), ("timing", 0, 2), ("timing", 2, 2)):
        bar(phase, done, total)
    bar.close()
    shown = capsys.readouterr().err
    assert [line.split()[0] for line in shown.splitlines() if line] == ["waiting"] * 2 + [
        "timing"
    ] * 2
    assert shown.count("\n") == 2
    assert "2/2" in shown


@pytest.mark.parametrize(("low", "high"), [(0.997, 1.003), (0.95, 1.05), (0.3, 1.1), (0.02, 30)])
def test_a_ratio_axis_has_a_few_round_ticks_with_one_among_them(low, high):
    ticks = style.ratio_ticks(low, high)
    assert 3 <= len(ticks) <= 10
    assert 1 in ticks
    assert all(low <= tick <= high for tick in ticks)
