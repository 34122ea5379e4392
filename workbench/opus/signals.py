"""Sounds to code: speech-like, music-like and the ones that codecs find hard.

All come from a random generator, so a seed says them again; 48 kHz, float32, full scale 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

__all__ = ["KINDS", "RATE", "STEREO", "sound", "spread"]

Mono = NDArray[np.float64]
Sound = NDArray[np.float32]

RATE = 48_000
# Formants glide between vowels (Hz; Peterson and Barney, 1952, men): their means for three.
VOWELS = np.array(
    [[270, 2290, 3010], [660, 1720, 2410], [730, 1090, 2440], [440, 1020, 2240], [300, 870, 2240]]
)
FORMANT_WIDTHS = (60.0, 90.0, 150.0)
# Filters stand still for 5 ms.
STEP = 240


def speech(rng: np.random.Generator, samples: int) -> Mono:
    """Glottal pulses of a gliding pitch through moving formants, with hisses and short pauses."""
    steps = -(-samples // STEP)
    knots = 2 + steps // 24  # a vowel lasts 120 ms
    when = np.linspace(0, knots - 1, steps)
    pitch = np.interp(when, np.arange(knots), rng.uniform(80, 260, knots))
    phase = np.cumsum(np.repeat(pitch, STEP)) / RATE % 1
    # Rosenberg's pulse: it opens over 40 % of a period, closes over 16 %
    flow = np.where(phase < 0.4, 0.5 * (1 - np.cos(np.pi * phase / 0.4)), 0.0)
    closing = (phase >= 0.4) & (phase < 0.56)
    flow[closing] = np.cos(0.5 * np.pi * (phase[closing] - 0.4) / 0.16)
    hiss = rng.standard_normal(steps * STEP)
    # voiced, unvoiced or silent, by vowel
    fate = rng.choice(3, knots, p=[0.7, 0.2, 0.1])[when.astype(int)].repeat(STEP)
    source = np.choose(fate, [np.diff(flow, prepend=0.0) * 20, hiss * 0.4, hiss * 0])
    found = source + 0.002 * hiss
    tracks = VOWELS[rng.integers(len(VOWELS), size=knots)]
    for which, width in enumerate(FORMANT_WIDTHS):
        centre = np.interp(when, np.arange(knots), tracks[:, which])
        radius = np.exp(-np.pi * width / RATE)
        memory = np.zeros(2)
        for step in range(steps):
            turn = 2 * np.pi * centre[step] / RATE
            poles = [1, -2 * radius * np.cos(turn), radius**2]
            part = slice(step * STEP, (step + 1) * STEP)
            found[part], memory = signal.lfilter([sum(poles)], poles, found[part], zi=memory)
    return np.asarray(found[:samples], np.float64)


def music(rng: np.random.Generator, samples: int) -> Mono:
    """Chords of four notes with eight partials each, that decay."""
    found = np.zeros(samples)
    length = int(rng.integers(RATE // 8, RATE // 3))
    begin = -int(rng.integers(length))
    while begin < samples:
        notes = 110 * 2 ** (rng.choice([0, 3, 4, 7, 10, 12, 16, 19], 4) / 12 + rng.integers(3))
        partials = (notes[:, None] * np.arange(1, 9) * (1 + rng.normal(0, 5e-4, (4, 8)))).ravel()
        partials = partials[partials < 0.45 * RATE]
        falls = rng.uniform(2, 12, len(partials)) * np.sqrt(partials / 440)
        sizes = rng.uniform(0.3, 1, len(partials)) * 110 / partials
        starts = np.exp(1j * rng.uniform(0, 2 * np.pi, len(partials)))
        chord = decaying((2j * np.pi * partials - falls) / RATE, sizes * starts, length)
        part = chord[max(-begin, 0) : samples - begin]
        found[max(begin, 0) : max(begin, 0) + len(part)] = part
        begin += length
    return found + 1e-4 * rng.standard_normal(samples)


def decaying(poles: NDArray[Any], sizes: NDArray[Any], length: int) -> Mono:
    """Sum of ``sizes * exp(poles * t)``, its real part, for t from 0 to ``length``.

    With ``t = 256 a + b`` it is a product of matrices: a tenth of the time of as many sines. Not
    BLAS's, whose threads waited for each other sixty times as long on a busy machine.
    """
    rows = np.exp(np.outer(256 * np.arange(-(-length // 256)), poles)) * sizes
    columns = np.exp(np.outer(poles, np.arange(256)))
    left, right = np.hstack([rows.real, -rows.imag]), np.vstack([columns.real, columns.imag])
    return np.asarray(np.einsum("ap,pb->ab", left, right).ravel()[:length], np.float64)


def transients(rng: np.random.Generator, samples: int) -> Mono:
    """Castanets and clicks out of near silence, 8 to 40 ms apart."""
    found = 1e-5 * rng.standard_normal(samples)
    at = int(rng.integers(RATE // 100))
    while at < samples:
        t = np.arange(min(samples - at, RATE // 20))
        turn = 2 * np.pi * rng.uniform(900, 5_000) / RATE
        decay = np.exp(-t / (RATE * rng.uniform(0.001, 0.008)))
        knock = np.sin(turn * t) + 0.5 * rng.standard_normal(len(t))
        found[at : at + len(t)] += rng.uniform(0.2, 1) * knock * decay
        if rng.random() < 0.3:
            found[at] += 2.0
        at += int(rng.integers(RATE // 120, RATE // 25))
    return found


def noise(rng: np.random.Generator, samples: int) -> Mono:
    """White to brown noise: a power of frequency between 0 and -2."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum[1:] *= np.arange(1, len(spectrum)) ** -rng.uniform(0, 1)
    spectrum[0] = 0
    return np.fft.irfft(spectrum, samples)


def silence(rng: np.random.Generator, samples: int) -> Mono:
    """Digital silence."""
    return np.zeros(samples)


def pauses(rng: np.random.Generator, samples: int) -> Mono:
    """Music that digital silence cuts into, 10 to 60 ms at a time."""
    found, at = music(rng, samples), 0
    while at < samples:
        at += int(rng.integers(RATE // 50, RATE // 12))
        length = int(rng.integers(RATE // 100, RATE // 16))
        found[at : at + length] = 0
        at += length
    return found


def clipping(rng: np.random.Generator, samples: int) -> Mono:
    """Square waves that jump between the ends of the scale, at a pitch of their own."""
    t = np.arange(samples) * (rng.uniform(60, 900) / RATE) + rng.random()
    return np.asarray(np.where(t % 1 < rng.uniform(0.3, 0.7), 1.0, -1.0))


def overdriven(rng: np.random.Generator, samples: int) -> Mono:
    """Noise and a tone far beyond full scale, not clipped: float input may be."""
    t = np.arange(samples) / RATE
    tone = np.sin(2 * np.pi * rng.uniform(100, 2_000) * t)
    return 4 * tone + 0.5 * rng.standard_normal(samples)


def sweep(rng: np.random.Generator, samples: int) -> Mono:
    """A sine from 50 Hz to 20 kHz, or back."""
    t = np.arange(samples) / RATE
    found = np.asarray(signal.chirp(t, 50, samples / RATE, 20_000, method="logarithmic"), float)
    return found[:: 1 if rng.random() < 0.5 else -1]


def tones(rng: np.random.Generator, samples: int) -> Mono:
    """A few steady sines with their harmonics: what the pitch filter is for."""
    turn = 2 * np.pi * rng.uniform(70, 500) / RATE * np.arange(samples)
    return np.asarray(sum(np.sin(k * turn) / k for k in range(1, 12)), np.float64)


def faint(rng: np.random.Generator, samples: int) -> Mono:
    """Noise of a few steps of 24-bit samples: near what counts as silence."""
    found: Mono = rng.standard_normal(samples) * 2.0 ** rng.uniform(-24, -18)
    return found


_MAKERS: Mapping[str, Callable[[np.random.Generator, int], Mono]] = {
    "speech": speech,
    "music": music,
    "transients": transients,
    "noise": noise,
    "silence": silence,
    "pauses": pauses,
    "clipping": clipping,
    "overdriven": overdriven,
    "sweep": sweep,
    "tones": tones,
    "faint": faint,
}
KINDS = tuple(_MAKERS)
# Their level is what they are about.
_AS_THEY_ARE = ("silence", "clipping", "overdriven", "faint")

STEREO = ("same", "wide", "panned", "inverted", "left", "delayed", "apart")


def sound(
    kind: str, rng: np.random.Generator, samples: int, channels: int = 1, stereo: str = "wide"
) -> Sound:
    """Make a sound of a kind.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    rng : Generator
        Everything random comes from it.
    samples, channels : int
        Its shape.
    stereo : str
        One of `STEREO`: how two channels differ, see `spread`.

    Returns
    -------
    ndarray
        f32[samples, channels]. Loudest is -20 to 0 dB of full scale, except where the level is
        the point.

    Examples
    --------
    >>> sound("speech", np.random.default_rng(0), 480, 2).shape
    (480, 2)
    """
    if kind not in _MAKERS:
        raise ValueError(f"no sound {kind!r}; there are: {', '.join(KINDS)}")

    def one() -> Mono:
        found = _MAKERS[kind](rng, samples)
        if kind in _AS_THEY_ARE:
            return found
        peak = max(float(np.abs(found).max(initial=0)), 1e-9)
        return found / peak * 10 ** rng.uniform(-1, 0)

    first = one()
    if channels == 1:
        return first[:, None].astype(np.float32)
    second = one() if stereo == "apart" else first
    return spread(rng, first, second, stereo)


def spread(rng: np.random.Generator, first: Mono, second: Mono, stereo: str) -> Sound:
    """Two channels of one or two sounds.

    ``same``: alike; ``wide``: a common part and a reverberant one of its own for each side;
    ``panned``: by a random angle; ``inverted``: one side is the other's negative; ``left``: the
    right side is silent; ``delayed``: by up to a millisecond; ``apart``: two sounds.
    """
    if stereo not in STEREO:
        raise ValueError(f"no stereo {stereo!r}; there are: {', '.join(STEREO)}")
    left, right = first, second
    if stereo == "wide":
        room = np.exp(-np.arange(400) / 120.0)
        tails = [rng.standard_normal(400) * room * 0.05 for _ in range(2)]
        left, right = (first + signal.fftconvolve(first, tail)[: len(first)] for tail in tails)
    elif stereo == "panned":
        angle = rng.uniform(0, np.pi / 2)
        left, right = first * np.cos(angle), first * np.sin(angle)
    elif stereo == "inverted":
        right = -first
    elif stereo == "left":
        right = np.zeros_like(first)
    elif stereo == "delayed":
        right = np.roll(first, int(rng.integers(1, RATE // 1_000)))
    return np.stack([left, right], axis=1).astype(np.float32)
