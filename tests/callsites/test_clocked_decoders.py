"""A decoder with a clock around its kernel is another program than the one without."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest

from workbench import targets, ticks
from workbench.callsites import opus_blocks, opus_shapes


@pytest.mark.parametrize(("name", "site"), [("opus_mdct", opus_blocks), ("opus_pvq", opus_shapes)])
def test_numbas_cache_tells_them_apart(
    name: str, site: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    # with one name the clocked query was the plain one out of the cache: no share, no calls
    known: list[str] = []

    def specialise(loop: Any, kernels: Any, **others: Any) -> None:
        known.append(kernels.__name__)

    monkeypatch.setattr(targets, "specialise", specialise)
    fixture = {"channels": np.array([1]), "frame": np.array([960])}
    for now in (ticks.off, ticks.on):
        site.bind(targets.load(name).upstream, fixture, now)
    assert len(set(known)) == 2
