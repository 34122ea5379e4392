"""A figure with what a reader must know of it."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.publish.style import Picture


@dataclass(frozen=True)
class Drawing:
    """A picture and its caption; nothing of the caption may be left out.

    Attributes
    ----------
    picture : Picture
        Drawn from data/ alone.
    shows : str
        What is to be seen, in a sentence without its full stop; also the picture's text for those
        who do not see it.
    unit : str
        Of the axes.
    n : str
        The sample's size and what it counts.
    interval : str
        What the bars are, or why there are none.
    """

    picture: Picture
    shows: str
    unit: str
    n: str
    interval: str

    def __post_init__(self) -> None:
        for part in ("shows", "unit", "n", "interval"):
            if not getattr(self, part).strip():
                raise ValueError(f"a figure's caption needs {part}")

    def markdown(self, file: str) -> str:
        """The picture with its caption below."""
        caption = f"{self.shows}. Units: {self.unit}. n = {self.n}. Intervals: {self.interval}."
        return f"![{self.shows}]({file})\n\n*{caption}*"
