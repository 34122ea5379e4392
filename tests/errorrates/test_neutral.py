"""Edits that change nothing: still the same answers, and still a kernel that the policy allows."""

import ast

import numpy as np
import pytest

from workbench import policy, targets
from workbench.errorrates import campaign, neutral

NAMES = sorted({name.partition("/")[0] for name in campaign.KERNELS})


@pytest.mark.parametrize("edit", neutral.EDITS)
@pytest.mark.parametrize("name", NAMES)
def test_an_edit_is_another_text_of_the_same_surface(name, edit):
    target = targets.load(name)
    source = target.kernels_path.read_text()
    found = neutral.edited(source, edit, np.random.default_rng(1))
    assert ast.dump(ast.parse(found)) != ast.dump(ast.parse(source))
    policy.check_source(found, target.surface)


@pytest.mark.parametrize("edit", neutral.EDITS)
def test_an_edited_kernel_still_answers_the_truth(edit, tmp_path):
    target = targets.load("topk_merge")
    source = target.kernels_path.read_text()
    path = tmp_path / "kernels.py"
    path.write_text(neutral.edited(source, edit, np.random.default_rng(3)))
    load = next(iter(target.inputs.workloads(np.random.default_rng(5))))
    requests = load.requests(np.random.default_rng(7), 2)
    call = target.bench.bind(targets.load_file(path, "edited"), load.fixture)
    outputs = {name: np.zeros((2, *shape), dtype) for name, (shape, dtype) in load.outputs.items()}
    scratch = {name: np.zeros(shape, dtype) for name, (shape, dtype) in load.scratch.items()}
    call(requests, outputs, scratch)
    want = target.reference.answer(load.fixture, requests)
    for name in outputs:
        np.testing.assert_array_equal(outputs[name], want[name])


def test_the_same_draw_is_the_same_edit():
    source = targets.load("pq_l2").kernels_path.read_text()
    first, again = (
        neutral.edited(source, "renamed-locals", np.random.default_rng(9)) for _ in range(2)
    )
    assert first == again


def test_an_unknown_edit_is_refused():
    with pytest.raises(ValueError, match="there are unreachable-branch"):
        neutral.edited("", "other", np.random.default_rng(0))
