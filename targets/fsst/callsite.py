"""The real query around the kernel: scan, decode, filter and take over a real Lance file."""

from workbench.callsites import scan

workloads = scan.workloads
bind = scan.bind("fsst")
answer = scan.answer
asked = scan.asked("fsst")
ORACLE = scan.ORACLE
