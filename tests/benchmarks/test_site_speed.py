"""How long the site takes: ``pytest -n 0 -m benchmark -s tests/benchmarks/test_site_speed.py``."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench.site import build

pytestmark = pytest.mark.benchmark
ROOT = Path(__file__).resolve().parents[2]


def test_site(tmp_path):
    begin = time.process_time()
    built = build.build(ROOT, tmp_path / "site")
    cpu = time.process_time() - begin
    print(
        f"\nworkbench site build: {built.seconds:.0f} s, {cpu:.0f} s of CPU, {built.pages} pages, "
        f"load {os.getloadavg()[0]:.1f} (aim 60 s)"
    )


def test_completion():
    asked = {"_WORKBENCH_COMPLETE": "complete_bash", "COMP_WORDS": "workbench trial pq_"}
    command = [sys.executable, "-c", "from workbench.cli import main; main()"]
    begin = time.perf_counter()
    subprocess.run(
        command,
        env={**os.environ, **asked, "COMP_CWORD": "2"},
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    print(f"\nthe tab key after `workbench trial pq_`: {time.perf_counter() - begin:.2f} s")
