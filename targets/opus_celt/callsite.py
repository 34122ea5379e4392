"""The real query around the kernel: seek in an Ogg Opus file and play."""

from workbench.callsites import opus_play

workloads = opus_play.workloads
bind = opus_play.bind
answer = opus_play.answer
asked = opus_play.asked
ORACLE = opus_play.ORACLE
