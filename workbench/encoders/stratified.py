"""A tenth of a grid that is to find the recipes that lose everywhere.

Every slice of some sources, with every recipe once, at the middle quality, and bare around it: what
one quality of a recipe does on several sources says more than what several do on one. How well
it does is held against the full sweep in reports/0004-encoder-sweep.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.encoders.codec import WITH_RECIPES
from workbench.encoders.codecs import CODECS
from workbench.encoders.grid import Cell

# Five of nine, of unlike nature; more would be more than a tenth of the cells.
SOURCES = ("bigbuckbunny", "carphone", "grain", "screen", "cuts")
# Places among the twelve qualities: where each recipe is tried, and bare.
RECIPES_AT = WITH_RECIPES[2]
BARE_AT = (RECIPES_AT - 1, RECIPES_AT, RECIPES_AT + 1)


def sample(cells: Sequence[Cell]) -> list[Cell]:
    """The part of a full grid that is worth a look first.

    Of a corpus that has none of `SOURCES`, five sources in order of name.
    """
    names = sorted({cell.source for cell in cells})
    chosen = [name for name in names if name in SOURCES] or names[: len(SOURCES)]
    return [cell for cell in cells if cell.source in chosen and is_chosen(cell)]


def is_chosen(cell: Cell) -> bool:
    """Whether a cell is in the sample where its source is."""
    if cell.duplicate:
        return False
    qualities = CODECS[cell.codec].modes[cell.rc_mode].qualities
    places = BARE_AT if cell.is_bare_default else (RECIPES_AT,)
    return cell.quality in [qualities[place] for place in places]
