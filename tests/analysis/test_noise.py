import math

import numpy as np
import pandas as pd
import pytest
from synthetic import sweep

from workbench.analysis.axes import ENCODER
from workbench.analysis.noise import floor
from workbench.errors import Usage


def twice(table, rng, part=slice(None)):
    """A sweep and second encodes of a part of it."""
    again = table.iloc[part]
    again = again.assign(
        vmaf_score=again["vmaf_score"] + rng.normal(0, 0.05, len(again)),
        bitrate_kbps=again["bitrate_kbps"] * rng.uniform(0.99, 1.01, len(again)),
        encode_time_ms=again["encode_time_ms"] * rng.uniform(0.5, 2.0, len(again)),
    )
    both = pd.concat([table.assign(duplicate=0), again.assign(duplicate=1)])
    return both.sample(frac=1, random_state=1)


def naive(table):
    cells = {}
    for row in table.to_dict("records"):
        key = tuple(str(row[name]) for name in ("source", *ENCODER.cell))
        cells.setdefault(key, {})[row["duplicate"]] = row
    pairs = [(pair[0], pair[1]) for pair in cells.values() if len(pair) == 2]
    gaps = [abs(a["vmaf_score"] - b["vmaf_score"]) for a, b in pairs]
    percents = [100 * abs(b["bitrate_kbps"] / a["bitrate_kbps"] - 1) for a, b in pairs]
    times = [sorted([a["encode_time_ms"], b["encode_time_ms"]]) for a, b in pairs]
    ratios = [high / low for low, high in times]
    return [
        len(pairs),
        max(gaps),
        math.sqrt(sum(g * g for g in gaps) / len(gaps)),
        max(percents),
        math.sqrt(sum(p * p for p in percents) / len(percents)),
        np.median(ratios),
        np.quantile(ratios, 0.95),
    ]


@pytest.mark.parametrize("unknown", [False, True])
def test_pairs_are_found_and_summed_up_codec_by_codec(unknown):
    rng = np.random.default_rng(3)
    parts = []
    for codec in ("x264", "x265"):
        table = sweep({}, sources=3)
        if unknown:  # old rows without a quality still have a cell
            table = table[table["quality"] == 20.0].assign(quality=np.nan)
        parts.append(twice(table.assign(codec=codec), rng, slice(None, None, 3)))
    found = floor(pd.concat(parts), ENCODER)
    assert list(found["codec"]) == ["x264", "x265"]
    for i, part in enumerate(parts):
        np.testing.assert_allclose(found.iloc[i, 1:].astype(float), naive(part))


def test_without_pairs_there_is_no_row():
    assert floor(sweep({}, sources=1).assign(duplicate=0), ENCODER).empty


def test_a_frame_that_does_not_tell_second_measurements_is_refused():
    with pytest.raises(Usage, match=r"^no column again, which tells"):
        floor(sweep({}, sources=1), ENCODER, duplicate="again")
