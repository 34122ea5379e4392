"""Everything about a trial that is settled before its first slow step."""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass

from workbench import calibration, host, incumbent, ledger, policy, record
from workbench.errors import Infrastructure, Refused, Usage
from workbench.gate import Guardrails
from workbench.incumbent import Incumbent
from workbench.stats import Calibration
from workbench.targets import Target

MODES = ("trial", "baseline")


@dataclass(frozen=True)
class Options:
    """What a caller may choose.

    Attributes
    ----------
    mode : str
        ``trial``, or ``baseline`` to measure the kernel against itself.
    description : str
        One line for the ledger.
    focus : str
        Which ledger; a target names those it has.
    incumbent : str or None
        ``upstream`` or a commit, instead of the best kept kernel.
    seed : int or None
        Replays a trial's inputs and the order of its blocks; None draws one.
    rebaseline : bool
        Measure a baseline although there is one.
    patience_seconds : float
        How long to go on measuring where six pairs of processes leave the verdict open.
    """

    mode: str = "trial"
    description: str = ""
    focus: str = "performance"
    incumbent: str | None = None
    seed: int | None = None
    rebaseline: bool = False
    patience_seconds: float = 0.0


@dataclass(frozen=True)
class Setting:
    """Everything that is settled before the first slow step.

    ``confirmations`` are those that this ledger has had on this host class since its baseline.
    """

    target: Target
    options: Options
    source: str
    commit: str
    description: str
    rival: Incumbent
    files: dict[str, str]
    judge_sha256: str
    host_class: host.HostClass
    calibration: Calibration
    seed: int
    guardrails: Guardrails
    confirmations: int


def settle(target: Target, options: Options) -> Setting:
    """Check everything that can be checked before the first slow step."""
    if options.mode not in MODES:
        raise Usage(f"no mode {options.mode!r}; there are: {', '.join(MODES)}")
    if options.focus not in target.focuses:
        raise Usage(
            f"{target.name} has no focus {options.focus!r}; it has: {', '.join(target.focuses)}"
        )
    require_answers(target)
    rows_path = ledger.path(target.folder, options.focus)
    rows = ledger.read_any(rows_path)
    ledger.check_appendable(rows_path)
    record.check_writable(target.root)
    policy.verify_committed(target.root, target.folder)
    files = policy.judge_files(target.root, target.folder)
    digest = policy.judge_sha256(files)
    machine = host.current(digest)
    baselines = [r for r in rows if r.status == "baseline" and r.host_class == machine.id]
    if options.mode == "baseline" and baselines and not options.rebaseline:
        raise Usage(
            f"{target.name} has a baseline on this host class ({baselines[-1].timestamp}); "
            f"`workbench init {target.name}{ledger.option(options.focus)} --rebaseline` "
            "measures a new one"
        )
    source = policy.read_source(target.kernels_path)
    if options.mode == "baseline":
        ref = record.IncumbentRef(
            "baseline", incumbent.head(target, source), incumbent.sha256(source)
        )
        rival = Incumbent(source, ref)
    else:
        rival = incumbent.find(target, options.focus, machine.id, options.incumbent)
    return Setting(
        target=target,
        options=options,
        source=source,
        commit=incumbent.head(target, source),
        description=" ".join(options.description.encode(errors="replace").decode().split()),
        rival=rival,
        files=files,
        judge_sha256=digest,
        host_class=machine,
        calibration=calibration.load(target, machine.id),
        seed=secrets.randbits(63) if options.seed is None else options.seed,
        guardrails=guardrails(target),
        confirmations=ledger.confirmations(rows, machine.id),
    )


def require_answers(target: Target) -> None:
    """Refuse a target that has not traced its upstream call site."""
    upstream = target.spec.get("upstream", {})
    asked = ("call_site", "cost_fraction", "access_pattern")
    missing = [key for key in asked if not upstream.get(key)]
    if target.spec.get("status") == "candidate" or missing:
        wanted = f"answer {', '.join(missing)} in [upstream]" if missing else "set status"
        raise Refused(
            f"{target.name} is a candidate: {wanted} in targets/{target.name}/target.toml "
            "first (where upstream calls the kernel, its share of the whole query, and what "
            "the caller really asks), then change status to landed"
        )


def guardrails(target: Target) -> Guardrails:
    """Limits of target.toml."""
    try:
        return Guardrails(**target.spec["guardrails"])
    except (KeyError, TypeError) as error:
        fields = dataclasses.fields(Guardrails)
        wanted = ", ".join(f.name for f in fields if f.default is dataclasses.MISSING)
        raise Infrastructure(f"[guardrails] of {target.name} must name exactly {wanted}") from error
