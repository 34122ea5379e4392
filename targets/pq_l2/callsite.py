"""The real query around the kernel: nearest neighbours in a real Lance IVF_PQ index.

Three probes read 24,576 rows, the nearest to the 20,000 of a timed workload; twenty are what
Lance's clients ask for.
"""

from workbench.callsites import ivf_pq

ORACLE = ivf_pq.ORACLE
workloads = ivf_pq.workloads("L2")
bind = ivf_pq.bind("pq", "L2")
answer = ivf_pq.answer
asked = ivf_pq.asked("pq", "L2")
