"""Every example in a docstring runs and answers what it says."""

import doctest
import importlib
import pkgutil

import pytest

import workbench

MODULES = ["workbench"] + [
    found.name
    for found in pkgutil.walk_packages(workbench.__path__, "workbench.")
    if not found.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_the_modules_a_user_meets_first_have_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in ("workbench", "workbench.targets", "workbench.oracles", "workbench.timers"):
        tests = finder.find(importlib.import_module(name))
        assert any(test.examples for test in tests), f"{name} has no example"
