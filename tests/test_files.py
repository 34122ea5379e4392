"""Whole files and lines: what a crash, a full disk or another writer may do to them."""

import os

import pytest

from workbench import files
from workbench.errors import Infrastructure


def test_a_file_is_replaced_in_one_step_and_leaves_no_draft(tmp_path):
    path = tmp_path / "page.json"
    files.write_whole(path, b"old")
    files.write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert [place.name for place in tmp_path.iterdir()] == ["page.json"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("fails", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_what_fails_leaves_the_old_content(tmp_path, monkeypatch, fails, error):
    path = tmp_path / "page.json"
    files.write_whole(path, b"old")

    def fail(*arguments):
        raise error

    monkeypatch.setattr(*((os, "fsync") if fails == "fsync" else (files.Path, "replace")), fail)
    wanted = Infrastructure if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(wanted) as caught:
        files.write_whole(path, b"new")
    if wanted is Infrastructure:
        assert str(caught.value) == f"{path} cannot be written: No space left"
    assert path.read_bytes() == b"old"
    assert [place.name for place in tmp_path.iterdir()] == ["page.json"]


def test_a_draft_that_a_killed_writer_left_is_known_by_its_name(tmp_path, monkeypatch):
    drafts = []
    monkeypatch.setattr(files.Path, "replace", lambda draft, path: drafts.append(draft.name))
    files.write_whole(tmp_path / "manifest.json", b"{}")
    (name,) = drafts
    assert files.DRAFT.fullmatch(name)[1] == "manifest.json"
    assert not files.DRAFT.fullmatch(".gitkeep")


def test_lines_are_added_to_a_folder_that_did_not_exist(tmp_path):
    path = tmp_path / "new" / "lines.jsonl"
    for line in (b"1", b"2"):
        files.append_line(path, line)
    assert files.whole_lines(path) == [b"1\n", b"2\n"]
    assert files.whole_lines(tmp_path / "none") == []


@pytest.mark.parametrize("torn", [b"ha", b"ha\r", b"\xff\x00", b"h" * 100])
def test_a_torn_last_line_is_skipped_and_then_goes(tmp_path, torn):
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"1\n2\r\n" + torn)
    assert files.whole_lines(path) == [b"1\n", b"2\r\n"]
    files.append_line(path, b"3")
    assert path.read_bytes() == b"1\n2\r\n3\n"


def test_a_file_of_one_torn_line_begins_again(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"torn")
    files.append_line(path, b"1")
    assert path.read_bytes() == b"1\n"


@pytest.mark.parametrize("fails", ["fsync", "pwrite"])
def test_a_line_that_does_not_get_there_is_taken_back(tmp_path, monkeypatch, fails):
    path = tmp_path / "lines.jsonl"
    files.append_line(path, b"1")
    if fails == "fsync":

        def fail(file):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "fsync", fail)
    else:
        pwrite = os.pwrite
        monkeypatch.setattr(os, "pwrite", lambda file, data, at: pwrite(file, data[:3], at))
    with pytest.raises(Infrastructure, match=r"lines\.jsonl cannot be written: (Input|No space)"):
        files.append_line(path, b"another line")
    assert path.read_bytes() == b"1\n"


def test_a_folder_is_no_file_of_lines(tmp_path):
    with pytest.raises(Infrastructure, match="cannot be read"):
        files.whole_lines(tmp_path)
    with pytest.raises(Infrastructure, match="cannot be written"):
        files.append_line(tmp_path, b"1")
