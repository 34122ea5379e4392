"""The fewest sentences that say which recipes lose where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from workbench.analysis.axes import Axes
from workbench.analysis.structural import STRUCTURAL

# A sentence may say "at every" of a recipe's cells when so many of them are so.
NEARLY_ALL = 0.8


@dataclass(frozen=True)
class Statement:
    """One sentence about one recipe.

    Attributes
    ----------
    what : str
        First part of the group, and the recipe: ``libx265 + aq-mode=4``.
    where : str
        ``under vbr and cbr at every preset and quality`` or ``under cbr at quality 23 or 28``.
    cells : int
        Structural cells it covers.
    exceptions : tuple of str
        Cells it speaks of that are not structural.
    hits : (int, int)
        Least and most sources hit.
    sources : int
        Of the corpus.
    mean_delta : float
        Over the covered cells.
    """

    what: str
    where: str
    cells: int
    exceptions: tuple[str, ...]
    hits: tuple[int, int]
    sources: int
    mean_delta: float

    def __str__(self) -> str:
        low, high = self.hits
        hits = f"{low}" if low == high else f"{low} to {high}"
        but = f" (except {', '.join(self.exceptions)})" if self.exceptions else ""
        return (
            f"{self.what} {self.where}{but}: {hits} of {self.sources} sources, "
            f"mean {self.mean_delta:+.2f}"
        )


def statements(table: pd.DataFrame, axes: Axes, verdict: str = STRUCTURAL) -> list[Statement]:
    """Merge the cells of one verdict into sentences, the worst first.

    Cells of a recipe are merged over its settings within the last part of the group (the
    rate-control mode); modes of which the same can be said share a sentence. Where nearly all
    settings tried are hit, the sentence says so and names the others.

    Parameters
    ----------
    table : DataFrame
        From `structural.classify`.
    """
    *outer, mode = axes.group
    table = table.sort_values([*axes.group, *axes.settings])
    how: Any = {"observed": True, "sort": True, "dropna": False}
    found = []
    for key, recipe in table.groupby([*outer, axes.recipe], **how):
        alike: dict[tuple[str, tuple[str, ...]], list[pd.DataFrame]] = {}
        for _, part in recipe.groupby(mode, **how):
            hit = part[part["verdict"] == verdict]
            if len(hit):
                alike.setdefault(_where(part, hit, axes), []).append(hit)
        for (where, exceptions), parts in alike.items():
            hit = pd.concat(parts)
            found.append(
                Statement(
                    what=" + ".join(map(str, key)),
                    where=f"under {_and([str(part[mode].iloc[0]) for part in parts])}{where}",
                    cells=len(hit),
                    exceptions=exceptions,
                    hits=(int(hit["hit"].min()), int(hit["hit"].max())),
                    sources=int(hit["sources"].iloc[0]),
                    mean_delta=float(hit["mean_delta"].mean()),
                )
            )
    return sorted(found, key=lambda statement: statement.mean_delta)


def _where(tried: pd.DataFrame, hit: pd.DataFrame, axes: Axes) -> tuple[str, tuple[str, ...]]:
    """At which settings, in the fewest words, and which of them are exceptions."""
    settings, chosen = _settings(tried, axes), _settings(hit, axes)
    values = [list(dict.fromkeys(column)) for column in zip(*settings, strict=True)]
    varied = [i for i, each in enumerate(values) if len(each) > 1]
    names = [axes.settings[i] for i in varied]
    if len(chosen) >= NEARLY_ALL * len(settings):
        # Of one setting a value alone says nothing: quality 20; of two they do: fast 20.
        name = f"{names[0]} " if len(names) == 1 else ""
        others = (setting for setting in settings if setting not in chosen)
        exceptions = tuple(name + _spell([setting[i] for i in varied]) for setting in others)
        return (f" at every {_and(names)}" if names else ""), exceptions
    # All combinations of some values are named by the values, anything else one by one.
    some = [list(dict.fromkeys(column)) for column in zip(*chosen, strict=True)]
    combinations = [s for s in settings if all(v in each for v, each in zip(s, some, strict=True))]
    if len(combinations) > len(chosen):
        return f" at {', '.join(map(_spell, chosen))}", ()
    named = zip(axes.settings, some, values, strict=True)
    return f" at {_and([f'{name} {_or(part)}' for name, part, all_ in named if part != all_])}", ()


def _settings(cells: pd.DataFrame, axes: Axes) -> list[tuple[str, ...]]:
    """Settings of each cell, spelt, since NaN is no equal of itself."""
    columns = [
        [f"{v:g}" if isinstance(v, float) else str(v) for v in cells[name]]
        for name in axes.settings
    ]
    return list(zip(*columns, strict=True)) if columns else [()] * len(cells)


def _spell(setting: Sequence[str]) -> str:
    return " ".join(filter(None, setting))


def _and(words: Sequence[str], last: str = " and ") -> str:
    return last.join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _or(words: Sequence[str]) -> str:
    return _and(words, " or ")
