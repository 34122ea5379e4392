import io

import numpy as np
import pandas as pd
import pytest
from synthetic import kernels, sweep

from workbench.analysis.axes import ENCODER, KERNEL
from workbench.analysis.hull import hull
from workbench.analysis.summary import markdown, plain, write

TABLE = sweep({("vbr", "aq=4"): [1.0] * 9})


def tables(page):
    """The Markdown tables of a page, as text."""
    for part in page.split("\n\n"):
        if part.startswith("|"):
            lines = [line.strip("| ") for i, line in enumerate(part.splitlines()) if i != 1]
            yield pd.read_csv(io.StringIO("\n".join(lines)), sep=r"\s*\|\s*", engine="python")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep") / "analysis"
    written = write(TABLE, ENCODER, folder)
    assert sorted(written) == sorted(folder.iterdir())
    return folder


def test_every_slice_has_its_hull_in_a_file_of_its_own(folder):
    names = {f"pareto_clip{i}_x265_{mode}.csv" for i in range(9) for mode in ("cqp", "vbr")}
    assert {path.name for path in folder.glob("pareto_*")} == names
    of = TABLE[(TABLE["source"] == "clip3") & (TABLE["rc_mode"] == "vbr")]
    found = pd.read_csv(folder / "pareto_clip3_x265_vbr.csv")
    np.testing.assert_allclose(found["bitrate_kbps"], hull(of, ENCODER)["bitrate_kbps"])


def test_cells_signs_and_rates_are_tables(folder):
    cells = pd.read_csv(folder / "cells.csv")
    assert set(cells.loc[cells["verdict"] == "structural", "knob_combo"]) == {"aq=4"}
    (recipe,) = pd.read_csv(folder / "evidence.csv").to_dict("records")
    assert (recipe["knob_combo"], recipe["structural"], recipe["stands"]) == ("aq=4", 5, True)
    assert len(pd.read_csv(folder / "sign_tests.csv")) == 6
    assert len(pd.read_csv(folder / "bd_rates.csv")) == 54
    assert not (folder / "noise.csv").exists()


def test_the_page_counts_by_codec_by_mode_and_says_what_is_structural(folder):
    page = (folder / "summary.md").read_text()
    assert page.startswith(
        "360 cells, 90 of them bare, on 9 sources. 45 regressions among 270 rows"
    )
    codecs, modes = tables(page)
    (codec,) = codecs.to_dict("records")
    assert codec["codec"] == "x265"
    assert codec["slices"] == 18
    assert codec["regressions"] == 45
    assert codec["max quality"] == round(TABLE["vmaf_score"].max(), 2)
    p50 = float(str(codec["bitrate_kbps p50"]).replace(",", ""))
    assert p50 == round(TABLE["bitrate_kbps"].median())
    assert list(modes["regressions"]) == [0, 45]
    assert list(modes["of rows"]) == ["0.0%", "25.0%"]
    assert list(modes["of matched"]) == ["0.0%", "33.3%"]
    last = page.strip().splitlines()[-1]
    assert last == "- x265 + aq=4 under vbr at every quality: 9 of 9 sources, mean -1.00"


def twice(moved):
    """The sweep, and second encodes of some cells whose VMAF is another."""
    again = TABLE.iloc[::7].assign(duplicate=1)
    again["vmaf_score"] += moved
    return pd.concat([TABLE.assign(duplicate=0), again]), len(again)


def test_second_encodes_are_for_the_noise_alone(tmp_path, folder):
    both, pairs = twice(0.5)
    write(both, ENCODER, tmp_path)
    assert list(pd.read_csv(tmp_path / "noise.csv")["pairs"]) == [pairs]
    for name in ("cells.csv", "summary.md"):
        assert (tmp_path / name).read_text() == (folder / name).read_text()


def test_a_loss_below_the_noise_is_not_structural(tmp_path):
    both, _ = twice(1.5)  # the sweep's losses are of 1
    write(both, ENCODER, tmp_path)
    assert pd.read_csv(tmp_path / "evidence.csv").empty
    assert "structural" not in set(pd.read_csv(tmp_path / "cells.csv")["verdict"])


def test_names_that_no_file_can_have_do_not_overwrite_each_other(tmp_path):
    names = {"clip0": "a/b", "clip1": "a b"}
    table = sweep({}, sources=2, modes=("cqp",))
    table["source"] = table["source"].astype(str).map(names)
    write(table, ENCODER, tmp_path)
    paths = sorted(path.name for path in tmp_path.glob("pareto*"))
    assert paths == ["pareto_a-b_x265_cqp-2.csv", "pareto_a-b_x265_cqp.csv"]
    assert {pd.read_csv(tmp_path / name)["source"].iloc[0] for name in paths} == {"a/b", "a b"}


def test_a_target_is_summed_up_by_the_same_function(tmp_path):
    write(kernels([0.5] * 9), KERNEL, tmp_path)
    page = (tmp_path / "summary.md").read_text()
    assert "- pq_l2 + k under h: 9 of 9 sources, mean -0.50" in page


def test_figures_are_written_for_people():
    table = pd.DataFrame({"name": ["a"], "count": [12345], "share": [1234.50]})
    assert markdown(table).splitlines()[-1] == "| a | 12,345 | 1,234.5 |"


@pytest.mark.parametrize(
    ("part", "name"), [("a b/c", "a-b-c"), ("../x", "x"), ("", "none"), (1.5, "1.5")]
)
def test_a_name_becomes_a_part_of_a_files_name(part, name):
    assert plain(part) == name
