"""Cells hold what they are called, and a matrix says what its decoders did."""

from __future__ import annotations

import csv
import io
import json

import pytest

from workbench.codec import matrix, packets
from workbench.codec.cells import CELLS, Cell, streams_of
from workbench.errors import Infrastructure

FEW = (
    Cell("CELT", 960, "fullband", 2),
    Cell("CELT", 120, "narrowband", 1),
    Cell("SILK", 960, "wideband", 1),
    Cell("hybrid", 480, "fullband", 2),
)


def test_the_cells_are_the_configurations_there_are() -> None:
    assert len(set(CELLS)) == len(CELLS) == 64
    of_first_bytes = {packets.config(toc & 0xFC) for toc in range(256)}
    assert {cell.config for cell in CELLS} == of_first_bytes


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name.replace(" ", "-"))
def test_streams_of_a_cell_are_of_it_and_a_seed_says_them_again(cell: Cell) -> None:
    made = list(streams_of(cell, 3, 2))
    assert len(made) == 2
    for stream in made:
        assert {packets.config(packet[0]) for packet in stream} == {cell.config}
    assert made == list(streams_of(cell, 3, 2))
    assert made != list(streams_of(cell, 4, 2))


@pytest.fixture(scope="module")
def without_silk(upstream, tmp_path_factory):
    from workbench.codec import variants

    path = tmp_path_factory.mktemp("kernel") / "kernels.py"
    path.write_text(
        """
import numpy as np
from numba import njit

from workbench.upstreams import libopus
from workbench.upstreams.libopus import compiled

def setup(channels, frame_size):
    return libopus.Decoder(channels).state, np.zeros(1, np.uint32)

@njit
def reset(state):
    return compiled.reset(state[0], state[1])

@njit
def decode(state, packet, length, pcm):
    if length > 0 and packet[0] < 128:
        return -5, np.uint32(0)
    return compiled.decode_float(state[0], state[1], packet, length, pcm, len(pcm))
"""
    )
    return variants.kernel(path)


@pytest.fixture(scope="module")
def measured(without_silk, upstream) -> matrix.Measured:
    seen = []
    found = matrix.measure(
        *(without_silk, upstream, "a machine"),
        **{"each": 3, "cells": FEW, "passes": 2},
        progress=lambda phase, done, total: seen.append((done, total)),
    )
    assert seen[-1] == (4, 4)
    return found


def test_open_cells_are_seen_as_such(measured: matrix.Measured) -> None:
    verdicts = [row.verdict for row in measured.rows]
    assert verdicts == ["equal", "equal", "open", "open"]
    for row in measured.rows[:2]:
        assert row.equal == row.packets > 0
        assert row.max_abs_err == 0
        assert row.rt_low is not None
        assert row.rt_high is not None
        assert row.rt_ratio is not None
        assert row.rt_low <= row.rt_ratio <= row.rt_high
    for row in measured.rows[2:]:
        assert (row.equal, row.rt_ratio, row.max_abs_err) == (0, None, None)
        assert row.what == "OPUS_UNIMPLEMENTED (-5)"
        assert row.packets >= 12
    assert measured.rt_ratio is not None


def test_csv_and_json_say_the_same(measured: matrix.Measured, tmp_path) -> None:
    lines = list(csv.DictReader(io.StringIO(measured.as_csv())))
    rows = json.loads(json.dumps(measured.as_json(), allow_nan=False))["rows"]
    for line, row in zip(lines, rows, strict=True):
        for name, value in row.items():
            if value is None:
                assert line[name] == ""
            elif isinstance(value, float):
                assert float(line[name]) == pytest.approx(value, rel=1e-5)
            else:
                assert line[name] == str(value)
    path = tmp_path / "matrix.csv"
    path.write_text(measured.as_csv())
    assert matrix.read_verdicts(path) == {row.key: row.verdict for row in measured.rows}


def test_a_cell_that_was_equal_and_is_not_is_lost(measured: matrix.Measured, tmp_path) -> None:
    path = tmp_path / "matrix.csv"
    path.write_text(measured.as_csv())
    committed = matrix.read_verdicts(path)
    assert matrix.lost(measured, committed) == []
    path.write_text(measured.as_csv().replace(",open,", ",equal,"))
    gone = matrix.lost(measured, matrix.read_verdicts(path))
    assert [row.name for row in gone] == ["SILK 20 wideband mono", "hybrid 10 fullband stereo"]


@pytest.mark.parametrize(
    "content", ["", "a,b\n1,2\n", "mode,frame_ms,bandwidth,channels,verdict\n"]
)
def test_what_is_no_matrix_is_refused(tmp_path, content: str) -> None:
    path = tmp_path / "matrix.csv"
    path.write_text(content)
    with pytest.raises(Infrastructure, match="no parity matrix"):
        matrix.read_verdicts(path)
    with pytest.raises(Infrastructure, match="workbench opus matrix --out"):
        matrix.read_verdicts(tmp_path / "nothing.csv")


def test_a_decoder_that_errs_in_one_cell_differs_there(upstream, broken) -> None:
    found = matrix.measure(
        broken("final ^= packet[0] >> 3 == 16"), upstream, each=2, cells=FEW, passes=1
    )
    assert [row.verdict for row in found.rows] == ["equal", "differs", "equal", "equal"]
    assert "final range" in found.rows[1].what
