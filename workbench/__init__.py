"""Edit one kernel; a fixed judge says whether it is correct and really faster.

In order of use:

- `target` loads a folder under ``targets/``: its kernels, reference, upstream and peers.
- `timers.race` looks at how fast callables are, side by side, in your own process.
- `trial.run` judges ``kernels.py`` for real and remembers the verdict.
- `ledger.read` and `ledger.best` say what was tried; `record.read` opens one trial.
- `oracles` says whether an output is right; `snapshots` holds what the real upstream answered.

Everything loads on first use, so that importing this package costs a millisecond.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.targets import Target

__version__ = "0.1.0"
_MODULES = (
    "gate",
    "host",
    "ledger",
    "oracles",
    "policy",
    "publish",
    "record",
    "simd",
    "snapshots",
    "stats",
    "targets",
    "timers",
    "trial",
)
__all__ = ["__version__", "target", *_MODULES]


def target(name: str, root: Path | None = None) -> Target:
    """Load a target by name.

    Examples
    --------
    >>> import workbench as wb
    >>> pq = wb.target("pq_l2")
    >>> sorted(pq.surface)
    ['distance_table', 'distances', 'setup']
    """
    from workbench.targets import load

    return load(name, root)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"workbench.{name}")
    raise AttributeError(f"module 'workbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
