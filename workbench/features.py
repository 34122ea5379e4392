"""What a kernel may lack yet: a list of features, each with a judge that a lacking one fails.

``features.toml`` of a target names them, ``features.py`` judges them against upstream:

- ``cases(name)`` gives the workloads of a feature, the same every time;
- ``bind(kernels, fixture)`` calls a variant on one of them, which may lack an optional function;
- ``why_open(name, cases, answers)`` holds all answers, pairs of requests and outputs, against
  upstream's, in the parent: None, or in one line what is wrong. It may weigh them together, so
  that what has no single truth is judged by its quality.

A feature that fails is open. Nothing is skipped: what cannot be asked fails as well.
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench import judge
from workbench.child import CandidateFailure
from workbench.errors import Infrastructure
from workbench.targets import FEATURE_LIST, Target

# Features are asked the same every time: an open one that closes by luck would be a keep.
SEED = 0


@dataclass(frozen=True)
class Feature:
    """One line of ``features.toml``: its name, what it is, and what its judge asks."""

    name: str
    title: str
    judge: str


@dataclass(frozen=True)
class Finding:
    """What the judge of a feature says: nothing, or why it is open."""

    feature: Feature
    why: str | None


def known(target: Target) -> list[Feature]:
    """The features of a target; none where it lists none.

    Raises
    ------
    Infrastructure
        If the list is no list of features.
    """
    path = target.folder / FEATURE_LIST
    if not path.is_file():
        return []
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        return [Feature(name, **entry) for name, entry in table["feature"].items()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        wanted = ", ".join(field.name for field in dataclasses.fields(Feature)[1:])
        raise Infrastructure(
            f"targets/{target.name}/{FEATURE_LIST}: {error}; each [feature.NAME] has {wanted}"
        ) from error


def examine(bench: judge.Bench, kernels: Path) -> list[Finding]:
    """Put a variant before the judge of every feature, each in a fresh process."""
    features = known(bench.target)
    found = []
    for i, feature in enumerate(features):
        bench.progress("features", i, len(features))
        found.append(Finding(feature, lacks(bench, kernels, feature)))
    bench.progress("features", len(features), len(features))
    return found


def lacks(bench: judge.Bench, kernels: Path, feature: Feature) -> str | None:
    """Why a feature is open; None if its judge finds nothing wrong."""
    target = bench.target.at_feature()
    cases = target.features.cases(feature.name)
    if not cases:
        raise Infrastructure(f"the judge of {target.name}'s {feature.name} asks nothing")
    apart = dataclasses.replace(bench, target=target, progress=judge.ignore_progress)
    rng = np.random.default_rng(SEED)
    try:
        answers = list(judge.answers(apart, kernels, cases, rng))
    except CandidateFailure as error:
        return str(error).strip().splitlines()[0]
    why: str | None = target.features.why_open(feature.name, cases, answers)
    return why
