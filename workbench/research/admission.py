"""What a slice may touch: nothing is judged by a judge that it brings itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from workbench.deliver import judged
from workbench.errors import Refused, Usage
from workbench.nearest import nearest

# Beside its kernel. They cannot change a verdict or a figure.
BESIDE_A_KERNEL = ("docs/", "reports/")


def require(
    lane: str,
    surface: str,
    files: Sequence[str],
    evidence: str,
    *,
    names: Collection[str],
    kernels: Collection[str],
) -> None:
    """Refuse what its lane does not judge; `refusal` says the rest.

    Raises
    ------
    Usage
        For a lane that judges targets only, or evidence that lacks.
    Refused
        Naming the file that may not be touched.
    """
    if lane != "maintainability" and surface not in names:
        raise Usage(
            f"the {lane} lane judges targets, and {surface} is none; {nearest(surface, names)}"
        )
    if lane == "maintainability" and not evidence.strip():
        raise Usage(
            "a maintainability slice names its structural evidence, such as the lines, branches "
            "or duplicates that go: --evidence TEXT"
        )
    why = refusal(lane, surface, files, kernels)
    if why:
        raise Refused(why)


def refusal(lane: str, surface: str, files: Sequence[str], kernels: Collection[str]) -> str:
    """Why a slice may not touch what it touches; empty if it may.

    Parameters
    ----------
    lane, surface : str
        Of the slice.
    files : sequence of str
        What it changes.
    kernels : collection of str
        Targets of the default branch whose kernel is among them.
    """
    judges = [name for name in files if judged.may_decide(name)]
    if lane == "performance":
        own = (f"targets/{surface}/kernels.py", f"targets/{surface}/program.md")
        others = [n for n in files if n not in own and not n.startswith(BESIDE_A_KERNEL)]
        if others:
            return (
                f"a performance slice touches {', '.join(own)}, docs/ and reports/ only, and this "
                f"one {_some(others)}: make that a slice of another lane"
            )
        if own[0] not in files:
            return f"a performance slice changes {own[0]}, and this one does not"
    elif lane == "parity" and judges:
        return (
            f"no slice is judged by its own judge: {_some(judges)} belongs in a maintainability "
            "slice of its own"
        )
    elif judges and kernels:
        return (
            f"no kernel is judged by its own judge: {_some(judges)} and the kernel of "
            f"{_some(sorted(kernels))} belong in two slices"
        )
    return ""


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
