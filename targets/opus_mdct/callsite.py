"""The real query around the kernel: play from a place in a real .opus file."""

from workbench.callsites import opus_blocks

workloads = opus_blocks.workloads
bind = opus_blocks.bind
answer = opus_blocks.answer
asked = opus_blocks.asked
ORACLE = opus_blocks.ORACLE
