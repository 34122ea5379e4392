"""A full disk: one clear line, and what was there before."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbench import ledger

DRIVER = str(Path(__file__).with_name("full_disk.py"))
# A file system of a megabyte in a namespace of our own, where the machine lets us have one.
MOUNT = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" "$3" tmpfs "$1"'
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh"]


def namespaces(tmp_path):
    if not shutil.which("unshare"):
        return False
    tried = [*NAMESPACE[:-2], 'mount -t tmpfs none "$1"', "sh", str(tmp_path)]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("mode", ["limit", "tmpfs"])
def test_every_writer_says_so_and_leaves_what_there_was(tmp_path, mode):
    if mode == "limit":
        command = [sys.executable, DRIVER, "limit", str(tmp_path / "disk")]
    elif namespaces(tmp_path):
        command = [*NAMESPACE, str(tmp_path), sys.executable, DRIVER]
    else:
        pytest.skip("this machine lets nobody mount a file system of his own")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert len(said) == 8
    for writer, (kind, text, unchanged) in said.items():
        assert kind == "Infrastructure", f"{writer}: {kind}: {text}"
        assert "cannot be written" in text
        assert "\n" not in text
        assert unchanged, writer


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from workbench import cli
sys.exit(cli.run(["trial", "pq_l2"]))
"""


@pytest.mark.parametrize(("room", "what"), [(300, "the record"), (20_000, "results.tsv")])
def test_a_trial_on_a_full_disk_is_exit_5_in_one_line(project, room, what):
    """The record does not fit; or it does, and the ledger has no room for the row."""
    target = project / "targets" / "pq_l2"
    (target / "kernels.py").write_text("import os\n")  # refused at once, and recorded
    header = "\t".join(ledger.COLUMNS["performance"])
    row = dict.fromkeys(ledger.COLUMNS["performance"], "n/a")
    row |= {"timestamp": "2026-01-01", "status": "discard", "reason": "slower"}
    line = "\t".join({**row, "description": "x" * (20_000 - 400)}.values())
    (target / "results.tsv").write_text(f"{header}\n{line}\n")
    before = (target / "results.tsv").read_bytes()
    command = [sys.executable, "-c", LIMITED, str(room)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert done.stderr.startswith("workbench: ")
    assert done.stderr.count("\n") == 1
    assert what in done.stderr
    assert "cannot be written" in done.stderr
    assert (target / "results.tsv").read_bytes() == before
    assert not list((project / "reports" / "trials").glob(".*.partial"))
