"""The process that makes a closeup: ``python -m workbench.explore.looking``.

It reads `closeup.Asked` as one line of JSON and writes ``phase`` events, then the ``closeup``.
"""

from __future__ import annotations

import dataclasses
import json

from workbench.encoders import closeup
from workbench.encoders.closeup import Asked
from workbench.encoders.grid import Cell
from workbench.explore.serving import Pipe, serve


def look(pipe: Pipe) -> None:
    """Encode, score, compare; closing the pipe ends ffmpeg too."""
    asked = json.loads(pipe.hear())
    cells = Cell(**asked.pop("recipe")), Cell(**asked.pop("bare"))
    found = closeup.look(
        Asked(*cells, **asked),
        lambda what, done, total: pipe.tell("phase", name=what, done=done, total=total),
    )
    pipe.tell("closeup", seen=dataclasses.asdict(found))


if __name__ == "__main__":
    serve(look, lambda: None)
