"""A real query around the kernel: levels of a stream's frames, without their sound."""

from workbench.callsites import opus_levels

workloads = opus_levels.workloads
bind = opus_levels.bind
answer = opus_levels.answer
asked = opus_levels.asked
ORACLE = opus_levels.ORACLE
