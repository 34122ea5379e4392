"""What `workbench recommend` finds: from a sweep, by searching, or a ladder."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.analysis import sweep
from workbench.analysis.axes import ENCODER
from workbench.analysis.hull import hull
from workbench.analysis.ladder import by_quantiser, evenly, ladder
from workbench.analysis.recommend import candidates, recommend
from workbench.analysis.rows import find
from workbench.analysis.samples import structural_recipes
from workbench.analysis.structural import Cut
from workbench.encoders import advice, search
from workbench.encoders.advice import Trying, cell_of, command_lines
from workbench.encoders.clips import Shape
from workbench.encoders.codec import CQP
from workbench.encoders.codecs import codec as codec_of
from workbench.encoders.grid import Cell
from workbench.encoders.measure import Row
from workbench.errors import Usage
from workbench.nearest import nearest
from workbench.targets import find_root

SHOWN = ("preset", "quality", "knob_combo", "bitrate_kbps", "vmaf_score", "encode_time_ms")


@dataclass(frozen=True)
class Asked:
    """What somebody wants.

    Attributes
    ----------
    codec, rc_mode : str
        The slice's group.
    target_vmaf, target_bitrate : float or None
        One of them: a mean VMAF to reach, or kbps not to exceed.
    preset, max_encode_ms, allow_structural
        What is left out.
    """

    codec: str
    rc_mode: str
    target_vmaf: float | None = None
    target_bitrate: float | None = None
    preset: str | None = None
    max_encode_ms: float | None = None
    allow_structural: bool = False

    def refuse(self, how: str, **others: object) -> None:
        """Refuse what a way of answering would leave out of account.

        Raises
        ------
        Usage
            Naming it.
        """
        given = [
            f"--{name.replace('_', '-')}" for name, value in others.items() if value is not None
        ]
        if given:
            raise Usage(f"{how} takes no {', '.join(given)}")


@dataclass(frozen=True)
class Advice:
    """A recommendation.

    Attributes
    ----------
    cell : Cell
        What to encode with.
    expected : mapping
        What the sweep or the search measured of it.
    passed_over : DataFrame
        What was better and left out, with ``why``.
    commands : list of str
        Command lines that reproduce it.
    remarks : sequence of str
        What else to know.
    verified : Row or None
        One real encode of the user's clip.
    holds : bool
        Whether that reached the target; true without one.
    """

    cell: Cell
    expected: Mapping[str, Any]
    passed_over: pd.DataFrame
    commands: list[str]
    remarks: Sequence[str] = ()
    verified: Row | None = None
    holds: bool = True

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "codec": self.cell.codec,
            "rc_mode": self.cell.rc_mode,
            **plain({key: self.expected[key] for key in SHOWN if key in self.expected}),
            "passed_over": [plain(row) for row in self.passed_over.to_dict("records")],
            "commands": self.commands,
            "remarks": list(self.remarks),
            "verified": self.verified,
            "holds": self.holds,
        }

    def as_text(self) -> str:
        """For people."""
        lines = [
            f"{self.cell.codec} {self.cell.rc_mode}, preset {self.cell.preset}, "
            f"quality {self.cell.quality:g}, {self.cell.knob_combo}",
            f"expected: {self.expected['bitrate_kbps']:.0f} kbps, "
            f"VMAF {self.expected['vmaf_score']:.2f}",
        ]
        lines += [
            f"passed over: {row['knob_combo']} at {row['quality']:g} "
            f"({row['bitrate_kbps']:.0f} kbps, VMAF {row['vmaf_score']:.2f}): {row['why']}"
            for row in self.passed_over.to_dict("records")
        ]
        if self.verified:
            lines.append(
                f"verified on your clip: {self.verified['bitrate_kbps']:.0f} kbps, VMAF "
                f"{self.verified['vmaf_score']:.2f}{'' if self.holds else ': it misses the target'}"
            )
        return "\n".join([*lines, *self.remarks, *self.commands]) + "\n"


@dataclass(frozen=True)
class Ladder:
    """Rungs of a hull, from cheap to good.

    Attributes
    ----------
    rungs : DataFrame
        Cells.
    commands : list of str
        Command lines of all.
    left_out : list of str
        Recipes with structural cells.
    holds : bool
        Nothing was verified.
    """

    rungs: pd.DataFrame
    commands: list[str]
    left_out: list[str]
    holds: bool = True

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        rungs = [plain(row) for row in self.rungs[list(SHOWN)].to_dict("records")]
        return {"rungs": rungs, "commands": self.commands, "left_out": self.left_out}

    def as_text(self) -> str:
        """For people."""
        table = self.rungs[list(SHOWN)].round(2).to_string(index=False)
        out = [f"left out, structural: {', '.join(self.left_out)}"] if self.left_out else []
        return "\n".join([table, *out, *self.commands]) + "\n"


def from_sweep(asked: Asked, path: Path, clip: Path | None = None) -> Advice:
    """Pick from a sweep, and verify the pick on a clip.

    Raises
    ------
    Usage
        If nothing meets the target.
    Refused, Infrastructure
        If the clip cannot be used.
    """
    frame, cut = cells(asked, path)
    found = recommend(
        frame,
        ENCODER,
        target_quality=asked.target_vmaf,
        target_cost=asked.target_bitrate,
        max_tiebreak=asked.max_encode_ms,
        allow_structural=asked.allow_structural,
        cut=cut,
    )
    cell = cell_of(found.row)
    expected = {str(column): value for column, value in found.row.items()}
    passed_over = found.passed_over[[*SHOWN, "why"]]
    sources = frame[ENCODER.source].nunique()
    remarks = [f"(mean of the sweep's {sources} sources, cut and scaled as they were there)"]
    if clip is None:
        return Advice(cell, expected, passed_over, command_lines(cell), remarks)
    with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
        own = advice.own(clip, Path(folder), Shape())
        verified = own.encode(cell)
        lines = own.command_lines(cell)
    return Advice(
        cell,
        expected,
        passed_over,
        lines,
        [*remarks, cut_remark(own)],
        verified,
        meets(asked, verified["bitrate_kbps"], verified["vmaf_score"]),
    )


def by_search(asked: Asked, clip: Path | None, path: Path) -> Advice:
    """Encode a clip again and again: qualities of the default first, then recipes with them.

    Recipes that have a structural cell in the sweep at ``path`` are not tried at any quality:
    a search goes where no sweep was.

    Raises
    ------
    Usage
        If there is no clip, no VMAF to reach, or nothing reaches it.
    """
    if clip is None or asked.target_vmaf is None:
        raise Usage("--search needs a --clip to encode and a --target-vmaf to reach")
    asked.refuse("--search", target_bitrate=asked.target_bitrate, max_encode_ms=asked.max_encode_ms)
    codec = codec_of(asked.codec)
    refused, remark = ([], "") if asked.allow_structural else not_tried(asked, path)
    with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
        preset = asked.preset or codec.preset
        own = advice.own(clip, Path(folder), Shape())
        trying = Trying(own, asked.codec, asked.rc_mode, preset)
        points = []
        if asked.rc_mode == CQP:
            points += search.coarse_to_fine(trying, asked.target_vmaf, high=codec.coarsest)
        points += search.over_recipes(
            trying, codec, asked.rc_mode, asked.target_vmaf, refused=refused
        )
    best = search.best(points, asked.target_vmaf)
    if best is None:
        most = max(point.vmaf_score for point in points)
        raise Usage(
            f"nothing of {len(points)} encodes reaches {asked.target_vmaf:g}; best {most:.2f}"
        )
    cell = Cell("input", asked.codec, asked.rc_mode, preset, best.quality, best.knob_combo)
    expected = {**vars(best), "preset": preset}
    nothing = pd.DataFrame(columns=[*SHOWN, "why"])
    remarks = [line for line in (remark, cut_remark(own)) if line]
    return Advice(cell, expected, nothing, own.command_lines(cell), remarks)


def ladder_of(asked: Asked, path: Path, clip: Path | None = None) -> Ladder:
    """A ladder from the hull of the mean over sources, structural cells left out."""
    asked.refuse(
        "--ladder",
        target_vmaf=asked.target_vmaf,
        target_bitrate=asked.target_bitrate,
        max_encode_ms=asked.max_encode_ms,
        clip=clip,
    )
    frame, cut = cells(asked, path)
    means = candidates(frame, ENCODER, cut)
    is_out = means["is_structural"] & (not asked.allow_structural)
    sampler = by_quantiser() if asked.rc_mode == CQP else evenly()
    rungs = ladder(hull(means[~is_out], ENCODER), ENCODER, sampler)
    lines = [line for _, row in rungs.iterrows() for line in command_lines(cell_of(row))]
    left_out = sorted(set(means.loc[is_out, ENCODER.recipe].astype(str)))
    return Ladder(rungs, lines, left_out)


def published() -> Path:
    """The sweep that is asked where nobody names one."""
    return find_root() / "reports" / "0004-encoder-sweep" / "data" / "cells.parquet"


def not_tried(asked: Asked, path: Path) -> tuple[list[str], str]:
    """Recipes with a structural cell in a sweep, whatever its preset, and what to say of them."""
    if path == published() and not path.exists():
        return [], f"(no sweep at {path}: structural recipes were tried like others)"
    frame, cut = cells(Asked(asked.codec, asked.rc_mode), path)
    recipes = structural_recipes(frame, ENCODER, cut)[ENCODER.recipe].tolist()
    said = f"(not tried, structural in {path}: {', '.join(recipes)})" if recipes else ""
    return recipes, said


def cells(asked: Asked, path: Path) -> tuple[pd.DataFrame, Cut]:
    """The rows of a sweep that an answer may come from, and its cut.

    Raises
    ------
    Usage
        If there is no such sweep, or it has no such rows.
    """
    file = find(path)
    if not file.exists():
        raise Usage(f"no sweep at {path}: name one with --sweep")
    opened = sweep.load(file)
    frame = opened.frame
    wanted = {"codec": asked.codec, "rc_mode": asked.rc_mode}
    if asked.preset is not None:
        wanted["preset"] = asked.preset
    for column, value in wanted.items():
        there = sorted(frame[column].astype(str).unique())
        frame = frame[frame[column].astype(str) == value]
        if frame.empty:
            raise Usage(f"{file} has no {column} {value!r}; {nearest(value, there)}")
    return frame.reset_index(drop=True), opened.cut


def meets(asked: Asked, bitrate_kbps: float, vmaf_score: float) -> bool:
    """Whether an encode is what was asked for."""
    if asked.target_vmaf is not None:
        return vmaf_score >= asked.target_vmaf
    return asked.target_bitrate is None or bitrate_kbps <= asked.target_bitrate


def cut_remark(own: advice.Own) -> str:
    """What of a user's clip was encoded."""
    clip = own.clip
    return (
        f"(your clip's first {clip.frames} frames at {clip.width}x{clip.height}; for all of it, "
        f"leave the cut out and name it instead of {advice.CUT}: bitrates will be others)"
    )


def plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row's numbers as JSON has them: NaN is null."""
    found = {}
    for name, value in row.items():
        value = value.item() if hasattr(value, "item") else value
        found[str(name)] = None if isinstance(value, float) and not math.isfinite(value) else value
    return found
