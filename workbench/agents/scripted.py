"""``--agent 'scripted FOLDER'``: brings the folder's patches one by one, for tests and demos.

A ``.patch`` is applied with ``git apply``, a ``.py`` is a whole kernel; in order of name, and the
name is the description.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from workbench.agents import asked as loop
from workbench.agents.asked import NOTHING_LEFT
from workbench.errors import Infrastructure, Usage, WorkbenchError

SUFFIXES = (".patch", ".py")


def main(arguments: list[str]) -> int:
    """Bring the patch whose turn it is."""
    try:
        asked = loop.read()
        if len(arguments) != 1 or not Path(arguments[0]).is_dir():
            raise Usage(
                f"scripted needs one folder of patches, not {' '.join(arguments) or 'none'}"
            )
        scripts = sorted(p for p in Path(arguments[0]).iterdir() if p.suffix in SUFFIXES)
        if asked.iteration > len(scripts):
            return NOTHING_LEFT
        script = scripts[asked.iteration - 1]
        apply(script, asked.target.kernels_path, asked.target.root)
        return loop.trial(asked, script.stem)
    except WorkbenchError as error:
        sys.stderr.write(f"scripted: {error}\n")
        return error.exit_code


def apply(script: Path, kernel: Path, root: Path) -> None:
    """Change the kernel as a script says.

    Raises
    ------
    Infrastructure
        If it does not apply, in git's words.
    """
    if script.suffix == ".py":
        kernel.write_bytes(script.read_bytes())
        return
    command = ["git", "apply", "--whitespace=nowarn", str(script.absolute())]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Infrastructure(f"{script.name} does not apply: {done.stderr.strip()}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
