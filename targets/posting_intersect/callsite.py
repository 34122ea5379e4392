"""The real query around the intersection: BM25 top ten of AND queries, by windows of blocks.

See `workbench.callsites.full_text`.
"""

import functools

from workbench.callsites import full_text

ORACLE, answer = full_text.ORACLE, full_text.answer
workloads = functools.partial(full_text.workloads, role="intersect")
bind = functools.partial(full_text.bind, role="intersect")
asked = functools.partial(full_text.asked, role="intersect")
