"""Figures of comparisons and of the matrix: they are drawn, and say what they are of."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from workbench.codec.columns import Drawing
from workbench.codec.comparing import Comparison
from workbench.codec.matrix import Measured, Row
from workbench.codec.race import Speed
from workbench.codec.tally import Difference, Totals
from workbench.publish import opus

ROWS = 96_000


def comparison(first: Difference | None = None, **more: object) -> Comparison:
    rng = np.random.default_rng(0)
    truth = (0.3 * np.sin(np.arange(ROWS) / 9))[:, None].astype(np.float32)
    ours = truth + rng.normal(0, 1e-7, truth.shape).astype(np.float32)
    drawing = Drawing(1)
    drawing.add(ours, truth, np.arange(ROWS) > 80_000)
    counts = {"packets": 100, "malformed": 0, "open": 17, "held": 83, "equal": 83, "parity": 83}
    totals = Totals(
        **{**counts, "concealed": 0, "following": 0, "samples": ROWS},  # type: ignore[arg-type]
        modes={"CELT": 83, "SILK": 0, "hybrid": 17},
        configs={"CELT fullband 20 ms mono": 83, "hybrid fullband 20 ms mono": 17},
        max_abs_err=1e-7,
        snr_db=126.4,
        following_max_abs_err=None,
        first=first,
    )
    return Comparison(
        **{"file": "a/sound.opus", "container": "ogg", "channels": 1, "pre_skip": 312, "trim": 0},
        **{"gain_db": 0.0, "kernel": "kernels.py", "kernel_sha256": "ab" * 32, "notes": ()},
        verdict="differs" if first else "equal",
        totals=totals,
        speed=Speed(0.9, 0.88, 0.93, 7, 400.0, 444.0, 50.0, 45.0, 1.2, 83),
        columns=drawing.finish(),
        **more,  # type: ignore[arg-type]
    )


def size(picture: opus.Picture) -> tuple[int, int]:
    with Image.open(io.BytesIO(picture.png())) as image:
        return image.size


def test_a_comparison_names_its_file_verdict_units_and_sample() -> None:
    first = Difference(40, 0.8, 38_400, "CELT fullband 20 ms mono", "final range")
    found = comparison(first)
    drawn = opus.comparison(found, "a machine")
    assert drawn._suptitle.get_text().startswith("sound.opus: final range equal on 83 of 83")
    assert [axes.get_ylabel() for axes in drawn.axes[:5]] == [
        "sample\n(full scale 1)",
        "largest\n|difference|, dBFS",
        "kernel\nkHz",
        "libopus\nkHz",
        "difference\nkHz",
    ]
    assert drawn.axes[4].get_xlabel() == "seconds from the begin of the first packet"
    caption = opus.comparison_caption(found, "a machine")
    for words in (
        "100 packets (83 CELT, 17 hybrid), 2.00 s",
        "SNR 126.4 dB over 83 packets",
        "rt_ratio 0.900 (0.880 to 0.930 over 7 interleaved passes of one process)",
        "real time on a machine",
        "Grey: packets of modes",
        "Red: packet 40",
    ):
        assert words in caption
    marks = [line.get_xdata()[0] for line in drawn.axes[0].lines]
    assert 0.8 in marks
    assert size(drawn) == (1_440, 1_440)


def test_a_comparison_of_nothing_is_refused() -> None:
    import dataclasses

    with pytest.raises(ValueError, match="nothing was decoded"):
        opus.comparison(dataclasses.replace(comparison(), columns=None))


def row(mode: str, frame_ms: float, bandwidth: str, channels: int, verdict: str) -> Row:
    known = verdict != "open"
    equal = {"equal": 100, "differs": 97, "open": 0}[verdict]
    speed = (0.8, 0.7, 0.9, 50.0, 40.0) if known else (None,) * 5
    sound = (1e-7, 130.0) if known else (None, None)
    counts = (verdict, 100, equal, 0, 2.0)
    return Row(mode, frame_ms, bandwidth, channels, *counts, *sound, *speed)


def test_a_matrix_has_a_panel_a_mode_and_a_mark_a_cell() -> None:
    rows = (
        row("CELT", 20, "fullband", 1, "equal"),
        row("CELT", 20, "fullband", 2, "differs"),
        row("CELT", 2.5, "narrowband", 1, "equal"),
        row("SILK", 60, "wideband", 1, "open"),
        row("hybrid", 10, "superwideband", 2, "open"),
    )
    measured = Measured(rows, "kernels.py", "cd" * 32, "a machine", 0, 7, 61.0)
    drawn = opus.matrix(measured)
    words = [text.get_text() for axes in drawn.axes for text in axes.texts]
    assert words.count("open") == 4
    assert "100 %\n130 dB" in words
    assert "97 %\n130 dB" in words
    assert words.count("0.80") == 3
    titles = [axes.get_title() for axes in drawn.axes[:3]]
    assert [title.split(":")[0] for title in titles] == ["CELT", "SILK", "hybrid"]
    caption = opus.matrix_caption(measured)
    for said in ("5 cells", "500 packets", "10.0 s", "a machine", "7 passes", "cdcdcdcd", "61 s"):
        assert said in caption
    assert size(drawn)[0] == 1_440
