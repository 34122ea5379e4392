"""What libopus and libavformat answer, and how near a kernel must come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import oracles
from workbench.opus import losses
from workbench.opus.beyond import ASKS
from workbench.opus.beyond.files import as_arrays
from workbench.oracles import Mismatch
from workbench.targets import Arrays, Layout, Workload
from workbench.upstreams import containers, libopus

__all__ = ["answer", "decode_int16", "why_open"]

PARITY: Mapping[str, Any] = {"kind": "parity", "pcm": "pcm", "atol": 1e-4, "min_snr_db": 90.0}
# Of 16 bits: rounding may add a step, and its own noise is what is left of the ratio.
STEPS: Mapping[str, Any] = {**PARITY, "atol": 1e-4 + 2.0**-15, "min_snr_db": 60.0}
BITWISE: Mapping[str, Any] = {"kind": "bitwise"}
ORACLES = {"int16": STEPS, "read_ogg": BITWISE, "read_wav": BITWISE}
# Features whose sound the standard leaves open, and the mode they are about.
CONCEALED = {"celt_concealment": "celt", "celt_dtx": "celt", "silk_concealment": "silk"}

Answers = Sequence[tuple[Arrays, Arrays]]


def why_open(name: str, cases: Sequence[Workload], answers: Answers) -> str | None:
    """Why a kernel lacks a feature, in one line; None if nothing is wrong.

    Parameters
    ----------
    name : str
        The feature.
    cases : sequence of Workload
        What it was asked.
    answers : sequence of pairs
        Requests and outputs of each case.
    """
    for case, (requests, outputs) in zip(cases, answers, strict=True):
        ask = tuple(ASKS)[int(case.fixture["ask"][0])]
        if all((array.view(np.uint8) == 255).all() for array in outputs.values()):
            lacks = f"; it needs {', '.join(ASKS[ask])}" if ASKS[ask] else ""
            return f"{case.name}: nothing was written{lacks}"
        if ask == "write_ogg":
            why = misread(requests, outputs)
        else:
            got, want = dict(outputs), answer(ask, case, requests)
            if name in CONCEALED:  # its sound is heard below
                del got["pcm"], want["pcm"]
            elif ask == "int16":
                got["pcm"], want["pcm"] = (x["pcm"] / np.float32(32_768) for x in (got, want))
            oracle = BITWISE if name in CONCEALED else ORACLES.get(ask, PARITY)
            found = oracles.check(oracle, got, want)
            why = found.describe() if isinstance(found, Mismatch) else None
        if why is not None:
            return f"{case.name}: {why}"
    return heard(CONCEALED[name], cases, answers) if name in CONCEALED else None


def heard(mode: str, cases: Sequence[Workload], answers: Answers) -> str | None:
    """Whether what was made up sounds as good as libopus's."""
    found = []
    for case, (_, outputs) in zip(cases, answers, strict=True):
        frame, channels = (int(case.fixture[name][0]) for name in ("frame_size", "channels"))
        takes = losses.takes(case.shape, frame, channels, mode)
        found += list(zip(takes, outputs["pcm"], strict=True))
    return losses.shortfall(losses.gaps_db(found))


def answer(ask: str, case: Workload, requests: Arrays) -> dict[str, NDArray[Any]]:
    """What libopus or libavformat answers to one workload's requests."""
    if ask in FILES:
        files = (
            file[:length].tobytes()
            for file, length in zip(requests["file"], requests["length"], strict=True)
        )
        found = [FILES[ask](file, case.outputs) for file in files]
        return {name: np.stack([one[name] for one in found]) for name in case.outputs}
    return decoded(ask, case, requests)


def decoded(ask: str, case: Workload, requests: Arrays) -> dict[str, NDArray[Any]]:
    """Decode runs of packets from silence on, as bench.py and features.py of the target do."""
    numbers = {name: array.tolist() for name, array in case.fixture.items()}
    frame = numbers["frame_size"][0]
    packets, lengths = requests["packets"], requests["lengths"]
    n = len(packets)
    found = {name: np.zeros((n, *shape), dtype) for name, (shape, dtype) in case.outputs.items()}
    decoder = _decoder(ask, numbers)
    decode = decode_int16 if ask == "int16" else type(decoder).decode
    for i in range(n):
        decoder.reset()
        at = 0
        for j in np.flatnonzero(lengths[i] >= 0).tolist():
            lost = lengths[i, j] == 0
            recover = ask == "fec" and lost
            which = j + 1 if recover else j
            packet = packets[i, which, : lengths[i, which]] if recover or not lost else None
            # libopus makes up as many samples of a lost packet as there is room for
            pcm = found["pcm"][i, at : at + frame if lost else None]
            try:
                samples = decode(decoder, packet, pcm, fec=recover)
                found["ranges"][i, j] = decoder.final_range
            except libopus.OpusError as error:
                samples = error.code
            found["samples"][i, j] = samples
            at += max(samples, 0)
    return found


def _decoder(ask: str, numbers: Mapping[str, Any]) -> Any:
    if ask == "multistream":
        streams, coupled = numbers["streams"][0], numbers["coupled"][0]
        return libopus.MultistreamDecoder(streams, coupled, numbers["mapping"])
    rate = numbers["rate"][0] if ask == "rate" else 48_000
    decoder = libopus.Decoder(numbers["channels"][0], rate)
    if ask == "gain":
        decoder.set(gain=numbers["gain"][0])
    return decoder


def decode_int16(
    decoder: libopus.Decoder,
    packet: libopus.Packet | None,
    pcm: NDArray[np.int16],
    *,
    fec: bool = False,
) -> int:
    """``opus_decode``: a packet as 16-bit samples, i16[n, channels] in C order."""
    data = b"" if packet is None else bytes(packet)
    code = libopus.library().opus_decode(
        decoder.state.ctypes.data, data, len(data), pcm.ctypes.data, len(pcm), int(fec)
    )
    if code < 0:
        raise libopus.OpusError(code, "opus_decode")
    return int(code)


def _ogg(file: bytes, outputs: Layout) -> dict[str, NDArray[Any]]:
    (count, width), _ = outputs["packets"]
    made = as_arrays(containers.read_opus(file), count, width)
    return {name: array[0] for name, array in made.items()}


def _wav(file: bytes, outputs: Layout) -> dict[str, NDArray[Any]]:
    sound, rate = containers.read_wav(file)
    pcm = np.zeros(outputs["pcm"][0], np.float32)
    pcm[: sound.size] = sound.ravel()
    return {"pcm": pcm, "found": np.array([*sound.shape, rate])}


FILES: Mapping[str, Callable[[bytes, Layout], dict[str, NDArray[Any]]]] = {
    "read_ogg": _ogg,
    "read_wav": _wav,
}


def misread(requests: Arrays, outputs: Arrays) -> str | None:
    """What a demuxer finds wrong with written files."""
    for i, length in enumerate(outputs["length"].tolist()):
        if not 0 < length <= outputs["file"].shape[1]:
            return f"request {i}: {length} bytes were written"
        head_bytes, count, end = requests["numbers"][i].tolist()
        lengths = requests["lengths"][i, :count].tolist()
        given = containers.Recording(
            requests["head"][i, :head_bytes].tobytes(),
            tuple(p[:n].tobytes() for p, n in zip(requests["packets"][i], lengths, strict=False)),
            end,
        )
        try:
            found = containers.read_opus(outputs["file"][i, :length].tobytes())
        except ValueError as error:
            return f"request {i}: {error}"
        for name in ("head", "packets", "end"):
            if getattr(found, name) != getattr(given, name):
                return f"request {i}: {name} as read back differs from what was to be written"
    return None
