"""``--agent tune``: optuna proposes values of a kernel's marked constants, the judge decides.

No state of its own: what was tried is in the ledger.
"""

from __future__ import annotations

import itertools
import math
import random
import sys
from collections.abc import Sequence

from workbench import ledger, policy
from workbench.agents import asked as loop
from workbench.agents.asked import NOTHING_LEFT
from workbench.agents.tunable import TUNE, Mark, Value, describe, marks, replaced, values_of
from workbench.errors import Infrastructure, Usage, WorkbenchError
from workbench.overview import host_class

Values = dict[str, Value]
# A sampler that has converged proposes what was tried; then one that was not is drawn.
ASKS = 50


def main() -> int:
    """Bring one trial."""
    try:
        asked = loop.read()
        path = asked.target.kernels_path
        source = policy.read_source(path)
        known = marks(source)
        if not known:
            raise Usage(f"{path} marks no constant: NAME = 16  # tune: 8, 16, 32")
        rows = ledger.read_any(ledger.path(asked.target.folder, asked.focus))
        tried = history(rows, host_class(asked.target), known)
        values = propose(known, tried)
        if values is None:
            sys.stderr.write(f"all {len(tried)} combinations of {path.name} are tried\n")
            return NOTHING_LEFT
        path.write_text(replaced(source, values), encoding="utf-8")
        return loop.trial(asked, describe(values))
    except WorkbenchError as error:
        sys.stderr.write(f"tune: {error}\n")
        return error.exit_code


def history(
    rows: Sequence[ledger.AnyRow], host_class: str, known: Sequence[Mark]
) -> list[tuple[Values, float | None]]:
    """What was tried of the kernel as it is, and what each cost; None for a failure.

    Rows before the last keep of another kind are of another kernel.
    """
    here = [row for row in rows if row.host_class == host_class]
    kept = [
        i
        for i, row in enumerate(here)
        if row.status in ("keep", "baseline") and not row.description.startswith(TUNE)
    ]
    since = here[kept[-1] :] if kept else here
    names = {mark.name for mark in known}
    found: list[tuple[Values, float | None]] = [({mark.name: mark.value for mark in known}, None)]
    for row in since:
        values = values_of(row.description)
        if values is not None and values.keys() == names:
            found.append((values, _cost(row)))
    return found


def _cost(row: ledger.AnyRow) -> float | None:
    """What to make small: the time over upstream's, or a score below zero."""
    if isinstance(row, ledger.Row):
        return row.ratio_vs_upstream
    return None if row.score is None else -row.score


def propose(
    known: Sequence[Mark], tried: Sequence[tuple[Values, float | None]], seed: int | None = None
) -> Values | None:
    """Values that were not tried yet, by a tree-structured Parzen estimator; None if all were."""
    taken = {spelt(values, known) for values, _ in tried if _within(values, known)}
    if len(taken) == math.prod(len(mark.choices) for mark in known):
        return None
    try:
        import optuna
    except ImportError as error:
        raise Infrastructure(
            "optuna is not installed: pip install 'workbench[research]'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seed = len(tried) if seed is None else seed
    spaces: dict[str, optuna.distributions.BaseDistribution] = {
        mark.name: optuna.distributions.CategoricalDistribution(mark.choices) for mark in known
    }
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=4))
    for values, ratio in tried:
        if ratio is not None and math.isfinite(ratio) and _within(values, known):
            study.add_trial(
                optuna.trial.create_trial(params=values, distributions=spaces, value=ratio)
            )
    for _ in range(ASKS):
        values = dict(study.ask(spaces).params)
        if spelt(values, known) not in taken:
            return {mark.name: values[mark.name] for mark in known}
    draw = random.Random(seed)
    orders = [draw.sample(mark.choices, len(mark.choices)) for mark in known]
    fresh = next(found for found in itertools.product(*orders) if found not in taken)
    return {mark.name: value for mark, value in zip(known, fresh, strict=True)}


def spelt(values: Values, known: Sequence[Mark]) -> tuple[Value, ...]:
    """Values in the order of the marks."""
    return tuple(values[mark.name] for mark in known)


def _within(values: Values, known: Sequence[Mark]) -> bool:
    return all(values[mark.name] in mark.choices for mark in known)


if __name__ == "__main__":
    sys.exit(main())
