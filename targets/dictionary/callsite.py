"""The real query around the kernel: scan, decode, filter and take over a real Lance file."""

from workbench.callsites import scan

workloads = scan.workloads
bind = scan.bind("dictionary")
answer = scan.answer
asked = scan.asked("dictionary")
ORACLE = scan.ORACLE
