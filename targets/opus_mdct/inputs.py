"""Inputs of the MDCT target: what the judge checks, and what it times.

Spectra are those of real frames: sounds of `workbench.opus.signals` through the forward transform,
in the units of a decoder (full scale 32768, pre-emphasised). A request is consecutive frames from
a random place of a deck of three seconds, scaled at random, so there are never two alike.
"""

import functools

import numpy as np
from scipy import signal

from workbench.opus import signals
from workbench.targets import Workload

# name: (size of a block, blocks of a frame, frames of a request)
SHAPES = {"960": (3, 1, 160), "240": (1, 1, 640), "8x120": (0, 8, 80)}
TIMED_DISTRIBUTIONS = ("speech", "music", "noise")
BATTERY_DISTRIBUTIONS = (*TIMED_DISTRIBUTIONS, "narrowband", "overdriven", "faint")
SECONDS = 3
SCRATCH = 4_096


@functools.cache
def analysis(lm):
    """Coefficients of N + 120 samples: float64[N, N + 120], the window included."""
    n = 120 << lm
    t, k = np.arange(n // 2 - 60, 3 * n // 2 + 60), np.arange(n)[:, None]
    slope = np.sin(np.pi / 2 * np.sin(np.pi * (np.arange(120) + 0.5) / 240) ** 2)
    window = np.concatenate([slope, np.ones(n - 120), slope[::-1]])
    return 2 / n * window * np.cos(np.pi / n * (t + 0.5 + n / 2) * (k + 0.5))


def spectra_of(sound, lm, blocks):
    """Frames of a sound of full scale 1: f32[frames, coefficients], blocks interleaved."""
    n = 120 << lm
    emphasised = signal.lfilter([32768, -32768 * 0.85], [1], sound)
    count = (len(sound) - 120) // (n * blocks) * blocks
    pieces = np.lib.stride_tricks.sliding_window_view(emphasised, n + 120)[::n][:count]
    each = pieces @ analysis(lm).T
    frames = each.reshape(count // blocks, blocks, n).transpose(0, 2, 1)
    return frames.reshape(count // blocks, blocks * n).astype(np.float32)


def deck_of(rng, distribution, lm, blocks):
    """Frames of a distribution."""
    if distribution == "narrowband":  # 4 kHz, and nothing above, as silence in most of a spectrum
        deck = deck_of(rng, "music", lm, blocks)
        deck[:, deck.shape[1] // 6 :] = 0
        return deck
    sound = signals.sound(distribution, rng, SECONDS * signals.RATE)[:, 0].astype(np.float64)
    return spectra_of(sound, lm, blocks)


def workload(rng, shape, distribution, *, frames=None):
    """One combo: its deck drawn now, its requests whenever they are asked for."""
    lm, blocks, usual = SHAPES[shape]
    frames = frames or usual
    deck = deck_of(rng, distribution, lm, blocks)
    turns = np.arange(frames)

    def requests(rng, n):
        first = rng.integers(len(deck), size=(n, 1))
        scale = rng.uniform(0.5, 1, (n, 1, 1)).astype(np.float32)
        return {"spectra": deck[(first + turns) % len(deck)] * scale}

    return made(shape, distribution, lm, blocks, frames, requests)


def made(shape, distribution, lm, blocks, frames, requests, batch=4):
    """Put a workload together."""
    size = (120 << lm) * blocks
    return Workload(
        shape=shape,
        distribution=distribution,
        fixture={"lm": np.array([lm]), "blocks": np.array([blocks])},
        requests=requests,
        outputs={"out": ((frames * size + 120,), "float32")},
        scratch={"scratch": ((SCRATCH,), "float32")},
        batch=batch,
    )


def workloads(rng):
    """Return the nine timed combos."""
    return [workload(rng, s, d) for s in SHAPES for d in TIMED_DISTRIBUTIONS]


def battery(rng):
    """Correctness cases: eighteen combos, then every size, every coefficient, and silence."""
    for shape in SHAPES:
        for distribution in BATTERY_DISTRIBUTIONS:
            yield workload(rng, shape, distribution, frames=3)
    for lm in range(4):
        for blocks in (1, 2, 4, 8)[: 4 - lm]:
            yield edge(f"{blocks}x{120 << lm}", lm, blocks, 4, 1_000.0)
        yield each_coefficient(f"impulses-{120 << lm}", lm)
    yield edge("one-frame", 3, 1, 1, 1_000.0)
    yield edge("silence", 3, 1, 2, 0.0)
    yield edge("denormal", 3, 1, 2, 1e-40)
    yield edge("tiny", 2, 1, 2, 1e-20)


def edge(name, lm, blocks, frames, scale):
    """Case of Gaussian coefficients."""
    size = (120 << lm) * blocks

    def requests(rng, n):
        drawn = rng.standard_normal((n, frames, size)) * scale
        return {"spectra": drawn.astype(np.float32)}

    return made("edge", name, lm, blocks, frames, requests, 2)


def each_coefficient(name, lm):
    """Case of one coefficient a frame, each in turn, in an order of its own."""
    size = 120 << lm

    def requests(rng, n):
        found = np.zeros((n, size, size), np.float32)
        for spectra in found:
            spectra[np.arange(size), rng.permutation(size)] = 1_000
        return {"spectra": found}

    return made("edge", name, lm, 1, size, requests, 1)
