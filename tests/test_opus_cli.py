"""``workbench opus``: reports, files and exit codes."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench import cli
from workbench.codec import matrix, variants
from workbench.codec.cells import Cell
from workbench.opus import signals
from workbench.upstreams import ffmpeg

pytest.importorskip("av")
pytest.importorskip("imageio_ffmpeg")

UPSTREAM = str(Path(__file__).parents[1] / "targets" / variants.TARGET / "upstream.py")
FEW = (Cell("CELT", 480, "fullband", 1), Cell("SILK", 960, "wideband", 2))
WITHOUT_SILK = """
from workbench.upstreams import libopus

def setup(channels, frame_size):
    return libopus.Decoder(channels)

def reset(state):
    state.reset()

def decode(state, packet, length, pcm):
    if packet[0] < 128:
        return -5, 0
    return state.decode(packet, pcm), state.final_range ^ ERROR
"""


@pytest.fixture(scope="module")
def sounds(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    raw = folder / "raw.f32"
    raw.write_bytes(signals.sound("speech", np.random.default_rng(0), 24_000, 1).tobytes())
    source = ("-f", "f32le", "-ar", "48000", "-ac", "1", "-i", ffmpeg.url(raw), "-c:a", "libopus")
    made = {}
    for name, options in {
        "celt.opus": ("-application", "lowdelay"),
        "silk.webm": ("-application", "voip", "-b:a", "10k"),
    }.items():
        made[name] = folder / name
        ffmpeg.run([*source, *options, ffmpeg.url(made[name])])
    made["junk.opus"] = folder / "junk.opus"
    made["junk.opus"].write_bytes(b"no sound at all" * 100)
    return made


@pytest.fixture
def run(capsys):
    def call(*words: object) -> tuple[int, str, str]:
        code = cli.run([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def lacking(tmp_path):
    def made(error: int = 0) -> Path:
        path = tmp_path / f"lacking{error}.py"
        path.write_text(WITHOUT_SILK.replace("ERROR", str(error)))
        return path

    return made


def test_an_equal_file_is_exit_0_with_figures_report_and_picture(run, sounds, tmp_path) -> None:
    code, out, err = run(
        *("opus", "compare", sounds["celt.opus"], "--kernels", UPSTREAM, "--out", tmp_path)
    )
    assert (code, err) == (0, "")
    assert f"{sounds['celt.opus']}: equal" in out
    assert "final range  equal on 26 of 26 packets" in out
    assert "rt_ratio" in out
    assert "through ctypes adds" in out
    with Image.open(tmp_path / "celt.opus.png") as picture:
        assert picture.size == (1_440, 1_440)
    assert json.loads((tmp_path / "celt.opus.json").read_text())["verdict"] == "equal"


def test_json_is_all_that_is_printed(run, sounds, tmp_path, lacking) -> None:
    files = [sounds["celt.opus"], sounds["silk.webm"], sounds["junk.opus"]]
    code, out, err = run(
        *("opus", "compare", *files, "--kernels", lacking(), "--out", tmp_path, "--json")
    )
    found = json.loads(out)
    assert [one["verdict"] for one in found] == ["equal", "open", "unreadable"]
    assert found[0]["totals"]["equal"] == found[0]["totals"]["packets"] == 26
    assert found[1]["totals"]["open"] == found[1]["totals"]["packets"] > 0
    assert code == 1  # an open file weighs more than one that cannot be read
    assert err.startswith("workbench: ")
    assert err.count("\n") == 1


def test_a_packet_that_differs_is_exit_1_and_named(run, sounds, tmp_path, lacking) -> None:
    code, out, _ = run(
        *("opus", "compare", sounds["celt.opus"], "--kernels", lacking(1), "--out", tmp_path)
    )
    assert code == 1
    assert "differs" in out
    assert "packet 0 at -0.003 s, CELT fullband 20 ms mono: final range 0x" in out


def test_what_cannot_be_read_is_exit_5_in_a_line_each(run, sounds, tmp_path) -> None:
    files = [sounds["junk.opus"], tmp_path / "nothing.opus", tmp_path]
    code, out, err = run(
        *("opus", "compare", *files, "--kernels", UPSTREAM, "--out", tmp_path / "made")
    )
    assert (code, out) == (5, "")
    assert err.count("\n") == 3
    assert "Traceback" not in err
    code, _, _ = run(
        *("opus", "compare", sounds["celt.opus"], *files, "--kernels", UPSTREAM),
        *("--out", tmp_path / "made"),
    )
    assert code == 5


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 64, "Missing argument"),
        (["x.opus", "--plain", "--kernels", UPSTREAM], 64, "give one of them"),
        (["x.opus", "--kernels", "no/such.py"], 64, "no such file"),
        (["x.opus", "--kernels", __file__], 5, "lacks setup, reset, decode"),
        (["x.opus", "--frobnicate"], 64, "--frobnicate"),
    ],
)
def test_wrong_usage_says_what_is_wrong(run, words, code, said) -> None:
    found, out, err = run("opus", "compare", *words)
    assert (found, out) == (code, "")
    assert said in err


def test_a_kernel_that_does_not_load_is_one_line(run, sounds, tmp_path) -> None:
    path = tmp_path / "kernels.py"
    for content in ("def (", "import no_such_module", "1 / 0"):
        path.write_text(content)
        code, _, err = run("opus", "compare", sounds["celt.opus"], "--kernels", path)
        assert code == 5
        assert "does not load" in err
        assert err.count("\n") == 1


@pytest.fixture
def few(monkeypatch, tmp_path, sounds):
    monkeypatch.setattr(
        matrix, "measure", functools.partial(matrix.measure, cells=FEW, each=2, passes=1)
    )
    monkeypatch.setattr(matrix, "COMMITTED", tmp_path / "committed" / "matrix.csv")
    return tmp_path / "committed"


def test_the_matrix_is_a_table_and_three_files(run, few, lacking) -> None:
    code, out, err = run("opus", "matrix", "--kernels", lacking(), "--out", few)
    assert (code, err) == (0, "")
    assert "1 of 2 cells equal" in out
    assert "open" in out
    assert {path.name for path in few.iterdir()} == {"matrix.csv", "matrix.json", "matrix.png"}
    assert json.loads((few / "matrix.json").read_text())["rows"][1]["verdict"] == "open"


def test_check_is_exit_1_when_a_committed_cell_is_lost(run, few, lacking, tmp_path) -> None:
    words = ("opus", "matrix", "--check", "--out", tmp_path / "now")
    code, _, err = run(*words, "--kernels", UPSTREAM)
    assert code == 5
    assert "no matrix to check against" in err
    assert run("opus", "matrix", "--kernels", lacking(), "--out", few)[0] == 0
    code, out, _ = run(*words, "--kernels", lacking())
    assert code == 0
    assert "all 1 cells that are committed as equal are equal" in out
    code, out, _ = run(*words, "--kernels", UPSTREAM)  # more than was committed
    assert code == 0
    code, out, _ = run(*words, "--kernels", lacking(1))
    assert code == 1
    assert "lost: CELT 10 fullband mono: final range" in out
    found = json.loads(run(*words, "--kernels", lacking(1), "--json")[1])
    assert found["lost"] == ["CELT 10 fullband mono"]
