"""The one required check: what became of the other jobs on the same commit.

A job that a filter or a condition leaves out never reports, and a branch that requires it waits
for ever. So only this check is required, and it asks after its siblings: `decide` is the rule.

Runs on a bare machine, before anything is installed: ``python3 -m workbench.deliver.required lint``
with ``GITHUB_REPOSITORY``, ``COMMIT`` and ``GH_TOKEN`` in the environment.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

NAME = "required"
ACCEPTED = frozenset(("success", "skipped", "neutral"))
# FACTS 2: siblings get 8 minutes to register; who has not by then is not coming.
REGISTER_SECONDS = 8 * 60
# A runner that never takes a job must not hold this one: longer than any job may run here.
FINISH_SECONDS = 4 * 60 * 60
POLL_SECONDS = 20
# Answers missed in a row, some three minutes, before the check gives up.
PATIENCE = 10
# GitHub Actions: only its jobs count as siblings, and only it may fulfil the requirement.
APP_ID, APP_SLUG = 15368, "github-actions"

State = Literal["pass", "fail", "wait"]


@dataclass(frozen=True)
class CheckRun:
    """One check run of a commit, as GitHub's REST interface tells it.

    Attributes
    ----------
    id : int
        Grows with time: a job that is run again has a new one.
    name : str
        The job's name.
    status : str
        ``completed``, or what it waits for.
    conclusion : str or None
        How it ended.
    """

    id: int
    name: str
    status: str
    conclusion: str | None


@dataclass(frozen=True)
class Decision:
    """Whether the commit passes, fails or has to wait, and a line for each sibling."""

    state: State
    lines: tuple[str, ...]


def decide(runs: Sequence[CheckRun], siblings: Sequence[str], elapsed_seconds: float) -> Decision:
    """Decide about a commit.

    Only the newest run of each sibling counts, and never this check itself. ``success``,
    ``skipped`` and ``neutral`` are accepted, every other end fails at once. A sibling that has not
    registered after `REGISTER_SECONDS` is accepted, one that has not ended after `FINISH_SECONDS`
    is not: so the answer always comes.

    Examples
    --------
    >>> decide([CheckRun(1, "lint", "completed", "success")], ["lint"], 0).state
    'pass'
    >>> [decide([], ["lint"], seconds).state for seconds in (0, 480)]
    ['wait', 'pass']
    """
    newest: dict[str, CheckRun] = {}
    for run in sorted(runs, key=lambda run: run.id):
        newest[run.name] = run
    states: set[State] = {"pass"}
    lines = []
    for name in dict.fromkeys(siblings):
        if name == NAME:
            continue
        state, line = _sibling(newest.get(name), elapsed_seconds)
        states.add(state)
        lines.append(f"{name}: {line}")
    worst: State = "fail" if "fail" in states else "wait" if "wait" in states else "pass"
    return Decision(worst, tuple(lines))


def _sibling(run: CheckRun | None, elapsed_seconds: float) -> tuple[State, str]:
    if run is None:
        late = elapsed_seconds >= REGISTER_SECONDS
        return ("pass", "never registered") if late else ("wait", "not registered yet")
    if run.status != "completed":
        late = elapsed_seconds >= FINISH_SECONDS
        return ("fail" if late else "wait"), f"{run.status}{', and no time is left' * late}"
    said = run.conclusion or "no conclusion"
    return ("pass" if said in ACCEPTED else "fail"), said


def parse(document: Any) -> list[CheckRun]:
    """Read one page of ``GET /repos/{owner}/{repo}/commits/{ref}/check-runs``.

    Other apps' checks are left out: they could bear a sibling's name.
    """
    return [
        CheckRun(run["id"], run["name"], run["status"], run["conclusion"])
        for run in document["check_runs"]
        if (run.get("app") or {}).get("slug") == APP_SLUG
    ]


def watch(
    ask: Callable[[], Sequence[CheckRun]],
    siblings: Sequence[str],
    say: Callable[[str], object],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> bool:
    """Ask until there is a decision; True when the commit passes.

    An answer that fails to come is asked for again, `PATIENCE` times in a row at most.
    """
    begin, missed = clock(), 0
    said: tuple[str, ...] = ()
    while True:
        try:
            decision = decide(ask(), siblings, clock() - begin)
            missed = 0
        except (OSError, ValueError, KeyError, TypeError) as error:
            missed += 1
            say(f"no answer from GitHub ({type(error).__name__}: {error})")
            if missed >= PATIENCE:
                return False
        else:
            if decision.lines != said:
                said = decision.lines
                say("; ".join(said))
            if decision.state != "wait":
                say(decision.state)
                return decision.state == "pass"
        sleep(POLL_SECONDS)


def check_runs(api: str, repository: str, commit: str, token: str) -> list[CheckRun]:
    """Ask GitHub for every check run of a commit, page by page.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError
        If there is no answer, or it is not what is documented.
    """
    found: list[CheckRun] = []
    seen, page = 0, 1
    while True:
        request = urllib.request.Request(
            f"{api}/repos/{repository}/commits/{commit}/check-runs"
            f"?filter=latest&per_page=100&page={page}",
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {token}",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            document = json.load(answer)
        found += parse(document)
        seen, page = seen + len(document["check_runs"]), page + 1
        if not document["check_runs"] or seen >= document["total_count"]:
            return found


def setting() -> dict[str, Any]:
    """The ruleset that requires this check, and nothing else, on the default branch."""
    return {
        "name": "one required check",
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": [
            {
                "type": "required_status_checks",
                "parameters": {
                    "strict_required_status_checks_policy": False,
                    "required_status_checks": [{"context": NAME, "integration_id": APP_ID}],
                },
            }
        ],
    }


def main(siblings: Sequence[str]) -> int:
    """Watch the commit that the environment names; 0 when it passes."""

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    missing = [k for k in ("GITHUB_REPOSITORY", "COMMIT", "GH_TOKEN") if not os.environ.get(k)]
    if missing or not set(siblings) - {NAME}:
        say(f"usage: python3 -m workbench.deliver.required JOB...; unset: {missing or 'nothing'}")
        return 64
    api = os.environ.get("GITHUB_API_URL", "https://api.github.com")
    repository, commit, token = (os.environ[k] for k in ("GITHUB_REPOSITORY", "COMMIT", "GH_TOKEN"))
    return 0 if watch(lambda: check_runs(api, repository, commit, token), siblings, say) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
