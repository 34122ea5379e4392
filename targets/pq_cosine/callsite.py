"""The real query around the kernel: nearest rows in a real Lance IVF_PQ index of metric cosine."""

from workbench.callsites import ivf_pq

workloads = ivf_pq.workloads("cosine")
bind = ivf_pq.bind("pq", "cosine")
answer = ivf_pq.answer
asked = ivf_pq.asked("pq", "cosine")
ORACLE = ivf_pq.ORACLE
