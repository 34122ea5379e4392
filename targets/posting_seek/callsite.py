"""The real query around the cursor: BM25 top ten, a document at a time, by block-max WAND.

See `workbench.callsites.full_text`.
"""

import functools

from workbench.callsites import full_text

ORACLE, answer = full_text.ORACLE, full_text.answer
workloads = functools.partial(full_text.workloads, role="seek")
bind = functools.partial(full_text.bind, role="seek")
asked = functools.partial(full_text.asked, role="seek")
