"""Which files judge a kernel: for the deliverables of a change, and for what a slice may touch."""

from __future__ import annotations

from workbench.policy import custody
from workbench.targets import FEATURE_LIST, FEATURES, JUDGE_FILES, SCORES


def takes_part(path: str) -> bool:
    """Whether a file takes part in a verdict.

    Examples
    --------
    >>> takes_part("targets/pq_l2/reference.py"), takes_part("workbench/simd/lanes.py")
    (True, True)
    >>> takes_part("targets/pq_l2/kernels.py"), takes_part("workbench/cli/trials.py")
    (False, False)
    """
    match path.split("/"):
        case ["targets", _, file]:
            return file in (*JUDGE_FILES, SCORES, FEATURES, FEATURE_LIST)
        case ["snapshots", _, _, "manifest.json"]:
            return True
    return _is_module(path, custody.JUDGE_MODULES)


def needs_all_six(path: str) -> bool:
    """Whether a change of this file needs all six deliverables: a kernel's, or its judge's.

    Limits of the guard need none: they follow from a kernel that brought its own.

    Examples
    --------
    >>> paths = "targets/pq_l2/kernels.py", "workbench/gate.py", "targets/pq_l2/guard.json"
    >>> [needs_all_six(path) for path in paths]
    [True, True, False]
    """
    return _is_of_target(path, "kernels.py") or takes_part(path)


def may_decide(path: str) -> bool:
    """Whether a file could bend a verdict: takes part, limits costs, or runs with the judge.

    Examples
    --------
    >>> [may_decide(path) for path in ("targets/pq_l2/guard.json", "workbench/__init__.py")]
    [True, True]
    """
    return (
        takes_part(path)
        or _is_of_target(path, "guard.json")
        or _is_module(path, custody.ALSO_COMMITTED)
    )


def _is_of_target(path: str, file: str) -> bool:
    parts = path.split("/")
    return len(parts) == 3 and (parts[0], parts[2]) == ("targets", file)


def _is_module(path: str, modules: tuple[str, ...]) -> bool:
    """Whether a path is a module of the package, or belongs to a package, of these names."""
    parts = path.split("/")
    if parts[0] != "workbench" or len(parts) < 2 or not path.endswith(".py"):
        return False
    inside = ["/".join(parts[1 : end + 1]).removesuffix(".py") for end in range(1, len(parts))]
    return any(name in modules for name in inside)
