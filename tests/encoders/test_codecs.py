"""Every software encoder, mode and recipe, with the real encoders."""

import dataclasses
from pathlib import Path

import pytest

from workbench.encoders.codec import BARE, CBR, CQP, RC_MODES, VBR
from workbench.encoders.codecs import CODECS, SOFTWARE_NAMES
from workbench.encoders.encode import commands, encode
from workbench.encoders.grid import Cell
from workbench.encoders.score import score
from workbench.errors import Usage
from workbench.upstreams import ffmpeg

MODES = [(name, mode) for name in SOFTWARE_NAMES for mode in CODECS[name].modes]


def cell(name, rc_mode, recipe=BARE, at=5, **changes):
    codec = CODECS[name]
    quality = codec.modes[rc_mode].qualities[at]
    return dataclasses.replace(
        Cell("clip", name, rc_mode, codec.preset, quality, recipe), **changes
    )


def packets(asked, clip, folder):
    folder.mkdir(exist_ok=True)
    return packets_of(encode(asked, clip, folder).path)


def packets_of(path):
    """What an encoder made, without the container's dates."""
    import av

    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def test_all_encoders_have_all_modes_but_one():
    lacking = [(n, m) for n in SOFTWARE_NAMES for m in RC_MODES if m not in CODECS[n].modes]
    assert lacking == [("libvvenc", CBR)]
    with pytest.raises(Usage, match=r"libvvenc has no rate-control mode 'cbr'; .*vbr"):
        CODECS["libvvenc"].mode(CBR)


@pytest.mark.parametrize(("name", "rc_mode"), MODES)
def test_a_slice_is_bare_at_twelve_qualities_and_eleven_recipes_at_six(name, rc_mode):
    codec = CODECS[name]
    assert len(set(codec.modes[rc_mode].qualities)) == 12
    recipes = codec.recipes_of(rc_mode)
    assert len(set(recipes)) == 11
    for recipe in recipes:
        knobs = [pair.partition("=")[0] for pair in recipe.split(",")]
        assert knobs == sorted(set(knobs)), recipe


@pytest.mark.parametrize(("name", "rc_mode"), MODES)
def test_every_mode_encodes_and_is_scored(name, rc_mode, clip, tmp_path):
    encoded = encode(cell(name, rc_mode), clip, tmp_path)
    scores = score(encoded.path, clip, tmp_path, CODECS[name].pixel_format)
    assert scores.frames == clip.frames
    assert encoded.bitrate_kbps > 0
    # A frame out of place costs more: VVC once scored 9.
    assert scores.vmaf_p1 > 30


@pytest.mark.parametrize(("name", "rc_mode"), MODES)
def test_every_recipe_is_taken_and_keeps_every_frame(name, rc_mode, tiny, tmp_path):
    for recipe in CODECS[name].recipes_of(rc_mode):
        try:
            encode(cell(name, rc_mode, recipe), tiny, tmp_path)
        except Exception as error:
            error.add_note(recipe)
            raise


@pytest.mark.parametrize(("name", "rc_mode"), MODES)
def test_the_same_cell_twice_is_the_same_bits(name, rc_mode, tiny, tmp_path):
    first = packets(cell(name, rc_mode), tiny, tmp_path)
    assert packets(cell(name, rc_mode), tiny, tmp_path) == first


def test_the_second_pass_of_vvenc_writes_something(two_seconds, tmp_path):
    """With a worker thread it wrote nothing of this clip, in two runs of three."""
    for _ in range(3):
        encode(cell("libvvenc", VBR, "passes=2", quality=150.0), two_seconds, tmp_path)


@pytest.mark.parametrize("name", SOFTWARE_NAMES)
def test_quantisers_are_in_order_of_bitrate(name, clip, tmp_path):
    rates = [encode(cell(name, CQP, at=at), clip, tmp_path).bitrate_kbps for at in (0, 6, 11)]
    assert rates[0] > 1.2 * rates[1] > 1.44 * rates[2]


@pytest.mark.parametrize("name", ["libx264", "libx265"])
def test_a_constant_quantiser_has_no_adaptive_quantisation_to_turn_off(name, clip, tmp_path):
    bare = packets(cell(name, CQP), clip, tmp_path / "bare")
    without = packets(cell(name, CQP, "aq-mode=0"), clip, tmp_path / "without")
    # The first packet holds the options in words.
    assert without[1:] == bare[1:]
    # Where it acts, it shows.
    capped = packets(cell(name, VBR), clip, tmp_path / "vbr")
    assert packets(cell(name, VBR, "aq-mode=0"), clip, tmp_path / "vbr0")[1:] != capped[1:]


@pytest.mark.parametrize("name", ["libx264", "libx265"])
def test_bare_says_nothing_that_the_preset_does_not_say_itself(name):
    (arguments,) = commands(cell(name, CQP), "clip.y4m")
    given = set(arguments[arguments.index("-c:v") :])
    assert given.isdisjoint({"-tune", "-bf", "-g", "-refs", "-profile:v", "-crf", "-aq-mode"})


def test_the_bare_x264_is_the_one_ffmpeg_makes_unasked(clip, tmp_path):
    bare = packets(cell("libx264", CQP), clip, tmp_path / "bare")
    quantiser = f"{cell('libx264', CQP).quality:g}"
    ffmpeg.run(
        [
            *("-i", ffmpeg.url(Path(clip.path))),
            *("-c:v", "libx264", "-qp", quantiser, "-threads", "1", "plain.mkv"),
        ],
        folder=tmp_path,
    )
    assert packets_of(tmp_path / "plain.mkv") == bare


@pytest.mark.parametrize("rc_mode", [VBR, CBR])
@pytest.mark.parametrize("name", ["libx264", "libsvtav1"])
def test_five_seconds_hit_their_bitrate(name, rc_mode, five_seconds, tmp_path):
    asked = cell(name, rc_mode, at=8)
    got = encode(asked, five_seconds, tmp_path).bitrate_kbps
    assert got == pytest.approx(asked.quality, rel=0.15)


def test_two_passes_are_two_commands_and_use_what_the_first_wrote(clip, tmp_path):
    one, two = commands(cell("libx264", VBR, "passes=2"), "clip.y4m")
    assert one[-5:] == ["-passlogfile", "passes", "-f", "null", "-"]
    assert two[-5:] == ["-passlogfile", "passes", "-f", "matroska", "encoded.mkv"]
    encoded = encode(cell("libx264", VBR, "passes=2"), clip, tmp_path)
    assert list(tmp_path.glob("passes*"))
    single = encode(cell("libx264", VBR), clip, tmp_path)
    assert encoded.bitrate_kbps != single.bitrate_kbps


@pytest.mark.parametrize("name", ["libx264", "libx265", "libsvtav1", "libaom-av1"])
def test_own_parameters_are_one_list_with_a_recipes_last(name):
    codec = CODECS[name]
    recipe = codec.modes[VBR].recipes[0]
    (arguments,) = commands(cell(name, VBR, recipe), "clip.y4m")
    assert arguments.count(f"-{codec.params}") == 1
    pairs = arguments[arguments.index(f"-{codec.params}") + 1]
    assert pairs.split(":")[-1] == recipe


def test_a_colon_in_a_value_does_not_end_it():
    (arguments,) = commands(cell("libx265", VBR, "knob=a:b"), "clip.y4m")
    assert arguments[arguments.index("-x265-params") + 1].endswith(r"knob=a\:b")
