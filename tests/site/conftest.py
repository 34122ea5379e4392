"""One site of this checkout, built once: it takes half a minute."""

from pathlib import Path

import pytest

from workbench.site import build

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "site"
    assert build.build(ROOT, out).pages > 100
    return out
