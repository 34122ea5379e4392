"""The words a kernel may use, and their check. A person widens these lists; a trial cannot."""

from __future__ import annotations

import ast
import difflib
import importlib
import math
from functools import cache
from pathlib import Path

from workbench.policy.violation import PolicyViolation

PACKAGE = Path(__file__).resolve().parents[1]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Names that stand for a module; a kernel can neither rebind nor pass them around.
MODULES = ("np", "math", "simd")
# Parts of workbench.opus that hold constants and njit functions only, which a kernel may import by
# name. Its other modules reach the real library.
OPUS_MODULES = (
    *("tables", "plan", "packet", "range_coder", "allocation", "energy"),
    *("bands", "partition", "angles", "spreading", "collapse", "pvq", "pvq_rates"),
    *("fourier", "mdct", "postfilter", "emphasis", "synthesis", "frame", "memory"),
    *("concealment", "periodicity", "prediction"),
    *("analysis_bits", "analysis_pitch", "analysis_resolution", "analysis_shapes"),
    *("analysis_transients", "encoder_bands", "encoder_energy", "encoder_frame"),
    *("encoder_input", "encoder_partition", "encoder_state"),
)
RESERVED = (*MODULES, "njit")

NJIT_FLAGS = frozenset(("nogil", "boundscheck"))
NJIT_CHOICES = {
    "inline": frozenset(("never", "always")),
    "error_model": frozenset(("python", "numpy")),
}
FASTMATH = frozenset(("fast", "nnan", "ninf", "nsz", "arcp", "contract", "afn", "reassoc"))
NJIT_OPTIONS = tuple(sorted({"fastmath", *NJIT_FLAGS, *NJIT_CHOICES}))

SCALARS = _words(
    "bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 intp uintp "
    "float16 float32 float64 complex64 complex128"
)
CONSTANTS = _words("pi e inf nan euler_gamma newaxis")
NUMPY = (
    SCALARS
    | CONSTANTS
    | _words(
        # types and layout
        "ndarray dtype finfo iinfo empty empty_like zeros zeros_like ones ones_like full "
        "full_like arange linspace eye identity array asarray ascontiguousarray "
        "asfortranarray copy copyto reshape ravel transpose flip fliplr flipud roll repeat "
        "concatenate stack hstack vstack column_stack dstack split array_split atleast_1d "
        "atleast_2d expand_dims squeeze broadcast_to swapaxes moveaxis shape size "
        # arithmetic, element by element
        "add subtract multiply divide true_divide floor_divide remainder mod fmod divmod "
        "power float_power negative positive absolute abs fabs sign copysign sqrt cbrt square "
        "reciprocal exp exp2 expm1 log log2 log10 log1p logaddexp logaddexp2 sin cos tan "
        "arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh arctanh hypot deg2rad "
        "rad2deg degrees radians floor ceil trunc rint round round_ around ldexp frexp modf "
        "nextafter spacing maximum minimum fmax fmin clip real imag conj conjugate angle "
        "bitwise_and bitwise_or bitwise_xor bitwise_not invert left_shift right_shift "
        "bitwise_count gcd lcm "
        # comparison and selection
        "equal not_equal less less_equal greater greater_equal logical_and logical_or "
        "logical_xor logical_not isnan isinf isfinite signbit isclose allclose array_equal "
        "where select choose take take_along_axis extract nonzero flatnonzero argwhere "
        "count_nonzero all any "
        # reduction, order, search
        "sum prod cumsum cumprod nansum nanmin nanmax min max amin amax argmin argmax ptp mean "
        "median std var dot vdot outer cross trace convolve correlate diff ediff1d interp sort "
        "argsort partition argpartition searchsorted digitize bincount histogram unique isin "
        "intersect1d union1d setdiff1d packbits unpackbits trapezoid polyval triu tril"
    )
)
MATH = frozenset(name for name in vars(math) if not name.startswith("_"))

# Names no kernel has a use for: they reach Python's own machinery, a file or a terminal.
NEVER = _words(
    "eval exec open compile globals locals vars getattr setattr delattr input breakpoint print "
    "memoryview super object"
)
# Builtins numba compiles and that reach nothing outside the function.
BUILTINS = _words(
    "abs all any bool bytes complex dict divmod enumerate float hash int isinstance iter len "
    "list map max min next pow range reversed round set slice sorted str sum tuple zip filter "
    "bytearray ord chr bin hex oct "
    "True False None NotImplemented Ellipsis "
    "ArithmeticError AssertionError Exception IndexError KeyError NotImplementedError "
    "OverflowError RuntimeError StopIteration TypeError ValueError ZeroDivisionError"
)

# Attributes of values (modules have the lists above): ways to an address, a file, the compiler,
# and `flat`, whose indices numba never checks.
FORBIDDEN_ATTRIBUTES = _words(
    "base compile ctypes ctypeslib data dump dumps flat fromfile inspect_asm inspect_llvm "
    "lib linalg load memmap objmode overloads py_func random recompile save savetxt savez "
    "stats targetoptions tofile"
)


@cache
def ufunc_inputs(name: str) -> int | None:
    """How many inputs a numpy ufunc takes; None for what is no ufunc."""
    import numpy as np

    function = getattr(np, name, None)
    return function.nin if isinstance(function, np.ufunc) else None


@cache
def offered(module: str) -> frozenset[str]:
    """Names in the ``__all__`` of a module of this package, read without importing if literal.

    Parameters
    ----------
    module : str
        Without the package: ``simd`` or ``opus.tables``.
    """
    place = PACKAGE.joinpath(*module.split("."))
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file():
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if (
                    isinstance(node, ast.Assign)
                    and isinstance(node.targets[0], ast.Name)
                    and node.targets[0].id == "__all__"
                ):
                    try:
                        return frozenset(ast.literal_eval(node.value))
                    except ValueError:
                        break  # computed: only the module itself knows
            return frozenset(getattr(importlib.import_module(f"workbench.{module}"), "__all__", ()))
    return frozenset()


def importable(module: str | None) -> frozenset[str] | None:
    """Names that a kernel may import from a module; None if it may import none.

    Only the module asked for is read: to read all parts of the codec takes 0.4 s.
    """
    package, _, part = (module or "").rpartition(".")
    if module == "math":
        return MATH
    if module == "workbench.simd":
        return offered("simd")
    if package == "workbench.opus" and part in OPUS_MODULES:
        return offered(f"opus.{part}")
    return None


def members(module: str) -> frozenset[str]:
    """List what a kernel may take from ``np``, ``math`` or ``simd``."""
    return {"np": NUMPY, "math": MATH}[module] if module != "simd" else offered("simd")


def check_name(name: str, line: int) -> None:
    """Refuse to bind or use names that Python or this policy keeps for itself."""
    if name.startswith("__") or name in NEVER or name in RESERVED:
        raise PolicyViolation(
            line, f"name {name}", "a kernel neither uses nor rebinds names with that meaning"
        )


def check_member(node: ast.Attribute, module: str) -> None:
    """Refuse what a kernel may not take from ``np``, ``math`` or ``simd``."""
    known = members(module)
    if node.attr not in known:
        raise PolicyViolation(
            node.lineno, f"{module}.{node.attr}", unknown(module, node.attr, known)
        )


def unknown(module: str, name: str, known: frozenset[str]) -> str:
    """What to say of a name that a module has not, or not for kernels."""
    near = difflib.get_close_matches(name, known)
    hint = f"did you mean {' or '.join(near)}?" if near else "a person can add it to the policy"
    return f"{name} is not among the {len(known)} names of {module} that a kernel may use; {hint}"
