"""Playing from a place in an Ogg Opus file: pages, lacing, checksums, damage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from workbench import oracles, targets
from workbench.callsites import opus_play
from workbench.callsites import opus_play_query as query
from workbench.targets import Workload
from workbench.upstreams import libopus

pytest.importorskip("av")

LIBOPUS: Any = targets.load_file(
    targets.find_root() / "targets" / "opus_celt" / "upstream.py", "targets.opus_celt.upstream"
)
FILE = opus_play.File("music", 2, 128, "10")
FRAME = 480


@pytest.fixture(scope="module")
def data() -> NDArray[np.uint8]:
    return opus_play.encoded(np.random.default_rng(1), FILE, 3)


def site(data: NDArray[np.uint8], played: int = 9_600) -> Workload:
    return opus_play.workload(data, "file", "test", 2, played)


def play(load: Workload, begin: list[int], data: NDArray[np.uint8] | None = None) -> Any:
    """Outputs and scratch of queries, on the file or on another in its place."""
    fixture = {**load.fixture} if data is None else {**load.fixture, "file": data}
    n = len(begin)
    outputs = {k: np.full((n, *s), 7, d) for k, (s, d) in load.outputs.items()}
    scratch = {k: np.zeros(s, d) for k, (s, d) in load.scratch.items()}
    opus_play.bind(LIBOPUS, fixture)({"begin": np.array(begin)}, outputs, scratch)
    return outputs, scratch


def agree(load: Workload, outputs: Any, begin: list[int]) -> None:
    want = opus_play.answer(load.fixture, {"begin": np.array(begin)})
    verdict = oracles.check(opus_play.ORACLE, outputs, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()


def checksum(page: bytes) -> int:
    """RFC 3533, 6, a bit at a time."""
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value >> 31 else 0)) & 0xFFFFFFFF
    return value


def paged(packets: list[bytes], laces_per_page: int) -> NDArray[np.uint8]:
    """An Ogg Opus stream with so many lacing values a page: packets go on in the next one."""
    head = b"OpusHead\x01\x02\x78\x00" + (48_000).to_bytes(4, "little") + bytes(3)
    found, position = b"", 0
    laces: list[tuple[int, bytes, int]] = []  # of audio: value, bytes, position behind it or -1
    for packet in packets:
        position += libopus.n_samples(packet)
        parts = [packet[i : i + 255] for i in range(0, len(packet) + 1, 255)]
        laces += [(255, part, -1) for part in parts[:-1]] + [(len(parts[-1]), parts[-1], position)]
    pages = [[(len(head), head, 0)], [(16, b"OpusTags" + bytes(8), 0)]]
    pages += [laces[i : i + laces_per_page] for i in range(0, len(laces), laces_per_page)]
    continued = False
    for number, page in enumerate(pages):
        ends = [place for _, _, place in page if place >= 0]
        granule = ends[-1] if ends else -1
        header = (
            b"OggS\0"
            + bytes([continued or 2 * (number == 0)])
            + granule.to_bytes(8, "little", signed=True)
        )
        header += (77).to_bytes(4, "little") + number.to_bytes(4, "little") + bytes(4)
        header += bytes([len(page), *(value for value, _, _ in page)])
        whole = header + b"".join(part for _, part, _ in page)
        found += whole[:22] + checksum(whole).to_bytes(4, "little") + whole[26:]
        continued = page[-1][2] < 0
    return np.frombuffer(found, np.uint8)


@pytest.mark.parametrize("file", opus_play.FILES, ids=lambda file: file.name)
def test_files_of_ffmpeg_play_as_libopus_does(file: opus_play.File) -> None:
    made = opus_play.encoded(np.random.default_rng(0), file, 2)
    load = opus_play.workload(made, file.name, "short", file.channels, 4_800)
    begin = load.requests(np.random.default_rng(1), 6)["begin"].tolist()
    outputs, scratch = play(load, [0, 1, *begin])
    agree(load, outputs, [0, 1, *begin])
    scaled = np.clip(np.rint(outputs["pcm"][-1] * np.float32(32_768)), -32_768, 32_767)
    np.testing.assert_array_equal(scratch["player"], scaled.astype(np.int16))


def test_files_are_in_celt_mode_alone() -> None:
    for file in opus_play.FILES:
        made = opus_play.encoded(np.random.default_rng(0), file, 0.5)
        packets = opus_play.packets_of(made)
        assert all(packet[0] >= 128 for packet in packets)
        assert {libopus.frame_samples(p) for p in packets} == {round(float(file.frame_ms) * 48)}


@pytest.mark.parametrize("laces", [1, 2, 3, 7, 50, 255])
def test_packets_that_go_on_in_the_next_page_are_put_together(
    data: NDArray[np.uint8], laces: int
) -> None:
    packets = opus_play.packets_of(data)
    long = [libopus.pad(packet, len(packet) + 300) for packet in packets]
    load = site(paged(long, laces))
    assert opus_play.packets_of(load.fixture["file"]) == long
    begin = [0, 5, 4_000, 30_001, 77_777]
    outputs, _ = play(load, begin)
    agree(load, outputs, begin)


def test_the_checksum_is_that_of_the_rfc(data: NDArray[np.uint8]) -> None:
    sums = query.checksums()
    at = pages = 0
    while at < len(data):
        end = query.page_end(data, at)
        page = bytearray(data[at:end].tobytes())
        told = int.from_bytes(page[22:26], "little")
        page[22:26] = bytes(4)
        assert checksum(bytes(page)) == told
        assert query.is_whole(data, at, end, sums)
        at, pages = end, pages + 1
    assert pages >= 4


def test_a_damaged_page_is_not_played(data: NDArray[np.uint8]) -> None:
    load, other = site(data), data.copy()
    other[len(other) // 2] ^= 4
    statuses = play(load, [0, 60_000], other)[0]["status"]
    assert statuses.tolist() == [query.PLAYED, query.DAMAGED]


def test_a_file_that_ends_early_is_played_up_to_there(data: NDArray[np.uint8]) -> None:
    load = site(data, 96_000)
    outputs, _ = play(load, [0], data[: len(data) // 2].copy())
    assert outputs["status"][0] == query.NO_PAGE
    want = opus_play.answer(load.fixture, {"begin": np.array([0])})["pcm"][0]
    filled = int(np.flatnonzero(outputs["pcm"][0].any(axis=1))[-1]) + 1
    assert FRAME < filled < 96_000
    np.testing.assert_array_equal(outputs["pcm"][0, :filled], want[:filled])


@settings(max_examples=60, deadline=None)
@given(
    flips=st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 7)), max_size=5),
    cut=st.integers(0, 4_000),
    begin=st.integers(-(2**40), 2**40),
)
def test_any_bytes_are_answered_with_a_status(
    data: NDArray[np.uint8], flips: list[tuple[int, int]], cut: int, begin: int
) -> None:
    other = data[: len(data) - cut].copy()
    for place, bit in flips:
        other[place % len(other)] ^= 1 << bit
    outputs, _ = play(site(data), [begin], other)
    assert outputs["status"][0] in (
        *(query.PLAYED, query.NO_PAGE, query.DAMAGED, query.NOT_DECODED),
    )
    assert np.isfinite(outputs["pcm"]).all()
