"""Are the six deliverables of a change there: from the merge base to HEAD, as committed.

What a change of a kernel or of the judge brings besides its code: a digest ``reports/NNNN-SLUG``
with four sections on its pages, and a changelog fragment. docs/deliverables.md
says what belongs into each; `check` is pure, `read` asks git.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from workbench import git, incumbent
from workbench.deliver.judged import needs_all_six
from workbench.errors import Infrastructure, Usage

DIGEST = re.compile(r"reports/\d{4}-[^/]+/README\.md")
# A digest's pages as they are built; the sections may stand in any of them.
DIGEST_PAGE = re.compile(r"reports/\d{4}-[^/]+/[^/]+\.md")
DECISION = re.compile(r"docs/decisions/\d{4}-[^/]+\.md")
FRAGMENT = re.compile(r"\.changes/[^/]+\.change\.md")
CHANGELOG = "CHANGELOG.md"
FRAGMENT_NAME = "changelog fragment"
NAMES = (
    *("digest", "decision matrix", "invariant note", "reproducer", FRAGMENT_NAME),
    "re-sync note",
)

_REJECTED = "**Rejected.**"
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TEST = re.compile(r"\btests/[\w./-]+\.py\b")
_RULE = re.compile(r"\|[\s:|-]+\|")
_WAIVER = re.compile(
    rf"^[\s>*-]*no ({'|'.join(NAMES)}) needed: *(\S.*)$", re.IGNORECASE | re.MULTILINE
)

Status = Literal["OK", "FAIL", "WAIVED"]


@dataclass(frozen=True)
class Change:
    """What happened between two commits.

    Attributes
    ----------
    edited : tuple of str
        Files that are new or other than before, from the project's root.
    removed : tuple of str
        Files that went.
    pages : mapping of str to str
        Text of the digests, decisions and fragments among them, and of each target's program.md.
    messages : str
        Every commit's words.
    tests : frozenset of str
        The tests there are at the end.
    before : mapping of str to str
        Text of the digests, decisions and fragments that were edited or went, as it was.
    """

    edited: tuple[str, ...]
    removed: tuple[str, ...]
    pages: Mapping[str, str]
    messages: str
    tests: frozenset[str]
    before: Mapping[str, str] = field(default_factory=dict)

    @property
    def judged(self) -> tuple[str, ...]:
        """Files because of which all six are needed: kernels, and what judges them."""
        return tuple(path for path in (*self.edited, *self.removed) if needs_all_six(path))

    @property
    def targets(self) -> frozenset[str]:
        """Targets whose kernel or judge's files are other than before."""
        parts = [path.split("/") for path in self.judged]
        return frozenset(part[1] for part in parts if part[0] == "targets")

    def texts(self, pattern: re.Pattern[str]) -> dict[str, str]:
        """Edited pages of a kind, without comments."""
        return {
            path: _COMMENT.sub("", self.pages[path])
            for path in self.edited
            if pattern.fullmatch(path) and path in self.pages
        }

    def fresh(self, pattern: re.Pattern[str], part: Callable[[str], str]) -> dict[str, str]:
        """A part of the edited pages of a kind, where it says what no page said before."""
        before = {_words(part(_COMMENT.sub("", text))) for text in self.before.values()}
        found = {path: part(text) for path, text in self.texts(pattern).items()}
        return {path: text for path, text in found.items() if _words(text) not in before}

    def sections(self, heading: str) -> dict[str, str]:
        """As `fresh`, what digests say under a heading."""
        return self.fresh(DIGEST_PAGE, lambda text: section(text, heading))


@dataclass(frozen=True)
class Line:
    """One deliverable: whether it is there, where it was found or what to write where."""

    deliverable: str
    status: Status
    sentence: str


def _words(text: str) -> str:
    return " ".join(text.split())


def section(text: str, heading: str) -> str:
    r"""What stands under a heading of the second level, up to the next; empty if it is not there.

    Examples
    --------
    >>> section("# T\n## Reproduce\n\n    make\n## Next", "Reproduce").strip()
    'make'
    """
    found: list[str] = []
    inside = fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and re.match(r"##? ", line):
            inside = line.removeprefix("## ").strip().lower() == heading.lower()
            continue
        if inside:
            found.append(line)
    return "\n".join(found)


def check(change: Change) -> list[Line]:
    """One line for each deliverable that a change needs; none where nothing changed."""
    if not change.edited and not change.removed:
        return []
    needed = NAMES if change.judged else (FRAGMENT_NAME,)
    waivers = _waivers(change)
    old = any(path in change.before for path in change.texts(DIGEST_PAGE))
    lines = []
    for name in needed:
        found, sentence = _FINDERS[name](change)
        if found:
            lines.append(Line(name, "OK", sentence))
        elif name in waivers:
            lines.append(Line(name, "WAIVED", f"no {name} needed: {waivers[name]}"))
        else:
            remark = " (what a page said before this change does not count)" if old else ""
            lines.append(Line(name, "FAIL", sentence + remark))
    return lines


def _waivers(change: Change) -> dict[str, str]:
    """Deliverables that this change says in words are not needed, with the reason."""
    before = _waived(change.before.values())
    pages = change.texts(DIGEST_PAGE).values()
    return dict([*_waived(pages) - before, *_waived([change.messages])])


def _waived(texts: Iterable[str]) -> set[tuple[str, str]]:
    said = [match for text in texts for match in _WAIVER.finditer(text)]
    return {(m[1].lower(), m[2].strip()) for m in said if m[2].strip() != "REASON"}


def finding(text: str) -> str:
    """The words above the first section of a digest; neither title nor tables."""
    beginning = re.split(r"^## ", text, maxsplit=1, flags=re.MULTILINE)[0]
    return "\n".join(n for n in beginning.splitlines() if not n.lstrip().startswith(("#", "|")))


def alternatives(text: str) -> str:
    """What a decision compares: its tables, and what it rejected."""
    rows = [line for line in text.splitlines() if line.lstrip().startswith("|")]
    return "\n".join([*rows, *text.partition(_REJECTED)[1:]])


def _digest(change: Change) -> tuple[bool, str]:
    for path, text in change.fresh(DIGEST, finding).items():
        if text.strip():
            return True, path
    return False, (
        "write the finding into reports/NNNN-SLUG/README.md: `workbench digest new SLUG` makes it"
    )


def _matrix(change: Change) -> tuple[bool, str]:
    for path, text in change.sections("Decision matrix").items():
        if _compares(text):
            return True, f"{path}, Decision matrix"
    for path, text in change.fresh(DECISION, alternatives).items():
        if _compares(text) or _REJECTED in text:
            return True, path
    return False, (
        "compare two alternatives or more in a table under '## Decision matrix' of the digest, or "
        "in docs/decisions/NNNN-SLUG.md"
    )


def _compares(text: str) -> bool:
    """Whether there is a table with two rows or more that say something."""
    rows = [line.strip() for line in text.splitlines() if line.strip().startswith("|")]
    rules = [i for i, row in enumerate(rows) if _RULE.fullmatch(row)]
    return bool(rules) and sum(bool(row.strip("| ")) for row in rows[rules[0] + 1 :]) >= 2


def _invariant(change: Change) -> tuple[bool, str]:
    for path, text in change.sections("Invariant").items():
        named = _TEST.findall(text)
        lost = [test for test in named if test not in change.tests]
        if lost:
            return False, f"{path}, Invariant: there is no {lost[0]}; name a test that is there"
        if named:
            return True, f"{path}, Invariant: held by {', '.join(dict.fromkeys(named))}"
    return False, (
        "say under '## Invariant' of the digest what must stay true and which test holds it "
        "(tests/....py)"
    )


def _reproducer(change: Change) -> tuple[bool, str]:
    for path, text in change.sections("Reproduce").items():
        if re.search(r"^(    |\t)\s*\S", text, re.MULTILINE) or "```" in text:
            return True, f"{path}, Reproduce"
    return False, "give the commands that repeat the finding under '## Reproduce' of the digest"


def _fragment(change: Change) -> tuple[bool, str]:
    for path, text in change.fresh(FRAGMENT, str).items():
        if text.strip():
            return True, path
    if CHANGELOG in change.edited and any(FRAGMENT.fullmatch(path) for path in change.removed):
        return True, f"assembled into {CHANGELOG}"
    return False, (
        "write one sentence for users into .changes/WHAT.change.md (a release assembles them)"
    )


def _resync(change: Change) -> tuple[bool, str]:
    heading = "When upstream moves"
    for path, text in change.sections(heading).items():
        if text.strip():
            return True, f"{path}, {heading}"
    programs = [f"targets/{name}/program.md" for name in sorted(change.targets)]
    noted = [
        path
        for path in programs
        if section(_COMMENT.sub("", change.pages.get(path, "")), heading).strip()
    ]
    if programs and noted == programs:
        return True, f"{', '.join(noted)}, {heading}"
    return False, (
        f"say under '## {heading}' of the digest, or of targets/T/program.md, what to do when "
        "upstream changes"
    )


_FINDERS: dict[str, Callable[[Change], tuple[bool, str]]] = dict(
    zip(NAMES, (_digest, _matrix, _invariant, _reproducer, _fragment, _resync), strict=True)
)


def read(root: Path, base: str | None = None) -> tuple[str, Change]:
    """The change that HEAD brings, and the commit it starts from.

    Parameters
    ----------
    root : Path
        The project.
    base : str, optional
        The branch it is meant for; the default branch, as git knows it, without one.

    Raises
    ------
    Usage
        If there is no such branch, or HEAD has no ancestor in common with it.
    Infrastructure
        If there is no commit, or git fails.
    """
    if git.commit_of(root, "HEAD") is None:
        raise Infrastructure(f"{root} has no commit to look at: run in a git clone of the project")
    if base is None:
        start = incumbent.merge_base(root)
        if start is None:
            tried = ", ".join(incumbent.DEFAULT_BRANCHES)
            raise Usage(f"no default branch is known here (tried {tried}): name it with --base")
    else:
        if git.commit_of(root, base) is None:
            raise Usage(f"no branch or commit {base!r}: `git fetch`, or name another --base")
        start = (git.ask(root, "merge-base", "HEAD", base) or "").strip()
        if not start:
            raise Usage(
                f"HEAD and {base} have no commit in common: `git fetch --unshallow`, or name "
                "another --base"
            )
    return start, _between(root, start)


def _between(root: Path, start: str) -> Change:
    try:
        words = git.run(root, "log", "--format=%B", f"{start}..HEAD")
        listing = git.run(
            root, "diff", "--relative", "--name-status", "--no-renames", "-z", start, "HEAD"
        )
        tests = git.run(root, "ls-tree", "-r", "-z", "--name-only", "HEAD", "--", "tests/")
    except (OSError, subprocess.SubprocessError) as error:
        raise Infrastructure(f"git cannot say what changed since {start[:12]}: {error}") from error
    # Names that are no text are nobody's page; they are counted all the same.
    fields = listing.decode("utf-8", "replace").split("\0")
    files = dict(zip(fields[1::2], fields[::2], strict=False))
    edited = tuple(path for path, how in files.items() if how != "D")
    removed = tuple(path for path, how in files.items() if how == "D")
    bare = Change(edited, removed, {}, "", frozenset())
    kinds = (DIGEST_PAGE, DECISION, FRAGMENT)
    wanted = [path for path in files if any(kind.fullmatch(path) for kind in kinds)]
    programs = [f"targets/{name}/program.md" for name in bare.targets]
    return Change(
        edited,
        removed,
        _texts(root, "HEAD", [*wanted, *programs]),
        words.decode("utf-8", "replace"),
        frozenset(tests.decode("utf-8", "replace").split("\0")),
        _texts(root, start, wanted),
    )


def _texts(root: Path, commit: str, paths: Iterable[str]) -> dict[str, str]:
    """Files of a commit, those of them that are there and are text."""
    texts = {path: git.file_at(root, commit, path) for path in paths}
    return {path: text for path, text in texts.items() if text is not None}


def uncommitted(root: Path) -> bool:
    """Whether files lie about that no commit has: nobody looks at those."""
    return bool((git.ask(root, "status", "--porcelain", "--", ".") or "").strip())
