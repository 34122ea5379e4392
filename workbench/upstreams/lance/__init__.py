"""Real Lance, through pylance: what it wrote, what it answers, and evidence recorded from both.

pylance is imported inside the functions, so that this package loads without it.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from workbench.upstreams.lance.distribution import DISTRIBUTION, pylance, site_folder

__all__ = ["DISTRIBUTION", "RECORDERS", "pylance", "site_folder"]

Files = dict[str, dict[str, NDArray[Any]]]

# Which module of this package records a target's evidence.
_MODULES = {
    "bitpack": "bitpacked",
    "dictionary": "dictionaries",
    "fsst": "fsst",
    "fts_bm25": "full_text",
    "ivf_partition": "partitions",
    "posting_intersect": "postings",
    "posting_seek": "postings",
    "pq_cosine": "ivf_pq",
    "pq_dot": "ivf_pq",
    "pq_encode": "encoding",
    "pq_l2": "ivf_pq",
    "pq_l2_u8": "ivf_pq",
    "predicate": "scans",
    "take": "scans",
    "topk_merge": "partitions",
}


def _record(target: str) -> Files:
    module = importlib.import_module(f"workbench.upstreams.lance.{_MODULES[target]}")
    files: Files = module.RECORDERS[target]()
    return files


# What each target's evidence is recorded by.
RECORDERS: Mapping[str, Callable[[], Files]] = {
    target: functools.partial(_record, target) for target in _MODULES
}
