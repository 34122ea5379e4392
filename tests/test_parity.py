"""Sound within its tolerance agrees, anything else is named; what lies behind a count is free."""

import numpy as np
import pytest

from workbench import oracles
from workbench.errors import Infrastructure
from workbench.parity import SILENCE_RMS, parity

ORACLE = {"kind": "parity", "pcm": "pcm", "rows": "samples", "atol": 1e-4, "min_snr_db": 90}
RNG = np.random.default_rng(5)
SOUND = RNG.uniform(-1, 1, (2, 3, 40, 2)).astype(np.float32)
COUNTS = np.array([[40, 20, 40], [0, -4, 10]])


def outputs(**changed):
    ranges = np.arange(6, dtype=np.uint32).reshape(2, 3)
    return {"pcm": SOUND.copy(), "samples": COUNTS.copy(), "ranges": ranges} | changed


def test_equal_sound_agrees():
    found = oracles.check(ORACLE, outputs(), outputs())
    assert found == oracles.Agreement(0.0, bitwise=True)


def test_what_no_sample_count_covers_is_free():
    got = outputs()
    got["pcm"][0, 1, 20:] = np.nan
    got["pcm"][1, :2] = np.inf
    assert isinstance(oracles.check(ORACLE, got, outputs()), oracles.Agreement)
    assert isinstance(oracles.identical(ORACLE, got, outputs()), oracles.Agreement)
    got["pcm"][0, 1, 19, 1] = np.nan
    found = oracles.check(ORACLE, got, outputs())
    assert found.index == (0, 1, 19, 1)


@pytest.mark.parametrize("name", ["samples", "ranges"])
def test_what_entropy_coding_decides_is_exact(name):
    got = outputs()
    got[name][1, 2] += 1
    assert oracles.check(ORACLE, got, outputs()).output == name


def test_one_sample_too_far_off_is_named():
    got = outputs()
    got["pcm"][0, 2, 7, 1] += 2e-4
    found = oracles.check(ORACLE, got, outputs())
    assert (found.output, found.index) == ("pcm", (0, 2, 7, 1))


@pytest.mark.parametrize(("error", "agrees"), [(1e-5, True), (9e-5, False)])
def test_a_small_error_everywhere_is_noise(error, agrees):
    sound = np.sin(np.arange(960.0))[None]
    found = parity(sound + error, sound, 1e-4, 90)
    assert isinstance(found, oracles.Agreement) == agrees


def test_noise_is_held_against_the_whole_request_alone():
    loud, quiet = np.sin(np.arange(960.0)), 1e-4 * np.sin(np.arange(960.0))
    want = np.stack([loud, quiet])
    assert isinstance(parity(want + 1e-6, want, 1e-4, 90), oracles.Mismatch)
    assert isinstance(parity(want[:1] + 1e-6, want[:1], 1e-4, 90), oracles.Agreement)


def test_silence_has_no_ratio():
    want = np.full((1, 100), SILENCE_RMS / 10)
    assert isinstance(parity(want + 1e-9, want, 1e-4, 90), oracles.Agreement)
    assert isinstance(parity(want + 1e-3, want, 1e-4, 90), oracles.Mismatch)


def test_rows_must_be_an_output():
    with pytest.raises(Infrastructure, match="rows"):
        oracles.check({**ORACLE, "rows": "frames"}, outputs(), outputs())
