"""Inputs of the PVQ target: what the judge checks, and what it times.

Which codebooks a frame asks for comes from real streams: the snapshot has those of 60 frames of
20 ms that libopus encoded, for three rates and three kinds of sound. A request is frames drawn
from them at random. Indices are drawn anew, all of a codebook alike: real ones are decoded as fast
(see docs/targets/opus_pvq.md), and there are never two requests alike. A request takes 0.05 to
0.1 ms to draw.
"""

import functools
from pathlib import Path

import numpy as np

from workbench import snapshots
from workbench.opus import pvq
from workbench.targets import Workload

# name: frames of a request
SHAPES = {"32k_mono": 60, "96k_stereo": 30, "192k_stereo": 20}
TIMED_DISTRIBUTIONS = ("speech", "music", "transients")
FIXTURE = {
    "largest_n": np.array([pvq.LARGEST_N]),
    "most_pulses": np.array([pvq.PULSE_LIMIT]),
}


@functools.cache
def recorded(shape, distribution):
    """Codebooks of each frame of a stream, i32[vectors, 2] a frame: n and k."""
    root = Path(__file__).resolve().parents[2]
    file = snapshots.load("libopus", "opus_pvq", root).files[f"{shape}-{distribution}.npz"]
    codebooks = np.stack([file["request_sizes"][0], file["request_pulses"][0]], axis=1)
    return np.split(codebooks, np.cumsum(file["request_counts"][0])[:-1])


@functools.cache
def all_sizes():
    """V(n, k) of every codebook, u64[177, 129]; 0 where there is none."""
    return np.array(
        [
            [int(pvq.size(n, k)) for k in range(pvq.PULSE_LIMIT + 1)]
            for n in range(pvq.LARGEST_N + 1)
        ],
        np.uint64,
    )


def indices_of(rng, codebooks):
    """Indices u32 that are all alike likely in their codebooks, i32[..., 2]."""
    totals = all_sizes()[codebooks[..., 0], codebooks[..., 1]]
    # the upper half of 32 bits x 32 bits: no index is 1e-9 likelier than another
    words = rng.integers(1 << 32, size=totals.shape, dtype=np.uint64)
    return (words * totals >> np.uint64(32)).astype(np.uint32)


def outputs(vectors, room):
    """Buffers of one request."""
    return {
        "vectors": ((room,), "int32"),
        "squares": ((vectors,), "int64"),
        "count": ((), "int64"),
    }


def workload(rng, shape, distribution, *, frames=None):
    """One combo: frames of the recorded stream, with indices of their own in each request."""
    deck = recorded(shape, distribution)
    frames = frames or SHAPES[shape]
    most = frames * max(len(frame) for frame in deck)
    room = frames * max(int(frame[:, 0].sum()) for frame in deck)

    def requests(rng, n):
        codebooks = np.zeros((n, most, 2), np.int32)
        codebooks[:, :, 0] = 1  # what is not asked for is a codebook too
        asked = np.zeros(n, np.int64)
        for i in range(n):
            drawn = np.concatenate([deck[j] for j in rng.integers(len(deck), size=frames)])
            asked[i] = len(drawn)
            codebooks[i, : len(drawn)] = drawn
        return request_of(indices_of(rng, codebooks), codebooks, asked, room)

    return Workload(
        shape=shape,
        distribution=distribution,
        fixture=FIXTURE,
        requests=requests,
        outputs=outputs(most, room),
    )


def request_of(indices, codebooks, asked, room):
    """Arrays of requests."""
    return {
        "indices": indices,
        "sizes": np.ascontiguousarray(codebooks[..., 0]),
        "pulses": np.ascontiguousarray(codebooks[..., 1]),
        "asked": asked,
        "room": np.full(len(asked), room, np.int64),
    }


def workloads(rng):
    """Return the nine timed combos."""
    return [workload(rng, s, d) for s in SHAPES for d in TIMED_DISTRIBUTIONS]


def battery(rng):
    """Correctness cases: the nine combos, every codebook there is, its edges, and bad requests."""
    for shape in SHAPES:
        for distribution in TIMED_DISTRIBUTIONS:
            yield workload(rng, shape, distribution, frames=3)
    n, k = np.nonzero(all_sizes())
    every = np.stack([n, k], axis=1).astype(np.int32)
    totals = all_sizes()[n, k]
    yield listed("every-codebook", every, None)
    yield listed("first-index", every, np.zeros_like(totals))
    yield listed("last-index", every, totals - np.uint64(1))
    yield listed("middle", every, totals // np.uint64(2))
    yield listed("before-the-middle", every, (totals - np.uint64(1)) // np.uint64(2))
    small = every[totals <= 400]
    of_each = np.repeat(small, all_sizes()[small[:, 0], small[:, 1]].astype(np.int64), axis=0)
    counted = [np.arange(all_sizes()[a, b], dtype=np.uint64) for a, b in small]
    yield listed("every-index", of_each, np.concatenate(counted))
    yield listed("index-too-large", every, totals)
    yield listed("largest-number", every[:600], np.full(600, 2**32 - 1, np.uint64))
    bad = [(n, k) for n in (-(2**31), -1, 0, 177, 2**31 - 1) for k in (0, 1, 5)]
    bad += [(n, k) for n in (1, 4, 176) for k in (-(2**31), -1, 129, 2**31 - 1)]
    bad += [(176, 5), (14, 14), (15, 13), (6, 96), (22, 10), (3, 2), (1, 0)]
    yield listed("no-codebook", np.array(bad, np.int32), np.zeros(len(bad), np.uint64))
    yield listed("one-vector", every[-1:], None)
    yield listed("no-vectors", every[:0], None)


def listed(name, codebooks, indices):
    """Case that asks for given codebooks, in an order of its own each time.

    Indices are given too, or drawn.
    """
    room = int(np.clip(codebooks[:, 0], 0, pvq.LARGEST_N).sum()) + 1

    def requests(rng, n):
        orders = [rng.permutation(len(codebooks)) for _ in range(n)]
        order = np.array(orders, np.int64).reshape(n, len(codebooks))
        drawn = codebooks[order]
        found = indices_of(rng, drawn) if indices is None else indices[order].astype(np.uint32)
        return request_of(found, drawn, np.full(n, len(codebooks), np.int64), room)

    return Workload(
        shape="edge",
        distribution=name,
        fixture=FIXTURE,
        requests=requests,
        outputs=outputs(len(codebooks), room),
        batch=2,
    )
