"""How loud the frames of a real stream are, without its sound, in compiled code.

A waveform overview or a search for pauses needs the level of each frame, not its samples. A CELT
frame begins with what says it: a silence flag, the pitch post-filter, a transient flag, then the
coarse energy of every band (RFC 6716, table 56 and section 4.3.2.1). The query reads so much of
each packet and no more. A kernel takes the role of the range decoder: ``start`` once a packet, then
26 to 51 symbols.

A target's ``callsite.py`` needs these lines::

    workloads = opus_levels.workloads
    bind = opus_levels.bind
    answer = opus_levels.answer
    asked = opus_levels.asked
    ORACLE = opus_levels.ORACLE

libopus encodes the streams, at constant rates that leave the first symbols all bits that they may
need. The truth is read by `workbench.opus.range_coder`, whose decoder has libopus's final range in
every packet. It is not the whole decoder around the kernel: its parts hand on the coder's own array
and read the size of the frame from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import targets, ticks
from workbench.opus import range_coder, streams, tables
from workbench.opus.streams import Settings
from workbench.targets import Arrays, Workload

ORACLE = {"kind": "bitwise"}
LM = 3
STREAMS = {
    "64k-mono": ("speech", Settings(960, "fullband", 1, 64)),
    "128k-stereo": ("music", Settings(960, "fullband", 2, 128)),
    "192k-stereo": ("transients", Settings(960, "fullband", 2, 192)),
}
# Packets of a stream, and of a query.
PACKETS, READ = 300, 100


def workloads(rng: np.random.Generator) -> list[Workload]:
    """Return one workload a stream."""
    return [workload(rng, name) for name in STREAMS]


def workload(
    rng: np.random.Generator, name: str, packets: int = PACKETS, read: int = READ
) -> Workload:
    """Queries for the steps of ``read`` packets from anywhere in a stream."""
    kind, settings = STREAMS[name]
    found = streams.stream(rng, kind, settings, packets).packets
    bounds = np.cumsum([0, *map(len, found)])

    def requests(rng: np.random.Generator, n: int) -> Arrays:
        return {"begin": rng.integers(packets - read + 1, size=n)}

    return Workload(
        shape=name,
        distribution=kind,
        fixture={
            "stream": np.frombuffer(b"".join(found), np.uint8),
            "bounds": bounds,
            "channels": np.array([settings.channels]),
            "read": np.array([read]),
        },
        requests=requests,
        outputs={"steps": ((read, 2 * tables.BANDS), "int64"), "flags": ((read,), "int64")},
        scratch={"ticks": ((2,), "int64")},
    )


def bind(
    kernels: Any, fixture: Arrays, now: Callable[[], int] = ticks.off
) -> Callable[[Arrays, Arrays, Arrays], None]:
    """Prepare a range decoder for a stream."""
    run = targets.specialise(read_levels, kernels, now=now)
    state = kernels.setup(tables.ICDF)
    # as `range_coder` counts them: of 32,768, and of 16,384
    models = tables.LAPLACE[LM] << np.array([7, 6])

    def call(requests: Arrays, outputs: Arrays, scratch: Arrays) -> None:
        run(
            state,
            fixture["stream"],
            fixture["bounds"],
            int(fixture["channels"][0]),
            models,
            requests["begin"],
            outputs["steps"],
            outputs["flags"],
            scratch["ticks"],
        )

    return call


def read_levels(
    state: Any,
    stream: Any,
    bounds: Any,
    channels: int,
    models: Any,
    begin: Any,
    steps: Any,
    flags: Any,
    ticks: Any,
) -> None:
    """Answer every query; ``kernels`` and ``now`` are globals that `specialise` provides."""
    for i in range(len(begin)):
        for j in range(steps.shape[1]):
            # the first byte says how the frame is coded
            first = bounds[begin[i] + j] + 1
            size = bounds[begin[i] + j + 1] - first
            steps[i, j] = 0
            clock = now()  # type: ignore[name-defined]  # noqa: F821
            kernels.start(state, stream, first, size)  # type: ignore[name-defined]  # noqa: F821
            silent = kernels.bit(state, stream, 15)  # type: ignore[name-defined]  # noqa: F821
            flags[i, j] = silent
            if silent == 0:
                if kernels.bit(state, stream, 1):  # type: ignore[name-defined]  # noqa: F821
                    octave = kernels.uint(state, stream, 6)  # type: ignore[name-defined]  # noqa: F821
                    kernels.raw(state, stream, 4 + octave)  # type: ignore[name-defined]  # noqa: F821
                    kernels.raw(state, stream, 3)  # type: ignore[name-defined]  # noqa: F821
                    kernels.symbol(state, stream, tables.TAPSET, 2)  # type: ignore[name-defined]  # noqa: F821
                transient = kernels.bit(state, stream, 3)  # type: ignore[name-defined]  # noqa: F821
                intra = kernels.bit(state, stream, 3)  # type: ignore[name-defined]  # noqa: F821
                flags[i, j] += 2 * transient + 4 * intra
                for band in range(models.shape[1]):
                    zero, decay = models[intra, band, 0], models[intra, band, 1]
                    for channel in range(channels):
                        step = kernels.laplace(state, stream, zero, decay)  # type: ignore[name-defined]  # noqa: F821
                        steps[i, j, channel * models.shape[1] + band] = step
            ticks[0] += now() - clock  # type: ignore[name-defined]  # noqa: F821
            ticks[1] += 1


def answer(fixture: Arrays, requests: Arrays) -> dict[str, NDArray[np.int64]]:
    """The same numbers, packet by packet, from the project's range decoder."""
    found = [symbols_of(fixture, int(which)) for which in range(len(fixture["bounds"]) - 1)]
    which = requests["begin"][:, None] + np.arange(int(fixture["read"][0]))
    steps, flags = np.stack([steps for _, steps in found]), np.array([f for f, _ in found])
    return {"steps": steps[which], "flags": flags[which]}


def symbols_of(fixture: Arrays, which: int) -> tuple[int, NDArray[np.int64]]:
    """Flags and steps of one packet."""
    start, end = (int(bound) for bound in fixture["bounds"][which : which + 2])
    data, steps = fixture["stream"][start + 1 : end], np.zeros((2, tables.BANDS), np.int64)
    coder = np.zeros(range_coder.FIELDS, np.int64)
    range_coder.start_decoder(coder, data, 0, len(data))
    if range_coder.decode_bit(coder, data, 15):
        return 1, steps.ravel()
    if range_coder.decode_bit(coder, data, 1):
        octave = int(range_coder.decode_uint(coder, data, 6))
        range_coder.decode_bits(coder, data, 4 + octave)
        range_coder.decode_bits(coder, data, 3)
        range_coder.decode_icdf(coder, data, tables.ICDF, tables.TAPSET, 2)
    transient = range_coder.decode_bit(coder, data, 3)
    intra = range_coder.decode_bit(coder, data, 3)
    for band, (zero, decay) in enumerate(tables.LAPLACE[LM, intra].tolist()):
        for channel in range(int(fixture["channels"][0])):
            step = range_coder.decode_laplace(coder, data, zero << 7, decay << 6)
            steps[channel, band] = step
    return int(2 * transient + 4 * intra), steps.ravel()


def asked(fixture: Arrays, requests: Arrays) -> dict[str, NDArray[np.int64]]:
    """What each call was asked: bytes of a packet, and how far its steps go from zero."""
    sizes = np.diff(fixture["bounds"]) - 1
    found = answer(fixture, requests)
    which = requests["begin"][:, None] + np.arange(found["flags"].shape[1])
    coded = int(fixture["channels"][0]) * tables.BANDS
    steps = np.abs(found["steps"][..., :coded]).ravel()
    return {"bytes of a packet": sizes[which].ravel(), "steps of a band's energy from zero": steps}
