"""Real Lance, through pylance: what it wrote, what it answers, and evidence recorded from both.

pylance is imported inside the functions, so that this package loads without it.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping

from workbench.upstreams.lance.distribution import DISTRIBUTION, Files, pylance, site_folder

__all__ = ["DISTRIBUTION", "RECORDERS", "pylance", "site_folder"]

# Which module of this package records a target's evidence, by its function `record_TARGET`.
_MODULES = {
    "bitpack": "bitpacked",
    "dictionary": "dictionaries",
    "fsst": "fsst_evidence",
    "fts_bm25": "bm25_scores",
    "ivf_partition": "partitions",
    "posting_intersect": "postings",
    "posting_seek": "postings",
    "pq_cosine": "ivf_pq",
    "pq_dot": "ivf_pq",
    "pq_encode": "pq_encoding",
    "pq_l2": "ivf_pq",
    "pq_l2_u8": "ivf_pq",
    "predicate": "filtered",
    "take": "taken",
    "topk_merge": "partitions",
}


def _record(target: str) -> Files:
    module = importlib.import_module(f"workbench.upstreams.lance.{_MODULES[target]}")
    files: Files = getattr(module, f"record_{target}")()
    return files


# What each target's evidence is recorded by.
RECORDERS: Mapping[str, Callable[[], Files]] = {
    target: functools.partial(_record, target) for target in _MODULES
}
