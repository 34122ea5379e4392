"""Full-text search over a real Lance index: the ten best documents of a query by BM25.

Three targets' kernels are part of it, each in its role:

=============  =================  ==============================================================
role           target             what is under test in the query
=============  =================  ==============================================================
``seek``       posting_seek       ``next`` and ``shallow_next`` of the document-at-a-time loops:
                                  block-max WAND (OR), leapfrog with block-max windows (AND)
``score``      fts_bm25           ``score`` of the bulk loops: MAXSCORE over windows of 4,096
                                  documents (OR), block windows (AND)
``intersect``  posting_intersect  ``intersect`` of the slices of each block window (AND only)
=============  =================  ==============================================================

A kernel that is not under test comes from its own target's ``upstream.py``. A target's
``callsite.py`` is four lines::

    ORACLE, answer = full_text.ORACLE, full_text.answer
    workloads = functools.partial(full_text.workloads, role="seek")
    bind = functools.partial(full_text.bind, role="seek")          # bind(kernels, fixture, now=)
    asked = functools.partial(full_text.asked, role="seek")        # asked(fixture, requests)

Surfaces that are called (see those targets): ``seek.setup(ids, first_ids) -> state``,
``seek.next(state, cursor, least_id) -> id``,
``seek.shallow_next(state, cursor, least_id) -> block``,
``score.setup(lengths, average_length) -> state``,
``score.score(state, ids, freqs, weight, first_id, scores) -> status`` and
``intersect.intersect(ids, starts, stops, out) -> count``.

Posting lists are Lance's own, read from the index's files, and lie decoded: Lance unpacks a block
of 128 when it first touches it, and these queries do not pay for that.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numba.typed import List
from numpy.typing import NDArray

from workbench import targets, ticks
from workbench.callsites import (
    full_text_bulk,
    full_text_calls,
    full_text_lists,
    full_text_query,
    full_text_seek,
)
from workbench.callsites.full_text_lists import LISTS, SCRATCH
from workbench.targets import Workload, specialise
from workbench.upstreams.lance import corpora, full_text, inverted, site_folder

Arrays = Mapping[str, NDArray[Any]]

DOCUMENTS = 1_000_000
SEED = 20_260_103
# Tokens a query may use: so many ranks on a logarithmic scale, each once.
QUERY_RANKS = 1_500
NEIGHBOURS = 10
# The truth lists so many ranks, so that a tie across the tenth is no error.
TRUE_RANKS = 100
# Terms per query, 1 to 5; studies of web search logs report two to three on average.
TERM_COUNTS = (0.26, 0.32, 0.22, 0.12, 0.08)

ORACLE = {"kind": "top_k", "atol": 1e-4, "rtol": 1e-6, "ids": "ids", "distances": "scores"}
ROLES = {"seek": "posting_seek", "score": "fts_bm25", "intersect": "posting_intersect"}

_ASKED = {
    "seek": ("blocks passed by a next", "blocks passed by a shallow_next"),
    "score": ("postings per call", "term frequency"),
    "intersect": ("lists per call", "ids per list of a call", "ids found by a call"),
}
_LOG = 1 << 20


def documents_asked() -> int:
    """How many documents the corpus has: ``$WORKBENCH_SITE_DOCS``, by default one million."""
    return int(os.environ.get("WORKBENCH_SITE_DOCS", DOCUMENTS))


def site(documents: int) -> Path:
    """Folder of the corpus, its index and its decoded posting lists; built once, then cached."""
    return site_folder(
        f"zipf-{documents}-documents-seed{SEED}", functools.partial(_build, documents=documents)
    )


def workloads(rng: np.random.Generator, role: str, documents: int | None = None) -> list[Workload]:
    """OR queries and AND queries (AND only, where nothing else has the role).

    Parameters
    ----------
    rng : numpy.random.Generator
        Unused: corpus and index are drawn from a seed of their own, queries by ``requests``.
    role : str
        One of `ROLES`.
    documents : int, optional
        Size of the corpus; default: `documents_asked`.
    """
    del rng
    folder = site(documents or documents_asked())
    fixture = {path.stem: np.load(path) for path in sorted(folder.glob("*.npy"))}
    count = len(fixture["lengths"])
    shape = f"{count // 1_000_000}M-docs" if count >= 1_000_000 else f"{count // 1_000}k-docs"
    return [
        Workload(
            shape=shape,
            distribution=operator,
            fixture=fixture,
            requests=functools.partial(draw_queries, fixture["ranks"], operator == "and"),
            outputs={"ids": ((NEIGHBOURS,), "int64"), "scores": ((NEIGHBOURS,), "float32")},
            scratch={**SCRATCH, "ticks": ((2,), "int64")},
        )
        for operator in (("and",) if role == "intersect" else ("or", "and"))
    ]


def draw_queries(
    ranks: NDArray[np.int64], every: bool, rng: np.random.Generator, n: int
) -> dict[str, NDArray[Any]]:
    """Draw queries of 1 to 5 distinct terms.

    A term's rank is log-uniform, so the ten commonest tokens are as likely as the 90 after
    them: queries use common words often, and rare ones too.

    Parameters
    ----------
    ranks : ndarray
        i64[lists], the tokens there are lists for, ascending.
    every : bool
        Whether a document must have all terms.
    rng : numpy.random.Generator
        What to draw from.
    n : int
        How many queries.
    """
    lists = len(ranks)
    rank = np.exp(rng.random((n, LISTS)) * np.log(ranks[-1] + 2.0)) - 1
    terms = np.searchsorted(ranks, rank).clip(0, lists - 1)
    for i in range(1, LISTS):  # the next free list where a term is drawn twice
        while (twice := (terms[:, :i] == terms[:, i : i + 1]).any(axis=1)).any():
            terms[twice, i] = (terms[twice, i] + 1) % lists
    sizes = rng.choice(LISTS, n, p=TERM_COUNTS) + 1
    terms[np.arange(LISTS) >= sizes[:, None]] = -1
    return {"terms": terms.astype(np.int64), "every": np.full(n, every, np.uint8)}


def bind(
    kernels: Any,
    fixture: Arrays,
    now: Any = ticks.off,
    *,
    role: str,
    note: Any = full_text_calls.unnoted,
) -> Callable[[Arrays, Arrays, Arrays], None]:
    """Prepare the whole query around a variant of the kernel that has the role.

    Parameters
    ----------
    kernels : module
        A variant with the surface of the role's target.
    fixture : mapping
        From `workloads`.
    now : njit function
        `workbench.ticks.on` to count the kernel's ticks, `workbench.ticks.off` not to.
    role : str
        One of `ROLES`.
    note : njit function
        What is told of each call of the kernel; see `asked`.
    """
    parts = {name: kernels if name == role else _upstream(ROLES[name]) for name in ROLES}
    calls = {}
    for name, owner in full_text_calls.KERNEL_OF.items():
        call_of = getattr(full_text_calls, f"{'timed' if owner == role else 'plain'}_{name}")
        calls[name] = _part(call_of, kernels, now=now, note=note, **{owner: parts[owner]})
    calls["rate_at"] = _part(full_text_calls.rate_at, kernels, rate=calls["rate"])
    calls["competitive"] = _part(full_text_calls.competitive, kernels, glance=calls["glance"])
    calls["opened"] = _part(full_text_lists.opened, kernels)
    loops = (full_text_bulk.stream_any, full_text_bulk.merge_every)
    if role == "seek":
        loops = (full_text_seek.seek_any, full_text_seek.seek_every)
    search_any, search_every = (_part(loop, kernels, **calls) for loop in loops)
    run = _part(
        full_text_query.answer_queries, kernels, search_any=search_any, search_every=search_every
    )
    scoring = parts["score"].setup(fixture["lengths"], fixture["average_length"])
    lists = _states(parts["seek"], fixture)
    index = tuple(np.ascontiguousarray(fixture[name]) for name in full_text_lists.INDEX)

    def call(requests: Arrays, outputs: Arrays, scratch: Arrays) -> None:
        room = tuple(scratch[name] for name in SCRATCH)
        run(
            (requests["terms"], requests["every"]),
            lists,
            scoring,
            index,
            room,
            scratch["ticks"],
            scratch.get("log", _NO_LOG),
            outputs["ids"],
            outputs["scores"],
        )

    return call


def answer(fixture: Arrays, requests: Arrays) -> dict[str, NDArray[Any]]:
    """Ask pylance the same queries; 100 ranks of each, padded with id -1 and score 0."""
    dataset = _dataset(site(len(fixture["lengths"])))
    n = len(requests["terms"])
    ids = np.full((n, TRUE_RANKS), -1, np.int64)
    scores = np.zeros((n, TRUE_RANKS), np.float32)
    for i, (terms, every) in enumerate(zip(requests["terms"], requests["every"], strict=True)):
        ranks = fixture["ranks"][terms[terms >= 0]]
        found, reached = full_text.search(dataset, ranks.tolist(), bool(every), TRUE_RANKS)
        ids[i, : len(found)], scores[i, : len(found)] = found, reached
    return {"ids": ids, "scores": scores}


def asked(fixture: Arrays, requests: Arrays, *, role: str) -> dict[str, NDArray[np.int64]]:
    """What these queries ask of the kernel, one value per call (or per posting or list of it)."""
    axes = _ASKED[role]
    upstream = _upstream(ROLES[role])
    call = bind(upstream, fixture, role=role, note=full_text_calls.noted)
    n = len(requests["terms"])
    scratch = {name: np.zeros(shape, dtype) for name, (shape, dtype) in SCRATCH.items()}
    log = np.zeros((len(axes), 1 + _LOG), np.int64)
    outputs = {"ids": np.empty((n, NEIGHBOURS), np.int64)}
    outputs["scores"] = np.empty((n, NEIGHBOURS), np.float32)
    call(requests, outputs, {**scratch, "ticks": np.zeros(2, np.int64), "log": log})
    said = {axis: log[i, 1 : 1 + log[i, 0]] for i, axis in enumerate(axes)}
    used = requests["terms"][requests["terms"] >= 0]
    sizes = np.diff(fixture["starts"])[used]
    return {**said, "postings per list": sizes}


_NO_LOG = np.zeros((1, 1), np.int64)


def _part(loop: Callable[..., Any], kernels: Any, **others: Any) -> Any:
    """`specialise`, under a name short enough for the name of what it is part of.

    numba's cache makes a file name of a function's name, and that holds the names of all parts.
    """
    made: Any = specialise(loop, kernels, **others)
    mark = hashlib.sha256(made.__name__.encode()).hexdigest()[:8]
    made.__name__ = f"{loop.__name__}_{mark}"
    return made


def _states(seek: Any, fixture: Arrays) -> Any:
    """The opened posting list of every token: a typed list where the variant is compiled."""
    states: Any = List() if hasattr(seek.setup, "py_func") else []
    for start, stop, first, last in zip(
        fixture["starts"][:-1],
        fixture["starts"][1:],
        fixture["block_starts"][:-1],
        fixture["block_starts"][1:],
        strict=True,
    ):
        states.append(seek.setup(fixture["ids"][start:stop], fixture["first_ids"][first:last]))
    return states


@functools.cache
def _upstream(target: str) -> Any:
    """A target's upstream.py, without the checks of `workbench.targets.load`."""
    path = targets.find_root() / "targets" / target / "upstream.py"
    return targets.load_file(path, f"targets.{target}.upstream")


@functools.cache
def _dataset(folder: Path) -> Any:
    return full_text.open_index(folder)


def _build(folder: Path, documents: int) -> None:
    """Corpus, index, and as .npy files what the queries need of them."""
    corpus = corpora.zipf_corpus(np.random.default_rng(SEED), documents)
    full_text.build_index(folder, corpus)
    met = np.flatnonzero(np.bincount(corpus.tokens))
    ranks = met[np.unique(np.geomspace(1, len(met), QUERY_RANKS).astype(np.int64) - 1)]
    postings = inverted.read_postings(folder, corpora.token_ids(corpus), ranks)
    inverted.check_postings(postings, corpus)
    for name in ("ranks", *full_text_lists.INDEX, "lengths", "average_length"):
        np.save(folder / f"{name}.npy", getattr(postings, name))
