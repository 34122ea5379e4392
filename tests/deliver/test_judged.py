"""What a judge's file is, said once."""

import pytest

from workbench.deliver import judged
from workbench.policy import custody
from workbench.targets import JUDGE_FILES

OF_THE_JUDGE = (
    *(f"targets/pq_l2/{name}" for name in JUDGE_FILES),
    *(f"workbench/{name}.py" for name in custody.JUDGE_MODULES),
    *(f"workbench/{name}/part.py" for name in custody.JUDGE_MODULES),
    "snapshots/lance/pq_l2/manifest.json",
)
LIMITS = ("targets/pq_l2/guard.json", *(f"workbench/{n}.py" for n in custody.ALSO_COMMITTED))
OTHERS = (
    *("workbench", "workbench/cli/queue.py", "workbench/gate.md", "tests/workbench/gate.py"),
    *("targets/pq_l2/program.md", "targets/guard.json", "targets/pq_l2/data/kernels.py", ""),
    *("snapshots/lance/manifest.json", "snapshots/lance/pq_l2/codes.npy"),
)


def asked(path):
    return judged.takes_part(path), judged.needs_all_six(path), judged.may_decide(path)


@pytest.mark.parametrize("path", OF_THE_JUDGE)
def test_what_takes_part_needs_all_six_and_may_decide(path):
    assert asked(path) == (True, True, True)


@pytest.mark.parametrize("path", LIMITS)
def test_limits_and_what_runs_with_the_judge_may_decide_and_need_a_fragment_only(path):
    assert asked(path) == (False, False, True)


def test_a_kernel_needs_all_six_and_decides_nothing():
    assert asked("targets/pq_l2/kernels.py") == (False, True, False)


@pytest.mark.parametrize("path", OTHERS)
def test_nothing_else_does(path):
    assert asked(path) == (False, False, False)
