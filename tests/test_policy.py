"""What a kernels.py may hold, and whose the judge's files are."""

from __future__ import annotations

import ast
import contextlib
import importlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from repositories import git

from workbench import policy, targets
from workbench.errors import Refused
from workbench.policy import PolicyViolation, UnreadableKernel, custody, vocabulary

ROOT = Path(__file__).parents[1]
HEAD = "import numpy as np\nimport math\nfrom numba import njit\nfrom workbench import simd\n"


def body(statements: str) -> str:
    """A module with one kernel that holds the given statements."""
    lines = "".join(f"    {line}\n" for line in statements.split("\n"))
    return f"{HEAD}@njit\ndef f(x):\n{lines}"


ALLOWED = {
    "a docstring and the future": '"""Kernel."""\nfrom __future__ import annotations\n' + HEAD,
    "the other spelling of simd": "import workbench.simd as simd\n",
    "names from simd": "from workbench.simd import load, f32x16 as vector\nV = vector\n",
    "names from math": "from math import sqrt, inf\n",
    "a comment says coding": "# eight rows at once, see the coding table below\n",
    "the coding it has anyway": "# -*- coding: utf-8 -*-\n",
    "numbers": HEAD + "A = 1\nB: int = -A * 2 ** 10\nC, D = 1.5, (A, B)\nE = F = 'x'\nG = 1j\n",
    "casts": HEAD + "A = np.float32(0.1)\nB = np.uint8(255 >> 1)\nC = math.pi / 2\nD = np.inf\n",
    "tables": HEAD + "T = np.array([[1, 2], [3, 4]], dtype=np.uint8)\nU = np.array((1, 2))\n",
    "names from opus": "from workbench.opus.tables import BANDS as N\nM = N\n",
    "simd constants": HEAD + "V = simd.f32x16\n",
    "an annotation without a value": HEAD + "A: int\n",
    "options": HEAD + "@njit(fastmath=True, inline='always', error_model='numpy', nogil=True, "
    "boundscheck=False)\ndef f(x): return x\n",
    "some fast math": HEAD + "@njit(fastmath={'nnan', 'contract'})\ndef f(x): return x\n",
    "empty brackets": HEAD + "@njit()\ndef f(x): return x\n",
    "helpers call each other": HEAD + "@njit\ndef _g(x): return x\n@njit\ndef f(x): return _g(x)\n",
    "a helper shadows a builtin": HEAD + "@njit\ndef id(x): return x\n@njit\n"
    "def f(x): return id(x)\n",
    "defaults are literals": HEAD + "K = 3\n@njit\ndef f(x, k=K, w=(1, -2.0)): return x\n",
    "annotated": HEAD + "@njit\ndef f(x: np.ndarray, n: int | None, t: tuple[int, ...]) -> None:\n"
    "    y: int = 3\n",
    "loops": body("for i in range(len(x)):\n    while x[i] > 0:\n        x[i] -= 1\n        break"),
    "expressions": body("y = x.shape[0] if x.size else -1\nreturn x[1:, ::2].copy(), not y, x.T"),
    "comprehensions": body("return [np.float32(v) for v in x if v > 0]"),
    "errors": body("if x.size == 0:\n    raise ValueError('empty')\nassert x.ndim == 1"),
    "inner functions": body("def g(y, z=2):\n    return y + z\nh = lambda y: g(y)\nreturn h(x)"),
    "a local named like a builtin": body("id, type = 1, 2\nreturn id + type"),
    "walrus and sets": body("s = {1, 2}\nif (n := len(x)) in s:\n    return n"),
    "vectors": body("v = simd.load(simd.f32x16, x, 0)\nsimd.store(x, 0, v * v + 2.0)"),
    "numpy inside": body("return np.sqrt(np.maximum(x, 0)).sum() + math.sqrt(2)"),
    "an unknown name is a crash, not a crime": body("return no_such_helper(x)"),
    "windows line ends": (HEAD + "@njit\ndef f(x):\n    return x\n").replace("\n", "\r\n"),
    "nothing at all": "",
}

REFUSED = {
    # imports
    "os": ("import os", "`import os`"),
    "a long way round": ("import os.path as np", "import os.path"),
    "numpy under its own name": ("import numpy", "import numpy as np"),
    "numpy as something else": ("import numpy as numbers", "allowed are"),
    "parts of numpy": ("from numpy import random", "allowed are"),
    "everything": ("from math import *", r"\* is not among"),
    "private parts of math": ("from math import __loader__", "__loader__ is not among"),
    "numba whole": ("import numba", "from numba import njit"),
    "numba's other names": ("from numba import njit, objmode", "allowed are"),
    "prange": ("from numba import prange", "allowed are"),
    "njit renamed": ("from numba import njit as jit", "allowed are"),
    "numba's depths": ("from numba.core import types", "allowed are"),
    "carray": ("from numba import carray", "allowed are"),
    "relative": ("from . import kernels", "allowed are"),
    "relative simd": ("from .workbench.simd import load", "allowed are"),
    "the judge": ("from workbench import judge", "allowed are"),
    "simd and the judge": ("from workbench import simd, judge", "allowed are"),
    "simd under a false name": ("from workbench import judge as simd", "allowed are"),
    "opus as a whole": ("from workbench.opus import tables", "allowed are"),
    "opus and the real library": ("from workbench.opus.streams import encode", "allowed are"),
    "opus's own tools": ("from workbench.opus.tables import np", "np is not among"),
    "simd's own tools": ("from workbench.simd import intrinsic", "intrinsic is not among"),
    "simd's modules": ("from workbench.simd import memory", "memory is not among"),
    "a simd typo": ("from workbench.simd import lod", "did you mean"),
    "simd over a module": ("from workbench.simd import load as np", "name np"),
    "ctypes": ("import ctypes", "allowed are"),
    "two at once": ("import math, sys", "allowed are"),
    # module level
    "a class": ("class A: pass", "a class at module level"),
    "a lambda": ("f = lambda x: x", "not a literal"),
    "a call": ("x = list(range(3))", "not a literal"),
    "an expression": ("1 + 1", "at module level"),
    "a late string": ("x = 1\n'text'", "at module level"),
    "a loop": ("for i in (1, 2): pass", "at module level"),
    "a branch": ("if 1: x = 2", "at module level"),
    "a try": ("try: x = 1\nexcept Exception: pass", "a try statement"),
    "a with": ("with x: pass", "a with statement"),
    "a comprehension": ("x = [i for i in (1, 2)]", "not a literal"),
    "a list": ("x = [1, 2]", "not a literal"),
    "a dict": ("x = {1: 2}", "not a literal"),
    "an f-string": ("x = f'{1}'", "not a literal"),
    "a subscript": ("x = (1, 2)[0]", "not a literal"),
    "somebody else's name": ("x = y", "not a literal"),
    "a builtin": ("x = print", "not a literal"),
    "an attribute of a constant": ("x = 'a'\ny = x.format", "not a literal"),
    "a method call": ("x = 'a'.upper()", "not a literal"),
    "arange": (HEAD + "x = np.arange(3)", "not a literal"),
    "a cast of a call": (HEAD + "x = np.float32(np.arange(3))", "not a literal"),
    "a table of calls": (HEAD + "x = np.array([len('a')])", "not a literal"),
    "a table with options": (HEAD + "x = np.array([1], copy=False)", "not a literal"),
    "a starred table": (HEAD + "x = np.array(*(1, 2))", "not a literal"),
    "a deep numpy": (HEAD + "x = np.core.numeric", "not a literal"),
    "an unlisted numpy": (HEAD + "x = np.load", "load is not among"),
    "njit by hand": (HEAD + "x = njit", "not a literal"),
    "a module as a value": (HEAD + "x = np", "not a literal"),
    "augmented": ("x = 1\nx += 1", "at module level"),
    "delete": ("x = 1\ndel x", "at module level"),
    "an item": ("x[0] = 1", "assign to plain names"),
    "an attribute": (HEAD + "np.sum = 1", "assign to plain names"),
    "rebinding a module": (HEAD + "np = 1", "name np"),
    "rebinding njit": (HEAD + "njit = 1", "name njit"),
    "a dunder": ("__builtins__ = 1", "name __builtins__"),
    "a module hook": (HEAD + "@njit\ndef __getattr__(name): return 1", "name __getattr__"),
    "a walrus": ("x = (y := 1)", "not a literal"),
    "an await": ("async def f(): pass", "an async function"),
    # function headers
    "no decorator": ("def f(x): return x", "decorated with nothing"),
    "another decorator": ("@staticmethod\ndef f(x): return x", "decorated with staticmethod"),
    "two decorators": (HEAD + "@njit\n@njit\ndef f(x): return x", "decorated with njit, njit"),
    "a signature that numba evaluates": (HEAD + "@njit('f4(f4)')\ndef f(x): return x", "decorated"),
    "parallel": (HEAD + "@njit(parallel=True)\ndef f(x): return x", "njit or njit"),
    "cache": (HEAD + "@njit(cache=True)\ndef f(x): return x", "decorated with"),
    "forceobj": (HEAD + "@njit(forceobj=True)\ndef f(x): return x", "decorated with"),
    "locals": (HEAD + "@njit(locals={'x': 1})\ndef f(x): return x", "decorated with"),
    "options from afar": (HEAD + "@njit(**x)\ndef f(x): return x", "decorated with"),
    "an inliner of its own": (HEAD + "@njit(inline=f)\ndef f(x): return x", "decorated with"),
    "a computed option": (HEAD + "@njit(nogil=1 < 2)\ndef f(x): return x", "decorated with"),
    "an unknown fast math": (HEAD + "@njit(fastmath={'x'})\ndef f(x): return x", "decorated with"),
    "vectorize": ("@vectorize\ndef f(x): return x", "decorated with vectorize"),
    "numba.njit": ("@numba.njit\ndef f(x): return x", "decorated with numba.njit"),
    "a default that calls": (HEAD + "@njit\ndef f(x=len('a')): return x", "not a literal"),
    "a keyword default": (HEAD + "@njit\ndef f(*, x=open): return x", "not a literal"),
    "an annotation that calls": (HEAD + "@njit\ndef f(x: len('a')): return x", "annotation"),
    "an annotated result": (HEAD + "@njit\ndef f(x) -> [open('a')]: return x", "annotation"),
    "an annotation with effects": (HEAD + "x: print('hello') = 1", "annotation"),
    "an annotated dunder": (HEAD + "x: int.__subclasses__ = 1", "annotation"),
    "twice": (HEAD + "@njit\ndef f(x): return x\n@njit\ndef f(x): return 2", "defined twice"),
    "a constant over a function": (HEAD + "@njit\ndef f(x): return x\nf = 1", "already"),
    "an import over a function": (
        HEAD + "@njit\ndef load(x): return x\nfrom workbench.simd import load",
        "already",
    ),
    # bodies
    "object mode": (body("with objmode():\n    pass"), "a with statement in f"),
    "global": (body("global y\ny = 1"), "a global statement in f"),
    "nonlocal": (body("def g():\n    nonlocal x\n    x = 1\ng()"), "a nonlocal statement"),
    "a nested import": (body("import os"), "an import inside a function"),
    "a try inside": (body("try:\n    pass\nexcept Exception:\n    pass"), "a try statement"),
    "a generator": (body("yield 1"), "a generator"),
    "a class inside": (body("class A:\n    pass"), "a class"),
    "a match": (body("match x:\n    case 1:\n        pass"), "a match statement"),
    "a decorated inner function": (body("@njit\ndef g():\n    pass"), "has a decorator"),
    "an f-string inside": (body("return f'{x}'"), "a formatted string"),
    "eval": (body("return eval('1')"), "name eval"),
    "print": (body("print(x)"), "name print"),
    "open": (body("open('/etc/passwd')"), "name open"),
    "getattr": (body("return getattr(x, 'ctypes')"), "name getattr"),
    "an alias of eval": (body("e = eval\nreturn e('1')"), "name eval"),
    "a local named eval": (body("eval = 1"), "name eval"),
    "fullwidth letters": (body("return ｅｖａｌ('1')"), "name eval"),  # noqa: RUF001 - the trick is this very letter
    "type": (body("return type(x)"), "builtin type"),
    "id": (body("return id(x)"), "builtin id"),
    "a dunder name": (body("return __builtins__"), "name __builtins__"),
    "a dunder attribute": (body("return x.__array_interface__"), "__array_interface__"),
    "a private attribute": (body("return x._data"), "attribute ._data"),
    "an address": (body("return x.ctypes"), "attribute .ctypes"),
    "the compiler": (body("return f.py_func"), "attribute .py_func"),
    "a file": (body("x.tofile('a')"), "attribute .tofile"),
    "np.random": (body("return np.random.rand()"), "np.random"),
    "np.load": (body("return np.load('a')"), "np.load"),
    "np.ctypeslib": (body("return np.ctypeslib"), "np.ctypeslib"),
    "as_strided": (body("return np.lib.stride_tricks.as_strided(x)"), "np.lib"),
    "frombuffer": (body("return np.frombuffer(x)"), "np.frombuffer"),
    "memmap": (body("return np.memmap('a')"), "np.memmap"),
    "a numpy typo": (body("return np.sqqrt(x)"), "did you mean sqrt"),
    "numpy handed on": (body("m = np\nreturn m.load('a')"), "np is used as a value"),
    "numpy in a tuple": (body("return (np,)[0].sum('a')"), "np is used as a value"),
    "numpy as an argument": (HEAD + "@njit\ndef f(np): return np.sum()", "name np"),
    "numpy as a local": (body("np = x"), "np is used as a value"),
    "njit as a value": (body("return njit(x)"), "njit is used as a value"),
    "simd's insides": (body("return simd.emit.intrinsic"), "simd.emit"),
    "math's loader": (body("return math.__loader__"), "math.__loader__"),
    "a keyword with a dunder": (body("return f(__x=1)"), "name __x"),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed(name: str) -> None:
    policy.check_source(ALLOWED[name], {})


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    source, message = REFUSED[name]
    with pytest.raises(PolicyViolation, match=message) as error:
        policy.check_source(source, {})
    assert error.value.exit_code == 4
    assert 1 <= error.value.line <= source.count("\n") + 1
    assert "\n" not in str(error.value)
    assert "; " in str(error.value)  # what was found; what is allowed


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = ", "line 1, column 5: invalid syntax"),
        (body("return ="), "line 7, column 12: invalid syntax"),
        ("return 1", "line 1, column 1: 'return' outside function"),
        ("def f(x, x): pass", "duplicate argument 'x'"),
        ("x = 1\nfrom __future__ import annotations", "must occur at the beginning"),
        ("x\0", "null byte"),
        ("\ufeffx = 1", "line 1"),
        ("x = '\ud800'", "lone surrogate"),
        ("# coding: utf-7\nx = 1", "coding utf-7; a kernel is UTF-8"),
        ("# decoding: eight at once", "coding eight"),  # Python itself reads a coding here
        ("\n# -*- coding: rot13 -*-\nx = 1", "line 2: coding rot13"),
        ("#\r# coding=latin-1\rx = 1", "coding latin-1"),
        ("(" * 1000, "too many nested parentheses"),
        ("x = " + "-" * 50_000 + "1", "kernels.py"),
        ("x = 1" + "+1" * 50_000, "kernels.py"),
        ("#" * (policy.MAX_BYTES + 1), "at most 256,000"),
    ],
)
def test_a_kernel_that_is_no_python(source: str, message: str) -> None:
    with pytest.raises(UnreadableKernel, match=message) as error:
        policy.check_source(source, {})
    assert error.value.exit_code == 4
    assert "\n" not in str(error.value)


SURFACE = {"setup": ["codebook", "codes"], "distances": ["state", "table", "out"]}


def surface_source(distances: str = "state, table, out") -> str:
    setup = "@njit\ndef setup(codebook, codes): return codes\n"
    return f"{HEAD}{setup}@njit\ndef distances({distances}): pass\n"


def test_the_surface_is_there() -> None:
    policy.check_source(surface_source(), SURFACE)


@pytest.mark.parametrize(
    "arguments",
    [
        "state, table",
        "state, out, table",
        "state, table, out, more",
        "state, table, out, *more",
        "state, table, out, **more",
        "state, table, *, out",
        "state, table, out, *, more=1",
        "state, /, table, out",
        "state, table, out=None",
        "",
    ],
)
def test_a_wrong_signature_is_named(arguments: str) -> None:
    with pytest.raises(PolicyViolation, match=r"distances.*surface") as error:
        policy.check_source(surface_source(arguments), SURFACE)
    assert error.value.line == 8


def test_a_missing_function_is_named() -> None:
    source = surface_source().replace("def setup", "def set_up")
    with pytest.raises(PolicyViolation, match=r"setup is missing \(there is set_up\).*codebook"):
        policy.check_source(source, SURFACE)


@pytest.mark.parametrize("name", targets.names(ROOT))
def test_the_committed_kernels_pass(name: str) -> None:
    target = targets.load(name, ROOT)
    ours = ["kernels.py"]
    if "library" not in target.spec.get("upstream", {}):  # else upstream.py calls the real one
        ours.append("upstream.py")
    for file in ours:
        policy.check_source(policy.read_source(target.folder / file), target.surface)


PIECES = st.sampled_from(
    [
        *"\n ()[]{}:,.=+-*@#'\"\\\0\r\t",
        *["np", "math", "simd", "njit", "def f(x):", "@njit", "import ", "from ", "x", "1", "for "],
        *["lambda ", "yield ", "with ", "return ", "__class__", "eval", "async ", "await ", "\n  "],
        *[
            HEAD,
            "# coding: ",
            "f'{",
            "}'",
            "class A",
            "match x:\n case",
            "global x",
            "😀",
            "\ufeff",
        ],
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(), st.lists(PIECES).map("".join)))
@example("x = 'unterminated")
def test_any_text_is_allowed_or_refused(source: str) -> None:
    for text in (source, body(source)):
        with contextlib.suppress(Refused):
            policy.check_source(text, {"f": ["x"]})
            assert policy.syntax_size(text) > 0


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_a_kernel_or_refused(
    raw: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "kernels.py"
    path.write_bytes(raw)
    with contextlib.suppress(Refused):
        policy.check_source(policy.read_source(path), {})


def test_reading_a_kernel_keeps_line_ends_and_names_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "kernels.py"
    path.write_bytes(b"x = 1\r\n")
    assert policy.read_source(path) == "x = 1\r\n"
    path.write_bytes(b"x = 1\n\xff")
    with pytest.raises(UnreadableKernel, match="line 2: byte 0xff is not UTF-8"):
        policy.read_source(path)
    path.write_bytes(b" " * 300_000)
    with pytest.raises(UnreadableKernel, match="larger than 256,000"):
        policy.read_source(path)
    with pytest.raises(UnreadableKernel, match="cannot be read"):
        policy.read_source(tmp_path)
    with pytest.raises(UnreadableKernel, match="git checkout HEAD"):
        policy.read_source(tmp_path / "gone.py")
    path.write_bytes(b"x = 1")
    (tmp_path / "link.py").symlink_to(path)
    with pytest.raises(Refused, match="symbolic link"):
        policy.read_source(tmp_path / "link.py")


def test_syntax_size_ignores_what_does_nothing() -> None:
    plain = body("y = x + 1\nreturn y")
    wordy = body('"""Says much."""\n# and more\ny = (x + 1)\n\nreturn y')
    assert policy.syntax_size(plain) == policy.syntax_size(wordy)
    assert policy.syntax_size(plain) < policy.syntax_size(body("y = x + 1 + 0\nreturn y"))
    with pytest.raises(UnreadableKernel):
        policy.syntax_size("x =")


def test_simd_names_are_read_without_importing_it() -> None:
    from workbench import simd

    assert vocabulary.offered("simd") == frozenset(simd.__all__)


# --- the judge's files -----------------------------------------------------------------------


Project = tuple[Path, Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A committed project in a temporary folder, with its own copy of the package."""
    root = tmp_path / "project"
    folder = root / "targets" / "toy"
    folder.mkdir(parents=True)
    for name in (*targets.FILES, "results.tsv"):
        (folder / name).write_text(f"# {name}\n")
    (root / ".gitignore").write_text("__pycache__/\nresults.tsv\n")
    package = root / "workbench"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(custody.PACKAGE, package, ignore=ignore)
    monkeypatch.setattr(custody, "PACKAGE", package)
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "start")
    return root, folder


def test_a_committed_judge_is_accepted(project: Project) -> None:
    policy.verify_committed(*project)
    files = policy.judge_files(*project)
    assert set(files) >= {"targets/toy/bench.py", "workbench/policy/source.py"}
    assert "workbench/oracles.py" in files
    assert not any(name.endswith(("kernels.py", "program.md", "results.tsv")) for name in files)
    assert list(files) == sorted(files)


def test_the_digest_depends_on_every_file_and_on_nothing_else(project: Project) -> None:
    root, folder = project
    before = policy.judge_sha256(policy.judge_files(root, folder))
    (folder / "kernels.py").write_text("edited")
    (root / "workbench" / "fsck.py").write_text("edited")
    assert policy.judge_sha256(policy.judge_files(root, folder)) == before
    (root / "workbench" / "simd" / "cpu.py").write_text("edited")
    assert policy.judge_sha256(policy.judge_files(root, folder)) != before


def test_a_snapshot_that_a_target_reads_is_the_judges_and_no_other_one_is(project: Project) -> None:
    root, folder = project
    (folder / "target.toml").write_text('snapshot = "up/other"\n')
    manifests = [root / "snapshots" / "up" / n / "manifest.json" for n in ("toy", "other", "third")]
    for manifest in manifests:
        manifest.parent.mkdir(parents=True)
        manifest.write_text("{}\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "snapshots")
    policy.verify_committed(root, folder)
    own, other, third = manifests
    files = policy.judge_files(root, folder)
    third.write_text("recorded again\n")
    policy.verify_committed(root, folder)
    assert policy.judge_files(root, folder) == files
    for manifest in (own, other):
        assert manifest.relative_to(root).as_posix() in files
        manifest.write_text("recorded again\n")
        with pytest.raises(Refused, match=f"{manifest.parent.name}/manifest.json"):
            policy.verify_committed(root, folder)
        assert policy.judge_files(root, folder) != files
        manifest.write_text("{}\n")


@pytest.mark.parametrize("name", targets.names(ROOT))
def test_every_snapshot_that_a_targets_files_read_is_the_judges(name: str) -> None:
    folder = ROOT / "targets" / name
    files = policy.judge_files(ROOT, folder)
    calls = [
        node
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "snapshots.load"
    ]
    for call in calls:
        read = "/".join(ast.literal_eval(word) for word in call.args[:2])
        assert f"snapshots/{read}/manifest.json" in files, f'target.toml: snapshot = "{read}"'


def truncate(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize(
    ("file", "edit", "message"),
    [
        ("targets/toy/reference.py", truncate, "git checkout HEAD -- targets/toy/reference.py"),
        ("targets/toy/reference.py", Path.unlink, "reference.py is missing: `git checkout HEAD"),
        ("targets/toy/target.toml", truncate, "target.toml; a trial needs the committed judge"),
        ("workbench/oracles.py", truncate, "is changed since the commit: workbench/oracles.py"),
        ("workbench/oracles.py", Path.unlink, "is deleted: workbench/oracles.py"),
        ("workbench/policy/source.py", truncate, "workbench/policy/source.py"),
        ("workbench/simd/extra.py", Path.touch, "not committed: workbench/simd/extra.py"),
        ("workbench/__init__.py", lambda p: p.write_text("import os"), "workbench/__init__.py"),
    ],
)
def test_a_judge_that_differs_is_refused(
    project: Project, file: str, edit: Callable[[Path], object], message: str
) -> None:
    root, folder = project
    edit(root / file)
    with pytest.raises(Refused, match=message) as error:
        policy.verify_committed(root, folder)
    assert error.value.exit_code == 4
    assert "\n" not in str(error.value)


def test_what_a_trial_may_edit_is_not_compared(project: Project) -> None:
    root, folder = project
    (folder / "kernels.py").write_text("edited")
    (folder / "program.md").unlink()
    (root / "workbench" / "fsck.py").write_text("edited")
    policy.verify_committed(root, folder)


def test_the_index_and_its_flags_hide_nothing(project: Project) -> None:
    root, folder = project
    git(root, "update-index", "--assume-unchanged", "targets/toy/bench.py")
    (folder / "bench.py").write_text("edited")
    with pytest.raises(Refused, match=r"bench\.py"):
        policy.verify_committed(root, folder)
    git(root, "update-index", "--no-assume-unchanged", "targets/toy/bench.py")
    git(root, "add", ".")
    with pytest.raises(Refused, match=r"bench\.py"):
        policy.verify_committed(root, folder)
    git(root, "commit", "-qm", "edit")
    policy.verify_committed(root, folder)


def test_another_repository_in_the_environment_is_ignored(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, folder = project
    forged = tmp_path / "forged"
    shutil.copytree(root, forged)
    (forged / "targets" / "toy" / "bench.py").write_text("edited")
    git(forged, "commit", "-qam", "forged")
    (folder / "bench.py").write_text("edited")
    monkeypatch.setenv("GIT_DIR", str(forged / ".git"))
    with pytest.raises(Refused, match=r"bench\.py"):
        policy.verify_committed(root, folder)


@pytest.mark.parametrize("link", ["targets/toy/inputs.py", "workbench/oracles.py", "targets/toy"])
def test_a_symbolic_link_in_place_of_a_judge_file_is_refused(
    project: Project, tmp_path: Path, link: str
) -> None:
    root, folder = project
    path, elsewhere = root / link, tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    for check in (policy.verify_committed, policy.judge_files):
        with pytest.raises(Refused, match="symbolic link"):
            check(root, folder)


def test_a_package_installed_elsewhere_is_digested_but_not_compared(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, folder = project
    for home in (tmp_path / "elsewhere", root / ".venv" / "lib" / "site-packages"):
        home.mkdir(parents=True)
        shutil.copytree(root / "workbench", home / "workbench")
        monkeypatch.setattr(custody, "PACKAGE", home / "workbench")
        (home / "workbench" / "oracles.py").write_text("edited")
        policy.verify_committed(root, folder)
        assert "workbench/oracles.py" in policy.judge_files(root, folder)


def test_a_project_below_the_top_of_its_repository(tmp_path: Path, project: Project) -> None:
    root, folder = project
    shutil.rmtree(root / ".git")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "start")
    policy.verify_committed(root, folder)
    (folder / "bench.py").write_text("edited")
    with pytest.raises(Refused, match=r"git checkout HEAD -- targets/toy/bench\.py"):
        policy.verify_committed(root, folder)


def test_a_repository_of_sha256(project: Project) -> None:
    root, folder = project
    shutil.rmtree(root / ".git")
    git(root, "init", "-q", "--object-format=sha256")
    git(root, "add", ".")
    git(root, "commit", "-qm", "start")
    policy.verify_committed(root, folder)


def test_no_repository_no_commit_no_git(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root, folder = project
    shutil.rmtree(root / ".git")
    with pytest.raises(Refused, match="not a git repository"):
        policy.verify_committed(root, folder)
    git(root, "init", "-q")
    with pytest.raises(Refused, match="HEAD"):
        policy.verify_committed(root, folder)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="install git"):
        policy.verify_committed(root, folder)


def test_a_target_outside_the_project_is_refused(project: Project, tmp_path: Path) -> None:
    root, folder = project
    with pytest.raises(Refused, match="not inside the project"):
        policy.judge_files(root / "targets" / "toy", root / "workbench")
    assert policy.judge_files(root, folder)


@pytest.mark.benchmark
def test_cost_of_looking_after_the_judge(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    source = surface_source()
    jobs: dict[str, Callable[[], object]] = {
        "verify_committed": lambda: policy.verify_committed(*project),
        "judge_files": lambda: policy.judge_files(*project),
        "check_source": lambda: policy.check_source(source, SURFACE),
    }
    with capsys.disabled():
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            print(f"\n  {name}: {(time.perf_counter() - start) * 1e3:.1f} ms", end="")  # noqa: T201 - a benchmark prints


def imported_by(module: str, package: Path) -> set[str]:
    """First-level names of workbench that a module imports, in functions too."""
    names: set[str] = set()
    folder = package / module
    for path in (package / f"{module}.py", *folder.rglob("*.py")):
        if path.is_file():
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module == "workbench":
                    names |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    full = [node.module]
                    names |= {n.split(".")[1] for n in full if n.startswith("workbench.")}
                elif isinstance(node, ast.Import):
                    full = [alias.name for alias in node.names]
                    names |= {n.split(".")[1] for n in full if n.startswith("workbench.")}
    return names


def test_whatever_a_trial_imports_belongs_to_the_judge() -> None:
    seen: set[str] = set()
    waiting = {"trial", "runner"}
    while waiting:
        module = waiting.pop()
        seen.add(module)
        waiting |= imported_by(module, custody.PACKAGE) - seen
    # upstreams/libopus is in the digest; what it shares with other upstreams has to be committed
    assert "upstreams/libopus" in custody.JUDGE_MODULES
    assert seen <= {*custody.JUDGE_MODULES, *custody.ALSO_COMMITTED}


@pytest.mark.parametrize("name", vocabulary.OPUS_MODULES)
def test_parts_of_opus_hold_constants_and_compiled_functions_only(name: str) -> None:
    module = importlib.import_module(f"workbench.opus.{name}")
    assert vocabulary.offered(f"opus.{name}") == frozenset(module.__all__) != frozenset()
    for offered in module.__all__:
        value = getattr(module, offered)
        assert isinstance(value, (int, float, tuple, np.ndarray, np.generic)) or hasattr(
            value, "py_func"
        ), offered
