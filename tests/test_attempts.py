from pathlib import Path

import pytest

from workbench import ledger
from workbench.attempts import searches
from workbench.errors import Usage
from workbench.publish import progress

ROOT = Path(__file__).resolve().parents[1]
FIELDS = {
    "commit": "a", "timestamp": "2026-11-20T07:32:26+00:00", "ci_low": 0.9, "ci_high": 1.1,
    "worst_ratio": 1.0, "worst_combo": "s/d", "geomean_ns": 1.0, "peak_rss_mb": 1.0,
    "allocations": 0.0, "seconds": 10.0, "host_class": "this", "description": "",
}  # fmt: skip


def write(folder, rows):
    folder.mkdir(parents=True)
    for number, (status, reason, ratio, *other) in enumerate(rows):
        values = {"status": status, "reason": reason, "ratio": ratio, "ratio_vs_upstream": ratio}
        sha = other[0] if other else f"{number:064x}"
        ledger.append(folder / "results.tsv", FIELDS | values | {"kernel_sha256": sha})


def test_a_revoked_keep_is_no_keep_and_other_hosts_do_not_count(tmp_path):
    folder = tmp_path / "targets" / "mine"
    write(
        folder,
        [
            ("baseline", "baseline", 1.0),
            ("keep", "faster", 0.5, "a" * 64),
            ("discard", "slower", 1.2),
            ("keep", "faster", 0.8),
            ("crash", "incorrect", None),
            ("revoke", "call-site", None, "a" * 64),
        ],
    )
    ledger.append(
        folder / "results.tsv",
        FIELDS
        | {"status": "discard", "reason": "slower", "ratio": 2.0, "ratio_vs_upstream": 2.0}
        | {"kernel_sha256": "b" * 64},
    )
    (found,) = searches(tmp_path, ["targets/*/results.tsv"])
    assert found.name == "mine"
    assert found.progress.best.tolist() == [1.0, 1.0, 1.0, 0.8, 0.8, 0.8]
    assert (found.progress.kept.hits, found.progress.kept.of) == (1, 5)
    assert found.progress.gaps == (3,)
    assert found.progress.seconds == 50.0
    other = FIELDS | {"host_class": "another", "status": "baseline", "reason": "baseline"}
    other |= {"ratio": 1.0, "ratio_vs_upstream": 0.7, "kernel_sha256": "c" * 64}
    ledger.append(folder / "results.tsv", other)
    (found,) = searches(tmp_path, ["targets/*/results.tsv"])
    assert found.progress.best.tolist() == [0.7]


def test_published_ledgers_are_named_by_target_and_report():
    names = [s.name for s in searches(ROOT, ["reports/0001*/data/results.tsv"])]
    assert names == ["pq_l2 (0001)"]
    names = [s.name for s in searches(ROOT, ["reports/0005-*/data/*/results.tsv"])]
    assert names == ["bitpack (0005)", "pq_l2 (0005)", "take (0005)"]


def test_a_pattern_without_a_ledger_is_one_line(tmp_path):
    with pytest.raises(Usage, match="no ledger at targets/x"):
        searches(tmp_path, ["targets/x/results.tsv"])


def test_the_figure_has_a_panel_a_ledger_and_the_table_a_row():
    found = searches(ROOT, ["reports/0001*/data/results.tsv", "reports/0005-*/data/*/results.tsv"])
    drawn = progress.running_best(found)
    titles = [panel.get_title() for panel in drawn.axes if panel.get_title()]
    table = progress.table(found)
    assert titles == list(table["ledger"]) == [search.name for search in found]
    assert table.loc[0, "keep rate"] == "53% (27 to 79)"
    assert table.loc[3, "level reached"].endswith("a plateau")
    said = progress.summary(found)
    assert said.startswith("65 trials in 4 ledgers took 13 minutes; 9 were kept, 14% (7 to 25)")


def test_a_ledger_without_anything_kept_or_timed_is_drawn(tmp_path):
    write(tmp_path / "targets" / "mine", [("crash", "incorrect", None)])
    found = searches(tmp_path, ["targets/*/results.tsv"])
    assert len(progress.running_best(found).png()) > 1000
    assert progress.table(found).loc[0, "level reached"] == "n/a"
    assert "None of 0" in progress.summary(found)


def score_ledger(folder, focus, tried):
    """A ledger of scores, a row a triple of status, reason and score."""
    folder.mkdir(parents=True)
    known = dict.fromkeys(ledger.COLUMNS[focus]) | FIELDS | {"quality": "pass"}
    for number, (status, reason, score) in enumerate(tried):
        values = {"status": status, "reason": reason, "score": score, "benchguard": "pass"}
        fields = known | values | {"kernel_sha256": f"{number:064x}"}
        wanted = {name: fields[name] for name in ledger.COLUMNS[focus]}
        ledger.append(folder / f"results.{focus}.tsv", wanted)


def test_a_ledger_of_scores_is_drawn_by_its_scores(tmp_path):
    tried = [("baseline", "baseline", -1.0), ("keep", "better", 2.0), ("discard", "no-better", 1.0)]
    score_ledger(tmp_path / "targets" / "codec", "quality", tried)
    write(tmp_path / "targets" / "mine", [("baseline", "baseline", 1.0), ("keep", "faster", 0.5)])
    scored, timed = found = searches(tmp_path, ["targets/*/results*.tsv"])
    assert (scored.name, timed.name) == ("codec (quality)", "mine")
    assert scored.best.tolist() == pytest.approx([-1.0, 2.0, 2.0])
    drawn = progress.running_best(found)
    assert [panel.get_ylabel() for panel in drawn.axes[:2]] == ["score, dB", "time / upstream's"]
    table = progress.table(found)
    assert table["best"].tolist() == ["2.000", "0.500"]
    assert table["seconds a keep"].tolist() == ["not noted", "10"]
    said = progress.summary(found)
    assert said.startswith("3 trials in 2 ledgers, 1 of which took 0 minutes; 2 were kept")
    assert said.endswith("long enough to be called a plateau.")
    alone = progress.summary([scored])
    assert alone.startswith("2 trials in 1 ledgers; 1 were kept, 50% (1 to 99). None")


def test_open_features_are_no_decibels_and_each_is_a_level(tmp_path):
    tried = [("baseline", "baseline", -3.0), ("keep", "better", -2.0), ("keep", "better", -1.99999)]
    score_ledger(tmp_path / "targets" / "codec", "unimplemented", tried)
    (found,) = searches(tmp_path, ["targets/*/results*.tsv"])
    assert found.progress.plateau.attempt == 1
    assert progress.running_best([found]).axes[0].get_ylabel() == "score, features"
