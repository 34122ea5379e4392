"""Packets out of real files are the ones that went in; other files are refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workbench.codec import demux
from workbench.errors import Infrastructure
from workbench.upstreams import ffmpeg, libopus


def taken(path: Path) -> list[demux.FilePacket]:
    with demux.open_source(path) as source:
        return list(source.packets())


@pytest.mark.parametrize("extension", ["opus", "ogg", "webm", "mka"])
def test_every_container_has_the_same_packets(encode, extension: str) -> None:
    options = ("-application", "lowdelay", "-b:a", "80k", "-fflags", "+bitexact")
    want = [one.data for one in taken(encode("same.opus", *options))]
    path = encode(f"same.{extension}")
    if extension != "opus":
        path.unlink()
        ffmpeg.run(["-i", ffmpeg.url(encode("same.opus")), "-c:a", "copy", ffmpeg.url(path)])
    found = taken(path)
    assert [one.data for one in found] == want
    times = [one.time_s for one in found]
    assert np.allclose(np.diff(times), 0.02, atol=1.1e-3)
    with demux.open_source(path) as source:
        assert source.head.channels == 2
        assert source.head.pre_skip == 120
        assert source.container in ("ogg", "matroska")


def test_the_end_trim_is_what_lacks_to_whole_packets(encode) -> None:
    packets = taken(encode("trim.opus", seconds=0.515))
    samples = sum(libopus.n_samples(one.data) for one in packets)
    with demux.open_source(encode("trim.opus")) as source:
        assert samples - source.head.pre_skip - packets[-1].trim == 2 * round(0.515 * 24_000)
    assert not any(one.trim for one in packets[:-1])


def test_video_beside_the_sound_is_left_out(encode, tmp_path: Path) -> None:
    path = tmp_path / "film.webm"
    inputs = ("-f", "lavfi", "-i", "testsrc=size=64x64:rate=5:duration=0.6")
    sound = encode("film.opus")
    ffmpeg.run(
        [*inputs, "-i", ffmpeg.url(sound), "-c:v", "libvpx-vp9", "-c:a", "copy", ffmpeg.url(path)]
    )
    assert [one.data for one in taken(path)] == [one.data for one in taken(sound)]


def test_what_is_no_opus_file_is_refused_in_one_line(encode, tmp_path: Path) -> None:
    junk, empty, script = tmp_path / "junk.opus", tmp_path / "empty.opus", tmp_path / "list.opus"
    junk.write_bytes(np.random.default_rng(1).bytes(4_000))
    empty.touch()
    # a playlist that names another file: neither followed nor read
    script.write_text(f"ffconcat version 1.0\nfile '{encode('named.opus')}'\n")
    for path, why in (
        (encode("vorbis.ogg", codec="libvorbis"), "no Opus stream in it, only audio vorbis"),
        (junk, "no Ogg or Matroska file"),
        (empty, "no Ogg or Matroska file"),
        (script, "no Ogg or Matroska file"),
        (tmp_path / "nothing.opus", "no such file"),
        (tmp_path, "not a file"),
    ):
        with pytest.raises(Infrastructure, match=why) as caught, demux.open_source(path):
            pass
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("extension", ["opus", "webm"])
def test_a_damaged_file_gives_what_can_be_had(encode, tmp_path: Path, extension: str) -> None:
    whole = encode(f"damaged.{extension}", seconds=2)
    want = {one.data for one in taken(whole)}
    content = whole.read_bytes()
    rng = np.random.default_rng(2)
    for turn in range(40):
        data = bytearray(content[: int(rng.integers(len(content)))] if turn % 2 else content)
        for place in rng.integers(len(data), size=turn // 2):
            data[place] ^= int(rng.integers(1, 256))
        path = tmp_path / f"{turn}.{extension}"
        path.write_bytes(data)
        try:
            found = taken(path)
        except Infrastructure:
            continue
        if turn == 1:  # only cut short: nothing else than before
            assert {one.data for one in found} <= want
