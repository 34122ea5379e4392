"""Judges of what opus_celt may lack: libopus passes all of them, and what is wrong fails."""

import inspect
import itertools
import re
import shutil
import types
from pathlib import Path

import numpy as np
import opus_whole
import pytest

from workbench import features, judge, targets
from workbench.features import known
from workbench.opus import losses
from workbench.opus.beyond import ASKS
from workbench.opus.beyond.cases import CASES
from workbench.opus.beyond.truth import CONCEALED
from workbench.targets import Target
from workbench.upstreams import libopus

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


def told_another_range(decode):
    """Decode as ``decode`` does, but for the lowest bit of the final range."""

    def wrong(*arguments):
        samples, final = decode(*arguments)
        return samples, final ^ 1

    return wrong


def turned_down(decode):
    """Decode 0.1 % too softly: 60 dB."""

    def wrong(state, packet, length, pcm):
        samples, final = decode(state, packet, length, pcm)
        pcm[: max(samples, 0)] *= np.float32(0.999)
        return samples, final

    return wrong


def muted(state, packet, length, pcm):
    """Silence for what is lost or was not sent."""
    samples, final = WHOLE.decode(state, packet, length, pcm)
    if length <= 1:
        pcm[:samples] = 0
    return samples, final


class Repeating:
    """The last packet again for one that is lost or was not sent."""

    def __init__(self):
        self.last = None

    def reset(self, state):
        self.last = None
        return WHOLE.reset(state)

    def decode(self, state, packet, length, pcm):
        if length > 1:
            self.last = packet[:length].copy(), length
        if length > 1 or self.last is None:
            return WHOLE.decode(state, packet, length, pcm)
        samples, _ = WHOLE.decode(state, *self.last, pcm)
        return samples, 0


def concealed(state, packet, length, pcm):
    """Make up what the copy would have told."""
    return WHOLE.decode(state, packet, 0, pcm)


def clipped(state, packet, length, pcm):
    """Clip hard."""
    sound = np.empty(pcm.shape, np.float32)
    samples, final = WHOLE.decode(state, packet, length, sound)
    pcm[:samples] = np.clip(np.rint(sound[:samples] * 32_768), -32_768, 32_767)
    return samples, final


def unmapped(streams, coupled, mapping, frame_size):
    """Play what is to be silent."""
    return WHOLE.setup_multistream(
        streams, coupled, np.where(mapping == 255, 0, mapping), frame_size
    )


def swapped(streams, coupled, mapping, frame_size):
    """Confuse the first two channels."""
    order = mapping.copy()
    order[:2] = mapping[1::-1]
    return WHOLE.setup_multistream(streams, coupled, order, frame_size)


def at_48_khz(channels, frame_size, rate):
    """Ignore the rate."""
    return WHOLE.setup(channels, frame_size)


def set_half_the_gain(state, gain):
    return WHOLE.set_gain(state, gain // 2)


def read_without_the_end(file, length, head, packets, lengths):
    count, size, _ = WHOLE.read_ogg(file, length, head, packets, lengths)
    return count, size, 0


def read_to_the_last_page(file, length, head, packets, lengths):
    cut = file[:length].tobytes().rfind(b"OggS")
    return WHOLE.read_ogg(file, cut, head, packets, lengths)


def write_with_a_wrong_checksum(*arguments):
    length = WHOLE.write_ogg(*arguments)
    arguments[-1][length - 1] ^= 1
    return length


def write_one_packet_less(head, head_length, packets, lengths, count, end, file):
    return WHOLE.write_ogg(head, head_length, packets, lengths, count - 1, end, file)


def read_16_bits(file, length, pcm):
    samples, channels, rate = WHOLE.read_wav(file, length, pcm)
    pcm[:] = np.rint(pcm * 32_768) / 32_768
    return samples, channels, rate


DECODED = [name for name in CASES if not name.startswith(("ogg", "float"))]
EXACT = [n for n in DECODED if n not in CONCEALED and n != "output_int16"]
SEVERAL = ("multistream", "surround_51")
REPEATING = Repeating()
# Each is nearly right, and must not pass.
WRONG = [
    *((n, but(decode=turned_down(WHOLE.decode))) for n in EXACT if n not in SEVERAL),
    *((name, but(decode=muted)) for name in CONCEALED),
    *((n, but(decode=REPEATING.decode, reset=REPEATING.reset)) for n in CONCEALED),
    ("fec", but(decode_fec=concealed)),
    ("output_int16", but(decode_int16=clipped)),
    ("multistream", but(setup_multistream=unmapped)),
    ("multistream", but(decode_multistream=turned_down(WHOLE.decode_multistream))),
    ("surround_51", but(setup_multistream=swapped)),
    ("output_rates", but(setup_rate=at_48_khz)),
    ("output_gain", but(set_gain=set_half_the_gain)),
    ("ogg_reading", but(read_ogg=read_without_the_end)),
    ("ogg_reading", but(read_ogg=read_to_the_last_page)),
    ("ogg_writing", but(write_ogg=write_with_a_wrong_checksum)),
    ("ogg_writing", but(write_ogg=write_one_packet_less)),
    ("float_wav_input", but(read_wav=read_16_bits)),
]


@pytest.mark.parametrize(("name", "kernels"), WRONG, ids=[name for name, _ in WRONG])
def test_what_is_nearly_right_is_open(name, kernels):
    assert why_open(name, kernels)


@pytest.mark.parametrize("name", DECODED)
def test_a_final_range_that_differs_by_a_bit_is_seen(name):
    decoders = ("decode", "decode_int16", "decode_multistream")
    wrong = {which: told_another_range(getattr(WHOLE, which)) for which in decoders}
    assert "ranges" in why_open(name, but(**wrong))


@pytest.mark.parametrize("name", CASES)
def test_what_a_kernel_has_no_function_for_is_open_and_names_it(name):
    ask = tuple(ASKS)[int(TARGET.features.cases(name)[0].fixture["ask"][0])]
    for function in ASKS[ask]:
        found = why_open(name, but(**{function: None}))
        assert "nothing was written" in found
        assert function in found


def modes_of(case):
    """Modes (RFC 6716, table 2), bandwidths and lengths of a case's packets."""
    given = case.requests(np.random.default_rng(0), case.batch)
    sent = given["lengths"] > 0
    configuration = given["packets"][..., 0][sent] >> 3
    return set(np.select([configuration < 12, configuration < 16], [1, 2], 3).tolist()), given


@pytest.mark.parametrize("name", DECODED)
def test_streams_are_of_the_modes_that_they_are_about(name):
    silk, hybrid, celt = 1, 2, 3
    for case in TARGET.features.cases(name):
        modes, given = modes_of(case)
        lost = (given["lengths"] == 0).sum()
        unsent = (given["lengths"] == 1).sum()
        if name == "mode_changes":
            assert len(modes) >= 2
            assert modes != {silk, celt} or case.shape == "silk-celt"
        elif name == "hybrid":
            assert modes == {hybrid}
        elif name.startswith("silk") or name == "fec":
            assert modes == {silk}
        else:
            assert modes == {celt}
        assert (lost > 0) == (name in ("celt_concealment", "silk_concealment", "fec"))
        assert (unsent > 0) == (name == "celt_dtx")


def test_libopus_unsends_packets_as_the_battery_does():
    encoder = libopus.Encoder(1, "restricted_celt")
    encoder.set(dtx=1)
    sound, buffer = np.zeros((960, 1), np.float32), np.empty(1_275, np.uint8)
    sizes = [encoder.encode(sound, buffer) for _ in range(60)]
    assert sizes.count(1) > 40
    assert max(b - a for a, b in itertools.pairwise(np.flatnonzero(np.array(sizes) > 1))) == 20 + 1


def answers_of(kernels):
    cases = TARGET.score.cases()
    found = []
    for case in cases:
        requests = case.requests(np.random.default_rng(0), case.batch)
        outputs = {k: poisoned((case.batch, *s), d) for k, (s, d) in case.outputs.items()}
        TARGET.bench.bind(kernels, case.fixture)(requests, outputs, {})
        found.append((requests, outputs))
    return cases, found


def test_the_score_of_libopus_is_zero_and_silence_scores_less():
    own = TARGET.score.quality(*answers_of(TARGET.upstream))
    assert set(own.gap_db.values()) == {0.0}
    assert own.transition_snr_db is None
    assert len(own.gap_db) == len(losses.CELLS) * 4 == 80
    silent = TARGET.score.quality(*answers_of(but(decode=muted)))
    assert np.mean(list(silent.gap_db.values())) < -0.5


def test_a_score_that_is_not_a_number_is_the_worst():
    cases, answers = answers_of(TARGET.upstream)
    answers[0][1]["pcm"][0, 5] = np.nan
    gaps = TARGET.score.quality(cases, answers).gap_db
    assert min(gaps, key=gaps.get) == "single/5ms-mono/speech"


def test_the_score_asks_the_same_every_time():
    def drawn():
        losses.takes.cache_clear()
        cases = [TARGET.score.case(*cell) for cell in losses.CELLS[::7]]
        return [case.requests(np.random.default_rng(), 5) for case in cases]

    for first, second in zip(drawn(), drawn(), strict=True):
        for name, array in first.items():
            np.testing.assert_array_equal(array, second[name])


def test_the_committed_kernel_lacks_what_the_documentation_says_it_lacks(tmp_path):
    target = targets.load("opus_celt", ROOT)
    text = (ROOT / "docs" / "targets" / "opus_celt_features.md").read_text("utf-8")
    said = dict(re.findall(r"^\| `(\w+)` \| (open|closed) \|", text, re.MULTILINE))
    # a copy, because what numba caches lies beside the file
    kernels = Path(shutil.copy2(target.kernels_path, tmp_path))
    with judge.bench(target, judge.ignore_progress, answer_seconds=900) as (bench, _):
        found = features.examine(bench, kernels)
    assert said == {f.feature.name: "open" if f.why else "closed" for f in found}


def test_optional_functions_take_the_arguments_that_the_target_says():
    spec = targets.load("opus_celt", ROOT).spec
    assert set(spec["optional"]) == {name for names in ASKS.values() for name in names}
    for name, arguments in spec["optional"].items():
        assert list(inspect.signature(getattr(WHOLE, name)).parameters) == arguments
