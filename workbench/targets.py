"""A folder under ``targets/`` becomes a `Target`: loaded, checked, ready to bind.

There is no base class for targets. What they share is the folder, the file names of
`FILES` and one function, ``bind``, that runs any variant of the kernel.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import sys
import tomllib
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure, Usage

Arrays = Mapping[str, NDArray[Any]]
Layout = Mapping[str, tuple[tuple[int, ...], str]]

JUDGE_FILES = (
    "target.toml",
    "inputs.py",
    "bench.py",
    "reference.py",
    "upstream.py",
    "peers.py",
    "callsite.py",
)
FILES = (*JUDGE_FILES, "kernels.py", "program.md")
# The judge's, of targets with other focuses than performance.
SCORES, FEATURES, FEATURE_LIST = "score.py", "features.py", "features.toml"


@dataclass(frozen=True)
class Workload:
    """One source: what ``setup`` may see, and how to draw the requests it never sees.

    Attributes
    ----------
    shape, distribution : str
        Together they name the combo, e.g. ``128x16x256`` and ``clustered``.
    fixture : mapping of str to ndarray
        Arrays known before any request: amortised and untimed.
    requests : callable
        ``requests(rng, n)`` draws ``n`` fresh requests as arrays with leading axis ``n``.
    outputs : mapping of str to (shape, dtype)
        The caller-owned buffers of ONE request, e.g. ``{"out": ((20_000,), "float32")}``.
    scratch : mapping of str to (shape, dtype)
        Caller-owned working memory of one request whose content is never checked.
    batch : int
        How many requests a correctness case asks for.
    """

    shape: str
    distribution: str
    fixture: Arrays
    requests: Callable[[np.random.Generator, int], Arrays]
    outputs: Layout
    scratch: Layout = field(default_factory=dict)
    batch: int = 4

    @property
    def name(self) -> str:
        """The combo's name, ``shape/distribution``."""
        return f"{self.shape}/{self.distribution}"


@dataclass(frozen=True)
class Target:
    """A target folder. Modules load on first use, so that listing stays fast.

    Attributes
    ----------
    name : str
        The folder's name.
    root, folder : Path
        The project and the target's own folder.
    spec : mapping
        ``target.toml``, checked: see `workbench.spec.Spec`.
    bench_file, truth_file : str
        Which files bind a variant and answer truly; `at_call_site` names others.
    """

    name: str
    root: Path
    folder: Path
    spec: Mapping[str, Any] = field(repr=False)
    bench_file: str = "bench.py"
    truth_file: str = "reference.py"

    def at_feature(self) -> Target:
        """This target as its features are asked: with a bind of their own."""
        return replace(self, bench_file=FEATURES)

    def at_call_site(self) -> Target:
        """This target as the whole query around it: another bind, another truth and oracle."""
        file = "callsite.py"
        spec = {**self.spec, "oracle": self.callsite.ORACLE}
        return replace(self, spec=spec, bench_file=file, truth_file=file)

    @property
    def surface(self) -> Mapping[str, list[str]]:
        """Functions every variant exports, with their argument names, in call order."""
        surface: Mapping[str, list[str]] = self.spec["surface"]
        return surface

    @property
    def focuses(self) -> list[str]:
        """What its trials may be judged by."""
        return list(self.spec.get("focuses", ["performance"]))

    @property
    def kernels_path(self) -> Path:
        """The one file a trial edits."""
        return self.folder / "kernels.py"

    @cached_property
    def inputs(self) -> types.ModuleType:
        """``battery(rng)`` and ``workloads(rng)``."""
        return self.load_module("inputs.py")

    @cached_property
    def bench(self) -> types.ModuleType:
        """``bind(kernels, fixture)``: how upstream calls the surface."""
        return self.load_module(self.bench_file)

    @cached_property
    def reference(self) -> types.ModuleType:
        """The truth in the plainest code; compiled once, then cached beside the file."""
        module = self.load_module(self.truth_file)
        cache_compiled(module)
        return module

    @cached_property
    def upstream(self) -> types.ModuleType:
        """The algorithm upstream ships: the bare recipe."""
        return self.load_module("upstream.py")

    @cached_property
    def peers(self) -> types.ModuleType:
        """``PEERS``: name to a function that returns a module-like variant."""
        return self.load_module("peers.py")

    @cached_property
    def callsite(self) -> types.ModuleType:
        """The real query around the kernel."""
        return self.load_module("callsite.py")

    @cached_property
    def score(self) -> types.ModuleType:
        """What a kernel is worth besides its time, see `workbench.scoring`."""
        return self.load_module(SCORES)

    @cached_property
    def features(self) -> types.ModuleType:
        """What a kernel may lack yet, see `workbench.features`."""
        return self.load_module(FEATURES)

    @cached_property
    def kernels(self) -> types.ModuleType:
        """The editable kernel. A judge never touches this: only its runner loads a candidate."""
        return self.load_module("kernels.py")

    def load_module(self, file: str) -> types.ModuleType:
        """Load one file of the folder as a module of its own."""
        path = self.folder / file
        return load_file(path, f"targets.{self.name}.{path.stem}")


def load_file(path: Path, name: str) -> types.ModuleType:
    """Execute a Python file as module ``name`` and register it, so that numba can cache it.

    Compiled from the text, never from ``__pycache__``: a forged .pyc would run other code than
    the file that was hashed.
    """
    try:
        code = compile(path.read_bytes(), str(path), "exec")
    except OSError as error:
        wanted = ", ".join(FILES)
        raise Infrastructure(f"{path} cannot be read: a target folder needs {wanted}") from error
    module = types.ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    exec(code, vars(module))
    return module


def cache_compiled(module: types.ModuleType) -> None:
    """Have numba keep what it compiles of a module's functions on disk."""
    for value in vars(module).values():
        if hasattr(value, "py_func"):
            value.enable_caching()


def find_root(start: Path | None = None) -> Path:
    """The project's root: the nearest folder upwards whose pyproject.toml has [tool.workbench].

    Looks from ``start``, by default ``$WORKBENCH_ROOT``. Where neither is given it looks from the
    working directory, then from the folder this package lives in, so that an editable install
    works from anywhere.

    Raises
    ------
    Usage
        If there is no such folder.
    """
    named = start or os.environ.get("WORKBENCH_ROOT")
    origin = Path(named or ".").resolve()
    for base in [origin] if named else [origin, Path(__file__).resolve().parent]:
        for folder in (base, *base.parents):
            if _is_root(folder):
                return folder
    raise Usage(
        f"no workbench project at or above {origin}: "
        "run inside a clone, or set WORKBENCH_ROOT to one"
    )


def _is_root(folder: Path) -> bool:
    try:
        return b"[tool.workbench]" in (folder / "pyproject.toml").read_bytes()
    except OSError:
        return False


def names(root: Path | None = None) -> list[str]:
    """Names of all targets of the project, sorted."""
    folder = (root or find_root()) / "targets"
    return sorted(p.parent.name for p in folder.glob("*/target.toml"))


def load(name: str, root: Path | None = None) -> Target:
    """Load a target by name.

    Raises
    ------
    Usage
        If there is no such target (near names are suggested).
    Infrastructure
        If the folder is incomplete, or ``target.toml`` is not what `workbench.spec` says.

    Examples
    --------
    >>> load("pq_l2").name
    'pq_l2'
    """
    from workbench import spec  # here, because a runner needs this file but not pydantic

    root = root or find_root()
    known = names(root)
    if name not in known:
        near = difflib.get_close_matches(name, known)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known)}"
        raise Usage(f"no target named {name!r}; {hint}")
    folder = root / "targets" / name
    missing = [f for f in FILES if not (folder / f).is_file()]
    if missing:
        raise Infrastructure(f"targets/{name} lacks {', '.join(missing)}: restore it from git")
    try:
        table = tomllib.loads((folder / "target.toml").read_bytes().decode("utf-8"))
        checked = spec.parse(table)
    except (ValueError, RecursionError) as error:
        raise Infrastructure(f"targets/{name}/target.toml: {error}") from error
    return Target(name=name, root=root, folder=folder, spec=checked)


def specialise(loop: Callable[..., Any], kernels: Any, **others: Any) -> Callable[..., Any]:
    """Give ``loop`` a global named ``kernels`` and compile it when the kernels are compiled.

    ``bind`` functions use it to write the caller's loop once for every variant. The kernels
    become a global, not a closure cell, because numba keys a cached closure by its pickled
    cells, and a pickled dispatcher differs in every process: a closure never hits the cache.

    Parameters
    ----------
    loop : function
        Plain function that calls ``kernels.<name>``.
    kernels : module
        A variant; plain Python variants (peers) give a plain loop.
    **others
        Further globals of ``loop``: modules or njit functions, by name.
    """
    made = vars(kernels).setdefault("__specialised__", {})
    key = (loop.__code__, *sorted((name, id(value)) for name, value in others.items()))
    if key in made:  # a battery binds the same loop thirty times
        known: Callable[..., Any] = made[key][0]
        return known
    scope = {**loop.__globals__, "kernels": kernels, **others}
    # numba's cache knows a function by its name and code, not by its globals.
    parts = [f"{k}={getattr(v, '__name__', v)}" for k, v in others.items()]
    parts.append(getattr(kernels, "__name__", ""))
    name = f"{loop.__name__}_{hashlib.sha256(repr(sorted(parts)).encode()).hexdigest()[:16]}"
    function: Any = types.FunctionType(loop.__code__, scope, name)
    function.__qualname__ = name
    function.__module__ = loop.__module__
    surface = [v for k, v in vars(kernels).items() if k != "setup" and callable(v)]
    if any(hasattr(v, "py_func") for v in surface):
        from numba import njit

        function = njit(function, cache="NUMBA_CACHE_DIR" in os.environ)
    made[key] = (function, others)  # kept alive, so that no id is used twice
    specialised: Callable[..., Any] = function
    return specialised
