"""What a new digest's texts begin with."""

from __future__ import annotations

from collections.abc import Sequence

QUERIES = '''\
"""Queries of this digest: each function takes `data`, and the text asks it as {{ name }}.

What is imported here can be asked, too. Write your own below; docs/digests.md says how.
"""

'''
STANDARD = "from workbench.digest.standard import {names}\n"
OF_LEDGERS = ("count", "dead_ends", "ledger", "progress", "standing", "trials")
OF_SWEEPS = ("cells", "clips", "codecs", "hulls", "losing", "modes", "structural")

DECLARED = """\
# Numbers of the text that no query over data/ gives: a phrase of the text, and where it is from.
#
# [[from]]
# source = "the target's workloads: targets/pq_l2/inputs.py"
# phrases = ["20,000 rows"]
"""

NAMED = """
[[from]]
source = "the name of this digest"
phrases = ["{title}"]
"""

README = """\
# {number} {title}

<!-- The finding, in words and queries: what was asked, what came out, how far to believe it. -->

## Mechanism

<!-- Why it is so. `workbench port` quotes this for upstream. -->
{sections}
## Other pages

[Decision](decision.md), [invariants](invariants.md), [how to repeat it](reproduce.md),
[changes of this page](changelog.md).
"""

LEDGER = """
## What was tried: {label}

The ledger has {{{{ trials("{name}") }}}} rows: {{{{ count("{name}", "keep") }}}} kept,
{{{{ count("{name}", "discard") }}}} discarded, {{{{ count("{name}", "crash") }}}} crashed,
{{{{ count("{name}", "revoke") }}}} taken back. {{{{ standing("{name}") }}}}

{{{{ progress("{name}") }}}}

{{{{ ledger("{name}") }}}}

## What did not help: {label}

{{{{ dead_ends("{name}") }}}}
"""

SWEEP = """
## The sweep: {label}

{{{{ cells("{name}") }}}} cells on {{{{ clips("{name}") }}}} clips.

{{{{ codecs("{name}") }}}}

{{{{ hulls("{name}", "{clip}") }}}}

## What loses: {label}

{{{{ modes("{name}") }}}}

{{{{ structural("{name}") }}}}

{{{{ losing("{name}") }}}}
"""

DECISION = """\
# {number} Decision

## Decision matrix

<!-- Alternatives compared, at least two: fill the table.
| alternative | for | against | chosen |
|---|---|---|---|
| | | | yes |
| | | | no |
-->
"""

INVARIANTS = """\
# {number} Invariants

## Invariant

<!-- What must stay true, and the test that holds it: tests/....py -->
"""

REPRODUCE = """\
# {number} How to repeat it

## Reproduce

<!-- The commands that repeat the finding from a fresh clone, indented by four spaces. -->

## When upstream moves

<!-- What to do then. A section of this name in targets/T/program.md does as well. -->
"""

CHANGELOG = """\
# {number} Changes of this digest

- {date}: begun.
"""


def queries(*, ledgers: bool, sweeps: bool) -> str:
    """The queries.py of a digest of ledgers, sweeps or both."""
    names = sorted((*(OF_LEDGERS if ledgers else ()), *(OF_SWEEPS if sweeps else ())))
    if not names:
        return QUERIES.rstrip("\n") + "\n"
    inside = ",\n    ".join(names)
    return QUERIES + STANDARD.format(names=f"(\n    {inside},\n)") + _exported(names)


def _exported(names: Sequence[str]) -> str:
    listed = "".join(f'    "{name}",\n' for name in names)
    return f"\n__all__ = [\n{listed}]\n"
