"""Calls of libopus: ``pytest -n 0 -m benchmark -s tests/benchmarks/test_libopus_call.py``.

What a call costs through ctypes and from compiled code, and what else decodes the same packets.
The least of many runs is printed: other work on the machine only ever adds.
"""

from __future__ import annotations

import functools
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from workbench import targets, ticks
from workbench.callsites import opus_play
from workbench.upstreams import libopus

pytestmark = pytest.mark.benchmark
ROOT = targets.find_root()
REQUESTS, RUNS = 1, 400


def part(file: str) -> Any:
    folder = ROOT / "targets" / "opus_celt"
    return targets.load_file(folder / f"{file}.py", f"targets.opus_celt.{file}")


def least_us(call: Callable[[], object], runs: int = RUNS) -> float:
    times = []
    for _ in range(runs):
        begin_ns = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - begin_ns)
    return min(times) / 1_000


def test_a_packet_through_ctypes_and_from_compiled_code() -> None:
    inputs, bench = part("inputs"), part("bench")
    variants = {
        "compiled": part("upstream"),
        "ctypes": part("peers").PEERS["ctypes"](),
        "reference": part("reference"),
    }
    rng = np.random.default_rng(0)
    for workload in inputs.workloads(rng):
        requests = workload.requests(rng, REQUESTS)
        outputs = {k: np.zeros((REQUESTS, *s), d) for k, (s, d) in workload.outputs.items()}
        packets = requests["lengths"].size
        found = {}
        for name, variant in variants.items():
            call = bench.bind(variant, workload.fixture)
            call(requests, outputs, {})
            found[name] = least_us(functools.partial(call, requests, outputs, {})) / packets
        each = ", ".join(f"{name} {us:6.2f}" for name, us in found.items())
        print(f"{workload.name:32} us a packet: {each}")
        print(f"{'':32} us a request: {found['compiled'] * packets / REQUESTS:.0f}")


def test_a_call_that_does_next_to_nothing() -> None:
    from numba import njit, types

    from workbench.upstreams.libopus import compiled  # noqa: F401 - tells LLVM where libopus is

    opus = libopus.library()
    packet = np.array([0xFC, 1, 2], np.uint8)
    address, count = packet.ctypes.data, 200

    def through_ctypes() -> None:
        channels = opus.opus_packet_get_nb_channels
        for _ in range(count):
            channels(address)

    def with_an_array() -> None:
        channels = opus.opus_packet_get_nb_channels
        for _ in range(count):
            channels(packet.ctypes.data)

    external = types.ExternalFunction("opus_decoder_get_size", types.int32(types.int32))

    @njit
    def from_compiled_code(n: int) -> int:
        total = 0
        for i in range(n):
            total += external(i & 1)
        return total

    import ctypes

    from llvmlite import binding

    place = ctypes.cast(opus.opus_decoder_get_size, ctypes.c_void_p).value
    binding.add_symbol("opus_decoder_get_size", place)
    from_compiled_code(1)
    print(f"ctypes, address given:  {1e3 * least_us(through_ctypes) / count:7.1f} ns a call")
    print(f"ctypes, array.ctypes:   {1e3 * least_us(with_an_array) / count:7.1f} ns a call")
    found = 1e3 * least_us(lambda: from_compiled_code(count)) / count
    print(f"compiled:               {found:7.1f} ns a call")


def test_a_file_by_pyav_and_by_libopus() -> None:
    import av

    for file in opus_play.FILES:
        data = opus_play.encoded(np.random.default_rng(0), file, 0.2)
        packets = opus_play.packets_of(data)

        def by_pyav(data: Any = data) -> None:
            with av.open(io.BytesIO(data.tobytes()), "r") as container:
                for _ in container.decode(audio=0):
                    pass

        def by_libopus(packets: Any = packets, channels: int = file.channels) -> None:
            decoder, pcm = libopus.Decoder(channels), np.empty((5_760, channels), np.float32)
            for packet in packets:
                decoder.decode(packet, pcm)

        pyav, ours = (least_us(call, 100) / len(packets) for call in (by_pyav, by_libopus))
        print(f"{file.name:28} us a packet: PyAV (ffmpeg's own) {pyav:6.2f}, libopus {ours:6.2f}")


def test_what_share_of_a_query_libopus_has() -> None:
    rng = np.random.default_rng(0)
    upstream = part("upstream")
    for load in opus_play.workloads(rng):
        n = 1
        requests = load.requests(rng, n)
        outputs = {k: np.zeros((n, *s), d) for k, (s, d) in load.outputs.items()}
        scratch = {k: np.zeros(s, d) for k, (s, d) in load.scratch.items()}
        call = opus_play.bind(upstream, load.fixture, now=ticks.on)
        call(requests, outputs, scratch)
        found = []
        for _ in range(RUNS):
            scratch["ticks"][:] = 0
            begin_ns = time.perf_counter_ns()
            call(requests, outputs, scratch)
            elapsed_ns = time.perf_counter_ns() - begin_ns
            found.append((elapsed_ns, *scratch["ticks"].tolist()))
        elapsed_ns, inside, calls = min(found)
        share = (inside - calls * ticks.of_a_bracket()) / ticks.per_ns() / elapsed_ns
        print(f"{load.name:40} {elapsed_ns / n / 1e3:8.0f} us a query, {100 * share:.1f} % inside")
