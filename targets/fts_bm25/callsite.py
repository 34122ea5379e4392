"""The real query around the kernel: the ten best documents of a full-text query over a Lance index.

The loops and the other two kernels in them are `workbench.callsites.full_text`'s.
"""

import functools

from workbench.callsites import full_text

ORACLE = full_text.ORACLE
answer = full_text.answer
workloads = functools.partial(full_text.workloads, role="score")
bind = functools.partial(full_text.bind, role="score")
asked = functools.partial(full_text.asked, role="score")
