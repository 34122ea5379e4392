"""A machine whose locale is ASCII: what is remembered is UTF-8 all the same."""

import os
import subprocess
import sys

from workbench import fsck, ledger

TRIAL = "import sys; from workbench import cli; sys.exit(cli.run(sys.argv[1:]))"


def test_a_record_does_not_depend_on_the_locale(project):
    target = project / "targets" / "pq_l2"
    (target / "kernels.py").write_text("import os  # naïve\n", encoding="utf-8")
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    command = [sys.executable, "-c", TRIAL, "trial", "pq_l2", "--description", "tried"]
    done = subprocess.run(
        command, env={**os.environ, **ascii_only}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 4, done.stderr
    assert [row.description for row in ledger.read(target / "results.tsv")] == ["tried"]
    assert fsck.run(["pq_l2"], root=project) == []
