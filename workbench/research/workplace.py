"""Where a loop works, and how far it is."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from workbench import files, ledger, targets
from workbench.errors import Infrastructure
from workbench.research import worktree
from workbench.targets import Target

Row = dict[str, str]


@dataclass(frozen=True)
class State:
    """What survives a kill.

    Attributes
    ----------
    iterations, kept, since_keep, misses : int
        How many, of them kept, trials since the last keep, iterations in a row without a trial.
    head : str
        The commit to go back to.
    rows : int
        Of the ledger that was lent for the present iteration; -1 between iterations.
    pending : dict
        A row that is accounted for, and whose kernel is still to be committed.
    """

    iterations: int = 0
    kept: int = 0
    since_keep: int = 0
    misses: int = 0
    head: str = ""
    rows: int = -1
    pending: Row = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Workplace:
    """Where a loop works.

    Attributes
    ----------
    root, place : Path
        The project, and its worktree.
    branch, name, focus, host_class : str
        Of the worktree; the target's; which ledger, and which of its rows count.
    scout : bool
        Whether only notes are wanted.
    """

    root: Path
    place: Path
    branch: str
    name: str
    focus: str
    host_class: str
    scout: bool = False

    @property
    def home(self) -> Path:
        """Prompt, log, state and notes."""
        return self.place.parent

    @property
    def target(self) -> Target:
        """As it stands in the worktree."""
        return targets.load(self.name, self.place)

    @property
    def ledger(self) -> Path:
        """The one that counts."""
        return ledger.path(self.root / "targets" / self.name, self.focus)

    @property
    def lent(self) -> Path:
        """Its copy in the worktree, which an agent may do anything to."""
        return ledger.path(self.place / "targets" / self.name, self.focus)

    def reset(self, state: State) -> None:
        """Bring records home and make the tree what it was at the last keep."""
        if not self.scout:
            worktree.collect(self.root, self.place)
        worktree.reset(self.root, self.place, self.branch, state.head)


def read(work: Workplace) -> State:
    """Where a loop was when it last said so.

    Raises
    ------
    Infrastructure
        If the note of it is none.
    """
    path = work.home / "state.json"
    try:
        return State(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return State()
    except (ValueError, TypeError) as error:
        raise Infrastructure(f"{path} is no loop's state: remove it, and it begins anew") from error


def save(work: Workplace, state: State) -> None:
    """Put the state on disk."""
    data = json.dumps(dataclasses.asdict(state)).encode()
    files.write_whole(work.home / "state.json", data)
