"""Digests: published findings whose numbers are queries over the data beside them.

A digest is a folder ``reports/NNNN-SLUG``. Its pages (README.md, decision.md, ...) are built from
``text/``, where ``{{ name }}`` asks a function of ``queries.py``, which reads ``data/``.

- `build.render` makes every file of a digest in memory; `check.check` compares it with the folder.
- `numbers.typed` finds the numbers that somebody typed.
- `Data` is what a query reads, `Drawing` is what one that draws returns.
"""

from workbench.digest.data import Data
from workbench.digest.drawing import Drawing
from workbench.digest.folder import Digest, find

__all__ = ["Data", "Digest", "Drawing", "find"]
