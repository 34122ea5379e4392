"""Runs of the real ffmpeg under limits, and what is kept of its words."""

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from workbench.errors import Infrastructure
from workbench.upstreams import ffmpeg

pytest.importorskip("imageio_ffmpeg")

PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=64x64:rate=25")
# Captured from ffmpeg 9.0 on a machine without a graphics card.
NVENC = """\
[h264_nvenc @ 0x55a3ddef4800] [error] Cannot load libcuda.so.1
[vost#0:0/h264_nvenc @ 0x55a3ddef3c80] [enc:h264_nvenc @ 0x55a3ddef46c0] [error] Error while \
opening encoder - maybe incorrect parameters such as bit_rate, rate, width or height.
[vf#0:0 @ 0x55a3ddf0f840] [error] Error sending frames to consumers: Operation not permitted
[vf#0:0 @ 0x55a3ddf0f840] [error] Task finished with error code: -1 (Operation not permitted)
[vost#0:0/h264_nvenc @ 0x55a3ddef3c80] [error] Terminating thread with return code -22 (Invalid)
[out#0/matroska @ 0x55a3ddef2ec0] [error] Nothing was written into output file, because at least \
one of its streams received no packets.
"""
AOM = """\
[libaom-av1 @ 0x5561] [warning] Neither bitrate nor constrained quality specified, using CRF 32
[libaom-av1 @ 0x5561] [error] nosuch: Invalid parameter
[libaom-av1 @ 0x5561] [error]   Additional information: Cannot find aom option nosuch
[vf#0:0 @ 0x5561] [error] Task finished with error code: -542398533 (Generic error)
"""
SVT = "Svt[info]: SVT [version]: 4.2\nSvt[error]: AQ mode must be [0-2]\nSvt[warn]: priority\n"


@pytest.fixture
def other_ffmpeg(tmp_path, monkeypatch):
    """Put a script in the place of ffmpeg; it finds the real one as ``$REAL``."""
    real = ffmpeg.executable()

    def put(script: str) -> Path:
        path = tmp_path / "other ffmpeg"
        path.write_text(f"#!/bin/sh\nREAL='{real}'\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(path))
        ffmpeg.filters.cache_clear()
        return path

    yield put
    ffmpeg.filters.cache_clear()


def test_the_cause_is_said_and_not_its_aftermath():
    assert ffmpeg.gist(NVENC) == "[h264_nvenc] Cannot load libcuda.so.1"


def test_errors_come_before_warnings_in_their_order():
    assert ffmpeg.gist(AOM) == (
        "[libaom-av1] nosuch: Invalid parameter; "
        "[libaom-av1]   Additional information: Cannot find aom option nosuch; "
        "[libaom-av1] Neither bitrate nor constrained quality specified, using CRF 32"
    )
    assert ffmpeg.gist(SVT) == "Svt[error]: AQ mode must be [0-2]; Svt[warn]: priority"


def test_aftermath_is_said_where_there_is_nothing_else():
    assert ffmpeg.gist("[error] Conversion failed!\n") == "Conversion failed!"
    assert ffmpeg.gist("") == ""


def test_repeated_words_are_said_once_and_long_ones_are_cut():
    assert ffmpeg.gist("[h264 @ 0x1] [error] bad\n[h264 @ 0x2] [error] bad\n" * 500) == "[h264] bad"
    assert len(ffmpeg.gist("\n".join(map(str, range(9_999))))) == ffmpeg.WORDS_LENGTH


def test_a_failure_has_ffmpegs_words_and_no_addresses(tmp_path):
    with pytest.raises(ffmpeg.Failed, match="invalid preset 'nosuch'") as caught:
        ffmpeg.run([*PICTURE, "-c:v", "libx264", "-preset", "nosuch", "out.mkv"], folder=tmp_path)
    assert "0x" not in str(caught.value)
    assert "Nothing was written" not in str(caught.value)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(ffmpeg.Failed, match=r"nothing here\.mp4.*No such file|No such file.*"):
        ffmpeg.run(["-i", "nothing here.mp4", "-f", "null", "-"])


def test_words_at_both_ends_of_a_long_log_are_kept(other_ffmpeg):
    other_ffmpeg(
        "echo '[error] first' >&2; i=0; while [ $i -lt 4000 ]; do echo '[warning] the same old '"
        "'words that a damaged file makes' >&2; i=$((i+1)); done; echo '[error] last' >&2; exit 3"
    )
    with pytest.raises(ffmpeg.Failed, match=r"^first; last; the same old words that"):
        ffmpeg.run([])


def test_what_takes_too_long_is_stopped_by_name_of_its_limit():
    threads = threading.active_count()
    with pytest.raises(ffmpeg.Failed, match=r"^stopped after 0\.3 s"):
        ffmpeg.run(["-re", *PICTURE, "-f", "null", "-"], timeout_s=0.3)
    assert threading.active_count() <= threads  # earlier tests' threads may end meanwhile


def test_what_wants_too_much_memory_is_stopped(tmp_path):
    big = ("-f", "lavfi", "-i", "color=size=4096x4096:rate=25")
    arguments = [*big, "-frames:v", "8", "-c:v", "libx264", "-threads", "1", "out.mkv"]
    with pytest.raises(ffmpeg.Failed):
        ffmpeg.run(arguments, folder=tmp_path, memory_bytes=200 << 20)


def test_a_signal_is_named_with_the_limit(other_ffmpeg):
    other_ffmpeg("kill -ABRT $$")
    with pytest.raises(ffmpeg.Failed, match=r"died of SIGABRT; its limit is 8,192 MiB of memory"):
        ffmpeg.run([])


def test_a_failure_without_words_has_its_code(other_ffmpeg):
    other_ffmpeg("exit 7")
    with pytest.raises(ffmpeg.Failed, match="exit code 7"):
        ffmpeg.run([])


def test_no_shell_reads_the_arguments(tmp_path):
    name = "$(touch ran); 'x' \"y\" `z` | w.mkv"
    ffmpeg.run([*PICTURE, "-frames:v", "1", "-f", "matroska", ffmpeg.url(tmp_path / name)])
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_cpu_time_is_the_childs_own(tmp_path):
    done = ffmpeg.run([*PICTURE, "-frames:v", "50", "-f", "null", "-"])
    assert done.cpu_ms > 0
    assert done.elapsed_ms > 0


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/x.mp4", "concat:/etc/passwd|/etc/hosts"])
def test_only_files_are_opened(address):
    with pytest.raises(ffmpeg.Failed, match=r"not on whitelist|Protocol not found"):
        ffmpeg.run(["-protocol_whitelist", ffmpeg.PROTOCOLS, "-i", address, "-f", "null", "-"])


def test_another_ffmpeg_is_found_by_its_variable(other_ffmpeg, monkeypatch):
    path = other_ffmpeg('exec "$REAL" "$@"')
    assert ffmpeg.executable() == path
    monkeypatch.chdir(path.parent)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "./other ffmpeg")
    assert ffmpeg.executable().is_absolute()


def test_one_that_is_not_there_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "nothing"))
    with pytest.raises(Infrastructure, match=r"no ffmpeg at .*nothing.*IMAGEIO_FFMPEG_EXE"):
        ffmpeg.executable()


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(Infrastructure, match=r"pip install 'workbench\[sweep\]'"):
        ffmpeg.executable()


def test_the_build_is_the_programs_own_hash(tmp_path, monkeypatch):
    was = ffmpeg.build()
    other = tmp_path / "ffmpeg"
    shutil.copy(ffmpeg.executable(), other)
    with other.open("ab") as program:
        program.write(b"another build of the same version")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(other))
    assert ffmpeg.build.__wrapped__() != was == ffmpeg.build()
    said = subprocess.run([other, "-version"], capture_output=True, text=True, check=True).stdout
    assert ffmpeg.version.__wrapped__() in said


def test_one_that_only_fails_is_no_ffmpeg(other_ffmpeg):
    path = other_ffmpeg("exit 1")
    with pytest.raises(Infrastructure, match=f"{path} is no ffmpeg that runs here"):
        ffmpeg.filters()


def test_secrets_do_not_reach_it(other_ffmpeg, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "t0ken")
    other_ffmpeg('echo "[error] $(env)" >&2; exit 1')
    with pytest.raises(ffmpeg.Failed) as caught:
        ffmpeg.run([])
    assert "PATH=" in str(caught.value)
    assert "t0ken" not in str(caught.value)


def test_a_run_whose_parent_was_killed_ends_by_itself(tmp_path):
    """The clock is the parent's; the limit of CPU time is the kernel's."""
    script = (
        "from workbench.upstreams import ffmpeg\n"
        "ffmpeg.run(['-f', 'lavfi', '-i', 'testsrc2', '-f', 'null', '-'], timeout_s=1)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    while not (found := children.read_text().split()):
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{found[0]}").exists() and time.monotonic() < deadline:
        if ") Z " in Path(f"/proc/{found[0]}/stat").read_text():
            break  # ended, and nobody waits for it
        time.sleep(0.1)
    else:
        assert time.monotonic() < deadline


def test_an_ffmpeg_without_the_scorers_is_refused_before_a_sweep(other_ffmpeg):
    from workbench.encoders import score

    score.require_metrics()
    other_ffmpeg('"$REAL" "$@" | grep -v libvmaf')
    with pytest.raises(Infrastructure, match=r"built without libvmaf: unset IMAGEIO_FFMPEG_EXE"):
        score.require_metrics()
    other_ffmpeg('"$REAL" "$@" | grep -v -e libvmaf -e xpsnr')
    with pytest.raises(Infrastructure, match="built without libvmaf and xpsnr"):
        score.require_metrics()
