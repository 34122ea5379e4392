"""The two decoders that are compared, compiled once: a kernel, and libopus behind its surface."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import os
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench import targets
from workbench.errors import Infrastructure, Usage

TARGET = "opus_celt"
SURFACE = ("setup", "reset", "decode")
# Samples that a lost packet stands for; in a file every packet says its own.
LOST_SAMPLES = 960


@dataclass(frozen=True)
class Variant:
    """A decoder.

    Attributes
    ----------
    name : str
        What reports call it.
    sha256 : str
        Of its file.
    module : module
        Has the surface.
    run : callable
        `decode_run`, compiled for it.
    """

    name: str
    sha256: str
    module: types.ModuleType
    run: Any

    def setup(self, channels: int) -> Any:
        """Make a decoder's state."""
        return self.module.setup(channels, LOST_SAMPLES)


def kernel(path: Path | None = None, *, plain: bool = False) -> Variant:
    """The decoder to compare: the target's kernel, another file, or the plain decoder.

    Raises
    ------
    Usage
        If both are named, or there is no such file.
    Infrastructure
        If the file cannot be loaded or lacks a function.
    """
    if plain and path is not None:
        raise Usage("--plain and --kernels name two decoders: give one of them")
    if plain:
        from workbench.opus import decoder

        return _variant("workbench.opus.decoder", Path(decoder.__file__), decoder)
    if path is None:
        folder = targets.find_root() / "targets" / TARGET
        path = folder / "kernels.py"
        if not path.is_file():
            raise Infrastructure(
                f"targets/{TARGET} has no kernels.py: restore it, or compare with --plain"
            )
        return _loaded(f"targets/{TARGET}/kernels.py", path)
    if not path.is_file():
        raise Usage(f"--kernels {path}: no such file")
    return _loaded(str(path), path.resolve())


def upstream() -> Variant:
    """libopus, called by compiled code: what a call through ctypes costs is not in its time."""
    path = targets.find_root() / "targets" / TARGET / "upstream.py"
    return _loaded("libopus", path)


def _loaded(name: str, path: Path) -> Variant:
    try:
        module = targets.load_file(path, f"compared.{path.parent.name}.{path.stem}")
    except Infrastructure:
        raise
    except Exception as error:  # whatever a file of somebody's raises while it is imported
        raise Infrastructure(f"{name} does not load: {type(error).__name__}: {error}") from error
    return _variant(name, path, module)


def _variant(name: str, path: Path, module: types.ModuleType) -> Variant:
    missing = [function for function in SURFACE if not callable(getattr(module, function, None))]
    if missing:
        raise Infrastructure(f"{name} lacks {', '.join(missing)}: it is no decoder")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with _cached(path):
        # not the functions they call: with those compiling took 90 s instead of 79
        for function in (module.setup, module.reset):
            if hasattr(function, "enable_caching"):
                function.enable_caching()
        run = targets.specialise(decode_run, module)
    return Variant(name, sha256, module, run)


def sources(path: Path) -> list[Path]:
    """A file, and every file of this package that it imports, or that one of those does."""
    package = Path(__file__).parents[1]
    known: dict[Path, None] = {path: None}
    todo = [path]
    while todo:
        for node in ast.walk(ast.parse(todo.pop().read_bytes())):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom):
                module = node.module or ""
                names = [module, *(f"{module}.{one.name}" for one in node.names)]
            elif isinstance(node, ast.Import):
                names = [one.name for one in node.names]
            for name in names:
                first, *rest = name.split(".")
                place = package.joinpath(*rest)
                for file in (place.with_suffix(".py"), place / "__init__.py"):
                    if first == package.name and rest and file not in known and file.is_file():
                        known[file] = None
                        todo.append(file)
    return sorted(known)


@contextlib.contextmanager
def _cached(path: Path) -> Iterator[None]:
    """Have numba keep what is declared here in a folder that goes by all its sources.

    The decoder takes most of a minute to compile, and numba notices a change only in the file
    of the function itself.
    """
    import numba

    digest = hashlib.sha256(Path(__file__).read_bytes())
    for file in sources(path):
        digest.update(file.read_bytes())
    for name in sorted(os.environ):
        if name.startswith("NUMBA_") and name != "NUMBA_CACHE_DIR":
            digest.update(f"{name}={os.environ[name]}".encode())
    folder = targets.find_root() / ".workbench" / "opus" / digest.hexdigest()[:32]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Infrastructure(f"{folder} cannot be made: {error.strerror}") from error
    before = os.environ.get("NUMBA_CACHE_DIR")
    reload = vars(numba.config)["reload_config"]
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    reload()
    try:
        yield
    finally:
        if before is None:
            del os.environ["NUMBA_CACHE_DIR"]
        else:
            os.environ["NUMBA_CACHE_DIR"] = before
        reload()


def decode_run(
    state: Any,
    data: Any,
    starts: Any,
    lengths: Any,
    rows: Any,
    pcm: Any,
    samples: Any,
    ranges: Any,
) -> None:
    """Decode packet after packet; ``kernels`` is the global that `targets.specialise` provides.

    Parameters
    ----------
    state : any
        From the variant's ``setup``.
    data : u8[]
        All packets; packet i is ``data[starts[i] : starts[i] + lengths[i]]``.
    starts, lengths, rows : i64[n]
        ``rows[i]`` is where its samples go.
    pcm : f32[capacity, channels]
        Has room for the longest packet behind the last row.
    samples : i64[n]
        Gets samples or error codes.
    ranges : u32[n]
        Gets final ranges.
    """
    for i in range(len(starts)):
        start = starts[i]
        got, final = kernels.decode(  # type: ignore[name-defined]  # noqa: F821
            state, data[start : start + lengths[i]], lengths[i], pcm[rows[i] :]
        )
        samples[i] = got
        ranges[i] = final
