"""What git says, cut down to the line that matters."""

from __future__ import annotations


def refusal(said: str) -> str:
    """Why a push failed: the server's own words where it gave any."""
    lines = said.splitlines()
    remote = [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
    rejected = [line.strip() for line in lines if "rejected]" in line]
    return " ".join([*(line for line in remote if line)][:3] + rejected[-1:]) or point(said)


def point(said: str) -> str:
    """The line that says what is wrong; git's last one is advice."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if line.startswith("fatal: Could not read from remote") and number:
            return lines[number - 1]  # ssh's own words
        if line.startswith(("fatal:", "error:")):
            more = lines[number + 1 : number + 2] if line.endswith(":") else []
            return " ".join([line, *more])
    return lines[-1] if lines else "no word"
