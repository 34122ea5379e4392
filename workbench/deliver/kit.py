"""The page of a kit for upstream: what the researcher wrote is quoted, figures are the record's."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench import git, targets
from workbench.deliver.check import section
from workbench.deliver.evidence import Evidence, steps
from workbench.targets import Target

# Under which headings of a digest a mechanism is explained.
MECHANISM = ("Mechanism", "What was learnt", "What won, and why")

_IMAGE = re.compile(r"(?:^[ \t]*)?!\[[^\]]*\]\([^)]*\)(?:[ \t]*\n)?", re.MULTILINE)
_LOCAL_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]*\)")
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_ABOUT = re.compile(r"\*\*([\w, ]+)\*\*")


def page(
    target: Target,
    commit: str,
    found: Evidence,
    others: Sequence[Evidence],
    query: Mapping[str, Any] | None,
    files: Mapping[str, str],
    *,
    guarded: bool,
) -> str:
    """Write the kit's README.md.

    Parameters
    ----------
    target : Target
        The target.
    commit : str
        Where the kernel is the committed one.
    found, others : Evidence and sequence of it
        The record to rely on, and further ones of the same kernel.
    query : mapping or None
        The finding of its call site.
    files : mapping of str to str
        What the kit holds besides.
    guarded : bool
        Whether the hot paths' guardrails had a baseline to be held to.
    """
    parts = [
        _summary(target, found, query),
        _place(target),
        _mechanism(target, found, files),
        _measurements(found, others, guarded=guarded),
        _query(target, query),
        _exactness(target, found),
        _machine(found),
        _repeat(target, commit),
        _moves(target),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def quotes(target: Target, source: str, digest: str) -> Iterator[tuple[str, str]]:
    """(where it stands, what it says) of every explanation that somebody wrote of a kernel."""
    said = ast.get_docstring(ast.parse(source))
    if said:
        yield "kernels.py", said
    rows = [
        f"- {row.timestamp[:10]}, {_ratio(row.ratio, row.ci_low, row.ci_high)} x the time of its "
        f"incumbent: {row.description}"
        for row in steps(target, digest)
    ]
    if rows:
        yield "the ledger's kept rows, in order", "\n".join(rows)
    for path in sorted(target.root.glob("reports/[0-9]*/README.md")):
        name = path.parent.name
        for heading in MECHANISM:
            text = _about(section(path.read_text(encoding="utf-8"), heading), target, name)
            if text:
                yield f"reports/{name}/README.md, {heading}", text
    pages = (
        (target.root / "docs" / "targets" / f"{target.name}.md", "Findings"),
        (target.folder / "program.md", "Where the time goes"),
    )
    for path, heading in pages:
        text = _under(path, heading)
        if text:
            yield f"{path.relative_to(target.root).as_posix()}, {heading}", text


def _about(text: str, target: Target, digest_name: str) -> str:
    """What a digest's section says of one target.

    That is the points that name it in bold at their beginning; the whole of it when no point
    names any target and the digest itself does.
    """
    known = set(targets.names(target.root))
    named: list[str] = []
    anybody = False
    for point in re.split(r"^(?=- )", text, flags=re.MULTILINE):
        begin = _ABOUT.match(point.removeprefix("- "))
        about = set(re.split(r",\s*", begin[1])) if begin else set()
        anybody = anybody or bool(about & known)
        if target.name in about:
            named.append(point.rstrip())
    if anybody:
        return "\n".join(named)
    slug = digest_name.partition("-")[2]
    return text.strip() if slug == target.name.replace("_", "-") else ""


def _summary(target: Target, found: Evidence, query: Mapping[str, Any] | None) -> str:
    ratio, low, high = found.headline
    felt = ""
    if query is not None:
        said = _ratio(query["ratio"], query["ci_low"], query["ci_high"])
        felt = f" The real query around it then takes {said} x its time ({query['transfer']})."
    return (
        f"# {target.name}: {ratio:.3f} x the time of upstream's algorithm\n\n"
        f"{target.spec['title']}: `kernels.py` takes {_ratio(ratio, low, high)} x the time of "
        f"`upstream.py`, geometric mean over {len(found.combos)} workloads, both in numba, in "
        f"turns on the same core, {found.record.processes} pairs of fresh processes.{felt}\n\n"
        "Ratios are kernel / upstream, below 1 the kernel is faster; in brackets the 98 % "
        "confidence sequence. What stands behind a bar is quoted from the place named above it; "
        "paths are those of the repository that this kit comes from."
    )


def _place(target: Target) -> str:
    upstream = target.spec["upstream"]
    return "\n".join(
        (
            "## Where it goes",
            "",
            f"- **Upstream**: {_system(target)}, {upstream.get('symbol', 'no symbol named')}",
            f"- **Called from**: {upstream['call_site']}",
            f"- **What the caller asks**: {upstream['access_pattern']}",
            f"- **Its share of a whole query there**: {upstream['cost_fraction']:.1%}",
            "",
            "`upstream.py` is that algorithm in numba, written to be compared with; it is not "
            "upstream's own code. `workbench.simd` holds vector types on LLVM vectors "
            "(`workbench/simd.py`).",
        )
    )


def _system(target: Target) -> str:
    upstream = target.spec["upstream"]
    return f"{upstream.get('system', 'upstream')} {upstream.get('version', '')}".strip()


def _mechanism(target: Target, found: Evidence, files: Mapping[str, str]) -> str:
    diff = files["change.diff"].splitlines()[2:]
    added, gone = (sum(line.startswith(sign) for line in diff) for sign in "+-")
    parts = [
        "## What changed, and why it is faster",
        f"The whole change is [change.diff](change.diff), upstream.py to kernels.py: {added} lines "
        f"added, {gone} removed.",
    ]
    for where, text in quotes(target, files["kernels.py"], found.record.kernel_sha256):
        clean = _LOCAL_LINK.sub(r"\1", _IMAGE.sub("", _COMMENT.sub("", text))).strip()
        bars = "\n".join(f"> {line}".rstrip() for line in clean.splitlines())
        parts.append(f"From {where}:\n\n{bars}")
    return "\n\n".join(parts)


def _measurements(found: Evidence, others: Sequence[Evidence], *, guarded: bool) -> str:
    record = found.record
    rows = [
        f"| {combo.name} | {combo.kernel_ns:,.0f} | {combo.upstream_ns:,.0f} | "
        f"{_ratio(combo.ratio, combo.ci_low, combo.ci_high)} |"
        for combo in found.combos
    ]
    beside = _ratio(record.ratio_vs_upstream, record.ci_low_vs_upstream, record.ci_high_vs_upstream)
    duel = _ratio(record.ratio, record.ci_low, record.ci_high)
    lines = [
        "## Measurements",
        "",
        "| workload | kernel, ns a request | upstream.py, ns | ratio |",
        "|---|---|---|---|",
        *rows,
        "",
        f"Trial `{record.id}` ([trial.json](trial.json); the table as [combos.csv](combos.csv)).",
    ]
    if found.duel:
        lines.append(
            f"- The verdict was against upstream.py: {duel}. Beside it after the duel, the next on "
            f"the same request: {beside}."
        )
    else:
        lines.append(
            f"- The verdict was against the kernel kept before: {duel}. Beside upstream.py after "
            f"the duel: {beside}."
        )
    if any(combo.ci_low is None for combo in found.combos):
        lines.append("- Single workloads have no interval: this record's pairs are not published.")
    if record.confirmation is not None:
        again = record.confirmation
        lines.append(
            "- Raced once more on other data, processes and addresses before it was kept: "
            f"{_ratio(again.ratio, again.ci_low, again.ci_high)} x the kernel it was raced with, "
            f"error rate {again.alpha:.2g}."
        )
    lines.append(f"- Allocations in a hot call: {_known(record.allocations, 'g')}.")
    lines.append(
        f"- Peak memory of the process: {_known(record.peak_rss_mb, '.0f')} MB, numba included."
    )
    if not guarded:
        lines.append(
            "- Guardrails of the hot paths: this host class has no baseline to hold them to."
        )
    lines += [f"- The judge's doubt: {warning}" for warning in record.warnings]
    for other in others:
        part = " ".join(f"{k}={v}" for k, v in (other.record.host.get("numba_env") or {}).items())
        build = f", built with {part}" if part else ""
        lines.append(f"- Also kept: {_ratio(*other.headline)} by `{other.path}`{build}.")
    return "\n".join(lines)


def _query(target: Target, query: Mapping[str, Any] | None) -> str:
    heading = "## In the real query"
    if query is None:
        return (
            f"{heading}\n\nNot raced there with this kernel: `workbench integrate {target.name}`."
        )
    rows = [
        f"| {case['shape']}/{case['distribution']} | "
        f"{_ratio(case['ratio'], case['ci_low'], case['ci_high'])} | "
        f"{case['candidate_ns'] / 1e3:,.0f} | {case['incumbent_share']:.1%} to "
        f"{case['candidate_share']:.1%} |"
        for case in query["cases"]
    ]
    return "\n".join(
        (
            heading,
            "",
            f"The query of `targets/{target.name}/callsite.py` with this kernel / with that of "
            f"{query['incumbent']}, {query['processes']} pairs of fresh processes, "
            f"{query['timestamp'][:10]} ([callsite.json](callsite.json)). It runs in memory, in "
            "numba, not inside upstream.",
            "",
            "| query | ratio | us a query | the kernel's share, before to after |",
            "|---|---|---|---|",
            *rows,
        )
    )


def _exactness(target: Target, found: Evidence) -> str:
    record, oracle = found.record, target.spec["oracle"]
    rule = ", ".join(f"{key} {value}" for key, value in oracle.items())
    if record.recall is not None:
        said = f"Lossy by design: least mean recall of a correctness case {record.recall:.4f}."
    elif record.bit_identical:
        said = "Every answer has the same bits as `reference.py`'s."
    else:
        said = (
            "Within the tolerance, but not bit for bit: the greatest absolute difference to "
            f"`reference.py` is {_known(record.max_abs_err, '.3g')}, large values included."
        )
    lines = [
        "## Bit-exactness",
        "",
        f"{said} The oracle: {rule}.",
        "",
        f"`reference.py` is held to what {_system(target)} itself returned "
        f"(`snapshots/{target.spec.get('snapshot', '')}`). Each case was asked twice with "
        "differently poisoned outputs, and sampled answers of timed calls were compared too.",
    ]
    file = f"targets/{target.name}/inputs.py"
    if record.judge_files.get(file) == _sha256(target.root / file):
        lines += ["", "Held on:", "", *_battery(target)]
    else:
        lines += [
            "",
            f"Held on the cases of `{file}` as it was at commit {record.commit.rstrip('+')}; it "
            "has changed since, so run the trial again (below) before relying on this.",
        ]
    return "\n".join(lines)


def _battery(target: Target) -> Iterator[str]:
    by_shape: dict[str, list[str]] = {}
    for case in target.inputs.battery(np.random.default_rng(0)):
        by_shape.setdefault(case.shape, []).append(case.distribution)
    for shape, distributions in by_shape.items():
        yield f"- {shape}: {', '.join(dict.fromkeys(distributions))}"


def _machine(found: Evidence) -> str:
    host, record = found.record.host, found.record
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    return "\n".join(
        (
            "## Machine and tools",
            "",
            f"{record.timestamp[:10]}, {host.get('cpu_model', 'unknown CPU')}, "
            f"{host.get('cores', '?')} cores, host class {record.host_class} (CPU flags, tools and "
            f"judge together). {versions}. Ratios of another machine will differ: repeat it there.",
        )
    )


def _repeat(target: Target, commit: str) -> str:
    name = target.name
    commands = [
        f"git clone {origin(target.root)} workbench && cd workbench && git checkout {commit}",
        "python3 -m venv .venv && . .venv/bin/activate && pip install -e '.[test]'",
        f"workbench init {name}",
        f"workbench trial {name} --incumbent upstream   # correctness, then the figures above",
        f"workbench integrate {name}   # the query",
    ]
    test = Path("tests") / "targets" / f"test_{name}.py"
    if (target.root / test).is_file():
        commands.append(
            f"pytest -n 0 {test.as_posix()}   # kernel, reference, upstream.py and snapshot"
        )
    lines = "\n".join(f"    {command}" for command in commands)
    return f"## Repeat it\n\nFrom nothing, on Linux with Python 3.11 or newer:\n\n{lines}"


def _moves(target: Target) -> str:
    said = _under(target.folder / "program.md", "When upstream moves")
    return f"## When upstream moves\n\n{said}" if said else ""


def _under(path: Path, heading: str) -> str:
    if not path.is_file():
        return ""
    return section(_COMMENT.sub("", path.read_text(encoding="utf-8")), heading).strip()


def _ratio(ratio: float | None, low: float | None, high: float | None) -> str:
    if ratio is None:
        return "not measured"
    return f"{ratio:.4f}" + ("" if low is None else f" ({low:.4f} to {high:.4f})")


def _known(value: float | None, form: str) -> str:
    return "not measured" if value is None else format(value, form)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def origin(root: Path) -> str:
    """Where the project can be cloned from; a name to fill in where that is nobody else's."""
    url = (git.ask(root, "remote", "get-url", "origin") or "").strip()
    public = re.fullmatch(r"https://[\w-]+(\.[\w-]+)+/[\w./~-]+", url)
    return url if public else "URL-OF-THIS-REPOSITORY"
