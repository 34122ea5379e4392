"""Arrays that lie anyhow in memory are compared as their copies would be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from workbench import elementwise

VIEWS = {
    "contiguous": lambda a: a,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "backwards": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "columns": lambda a: np.pad(a, ((0, 0), (1, 1)))[:, 1:-1],
}


@pytest.mark.parametrize("want", VIEWS)
@pytest.mark.parametrize("got", VIEWS)
@given(
    values=arrays.arrays(
        st.sampled_from(["<f4", "<i2", "|u1"]),
        arrays.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5),
    ),
    data=st.data(),
)
def test_same_bytes_wherever_they_lie(got, want, values, data):
    one, other = VIEWS[got](values), VIEWS[want](values.copy())
    assert elementwise._same_bytes(one, other)
    if values.size:
        changed = values.copy()
        flat = changed.reshape(-1).view(np.uint8)
        flat[data.draw(st.integers(0, len(flat) - 1))] ^= 1
        assert not elementwise._same_bytes(one, VIEWS[want](changed))


def test_what_lies_between_is_not_compared():
    rows = np.arange(12, dtype=np.int64).reshape(3, 4)
    other = rows.copy()
    other[:, 3] = -1
    assert elementwise._same_bytes(rows[:, :3], other[:, :3])
    assert not elementwise._same_bytes(rows, other)


def test_bytes_not_values_are_compared():
    assert not elementwise._same_bytes(np.array([0.0]), np.array([-0.0]))
    assert elementwise._same_bytes(np.array([np.nan]), np.array([np.nan]))
