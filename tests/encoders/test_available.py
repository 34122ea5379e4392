"""The probe of encoders, with those that are here and one that cannot be."""

import pytest

from workbench.encoders import available
from workbench.encoders.codecs import CODECS, SOFTWARE_NAMES
from workbench.errors import Usage
from workbench.upstreams import ffmpeg


@pytest.mark.parametrize("name", SOFTWARE_NAMES)
def test_software_encoders_are_here(name):
    assert available.missing(name) == ""


def test_hardware_encoders_work_or_say_why_not():
    hardware = [name for name in CODECS if name not in SOFTWARE_NAMES]
    for name, why in available.table(hardware).items():
        assert "Nothing was written" not in why, name
        assert "maybe incorrect parameters" not in why, name


def test_an_encoder_that_writes_nothing_is_not_here(monkeypatch):
    def writes_nothing(_arguments, *, folder, timeout_s):
        (folder / "encoded.mkv").touch()
        return ffmpeg.Finished("", 0.0, 0.0)

    monkeypatch.setattr(ffmpeg, "run", writes_nothing)
    assert available.missing("libx264") == "it wrote nothing"


def test_an_unknown_encoder_has_its_nearest_name_said():
    with pytest.raises(Usage, match="no codec 'h264_nvec'; did you mean h264_nvenc"):
        available.missing("h264_nvec")
