"""Many writers of one ledger at once: with the lock they share, and on hosts that share none."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from workbench import files, ledger

WRITER = """
import contextlib, sys, time
from pathlib import Path
from workbench import files, ledger

path, name, count, locked = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
if locked == "alone":  # a host whose locks nobody else sees
    ledger.appending.FileLock = lambda *arguments, **options: contextlib.nullcontext()
known = dict(commit=name, timestamp="2026-01-01", status="discard", reason="slower")
known |= dict(host_class="h", kernel_sha256="k")
blank = dict.fromkeys(ledger.COLUMNS["performance"])
print("ready", flush=True)
sys.stdin.readline()
for i in range(count):
    if path.name == "lines":
        files.append_line(path, f"{name} {i} {'x' * 300}".encode())
        continue
    # 3,000 characters, so that nearly every row crosses from one page to the next.
    text = f"{i} {name * 3000}"
    ledger.append(path, ledger.Row(**{**blank, **known, "description": text}))
"""


def write_at_once(path, names, count, locked):
    """Start processes that wait for each other, and let them append."""
    with contextlib.ExitStack() as stack:
        writers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", WRITER, str(path), name, str(count), locked],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
            )
            for name in names
        ]
        for writer in writers:
            assert writer.stdout.readline() == b"ready\n"
        for writer in writers:
            writer.stdin.close()
        for writer in writers:
            assert writer.stderr.read() == b""
            assert writer.wait() == 0


@pytest.mark.parametrize(
    ("writers", "count", "locked"),
    [(16, 50, "shared"), (2, 300, "alone"), (6, 100, "alone")],
    ids=["16 processes", "two hosts", "six hosts"],
)
def test_all_rows_are_there_and_whole_and_the_header_once(tmp_path, writers, count, locked):
    path = tmp_path / "results.tsv"
    names = [chr(ord("a") + i) for i in range(writers)]
    write_at_once(path, names, count, locked)
    found = ledger.read(path)
    assert len(found) == writers * count
    for name in names:
        mine = [row.description for row in found if row.commit == name]
        assert mine == [f"{i} {name * 3000}" for i in range(count)]
    assert path.read_bytes().count(b"commit\ttimestamp") == 1
    expected = {"results.tsv", "results.tsv.lock"} if locked == "shared" else {"results.tsv"}
    assert {place.name for place in tmp_path.iterdir()} == expected


def test_writers_of_a_file_of_lines_lose_none(tmp_path):
    path = tmp_path / "lines"
    names = [chr(ord("a") + i) for i in range(8)]
    write_at_once(path, names, 50, "shared")
    lines = [line.split()[:2] for line in files.whole_lines(path)]
    for name in names:
        assert [i for who, i in lines if who == name.encode()] == [b"%d" % i for i in range(50)]


def test_one_host_repairs_while_others_append(tmp_path):
    """A torn line, and writers without a common lock who all find it."""
    path = tmp_path / "results.tsv"
    write_at_once(path, ["a"], 1, "alone")
    with path.open("ab") as file:
        file.write(b"half a row")
    write_at_once(path, ["b", "c"], 20, "alone")
    assert sorted(row.commit for row in ledger.read(path)) == ["a", *"b" * 20, *"c" * 20]
    torn = Path(f"{path}.torn").read_bytes()
    assert set(torn.splitlines()) == {b"half a row"}
