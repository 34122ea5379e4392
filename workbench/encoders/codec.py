"""What the table of encoders is made of: an encoder and its rate-control modes.

``{q}`` is the quality of a cell: a quantiser under cqp, kbps under vbr and cbr; ``{double}`` twice
that. docs/encoders.md says in words what each line below means and where it was looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from workbench.errors import Usage
from workbench.nearest import nearest

CQP, VBR, CBR = "cqp", "vbr", "cbr"
RC_MODES = (CQP, VBR, CBR)
BARE = "bare"
# A knob of ours: encode twice, the second time with the first's statistics.
PASSES = "passes"
# A tenth apart, so that no bitrate between is further than 5 % from one of them.
KBPS = tuple(float(round(70 * 1.1**k)) for k in range(12))
# Recipes get six of the twelve qualities of bare, so that bare surrounds them.
WITH_RECIPES = (1, 3, 5, 6, 8, 10)


@dataclass(frozen=True)
class Mode:
    """How an encoder spells a rate-control mode.

    Attributes
    ----------
    arguments : tuple of str
        Options of ffmpeg.
    parameters : mapping of str to str
        The encoder's own.
    qualities : tuple of float
        The twelve at which bare is encoded.
    recipes : tuple of str
        ``knob=value,knob=value``, keys sorted; for this mode, besides the codec's.
    """

    arguments: tuple[str, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    qualities: tuple[float, ...] = KBPS
    recipes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Codec:
    """An encoder.

    Attributes
    ----------
    name : str
        ffmpeg's name of it.
    preset_option : str
        The option that takes a preset.
    presets : tuple of str
        The first is what the grid uses.
    fixed : tuple of str
        What every encode gets: one thread, so that cells repeat and times compare.
    parameters_always : mapping of str to str
        The encoder's own parameters in every encode.
    params : str
        Option that takes ``key=value:key=value``; empty where there is none.
    flags : frozenset of str
        Knobs that are options of their own nevertheless.
    pixel_format : str
        In which its encodes are scored: planar, and of their depth.
    modes : mapping of str to Mode
        Those it has.
    recipes : tuple of str
        For all modes.
    before_input : tuple of str
        Options before the input: a device.
    coarsest : int
        Its largest quantiser.
    """

    name: str
    preset_option: str
    presets: tuple[str, ...]
    modes: Mapping[str, Mode]
    recipes: tuple[str, ...]
    fixed: tuple[str, ...] = ("-threads", "1", "-pix_fmt", "yuv420p")
    parameters_always: Mapping[str, str] = field(default_factory=dict)
    params: str = ""
    flags: frozenset[str] = frozenset()
    pixel_format: str = "yuv420p"
    before_input: tuple[str, ...] = ()
    coarsest: int = 51

    @property
    def preset(self) -> str:
        """The preset of the grid."""
        return self.presets[0]

    def mode(self, rc_mode: str) -> Mode:
        """One of its rate-control modes.

        Raises
        ------
        Usage
            If it has no such mode.
        """
        if rc_mode not in self.modes:
            raise Usage(
                f"{self.name} has no rate-control mode {rc_mode!r}; {nearest(rc_mode, self.modes)}"
            )
        return self.modes[rc_mode]

    def arguments(self, rc_mode: str, preset: str, quality: float) -> list[str]:
        """Options of ffmpeg, without the encoder's own parameters."""
        spelt = [part.format(**_sizes(quality)) for part in self.mode(rc_mode).arguments]
        return [self.preset_option, preset, *self.fixed, *spelt]

    def parameters(self, rc_mode: str, quality: float) -> dict[str, str]:
        """The encoder's own parameters, without a recipe's."""
        of_mode = self.mode(rc_mode).parameters
        spelt = {key: value.format(**_sizes(quality)) for key, value in of_mode.items()}
        return {**self.parameters_always, **spelt}

    def recipes_of(self, rc_mode: str) -> tuple[str, ...]:
        """All recipes of a mode, without bare."""
        return (*self.recipes, *self.mode(rc_mode).recipes)


def _sizes(quality: float) -> dict[str, str]:
    return {"q": f"{quality:g}", "double": f"{2 * quality:g}"}
