import json

import numpy as np
import pandas as pd
import pytest
from synthetic import sweep

from workbench.analysis import rows
from workbench.errors import Infrastructure, Usage

ROW = {
    "source": "clip",
    "codec": "libx264",
    "rc_mode": "cqp",
    "preset": "medium",
    "quality": 23,
    "knob_combo": "bf=3",
    "is_bare_default": False,
    "bitrate_kbps": 1234.5,
    "vmaf_score": 90.25,
    "encode_time_ms": 77,
}
OLD = {
    "src": "clip",
    "codec": "libx264",
    "rc_mode": "cqp",
    "actual_kbps": 1234.5,
    "vmaf": 90.25,
    "enc_ms": 77,
    "recipe": "bf=3",
}


def jsonl(folder, *lines):
    path = folder / "cells.jsonl"
    path.write_text("".join(f"{x if isinstance(x, str) else json.dumps(x)}\n" for x in lines))
    return path


def refusal(path):
    with pytest.raises(Infrastructure) as caught:
        rows.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path} ")
    return message.removeprefix(f"{path} ")


def without(row, *names):
    return {name: value for name, value in row.items() if name not in names}


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_sweep_comes_back_as_it_was_written(tmp_path, suffix):
    table = sweep({})
    path = tmp_path / f"cells.{suffix}"
    if suffix == "jsonl":
        table.to_json(path, orient="records", lines=True, double_precision=15)
    else:
        table.to_parquet(path)
    found = rows.read(path)
    assert isinstance(found["source"].dtype, pd.CategoricalDtype)
    text = dict.fromkeys(("source", "codec", "rc_mode", "preset", "knob_combo"), str)
    pd.testing.assert_frame_equal(
        found[table.columns].astype(text), table.astype(text), check_dtype=False, rtol=1e-12
    )
    assert found["is_bare_default"].dtype == bool


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_old_names_mean_the_same(tmp_path, suffix):
    path = tmp_path / f"cells.{suffix}"
    if suffix == "jsonl":
        path.write_text(json.dumps(OLD) + "\n")
    else:
        pd.DataFrame([OLD]).to_parquet(path)
    (found,) = rows.read(path).to_dict("records")
    for name, value in without(ROW, "preset", "quality").items():
        assert found[name] == value
    assert found["preset"] == ""
    assert np.isnan(found["quality"])


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_old_rows_and_new_ones_share_a_file(tmp_path, suffix):
    lines = [OLD, ROW, OLD | {"recipe": "bare"}, ROW | {"src": "another", "vmaf": 1.0}]
    if suffix == "jsonl":
        path = jsonl(tmp_path, *lines)
    else:
        path = tmp_path / "cells.parquet"
        pd.DataFrame(lines).to_parquet(path)
    found = rows.read(path)
    assert list(found["source"]) == ["clip"] * 4
    assert list(found["vmaf_score"]) == [90.25] * 4
    assert list(found["knob_combo"]) == ["bf=3", "bf=3", "bare", "bf=3"]
    assert list(found["is_bare_default"]) == [False, False, True, False]


@pytest.mark.parametrize("name", ["bare", "", None])
def test_a_row_of_no_recipe_is_the_default(tmp_path, name):
    row = without(ROW, "is_bare_default") | {"knob_combo": name}
    found = rows.read(jsonl(tmp_path, row, ROW | {"knob_combo": "bf=3"}))
    assert list(found["is_bare_default"]) == [True, False]
    assert not found["knob_combo"].isna().any()


def test_other_columns_stay(tmp_path):
    assert list(rows.read(jsonl(tmp_path, ROW | {"vmaf_neg": 88.0}))["vmaf_neg"]) == [88.0]


def test_what_text_looks_like_does_not_change_it(tmp_path):
    found = rows.read(jsonl(tmp_path, ROW | {"source": "2024-01-01", "codec": "2024-01-01"}))
    assert list(found["source"]) == ["2024-01-01"]


def test_a_first_block_of_whole_numbers_does_not_decide_for_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "BLOCK_BYTES", 1000)
    lines = [ROW | {"vmaf_score": 90}] * 20 + [ROW | {"vmaf_score": 90.5, "quality": 23.5}] * 20
    found = rows.read(jsonl(tmp_path, *lines))
    assert list(found["vmaf_score"]) == [90] * 20 + [90.5] * 20
    assert list(found["quality"]) == [23] * 20 + [23.5] * 20


BAD = {
    "cut short": (json.dumps(ROW)[:40], "no JSON ("),
    "a list": ("[1, 2]", "a list, not an object"),
    "NaN": (ROW | {"vmaf_score": float("nan")}, "vmaf_score is nan"),
    "infinite": (ROW | {"encode_time_ms": float("inf")}, "encode_time_ms is inf"),
    "negative": (ROW | {"bitrate_kbps": -5.0}, "bitrate_kbps is -5.0"),
    "zero": (ROW | {"bitrate_kbps": 0}, "bitrate_kbps is 0"),
    "negative time": (ROW | {"encode_time_ms": -1.0}, "encode_time_ms is -1.0"),
    "null": (ROW | {"vmaf_score": None}, "no vmaf_score"),
    "text": (ROW | {"vmaf_score": "high"}, "vmaf_score is 'high', not a number"),
    "true": (ROW | {"vmaf_score": True}, "vmaf_score is True, not a number"),
    "text for a flag": (
        ROW | {"is_bare_default": "no"},
        "is_bare_default is 'no', not true or false",
    ),
    "a number for a name": (ROW | {"source": 7}, "source is 7, not text"),
    "two fields": (without(ROW, "codec", "rc_mode"), "no codec; no rc_mode"),
    "an old one": (without(OLD, "actual_kbps"), "no bitrate_kbps"),
}


@pytest.mark.parametrize(("line", "words"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("before", [0, 3])
def test_a_line_that_is_no_cell_is_named(tmp_path, line, words, before):
    path = jsonl(tmp_path, *[ROW] * before, line, ROW)
    assert refusal(path).startswith(f"line {before + 1}: {words}")


def test_a_last_line_without_its_end_is_named(tmp_path):
    path = jsonl(tmp_path, ROW, ROW)
    path.write_text(path.read_text()[:-30])
    assert refusal(path).startswith("line 2: no JSON (")


def test_empty_lines_do_not_count_as_cells(tmp_path):
    assert len(rows.read(jsonl(tmp_path, ROW, "", ROW))) == 2
    assert refusal(jsonl(tmp_path, ROW, "", "{")).startswith("line 3: no JSON")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vmaf_score": np.nan}, "row 2: vmaf_score is nan"),
        ({"bitrate_kbps": -1.0}, "row 2: bitrate_kbps is -1.0"),
        ({"source": None}, "row 2: no source"),
        ({"source": None, "bitrate_kbps": 0.0}, "row 2: bitrate_kbps is 0.0"),
    ],
)
def test_a_row_of_a_table_that_is_no_cell_is_named(tmp_path, change, words):
    path = tmp_path / "cells.parquet"
    pd.DataFrame([ROW, ROW | change, ROW]).to_parquet(path)
    assert refusal(path) == words


def test_a_flag_in_a_table_is_no_text(tmp_path):
    path = tmp_path / "cells.parquet"
    pd.DataFrame([ROW | {"is_bare_default": flag} for flag in (None, "no")]).to_parquet(path)
    assert refusal(path) == "row 2: is_bare_default is 'no', not true or false"


def test_a_table_without_a_column_says_which(tmp_path):
    path = tmp_path / "cells.parquet"
    pd.DataFrame([without(ROW, "vmaf_score", "codec")]).to_parquet(path)
    assert refusal(path) == "row 1: no codec, vmaf_score"


def test_what_is_no_table_is_refused(tmp_path):
    path = tmp_path / "cells.parquet"
    path.write_bytes(b"PAR1 it is not")
    assert refusal(path).startswith("is no Parquet file: ")
    assert refusal(tmp_path / "none.jsonl") == "cannot be read: No such file or directory"
    assert refusal(tmp_path / "none.parquet") == "cannot be read: No such file or directory"


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_a_file_without_a_row_is_refused(tmp_path, text):
    path = tmp_path / "cells.jsonl"
    path.write_text(text)
    assert refusal(path) == "has no rows"
    pd.DataFrame([ROW]).iloc[:0].to_parquet(tmp_path / "cells.parquet")
    assert refusal(tmp_path / "cells.parquet") == "has no rows"


def test_a_folder_means_its_table_before_its_lines(tmp_path):
    with pytest.raises(Usage, match=r"has no cells.jsonl and no cells.parquet"):
        rows.find(tmp_path)
    path = jsonl(tmp_path, ROW)
    assert rows.find(tmp_path) == path
    (tmp_path / "cells.parquet").touch()
    assert rows.find(tmp_path) == tmp_path / "cells.parquet"
    assert rows.find(path) == path


def test_second_measurements_are_dropped():
    table = sweep({}, sources=1)
    assert rows.distinct(table) is table
    number = [i % 3 for i in range(len(table))]
    assert list(rows.distinct(table.assign(duplicate=number)).index) == list(table.index[::3])


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize(
    ("column", "values", "word"),
    [
        ("schema_version", [3, 9], "row 2: schema_version 9; this program reads up to 3"),
        ("cell_id", ["a", "a"], "row 2: cell a is there already"),
    ],
)
def test_later_versions_and_cells_that_are_there_twice_are_refused(
    tmp_path, suffix, column, values, word
):
    row = {"source": "s", "codec": "c", "rc_mode": "cqp", "bitrate_kbps": 1.0}
    row |= {"vmaf_score": 9.0, "encode_time_ms": 1.0}
    frame = pd.DataFrame([row | {column: value} for value in values])
    path = tmp_path / f"cells{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=True)
    with pytest.raises(Infrastructure, match=word):
        rows.read(path)
