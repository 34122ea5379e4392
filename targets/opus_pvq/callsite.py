"""The real query around the kernel: play from a place in a real .opus file."""

from workbench.callsites import opus_shapes

workloads = opus_shapes.workloads
bind = opus_shapes.bind
answer = opus_shapes.answer
asked = opus_shapes.asked
ORACLE = opus_shapes.ORACLE
