"""The real query around the kernel: nearest rows in a real Lance IVF_PQ index of metric dot."""

from workbench.callsites import ivf_pq

workloads = ivf_pq.workloads("dot")
bind = ivf_pq.bind("pq", "dot")
answer = ivf_pq.answer
asked = ivf_pq.asked("pq", "dot")
ORACLE = ivf_pq.ORACLE
