"""A page a target: what target.toml says, what is published of it, and where the rest is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.site import ledgers
from workbench.targets import Target

FILES = ("kernels.py", "upstream.py", "reference.py", "inputs.py", "bench.py", "peers.py")


def page_of(name: str) -> str:
    """The page of a target."""
    return f"targets/{name}/README.md"


def page(target: Target, row: Mapping[str, Any], files: Sequence[str]) -> str:
    """Write it; ``row`` is the target's of `workbench.overview.targets`."""
    spec, name = target.spec, target.name
    upstream = spec.get("upstream", {})
    share = upstream.get("cost_fraction")
    lines = [f"# {name}", "", f"{spec['title']}. {_links(name, files)}", "", "## Published", ""]
    lines += _published(row)
    facts = {
        "status": spec["status"],
        "held against": f"{upstream.get('system', '')} {upstream.get('version', '')}".strip(),
        "objective": spec["objective"],
        "oracle": _pairs(spec["oracle"]),
        "guardrails": _pairs(spec["guardrails"]),
        "focuses": ", ".join(target.focuses),
        "upstream calls it in": upstream.get("call_site"),
        "it replaces": upstream.get("symbol"),
        "what the caller asks": upstream.get("access_pattern"),
        "share of a whole query": f"{share:.1%}" if isinstance(share, float) else None,
    }
    lines += ["", "## What target.toml says", "", "| | |", "|---|---|"]
    lines += [f"| {key} | {_cell(value)} |" for key, value in facts.items() if value]
    lines += ["", "## Surface", "", "| function | arguments |", "|---|---|"]
    lines += [f"| `{key}` | {', '.join(value)} |" for key, value in target.surface.items()]
    return "\n".join(lines) + "\n"


def _links(name: str, files: Sequence[str]) -> str:
    """Where a reader goes on: documentation, priors, code, ledgers."""
    near = []
    if f"docs/targets/{name}.md" in files:
        near.append(f"[what it is and what was found](../../docs/targets/{name}.md)")
    if f"targets/{name}/program.md" in files:
        near.append("[priors and dead ends](program.md)")
    near += [f"[{file}]({file})" for file in FILES if f"targets/{name}/{file}" in files]
    for path in ledgers.published(list(files)):
        parts = path.split("/")
        if name in parts or parts[1].endswith(f"-{name.replace('_', '-')}"):
            near.append(f"[ledger of {parts[1]}](../../{path})")
    return f"On: {' · '.join(near)}."


def _published(row: Mapping[str, Any]) -> list[str]:
    if row["published_ratio"] is None:
        return ["No time of it is published yet."]
    cells = {"kernel's time / upstream's algorithm's": f"{row['published_ratio']:.3f}"}
    if peer := row["best_peer"]:
        cells[f"kernel's time / that of the best peer, {peer}"] = f"{row['ratio_to_peer']:.3f}"
    if row["query_ratio"] is not None:
        found = f"{row['query_ratio']:.3f} ({row['transfer']})"
        cells["the whole query's time / with upstream's kernel"] = found
    cells["least time this machine allows / kernel's time"] = f"{row['roofline_share']:.0%}"
    return [
        "| ratio | measured |",
        "|---|---|",
        *(f"| {key} | {value} |" for key, value in cells.items()),
        "",
        "Below 1 is faster; intervals: [scoreboard](../../reports/scoreboard/README.md).",
    ]


def _pairs(table: Mapping[str, Any]) -> str:
    return ", ".join(f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}" for k, v in table.items())


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")
