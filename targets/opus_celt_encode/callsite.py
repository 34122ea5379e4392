"""The real query around the kernel: periods of a sound card become packets."""

from workbench.callsites import opus_record

workloads = opus_record.workloads
bind = opus_record.bind
answer = opus_record.answer
asked = opus_record.asked
ORACLE = opus_record.ORACLE
