"""The real query around the kernel: nearest neighbours in a real Lance IVF_PQ index.

Small partitions, so that there are as many as an index of millions of rows has.
"""

from workbench.callsites import ivf_pq

SITES = (ivf_pq.Site(128, 16, 1_024, 256, (20,)), ivf_pq.Site(768, 96, 256, 256, (20,)))
ORACLE = ivf_pq.ORACLE
workloads = ivf_pq.workloads("L2", SITES)
bind = ivf_pq.bind("rank", "L2")
answer = ivf_pq.answer
asked = ivf_pq.asked("rank", "L2")
