"""The machine's limits, as a time nobody beats."""

import pytest

from workbench import roofline
from workbench.roofline import Limits


@pytest.mark.parametrize("arithmetic", roofline.VECTORS)
def test_every_arithmetic_is_measured(arithmetic, monkeypatch):
    monkeypatch.setattr(roofline, "STEPS", 100)
    assert roofline.operations_per_ns(arithmetic) > 0


def test_limits_are_measured_at_the_footprints_asked_for(monkeypatch):
    monkeypatch.setattr(roofline, "SWEPT_BYTES", 1 << 16)
    monkeypatch.setattr(roofline, "STEPS", 100)
    found = roofline.measure([10_000.0, 300, 10_000.0], "f32")
    assert list(found.bytes_per_ns) == [300, 10_000]
    assert all(rate > 0 for rate in found.bytes_per_ns.values())


def test_the_later_of_memory_and_arithmetic_counts():
    limits = Limits({1_000: 10.0, 1_000_000: 1.0}, operations_per_ns=100.0)
    assert limits.least_ns(1_000, 1) == 100
    assert limits.least_ns(900_000, 1) == 900_000
    assert limits.least_ns(1_000, 1e6) == 10_000
