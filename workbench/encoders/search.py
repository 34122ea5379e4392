"""Find a quality or a recipe by encoding instead of from a sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workbench.encoders.codec import BARE, Codec

# Coarse to fine, as published: steps of 10, then one by one between the last that clears and the
# first that does not; at most 15 encodes for 52 quantisers. The published radius of 5 around the
# last that clears would miss 4 targets of 10.
STEP = 10
# Of a search over recipes.
ENCODES = 40


@dataclass(frozen=True)
class Point:
    """One encode of a search.

    Attributes
    ----------
    quality : float
        The quantiser.
    knob_combo : str
        The recipe.
    bitrate_kbps, vmaf_score : float
        What came of it.
    """

    quality: float
    knob_combo: str
    bitrate_kbps: float
    vmaf_score: float


Encode = Callable[[float, str], Point]


def coarse_to_fine(
    encode: Encode, target_vmaf: float, knob_combo: str = BARE, *, low: int = 0, high: int = 51
) -> list[Point]:
    """Look for the largest quantiser from ``low`` to ``high`` that clears a target.

    Stops at once where the coarsest already does: there is no need to look lower.

    Returns
    -------
    list of Point
        Everything tried, in order; `best` picks.
    """
    tried: dict[int, Point] = {}

    def clears(quality: int) -> bool:
        if quality not in tried:
            tried[quality] = encode(float(quality), knob_combo)
        return tried[quality].vmaf_score >= target_vmaf

    coarse = [quality for quality in range(STEP, high, STEP) if quality >= low]
    if len(coarse) > 1 and high - coarse[-2] <= STEP + 1:
        coarse.pop()  # of 40, 50 and 51 the middle one tells nothing
    above = high
    if not clears(high):
        below = low
        for quality in reversed(coarse):
            if clears(quality):
                below = quality
                break
            above = quality
        for quality in range(below, above):
            clears(quality)
    return list(tried.values())


def best(points: Sequence[Point], target_vmaf: float) -> Point | None:
    """The lowest bitrate that clears the target."""
    clear = [point for point in points if point.vmaf_score >= target_vmaf]
    return min(clear, key=lambda point: point.bitrate_kbps, default=None)


def over_recipes(
    encode: Encode,
    codec: Codec,
    rc_mode: str,
    target_vmaf: float,
    *,
    refused: Sequence[str] = (),
    encodes: int | None = None,
    seed: int = 0,
) -> list[Point]:
    """Search qualities and recipes together, by optuna's tree-structured Parzen estimator.

    Parameters
    ----------
    refused : sequence of str
        Recipes not to try: structural ones.
    encodes : int
        How many; default `ENCODES`.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    mode = codec.mode(rc_mode)
    recipes = [r for r in (BARE, *codec.recipes_of(rc_mode)) if r not in refused]
    low, high = min(mode.qualities), max(mode.qualities)
    tried: dict[tuple[float, str], Point] = {}

    def kbps(trial: optuna.Trial) -> float:
        quality = float(trial.suggest_int("quality", int(low), int(high)))
        recipe = trial.suggest_categorical("recipe", recipes)
        if (quality, recipe) not in tried:
            tried[quality, recipe] = encode(quality, recipe)
        point = tried[quality, recipe]
        short = max(0.0, target_vmaf - point.vmaf_score)
        # One point of VMAF short costs more than any bitrate saved near the target.
        return point.bitrate_kbps * (1.0 + short)

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(kbps, n_trials=encodes or ENCODES)
    return list(tried.values())
