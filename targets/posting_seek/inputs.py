"""Inputs of the posting seek target: what the judge checks, and what it times.

Everything is drawn from the generator that is passed in, so one seed replays it all.

A request is 1,024 seeks in one list, in runs of ascending ids: a run is one query, and where it
would leave the list the next run opens a new cursor. Half of the ids asked for are in the list.
Postings come in spells of 1,000 with a density of their own, a factor of 16 between the densest
and the thinnest, because documents of one kind are written together: so no straight line through
the ids predicts a position.
"""

import numpy as np

from workbench.targets import Workload

BLOCK = 128
SEEKS = 1_024
# Blocks of a list; the last is the outlier: a word that ten million documents have.
SHAPES = (10, 1_000, 80_000)
# Shortest and longest step of each pattern, in ids: one block, ten blocks, a tenth of the list.
PATTERNS = {
    "sequential": lambda n: (1, 2 * BLOCK),
    "skip-shallow": lambda n: (min(5 * BLOCK, n // 4), min(15 * BLOCK, n // 2)),
    "skip-deep": lambda n: (1, n // 5),
}
BATTERY_PATTERNS = {
    **PATTERNS,
    "one-by-one": lambda n: (1, 2),
    "standing": lambda n: (0, 2),
}
SPELL = 1_000
LARGEST_ID = 2**32 - 1


def postings(rng, n, density=4):
    """``n`` ascending ids; their mean distance is about ``density``, from spell to spell."""
    spells = -(-n // SPELL)
    longest = np.exp2(rng.uniform(0, 4, spells)) * density / 4
    gaps = 1 + rng.random(n, dtype=np.float32) * np.repeat(longest, SPELL)[:n].astype(np.float32)
    return np.cumsum(gaps.astype(np.uint32), dtype=np.uint32)


def fixture(ids):
    """A list and the first id of each of its blocks."""
    return {"ids": ids, "first_ids": np.ascontiguousarray(ids[::BLOCK])}


def walks(rng, requests, ids, least, most):
    """Seeks with steps of ``least`` to ``most`` ids, from a random start; a new run at each end."""
    n = len(ids)
    step = rng.integers(least, max(most, least + 1), (requests, SEEKS), dtype=np.int64)
    step[:, 0] = rng.integers(n, size=requests)
    lap, position = np.divmod(step.cumsum(axis=1), n)
    opens = np.ones((requests, SEEKS), np.uint8)
    opens[:, 1:] = lap[:, 1:] != lap[:, :-1]
    asked = ids[position] + rng.integers(2, size=position.shape)
    return {"opens": opens, "shallow_id": asked, "least_id": asked}


def workload(shape, distribution, table, requests):
    """One combo from its list and from what draws its requests."""
    return Workload(
        shape=shape,
        distribution=distribution,
        fixture=table,
        requests=requests,
        outputs={"block": ((SEEKS,), "int64"), "found": ((SEEKS,), "int64")},
        scratch={"cursor": ((2,), "int64")},
    )


def walking(ids, shape, pattern):
    """One combo of steps through a list."""
    least, most = BATTERY_PATTERNS[pattern](len(ids))

    def requests(rng, n):
        return walks(rng, n, ids, least, most)

    return workload(shape, pattern, fixture(ids), requests)


def workloads(rng):
    """Return the nine timed combos; the patterns of a shape share its list."""
    loads = []
    for blocks in SHAPES:
        ids = postings(rng, blocks * BLOCK)
        loads += [walking(ids, f"{blocks}x{BLOCK}", pattern) for pattern in PATTERNS]
    return loads


def anything(rng, n, table):
    """Draw seeks in no order, back and forth, past both ends; blocks asked apart from ids."""
    ids = table["ids"]
    highest = int(ids.max()) + 3 if len(ids) else 3
    asked = rng.integers(-2, highest, (2, n, SEEKS))
    near = np.sort(asked[:, :, ::2], axis=2)
    asked[:, :, ::2] = near
    far = rng.random((2, n, SEEKS)) < 0.01
    asked[far] = rng.choice([2**32 - 1, 2**32, 2**63 - 1, -(2**63)], far.sum())
    opens = (rng.random((n, SEEKS)) < 0.05).astype(np.uint8)
    opens[:, 0] = 1
    return {"opens": opens, "shallow_id": asked[0], "least_id": asked[1]}


def battery(rng):
    """Correctness cases: ten combos, the edges of the surface, lists that are none."""
    for blocks in (10, 1_000):
        ids = postings(rng, blocks * BLOCK)
        for pattern in BATTERY_PATTERNS:
            yield walking(ids, f"{blocks}x{BLOCK}", pattern)

    def edge(name, table):
        def requests(rng, n):
            return anything(rng, n, table)

        return workload("edge", name, table, requests)

    yield edge("no-ids", fixture(np.empty(0, np.uint32)))
    yield edge("one-id", fixture(np.array([7], np.uint32)))
    yield edge("id-zero", fixture(np.array([0], np.uint32)))
    yield edge("one-block", fixture(postings(rng, BLOCK)))
    yield edge("one-id-more", fixture(postings(rng, BLOCK + 1)))
    yield edge("partial-block", fixture(postings(rng, 41 * BLOCK + 77)))
    # groups of 32 blocks: full, one block more, one block less
    for blocks in (31, 32, 33, 64):
        yield edge(f"{blocks}-blocks", fixture(postings(rng, blocks * BLOCK)))
    yield edge("every-id", fixture(np.arange(9 * BLOCK + 5, dtype=np.uint32)))
    last = np.arange(LARGEST_ID - 5_001, LARGEST_ID + 1, 3, dtype=np.int64).astype(np.uint32)
    yield edge("largest-ids", fixture(np.append(np.array([0, 5], np.uint32), last)))
    ids = postings(rng, int(rng.integers(2_000, 300_000)))
    yield edge("random-length", fixture(ids))
    sparse = np.sort(rng.choice(2**32, 20_000, replace=True).astype(np.uint32))
    yield edge("whole-range", fixture(np.unique(sparse)))

    ids = postings(rng, 4 * BLOCK)
    swapped, repeated = ids.copy(), ids.copy()
    swapped[[200, 300]] = swapped[[300, 200]]
    repeated[BLOCK] = repeated[BLOCK - 1]
    other = fixture(ids)["first_ids"].copy()
    other[2] += 1
    yield edge("unsorted", fixture(swapped))
    yield edge("repeated-id", fixture(repeated))
    yield edge("other-first-ids", {"ids": ids, "first_ids": other})
    yield edge("too-few-first-ids", {"ids": ids, "first_ids": ids[::BLOCK][:-1].copy()})
    yield edge("too-many-first-ids", {"ids": ids, "first_ids": np.append(ids[::BLOCK], ids[-1])})
