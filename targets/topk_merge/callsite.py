"""The real query around the kernel: nearest neighbours in a real Lance IVF_PQ index.

The index has sixteen segments, as one has whose rows arrived in sixteen parts; each gives a list.
"""

from workbench.callsites import ivf_pq

SITES = (
    ivf_pq.Site(128, 16, 32, 8_192, (3,), segments=16),
    ivf_pq.Site(128, 16, 32, 8_192, (3,), segments=16, neighbours=100),
)
ORACLE = ivf_pq.ORACLE
workloads = ivf_pq.workloads("L2", SITES)
bind = ivf_pq.bind("merge", "L2")
answer = ivf_pq.answer
asked = ivf_pq.asked("merge", "L2")
