"""What a kernels.py may contain, and which files belong to the judge.

Both are checked before anything runs: `check_source` reads a kernel without executing it,
`verify_committed` refuses a judge whose files differ from the committed ones.
"""

from workbench.policy.custody import judge_files, judge_sha256, verify_committed
from workbench.policy.source import check_source
from workbench.policy.text import MAX_BYTES, UnreadableKernel, read_source, syntax_size
from workbench.policy.violation import PolicyViolation

__all__ = [
    "MAX_BYTES",
    "PolicyViolation",
    "UnreadableKernel",
    "check_source",
    "judge_files",
    "judge_sha256",
    "read_source",
    "syntax_size",
    "verify_committed",
]
