"""The cells of a sweep: how many, in which order, and files that ask for others."""

import collections
import dataclasses
import itertools
import math

import numpy as np
import pytest

from workbench.analysis import summary
from workbench.analysis.axes import ENCODER
from workbench.analysis.samples import hold
from workbench.analysis.sweep import load
from workbench.encoders import available, grid, plans, sources, stratified, sweep
from workbench.encoders.clips import Shape
from workbench.encoders.codec import BARE
from workbench.encoders.codecs import CODECS, SOFTWARE_NAMES
from workbench.encoders.grid import Cell, Slices
from workbench.errors import Refused, Usage


@pytest.fixture(scope="module")
def full():
    return grid.full(sources.NAMES)


def slice_of(cell):
    return cell.source, cell.codec, cell.rc_mode


def test_the_full_grid_is_of_the_published_size(full):
    assert len(full) == len(set(full)) == 12_636
    assert sum(cell.duplicate for cell in full) == 702
    slices = collections.Counter(slice_of(cell) for cell in full if not cell.duplicate)
    assert len(slices) == 9 * 17
    assert set(slices.values()) == {78}


def test_bare_has_twelve_qualities_and_surrounds_every_recipe(full):
    slices = collections.defaultdict(lambda: collections.defaultdict(set))
    for cell in full:
        slices[slice_of(cell)][cell.knob_combo].add(cell.quality)
    for recipes in slices.values():
        bare = recipes.pop(BARE)
        assert len(bare) == 12
        assert len(recipes) == 11
        for qualities in recipes.values():
            assert len(qualities) == 6
            assert qualities < bare
            assert min(bare) < min(qualities) <= max(qualities) < max(bare)


def test_duplicates_are_of_cells_there_are_in_every_slice(full):
    second = [cell for cell in full if cell.duplicate]
    first = {cell for cell in full if not cell.duplicate}
    assert {dataclasses.replace(cell, duplicate=0) for cell in second} <= first
    a_slice = collections.Counter(slice_of(cell) for cell in second)
    assert len(a_slice) == 9 * 17
    assert set(a_slice.values()) == {4, 5}


def test_the_grid_is_the_same_every_time_whatever_the_order_of_sources(full):
    assert grid.full(sources.NAMES) == full
    assert grid.full(sources.NAMES[::-1]) == full


def test_the_beginning_has_something_of_everything(full):
    begin = full[:400]
    assert {cell.source for cell in begin} == set(sources.NAMES)
    assert {cell.codec for cell in begin} == set(SOFTWARE_NAMES)


def test_bitrates_are_close_enough_for_a_neighbour_within_five_percent():
    for name in SOFTWARE_NAMES:
        kbps = CODECS[name].modes["vbr"].qualities
        for low, high in itertools.pairwise(kbps):
            assert (high - low) / 2 <= 0.052 * (low + high) / 2


def test_a_cells_knobs_are_read_from_its_words():
    cell = Cell("clip", "libx264", "vbr", "medium", 100.0, "a=1,b=x:y=2")
    assert cell.knobs == (("a", "1"), ("b", "x:y=2"))
    assert not cell.is_bare_default
    bare = Cell("clip", "libx264", "vbr", "medium", 100.0)
    assert bare.knobs == ()
    assert bare.is_bare_default


def test_parts_that_overlap_are_one():
    part = Slices("libx264", ("cqp",), recipes=(BARE,))
    assert len(grid.cells_of([part, part], ["a", "b"])) == 24


def test_a_recipe_is_only_made_where_its_mode_has_it():
    cells = grid.cells_of([Slices("libx264", recipes=("subme=9",))], ["a"])
    assert {cell.rc_mode for cell in cells} == {"cqp"}


def test_hardware_encoders_have_grids_too():
    for name in CODECS.keys() - set(SOFTWARE_NAMES):
        cells = grid.cells_of([Slices(name)], ["a"])
        assert {cell.rc_mode for cell in cells} == {"cqp", "vbr", "cbr"}


def test_the_sample_is_a_tenth_with_every_recipe_of_every_slice(full):
    chosen = stratified.sample(full)
    assert 0.08 * len(full) < len(chosen) <= 0.1 * len(full)
    assert {cell.source for cell in chosen} == set(stratified.SOURCES)
    every = {(cell.codec, cell.rc_mode, cell.knob_combo) for cell in full}
    for source in stratified.SOURCES:
        has = {(c.codec, c.rc_mode, c.knob_combo) for c in chosen if c.source == source}
        assert has == every
    assert not any(cell.duplicate for cell in chosen)


def test_a_tiny_form_of_the_sample_is_swept_and_says_what_is_structural(tmp_path):
    """Every step that the whole one takes, on frames too small to mean anything."""
    tiny = Shape(frames=12, width=96, height=64)
    clips = sources.clips(sources.default(tmp_path, stratified.SOURCES), tmp_path, tiny)
    cells = stratified.sample(grid.full(list(clips), ["libx264"]))
    cells = [cell for cell in cells if cell.rc_mode == "cqp"]
    done = sweep.run(sweep.Plan(cells, clips, tiny, "stratified"), tmp_path / "out")
    assert (done.measured, done.failed) == (len(cells), 0) == (5 * 14, 0)
    opened = load(tmp_path / "out")
    found = hold(opened.frame, np.ones(len(cells), bool), ENCODER, opened.cut)
    assert found.recall.value in (1.0, pytest.approx(np.nan, nan_ok=True))
    assert len(summary.write(opened.every, ENCODER, tmp_path / "analysis")) > 5


def test_a_cell_that_no_grid_has_is_refused_with_the_nearest():
    good = Cell("a", "libx264", "cqp", "medium", 30.0, "psy=0")
    grid.check(good)
    for change, word in (
        ({"codec": "libx246"}, "did you mean libx26"),
        ({"rc_mode": "crf"}, "no rate-control mode 'crf'"),
        ({"preset": "mediun"}, "did you mean medium"),
        ({"knob_combo": "stats=/tmp/x"}, "no recipe"),
        ({"quality": math.nan}, "neither a quantiser nor kbps"),
    ):
        with pytest.raises(Usage, match=word):
            grid.check(dataclasses.replace(good, **change))


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, math.inf, math.nan])
def test_a_timeout_that_no_clock_can_keep_is_refused(timeout_s, tmp_path):
    with pytest.raises(Usage, match="seconds, above 0 and at most"):
        plans.plan("small", None, tmp_path, timeout_s=timeout_s)


def test_an_encoder_that_this_machine_lacks_is_refused_before_anything_is_cut(grid_file, tmp_path):
    path = grid_file('[[slices]]\ncodec = "h264_nvenc"\n')
    if available.missing("h264_nvenc"):
        with pytest.raises(Refused, match="h264_nvenc is not on this machine: "):
            plans.plan(str(path), None, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_of_other_clips_five_are_sampled():
    chosen = stratified.sample(grid.full(["h", "g", "f", "e", "d", "c", "b", "a"]))
    assert {cell.source for cell in chosen} == set("abcde")


@pytest.fixture
def grid_file(tmp_path):
    def write(text):
        path = tmp_path / "grid.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_grid_file_is_read(grid_file):
    path = grid_file("""
        [[slices]]
        codec = "libx264"
        rc_modes = ["vbr", "cbr"]
        recipes = ["bare", "aq-mode=0"]
        presets = ["slow"]
        qualities = [100, 150.5]
        [[slices]]
        codec = "libvvenc"
    """)
    parts = grid.read(path)
    cells = grid.cells_of(parts, ["a"])
    mine = [cell for cell in cells if cell.codec == "libx264"]
    assert len(mine) == 2 * 2 * 2
    assert {cell.preset for cell in mine} == {"slow"}
    assert {cell.quality for cell in mine} == {100.0, 150.5}
    assert len(cells) - len(mine) == 2 * 78


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"grid\.toml is no grid: it needs \[\[slices\]\] tables"),
        ("slices = []", r"it needs \[\[slices\]\] tables"),
        ("slices = 3", r"it needs \[\[slices\]\] tables"),
        (
            "other = 1\n[[slices]]\ncodec = 'libx264'",
            r"it needs \[\[slices\]\] tables, and nothing",
        ),
        ("[[slices]\n", r"grid\.toml is no grid: .*line 1"),
        ("[[slices]]\n", "slices 1: it needs a codec; there are: libx264, libx265"),
        ("[[slices]]\ncodec = 264", "slices 1: it needs a codec"),
        ("[[slices]]\ncodec = 'libsvt-av1'", "no codec 'libsvt-av1'; did you mean libsvtav1"),
        ("codec = 'libx264'\nrc_mode = ['vbr']", "no key 'rc_mode'; did you mean rc_modes"),
        ("codec = 'libx264'\nrc_modes = ['vbrr']", "no rate-control mode 'vbrr'; did you mean vbr"),
        ("codec = 'libvvenc'\nrc_modes = ['cbr']", "libvvenc has no rate-control mode 'cbr'"),
        ("codec = 'libx264'\nrc_modes = 'vbr'", "rc_modes has to be a list of names, not 'vbr'"),
        ("codec = 'libx264'\nrc_modes = [1]", r"rc_modes has to be a list of names, not \[1\]"),
        ("codec = 'libsvtav1'\npresets = [8]", r"presets has to be a list of names, not \[8\]"),
        ("codec = 'libx264'\npresets = ['medum']", "no preset 'medum'; did you mean medium"),
        (
            "codec = 'libx264'\nrecipes = ['bframe=8']",
            "no recipe 'bframe=8'; did you mean bframes=8",
        ),
        (
            "codec = 'libx264'\nrc_modes = ['cqp']\nrecipes = ['mbtree=0']",
            "libx264 has no recipe 'mbtree=0'",
        ),
        ("codec = 'libx264'\nqualities = [0]", r"quantisers or kbps above 0, not \[0\]"),
        ("codec = 'libx264'\nqualities = [true]", r"quantisers or kbps above 0, not \[True\]"),
        ("codec = 'libx264'\nqualities = [nan]", r"quantisers or kbps above 0, not \[nan\]"),
        ("codec = 'libx264'\nqualities = [inf]", r"quantisers or kbps above 0, not \[inf\]"),
        ("codec = 'libx264'\nqualities = ['30']", r"quantisers or kbps above 0, not \['30'\]"),
        ("codec = 'libx264'\nqualities = 30", "quantisers or kbps above 0, not 30"),
    ],
)
def test_a_grid_file_that_cannot_be_used_says_why(text, said, grid_file):
    if text.startswith("codec"):
        text = f"[[slices]]\n{text}"
    with pytest.raises(Usage, match=said):
        grid.read(grid_file(text))


def test_a_second_part_is_counted(grid_file):
    with pytest.raises(Usage, match=r"slices 2: libx265 has no preset 'x'"):
        grid.read(
            grid_file("[[slices]]\ncodec='libx264'\n[[slices]]\ncodec='libx265'\npresets=['x']")
        )


def test_a_grid_that_is_neither_a_name_nor_a_file_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(Usage, match="no grid 'ful', and no such file; did you mean full"):
        plans.plan("ful", None, tmp_path)
    with pytest.raises(Usage, match="is no grid"):
        grid.read(tmp_path)
