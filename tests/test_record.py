import dataclasses
import json

import jsonschema
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import record
from workbench.errors import Infrastructure
from workbench.record import IncumbentRef, TrialRecord
from workbench.stats import Blocks, Calibration, ComboEstimate


@pytest.fixture
def sample():
    return TrialRecord(
        id="20260101T000000000000Z-pq_l2-0123abcd",
        timestamp="2026-01-01T00:00:00+00:00",
        target="pq_l2",
        mode="trial",
        focus="performance",
        description="what was tried",
        status="keep",
        reason="faster",
        exit_code=0,
        sentence="keep (faster)",
        commit="abc",
        kernel_sha256="0123abcd",
        incumbent=IncumbentRef("upstream", None, "ff"),
        judge_sha256="aa",
        judge_files={"targets/pq_l2/bench.py": "bb"},
        host_class="cc",
        host={"cores": 2},
        versions={"numba": "0.68.1"},
        seed=7,
        calibration=Calibration(),
        seconds=1.5,
        ratio=0.5,
        combos=(ComboEstimate("s", "d", 0.5, 0.4, 0.6, 1.0, 2.0, 2.0),),
    )


def test_a_record_survives_the_disk(tmp_path, sample):
    (tmp_path / "reports" / "trials").mkdir(parents=True)
    folder = record.write(tmp_path, sample, "# kernel\n", [])
    assert record.read(folder / "trial.json") == sample
    assert (folder / "kernels.py").read_text() == "# kernel\n"
    assert [p.name for p in folder.parent.iterdir()] == [sample.id]


def test_its_blocks_say_who_began(tmp_path, sample):
    (tmp_path / "reports" / "trials").mkdir(parents=True)
    times = np.arange(8.0).reshape(2, 4)
    began = np.array([[True, False, False, True], [False, True, True, False]])
    empty = np.empty(0)
    pair = Blocks(np.array([1, 0]), began, times, 2 * times, times, empty.astype(int), empty, empty)
    folder = record.write(tmp_path, sample, "# kernel\n", [pair, pair])
    found = pd.read_parquet(folder / "blocks.parquet")
    assert found["process"].tolist() == [0, 0, 1, 1]
    assert found["combo"].tolist() == [1, 0] * 2
    assert found["candidate_first"].tolist() == [True, False] * 2
    assert found["incumbent_3_ns"].tolist() == [6.0, 14.0] * 2


def test_its_json_is_valid_under_the_published_schema(sample):
    jsonschema.validate(json.loads(sample.to_json()), record.json_schema())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_null_and_never_a_number(sample, value):
    text = dataclasses.replace(sample, ratio=value).to_json()
    assert json.loads(text)["ratio"] is None


def test_nothing_is_left_where_a_record_cannot_be_written(tmp_path, sample):
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "trials").write_text("a file, not a folder")
    with pytest.raises(Infrastructure, match="cannot be written"):
        record.write(tmp_path, sample, "", [])


@given(st.binary(max_size=200))
def test_a_broken_record_is_refused_by_name(tmp_path_factory, raw):
    path = tmp_path_factory.mktemp("records") / "trial.json"
    path.write_bytes(raw)
    with pytest.raises(Infrastructure, match=r"trial\.json"):
        record.read(path)


@given(st.data())
def test_a_record_cut_short_is_refused(tmp_path_factory, data):
    text = json.dumps({"id": "x", "seed": 1})
    path = tmp_path_factory.mktemp("records") / "trial.json"
    path.write_text(text[: data.draw(st.integers(0, len(text)))])
    with pytest.raises(Infrastructure, match="not a trial record"):
        record.read(path)
