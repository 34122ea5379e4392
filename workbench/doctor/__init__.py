"""What this machine has and lacks for the workbench, and how to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from workbench.doctor import children, machine, media, project
from workbench.doctor.finding import Finding

CHECKS: dict[str, Callable[[], Iterator[Finding]]] = {
    "cpu": machine.cpu,
    "cores": machine.cores,
    "numba": children.compiler,
    "hardware counters": machine.hardware_counters,
    "address randomisation": machine.addresses,
    "confinement": children.confinement,
    "memfd": machine.memory,
    "ffmpeg": media.ffmpeg,
    "libopus": media.libopus,
    "pylance": project.upstreams,
    "project": project.checkout,
}


def examine() -> list[Finding]:
    """Run every check, side by side; a check that fails is a finding, never an exception.

    Examples
    --------
    >>> {finding.status for finding in examine()} <= {"ok", "warn", "missing"}
    True
    """
    with ThreadPoolExecutor(len(CHECKS)) as pool:
        running = {name: pool.submit(_guarded, name, check) for name, check in CHECKS.items()}
        return [finding for check in running.values() for finding in check.result()]


def _guarded(name: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check())
    except Exception as error:  # whatever a broken machine raises is what was to be found out
        what = str(error).splitlines() or [""]
        detail = f"the check itself failed: {type(error).__name__}: {what[0]}"
        found.append(Finding(name, "warn", detail, "report it with this line"))
    return found
