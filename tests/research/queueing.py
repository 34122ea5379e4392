"""A small project with a queue, and what its tests do again and again."""

from pathlib import Path

from tests.research.conftest import git
from workbench import targets
from workbench.record import IncumbentRef, TrialRecord
from workbench.stats import Calibration, ComboEstimate

ROOT = targets.find_root()
# Red where there is a file of that name, or anything that a trial leaves.
CHECK = """\
import pathlib, sys
here = pathlib.Path()
print("looking")
left = [*here.glob("red"), *here.glob("targets/*/results.tsv*"), *here.glob(".workbench")]
print(*left, "is there" if left else "fine")
sys.exit(bool(left))
"""
FILES = {
    "pyproject.toml": '[tool.workbench]\nverify = [["python", "check.py"]]\n',
    ".gitignore": ".workbench/\nresults.tsv*\nreports/trials/*\n",
    "check.py": CHECK,
    "notes.md": "".join(f"line {i}\n" for i in range(20)),
    **{
        f"targets/{name}/{file}": (ROOT / "targets" / name / file).read_text()
        for name in ("pq_l2", "take")
        for file in targets.FILES
    },
}


def write(folder, files, message="work"):
    """Commit some files; None takes one away."""
    for name, text in files.items():
        path = Path(folder, name)
        if text is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def fill(bare, tmp_path):
    """Make a bare repository's project one with a queue."""
    folder = tmp_path / "filling"
    git(tmp_path, "clone", "--quiet", str(bare), "filling")
    git(folder, "config", "user.name", "filling")
    git(folder, "config", "user.email", "filling@localhost")
    write(folder, FILES, "a project")
    git(folder, "push", "--quiet", "origin", "main")
    return bare


def branch(clone, name, files, message="work", base="origin/main"):
    """Begin a branch with one commit, and push it."""
    git(clone, "switch", "--quiet", "-c", name, base, "--no-track")
    commit = write(clone, files, message)
    git(clone, "push", "--quiet", "--force", "origin", name)
    return commit


def record(**changes):
    """A trial's record that is a keep."""
    known = {
        **{"id": "20260101T000000000000Z-pq_l2-0123abcd", "timestamp": "2026-01-01"},
        **{"target": "pq_l2", "mode": "trial", "focus": "performance", "description": ""},
        **{"status": "keep", "reason": "faster", "exit_code": 0, "commit": "c"},
        **{"sentence": "keep (faster): 0.5000 x the incumbent's time (0.4 to 0.6)"},
        **{"kernel_sha256": "k", "incumbent": IncumbentRef("commit", "c", "other")},
        **{"judge_sha256": "j", "judge_files": {}, "host_class": "h"},
        **{"host": {"cpu_model": "a cpu"}, "versions": {}, "seed": 1, "seconds": 1.0},
        **{"ratio": 0.5, "ci_low": 0.4, "ci_high": 0.6, "peak_rss_mb": 100.0},
        **{"allocations": 0.0, "calibration": Calibration()},
        "combos": (combo(0.5),),
    }
    return TrialRecord(**{**known, **changes})


def combo(ratio, shape="s", distribution="d"):
    """A combo that takes this share of upstream's time."""
    return ComboEstimate(shape, distribution, 0.5, 0.4, 0.6, 100.0 * ratio, 200.0, 100.0)


LOSES = {
    **{"status": "discard", "reason": "inconclusive", "exit_code": 1, "ratio": 0.999},
    **{"ci_low": 0.99, "ci_high": 1.01, "id": "20260101T000001000000Z-pq_l2-89abcdef"},
    **{"sentence": "discard (inconclusive): 0.9990 x the incumbent's time (0.9900 to 1.0100)"},
}
