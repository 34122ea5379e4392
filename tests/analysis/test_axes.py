import dataclasses

import pandas as pd
import pytest

from workbench.analysis.axes import ENCODER, KERNEL
from workbench.errors import Usage


def test_a_slice_is_a_source_in_a_group_and_a_cell_knows_no_source():
    assert ENCODER.slice == ("source", "codec", "rc_mode")
    assert ENCODER.cell == ("codec", "rc_mode", "knob_combo", "preset", "quality")
    assert KERNEL.cell == ("target", "host_class", "commit")


def test_what_is_missing_and_what_is_there_is_said():
    frame = pd.DataFrame(columns=[name for name in KERNEL.columns if name != "combo"])
    with pytest.raises(Usage, match=r"^no column combo; there are: target, host_class, commit"):
        KERNEL.check(frame)
    KERNEL.check(frame.assign(combo=""))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"matched": "vmaf"}, "^matched is 'vmaf'; it can be cost or quality$"),
        ({"matched_tolerance": -0.1}, "^matched_tolerance is -0.1; it has to be finite"),
        ({"lost_tolerance": float("nan")}, "^lost_tolerance is nan; it has to be finite"),
    ],
)
def test_an_axis_that_means_nothing_is_refused(change, words):
    with pytest.raises(Usage, match=words):
        dataclasses.replace(ENCODER, **change)
