"""An HTML page printed to PDF by a browser, where there is one."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from workbench.errors import Infrastructure

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# For whoever starts one, tests too: it asks nobody for anything and keeps nothing.
FLAGS = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    "--no-sandbox",  # in a container there is none to be had; the page is the project's own
)
SECONDS = 120


def browser() -> str | None:
    """A browser that can print, or None."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def write(page: Path, to: Path, program: str) -> None:
    """Print a page.

    Raises
    ------
    Infrastructure
        If the browser fails or is not done after two minutes.
    """
    with tempfile.TemporaryDirectory() as profile:
        printing = ("--headless", "--no-pdf-header-footer", f"--print-to-pdf={to}")
        command = [program, *FLAGS, *printing, f"--user-data-dir={profile}"]
        try:
            done = subprocess.run(
                [*command, page.resolve().as_uri()],
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Infrastructure(f"{program} did not print {page} in {SECONDS} s") from error
    if done.returncode or not to.is_file():
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Infrastructure(f"{program} cannot print {page}: {last} (--no-pdf leaves it out)")
