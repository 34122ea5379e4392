import dataclasses

import pytest

from workbench import ledger
from workbench.agents.tunable import Mark
from workbench.agents.tune import history, propose

A = Mark("A", 8, (4, 8, 16, 32))
B = Mark("B", 1, (1, 2))


def row(description, status="discard", ratio=None, host_class="here"):
    fields = dict.fromkeys(f.name for f in dataclasses.fields(ledger.Row))
    fields |= {"description": description, "status": status, "host_class": host_class}
    return ledger.Row(**{**fields, "ratio_vs_upstream": ratio})


def test_every_combination_is_tried_once_and_then_none():
    tried = [({"A": 8, "B": 1}, None)]
    while (values := propose([A, B], tried)) is not None:
        assert values not in [known for known, _ in tried]
        # the best is A = 32, B = 2
        tried.append((values, 1.0 / values["A"] + 0.01 / values["B"]))
    assert len(tried) == 8


def test_what_was_learnt_is_followed():
    """Of 40 values the sampler should come to the best quarter more often than chance."""
    wide = Mark("A", 0, tuple(range(40)))
    tried = [({"A": 0}, None)]
    for _ in range(20):
        values = propose([wide], tried)
        tried.append((values, abs(values["A"] - 30) / 40))
    best = min(ratio for _, ratio in tried[1:])
    assert best <= 2 / 40


def test_the_same_history_proposes_the_same():
    tried = [({"A": 8, "B": 1}, None), ({"A": 4, "B": 2}, 0.7)]
    assert propose([A, B], tried) == propose([A, B], tried)


def test_history_is_of_the_kernel_as_it_is():
    rows = [
        row("tune A=4 B=1", ratio=0.4),  # of another kernel
        row("another algorithm", "keep", 0.3),
        row("tune A=16 B=2", ratio=0.2),
        row("tune A=32 B=1", "crash"),
        row("tune A=16 B=2", ratio=0.1, host_class="elsewhere"),
        row("tune A=16", ratio=0.1),  # other marks
        row("by hand", ratio=0.1),
    ]
    assert history(rows, "here", [A, B]) == [
        ({"A": 8, "B": 1}, None),
        ({"A": 16, "B": 2}, 0.2),
        ({"A": 32, "B": 1}, None),
    ]


@pytest.mark.parametrize("ratio", [None, float("nan")])
def test_a_failure_teaches_nothing_and_is_not_tried_again(ratio):
    only = Mark("A", 1, (1, 2, 3))
    tried = [({"A": 1}, None), ({"A": 2}, ratio)]
    assert propose([only], tried) == {"A": 3}
