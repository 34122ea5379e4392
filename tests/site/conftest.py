"""One site of this checkout, built once for all processes: it takes half a minute."""

import os
from pathlib import Path

import pytest
from filelock import FileLock

from workbench.site import build

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    out = shared / "site"
    with FileLock(f"{out}.lock"):
        if not out.exists():
            assert build.build(ROOT, out).pages > 100
    return out
