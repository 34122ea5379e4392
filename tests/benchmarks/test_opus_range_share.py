"""Share of range decoding: ``pytest -n 0 -m benchmark -s`` and this file.

In a decoder these functions are inlined everywhere, so a clock around each would measure the clock.
Instead the calls of a real stream are noted, by the project's decoder as plain Python, and made
again in one compiled loop. The least of many runs is printed: other work only ever adds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numba import njit

from workbench.codec import variants
from workbench.opus import decoder, streams
from workbench.opus import range_coder as coding
from workbench.opus.streams import Settings
from workbench.opus.tables import ICDF
from workbench.upstreams import libopus

pytestmark = pytest.mark.benchmark
STREAMS = {
    "speech": Settings(960, "fullband", 1, 64),
    "music": Settings(960, "fullband", 2, 128),
    "transients": Settings(120, "fullband", 2, 96),
}
PACKETS, RUNS = 12, 2_000
NOTED = (
    *("decode_bit", "decode_icdf", "decode_laplace", "decode_bits", "decode_uint"),
    *("decode_frequency", "take_range", "tell", "tell_eighths"),
)
# What Python cannot run, because it is written in vectors; all of it is behind the last symbol.
COMPILED = {f"workbench.opus.{name}" for name in ("mdct", "fourier", "emphasis", "postfilter")}

Call = tuple[int, int, int, int]


def calls_of(kind: str, packets: Sequence[bytes]) -> tuple[list[list[Call]], list[int]]:
    """What the decoder asks of its range decoder for each packet, and its final range."""
    found: list[Call] = []
    inside = 0

    def noting(which: int, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            nonlocal inside
            inside += 1
            answer = function(*arguments)
            inside -= 1
            if not inside:
                a, b, c, *_ = [int(n) for n in arguments if np.ndim(n) == 0] + [0, 0, 0]
                found.append((which, a, b, c))
            return answer

        return call

    channels = STREAMS[kind].channels
    state, truth = decoder.setup(channels, 960), libopus.Decoder(channels)
    pcm = np.zeros((5_760, channels), np.float32)
    noted = {id(getattr(coding, name)): which for which, name in enumerate(NOTED)}
    scripts, finals = [], []
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(coding, "_leading_zeros", lambda number: 64 - int(number).bit_length())
        for part in [p for name, p in sys.modules.items() if name.startswith("workbench.opus.")]:
            for name, value in list(vars(part).items()):
                if hasattr(value, "py_func") and value.py_func.__module__ not in COMPILED:
                    plain = value.py_func
                    if id(value) in noted:
                        plain = noting(noted[id(value)], plain)
                    patch.setattr(part, name, plain)
        for packet in packets:
            data = np.frombuffer(packet, np.uint8)
            _, final = decoder.decode(state, data, len(data), pcm)
            truth.decode(packet, pcm)
            assert final == truth.final_range  # so these are libopus's calls
            finals.append(int(final))
            scripts.append(found.copy())
            found.clear()
    return scripts, finals


@njit
def replay(coder, packets, starts, scripts, first, icdf, finals):  # type: ignore[no-untyped-def]
    """Make every call of every packet; returns something that depends on all of them."""
    found = np.int64(0)
    for i in range(len(starts) - 1):
        coding.start_decoder(coder, packets, starts[i] + 1, starts[i + 1] - starts[i] - 1)
        for line in range(first[i], first[i + 1]):
            kind, a, b, c = scripts[line]
            if kind == 0:
                found += coding.decode_bit(coder, packets, a)
            elif kind == 1:
                found += coding.decode_icdf(coder, packets, icdf, a, b)
            elif kind == 2:
                found += coding.decode_laplace(coder, packets, a, b)
            elif kind == 3:
                found += coding.decode_bits(coder, packets, a)
            elif kind == 4:
                found += coding.decode_uint(coder, packets, a)
            elif kind == 5:
                found += coding.decode_frequency(coder, a)
            elif kind == 6:
                coding.take_range(coder, packets, a, b, c)
            elif kind == 7:
                found += coding.tell(coder)
            else:
                found += coding.tell_eighths(coder)
        finals[i] = coder[coding.RANGE]
    return found


def least_us(call: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        begin_ns = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - begin_ns)
    return min(times) / 1_000 / PACKETS


@pytest.mark.parametrize("kind", STREAMS)
def test_share_of_a_packet(kind: str) -> None:
    settings = STREAMS[kind]
    packets = streams.stream(np.random.default_rng(1), kind, settings, PACKETS).packets
    scripts, wanted = calls_of(kind, packets)
    calls = np.array([call for script in scripts for call in script], np.int64)
    first = np.cumsum([0, *map(len, scripts)])
    data = np.frombuffer(b"".join(packets), np.uint8)
    starts = np.cumsum([0, *map(len, packets)])
    coder, finals = np.zeros(coding.FIELDS, np.int64), np.zeros(PACKETS, np.int64)
    again = coder, data, starts, calls, first, ICDF, finals
    replay(*again)
    assert finals.tolist() == wanted
    theirs = variants.upstream()
    room = np.zeros((PACKETS * 960 + 5_760, settings.channels), np.float32)
    answers = room, np.zeros(PACKETS, np.int64), np.zeros(PACKETS, np.uint32)
    rows = 960 * np.arange(PACKETS)
    whole = theirs.setup(settings.channels), data, starts[:-1], np.diff(starts), rows, *answers
    ours_us, theirs_us = least_us(lambda: replay(*again)), least_us(lambda: theirs.run(*whole))
    asking = [NOTED.index(name) for name in ("tell", "tell_eighths")]
    print(
        f"\n{kind}: {len(calls) / PACKETS:.0f} calls a packet, of which "
        f"{np.isin(calls[:, 0], asking).mean():.0%} ask how much is used and "
        f"{np.mean(calls[:, 0] == NOTED.index('decode_frequency')):.0%} for a frequency; "
        f"{ours_us:.2f} us of libopus's {theirs_us:.2f}: {ours_us / theirs_us:.3f}"
    )
