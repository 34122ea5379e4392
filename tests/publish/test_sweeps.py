import numpy as np
import pandas as pd
import pytest

from workbench.analysis.axes import ENCODER
from workbench.analysis.regressions import regressions
from workbench.analysis.structural import classify, sensitivity
from workbench.publish import sweeps


@pytest.fixture(scope="module")
def frame():
    """Two codecs, two modes, nine sources; one recipe of one codec loses everywhere."""
    rows = [
        (f"s{source}", codec, mode, recipe, quality, 100 * 1.1**quality, 80 + 2 * quality - loss)
        for source in range(9)
        for codec in ("x", "y")
        for mode in ("cqp", "vbr")
        for recipe, loss in (("bare", 0), ("worse=1", 1 if codec == "x" else -1))
        for quality in range(4)
    ]
    names = ["source", "codec", "rc_mode", "knob_combo", "quality", "bitrate_kbps", "vmaf_score"]
    made = pd.DataFrame(rows, columns=names).assign(preset="p", encode_time_ms=1.0)
    made["is_bare_default"] = made["knob_combo"] == "bare"
    return made


def test_hulls_have_a_panel_a_mode_and_a_line_a_codec(frame):
    drawn = sweeps.hulls(frame, ENCODER, "s3")
    assert [panel.get_title() for panel in drawn.axes] == ["s3, cqp", "s3, vbr"]
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["x", "y"]
    assert len(drawn.png()) > 1000


def test_a_slice_names_the_recipes_on_its_hull(frame):
    panel = sweeps.one_slice(frame, ENCODER, "s0", "y", "vbr").axes[0]
    labels = [text.get_text() for text in panel.get_legend().get_texts()]
    assert labels == ["a recipe", "the default", "hull, by recipe:", "worse=1"]
    assert panel.get_xlabel() == "bitrate, kbps"


def test_the_heat_map_counts_sources(frame):
    cells = classify(frame, ENCODER, regressions(frame, ENCODER))
    drawn = sweeps.heat_map(cells, ENCODER)
    numbers = {panel.get_title(): {t.get_text() for t in panel.texts} for panel in drawn.axes[:2]}
    assert numbers == {"x": {"9.0"}, "y": {"0.0"}}


def test_the_sensitivity_curve_has_a_point_a_cut(frame):
    found = regressions(frame, ENCODER)
    table = sensitivity(frame, ENCODER, found, np.random.default_rng(0), 20)
    panel = sweeps.sensitivity(table, 9).axes[0]
    assert [label.get_text() for label in panel.get_xticklabels()] == [
        "5/9",
        "6/9",
        "7/9",
        "8/9",
        "9/9",
    ]
    assert panel.get_lines()[0].get_ydata().tolist() == table["structural"].tolist()
