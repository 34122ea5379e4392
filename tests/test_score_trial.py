"""Trials on a score, end to end on real processes: what is kept, and the row that says so.

The target is a quantiser of ten lines (``tests/quantiser``): a codec takes a minute to compile, and
four builds a trial. All else is as it is for a codec: ``score.py``, an open feature, the audit.
"""

import csv
import shutil
from pathlib import Path

import pytest
from repositories import git

from workbench import cli, ledger, record

FOLDER = Path(__file__).with_name("quantiser")
UPSTREAM = (FOLDER / "upstream.py").read_text()
BELOW = "np.floor(samples[i] / state[0]) * state[0]"
assert BELOW in UPSTREAM
NEAREST = UPSTREAM.replace(BELOW, "np.rint(samples[i] / state[0]) * state[0]")
NEGATING = f'''{UPSTREAM}

@njit
def negate(samples, out):
    """Change every sign."""
    for i in range(len(samples)):
        out[i] = -samples[i]
'''
# Of gopus autoresearch's results.quality.tsv (docs/coming-from.md): a row here has them all.
PUBLISHED = {
    *("commit", "quality", "benchguard", "quality_mean_gap_db", "quality_min_gap_db"),
    *("score", "status", "description"),
}

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def quantiser(project):
    """The target's folder in a project, committed."""
    folder = project / "targets" / "quantiser"
    shutil.copytree(FOLDER, folder)
    commit(project, "A target that is judged by its quality")
    return folder


def commit(project, message):
    git(project, "add", "--all")
    git(project, "commit", "--quiet", f"--message={message}")


def tried(folder, source, focus):
    """Exit code of a trial of a kernel, and its row as the file spells it."""
    (folder / "kernels.py").write_text(source)
    code = cli.run(["trial", "quantiser", "--focus", focus, "--description", "an idea"])
    with ledger.path(folder, focus).open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return code, rows[-1]


def same(source):
    """The same answers in more words."""
    return source.replace("* state[0]", "* state[0] + 0.0")


def test_what_sounds_better_is_kept_and_the_same_in_more_words_is_not(quantiser):
    code, row = tried(quantiser, NEAREST, "quality")
    assert (code, row["status"], row["reason"]) == (0, "keep", "better")
    assert tuple(row) == ledger.COLUMNS["quality"]
    assert set(row) >= PUBLISHED
    # half the error at most, so a quarter of the noise
    assert float(row["quality_mean_gap_db"]) == pytest.approx(6.0, abs=0.3)
    assert row["quality_min_gap_db"] == row["quality_mean_gap_db"] == row["score"]
    assert (row["quality"], row["benchguard"]) == ("pass", "pass")
    assert (float(row["open_features"]), row["transition_snr_db"]) == (1, ledger.MISSING)
    assert row["description"] == "an idea"
    (kept,) = quantiser.parents[1].glob("reports/trials/*/trial.json")
    assert record.read(kept).score.value == float(row["score"])
    assert record.read(kept).score.incumbent_value == pytest.approx(0)

    code, again = tried(quantiser, same(NEAREST), "quality")
    assert (code, again["status"], again["reason"]) == (1, "discard", "no-better")
    assert again["score"] == row["score"]


def test_an_open_feature_that_closes_is_kept(quantiser):
    code, row = tried(quantiser, NEGATING, "unimplemented")
    assert (code, row["status"], row["reason"]) == (0, "keep", "better")
    assert (float(row["open_features"]), float(row["score"])) == (0, 0)


def test_what_sounds_better_and_is_wrong_is_no_keep(quantiser):
    louder = NEAREST.replace("out[i] =", "out[i] = 1.5 if i == 7 else")
    code, row = tried(quantiser, louder, "quality")
    assert (code, row["status"], row["reason"]) == (2, "discard", "incorrect")
    assert (row["quality"], row["score"]) == ("fail", ledger.MISSING)
