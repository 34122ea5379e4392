"""Judges of what opus_celt may lack: libopus passes all of them, and what is wrong fails."""

import types
from pathlib import Path

import numpy as np
import opus_whole
import pytest

from workbench import targets
from workbench.features import known
from workbench.opus.beyond.cases import CASES
from workbench.targets import Target

ROOT = targets.find_root(Path(__file__).parent)
TARGET = Target("opus_celt", ROOT, ROOT / "targets" / "opus_celt", {})
WHOLE = opus_whole.whole(TARGET.upstream)
# What the issue that asked for this lane names.
ASKED_FOR = {
    *("silk_narrowband", "silk_mediumband", "silk_wideband", "hybrid", "mode_changes"),
    *("celt_concealment", "celt_dtx", "fec", "multistream", "surround_51"),
    *("ogg_reading", "ogg_writing", "float_wav_input"),
}


def why_open(name, kernels):
    """Ask a variant for a feature as a runner does, and judge the answers."""
    cases = TARGET.features.cases(name)
    answers = []
    for case in cases:
        requests = case.requests(np.random.default_rng(0), case.batch)
        outputs = {k: poisoned((case.batch, *s), d) for k, (s, d) in case.outputs.items()}
        TARGET.features.bind(kernels, case.fixture)(requests, outputs, {})
        answers.append((requests, outputs))
    return TARGET.features.why_open(name, cases, answers)


def poisoned(shape, dtype):
    """An array nobody wrote yet, as a judge hands it out."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(bytearray(b"\xff" * size), dtype).reshape(shape)


def but(**functions):
    """The whole codec with some functions replaced, or taken away."""
    made = types.SimpleNamespace(**vars(WHOLE))
    for name, function in functions.items():
        setattr(made, name, function)
        if function is None:
            delattr(made, name)
    return made


def test_all_features_are_listed_and_each_has_a_judge():
    names = {feature.name for feature in known(TARGET)}
    assert names == set(CASES)
    assert names >= ASKED_FOR


@pytest.mark.parametrize("name", CASES)
def test_libopus_has_every_feature(name):
    assert why_open(name, WHOLE) is None
