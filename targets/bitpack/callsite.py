"""The real query around the decoder: scan, decode, filter, take over a real Lance file.

See `workbench.callsites.scan`.
"""

from workbench.callsites import scan

ORACLE, answer, workloads = scan.ORACLE, scan.answer, scan.workloads
bind = scan.bind("bitpack")
asked = scan.asked("bitpack")
