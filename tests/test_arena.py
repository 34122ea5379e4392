import mmap
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from workbench.arena import ARENA_BYTES, Arena, Layout, Slot


@pytest.fixture
def arena():
    made = Arena.create()
    yield made
    made.close()


def test_slots_are_cache_line_aligned_and_do_not_overlap():
    layout = Layout()
    slots = [layout.add((n, 3), "<f4") for n in (1, 0, 7, 100)]
    assert all(s.offset % 64 == 0 for s in slots)
    ends = [s.offset + max(1, s.shape[0] * 12) for s in slots]
    assert all(end <= after.offset for end, after in zip(ends, slots[1:], strict=False))


def test_two_mappings_of_one_arena_see_the_same_bytes(arena):
    slot = Layout().add((5,), "<f4")
    arena.view(slot)[:] = np.arange(5)
    assert Arena(arena.fd).view(slot).tolist() == [0, 1, 2, 3, 4]


def test_place_copies_arrays_and_leaves_the_rest(arena):
    state = (np.arange(3), (7, np.ones((2, 2), "<f4")), "name")
    layout = Layout()
    placed = arena.place(state, layout)
    assert placed[1][0] == 7
    assert placed[2] == "name"
    np.testing.assert_array_equal(placed[1][1], state[1][1])
    assert not np.shares_memory(placed[0], state[0])
    assert layout.end == 128


def test_a_state_that_does_not_fit_is_a_memory_error(arena):
    layout = Layout()
    layout.end = ARENA_BYTES - 8
    with pytest.raises(MemoryError, match="1024 MB"):
        arena.place((np.zeros(100),), layout)


def data_bytes(arena):
    """Bytes of memory that are there; the rest is holes."""
    return os.fstat(arena.fd).st_blocks * 512


def test_wiping_zeroes_all_that_was_touched_and_fills_no_hole(arena):
    offsets = [0, 5 * mmap.PAGESIZE + 7, 1 << 24, ARENA_BYTES - 100]
    slots = [Slot(offset, (100,), "|u1") for offset in offsets]
    for slot in slots:
        arena.view(slot).fill(1)
    before = data_bytes(arena)
    assert before <= 2 * len(slots) * mmap.PAGESIZE
    arena.wipe()
    assert not any(arena.view(slot).any() for slot in slots)
    assert data_bytes(arena) == before


def test_what_another_process_wrote_is_wiped_too(arena):
    slot = Slot(1 << 20, (3 * mmap.PAGESIZE,), "|u1")
    write = f"import os; os.pwrite({arena.fd}, bytes([255]) * {slot.nbytes}, {slot.offset})"
    subprocess.run([sys.executable, "-c", write], pass_fds=[arena.fd], check=True)
    assert arena.view(slot).all()
    arena.wipe()
    assert not arena.view(slot).any()


def test_an_arena_nobody_touched_stays_empty(arena):
    arena.wipe()
    assert data_bytes(arena) == 0


@pytest.mark.parametrize("edge", ["begin", "end"])
def test_a_guarded_array_touches_what_is_forbidden(edge):
    layout = Layout(edge)
    slots = [layout.add((n,), "<i4") for n in (1, 1024, 3000, 1 << 20)]
    assert all(part % mmap.PAGESIZE == 0 for guard in layout.guards for part in guard)
    ends = [(begin, begin + size) for begin, size in layout.guards]
    assert ends == sorted(ends)
    for i, slot in enumerate(slots):
        (_, before), (behind, far) = ends[2 * i : 2 * i + 2]
        assert before <= slot.offset
        assert slot.offset + slot.nbytes <= behind
        assert (slot.offset == before) if edge == "begin" else slot.offset + slot.nbytes == behind
        assert far - behind >= slot.nbytes  # the next request would lie there


TOUCHED = """
import os, sys
from workbench.arena import Arena, Layout
import numpy as np
arena, layout = Arena.create(), Layout("end")
slot = layout.add((100,), "<i8")
arena.forbid(layout.guards)
values = arena.view(slot)
values[:] = 1
print(values.sum(), flush=True)
np.lib.stride_tricks.as_strided(values, (101,), (8,)).sum()
"""


def test_an_array_is_whole_and_what_is_behind_it_kills():
    done = subprocess.run(
        [sys.executable, "-c", TOUCHED], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "100"
    assert done.returncode == -signal.SIGSEGV
