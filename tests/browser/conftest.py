"""A real JupyterLab on a project of its own, and a real headless browser that drives it.

Pictures of the page go to ``$WORKBENCH_SCREENSHOTS``, or else into the test's own folder.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from workbench.digest import pdf

START_SECONDS = 60


@pytest.fixture(scope="session")
def chromium():
    """Path of the system's browser; nothing is downloaded where there is none."""
    found = pdf.browser()
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(pdf.BROWSERS)} is on the PATH")
    return found


@pytest.fixture
def lab(project, tmp_path):
    """Address of a JupyterLab in the project; ended, with its kernels, after the test."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    private = {
        name: str(tmp_path / name.lower())
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "HOME")
    }
    for folder in private.values():
        Path(folder).mkdir()
    # No question about news over the corner that a picture shows.
    quiet = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
    config = Path(private["JUPYTER_CONFIG_DIR"], "labconfig")
    config.mkdir()
    (config / "default_setting_overrides.json").write_text(json.dumps(quiet))
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
        *("--IdentityProvider.token=", f"--ServerApp.root_dir={project}"),
        # so that a test may ask for a command by its name
        "--LabApp.expose_app_in_browser=True",
    ]
    log = (tmp_path / "lab.log").open("w")
    server = subprocess.Popen(
        command,
        cwd=project,
        env={**os.environ, **private},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    end = time.monotonic() + START_SECONDS
    try:
        while True:
            try:
                urllib.request.urlopen(f"{address}/api").close()
                break
            except OSError:
                assert server.poll() is None, (tmp_path / "lab.log").read_text()
                assert time.monotonic() < end, (tmp_path / "lab.log").read_text()
                time.sleep(0.2)
        yield address
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(20)
        finally:
            server.kill()
            log.close()


@pytest.fixture
def page(chromium, tmp_path):
    """A page of a browser with a profile of its own."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=chromium,
            headless=True,
            args=list(pdf.FLAGS),
            viewport={"width": 1500, "height": 1700},
        )
        yield browser.new_page()
        browser.close()


@pytest.fixture
def picture(page, tmp_path):
    """``picture(name)`` keeps a screenshot of the page."""
    folder = Path(os.environ.get("WORKBENCH_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)

    def take(name):
        page.screenshot(path=folder / f"{name}.png")

    return take
