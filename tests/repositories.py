"""Git as the tests use it: a person of no account, nobody's settings, nothing signed."""

import os
import subprocess

SETTINGS = ("user.name=tests", "user.email=tests@localhost", "commit.gpgsign=false")


def git(root, *words):
    """What git answers in a folder, without the line's end."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    known = [part for setting in SETTINGS for part in ("-c", setting)]
    done = subprocess.run(
        ["git", *known, *words], cwd=root, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
