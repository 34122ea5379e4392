import pandas as pd
import pytest

from workbench.analysis.axes import ENCODER
from workbench.analysis.hull import hull
from workbench.analysis.large import per_slice
from workbench.errors import Infrastructure, Usage


@pytest.fixture
def frame():
    rows = [
        (source, codec, mode, 100.0 + 7 * k % 50, 80.0 + 5 * k % 17, float(k))
        for source in ("a clip", "b/c", "d=e")
        for codec in ("x264", "x265")
        for mode in ("cqp", "vbr")
        for k in range(20)
    ]
    names = ["source", "codec", "rc_mode", "bitrate_kbps", "vmaf_score", "encode_time_ms"]
    return pd.DataFrame(rows, columns=names).assign(
        knob_combo="bare", preset="p", quality=1.0, is_bare_default=True
    )


def test_slice_by_slice_is_the_same_as_all_at_once(frame, tmp_path):
    path = tmp_path / "cells.parquet"
    frame.to_parquet(path)
    parts = list(per_slice(path, ENCODER, lambda part: hull(part, ENCODER), scratch=tmp_path))
    assert len(parts) == 12
    keys = [*ENCODER.slice, "bitrate_kbps", "vmaf_score", "encode_time_ms"]
    found = pd.concat(parts)[keys].sort_values(keys).reset_index(drop=True)
    want = hull(frame, ENCODER)[keys].sort_values(keys).reset_index(drop=True)
    pd.testing.assert_frame_equal(found, want, check_dtype=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells.parquet"]


def test_what_is_no_parquet_file_or_lacks_a_column_is_said(frame, tmp_path):
    path = tmp_path / "cells.parquet"
    path.write_text("no")
    with pytest.raises(Infrastructure, match="cannot be sorted into slices"):
        list(per_slice(path, ENCODER, len))
    frame.drop(columns="preset").to_parquet(path)
    with pytest.raises(Usage, match="no column preset"):
        list(per_slice(path, ENCODER, len))
