"""Texts that FSST is made for: words, addresses, lines of a log."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np


def _words(rng: np.random.Generator, count: int) -> list[bytes]:
    """Made-up words, the frequent ones short, drawn as 1 / rank."""
    parts = (b"la n ce o per ti ne qua st ro mi du vel kas bro fi ing hu ex").split()
    vocabulary = [
        b"".join(parts[i] for i in rng.integers(len(parts), size=1 + rank.bit_length() // 3))
        for rank in range(1, 1_500)
    ]
    weight = 1 / np.arange(1, len(vocabulary) + 1)
    drawn = rng.choice(len(vocabulary), count, p=weight / weight.sum())
    return [vocabulary[i] for i in drawn.tolist()]


def _urls(rng: np.random.Generator, count: int) -> list[bytes]:
    words = iter(_words(rng, 3 * count))
    numbers = rng.integers(1, 100_000, count).tolist()
    return [
        b"https://www.%s.com/%s/%s?id=%d" % (next(words), next(words), next(words), number)
        for number in numbers
    ]


def _log_lines(rng: np.random.Generator, count: int) -> list[bytes]:
    """Lines of about 400 bytes."""
    words = iter(_words(rng, 50 * count))
    levels = rng.choice([b"INFO", b"WARN", b"ERROR", b"DEBUG"], count, p=[0.7, 0.1, 0.05, 0.15])
    moments = np.cumsum(rng.integers(1, 5_000, count)).tolist()
    lines = []
    for level, moment in zip(levels.tolist(), moments, strict=True):
        second, milli = divmod(moment, 1_000)
        head = b"2026-01-03T%02d:%02d:%02d.%03dZ %s [worker-%d] " % (
            *(second // 3_600 % 24, second // 60 % 60, second % 60, milli),
            *(level, moment % 16),
        )
        body = b" ".join(b"%s=%s" % (next(words), next(words)) for _ in range(25))
        lines.append(head + b"request finished: " + body)
    return lines


# What draws the strings of a kind, and how many of them are more than `TEXT_BYTES`.
TEXTS: Mapping[str, tuple[Callable[[np.random.Generator, int], list[bytes]], int]] = {
    "word": (_words, 8_000),
    "url": (_urls, 800),
    "log": (_log_lines, 80),
}
