"""A claim mirrored as a draft pull request, where the ``gh`` command is there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from workbench.errors import Infrastructure
from workbench.research import refs
from workbench.research.claim import Claim
from workbench.research.worktree import must

GH_S = 60


def open_draft(root: Path, claim: Claim) -> str:
    """Push an empty commit that says what is claimed, and open a draft for it.

    Returns
    -------
    str
        What ``gh`` says: the draft's address.

    Raises
    ------
    Infrastructure
        If there is no ``gh``, no remote, or either refuses; the claim itself stands.
    """
    gh = shutil.which("gh")
    stands = f"{claim.name} is yours all the same"
    if gh is None:
        raise Infrastructure(f"--draft-pr needs the gh command, which is not here; {stands}")
    store = refs.store(root)
    if not store.remote:
        raise Infrastructure(f"--draft-pr needs a remote; {stands}")
    title = f"Claim {claim.name}: {claim.hypothesis}"
    must(root, "commit", "--quiet", "--allow-empty", "--only", "--no-verify", "-m", title)
    store.push(f"HEAD:refs/heads/{claim.branch}")
    body = f"{claim.hypothesis}\n\nBlocker: {claim.blocker or 'none'}\nNext: {claim.next_action}"
    command = [gh, "pr", "create", "--draft", "--head", claim.branch, "--title", title]
    try:
        done = subprocess.run(
            [*command, "--body", body],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=GH_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise Infrastructure(
            f"gh opened no draft ({said[-1] if said else error}); {stands}"
        ) from error
    return done.stdout.strip()
