"""What the tests of the pq targets share: asking a variant, the definition, a wrong kernel."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workbench import oracles
from workbench.targets import Target, Workload

Arrays = Mapping[str, NDArray[Any]]


# A fixture, queries, and the reference's distances.
Question = tuple[Arrays, NDArray[Any], NDArray[Any]]


def variants(target: Target) -> dict[str, Any]:
    """Every variant by name; one that is not in here is not checked anywhere."""
    peers = {name: make() for name, make in target.peers.PEERS.items()}
    return {
        "reference": target.reference,
        "upstream": target.upstream,
        "kernels": target.kernels,
        **peers,
    }


def answer(variant: Any, fixture: Arrays, queries: NDArray[Any]) -> NDArray[np.float32]:
    """Distances of every row to every query, through the surface, into poisoned buffers."""
    codebook, codes = fixture["codebook"], fixture["codes"]
    state = variant.setup(codebook, codes)
    table = np.full(codebook.shape[:2], np.nan, np.float32)
    out = np.full((len(queries), len(codes)), np.nan, np.float32)
    for query, distances in zip(queries, out, strict=True):
        asked = query
        if hasattr(variant, "normalise"):
            asked = np.full_like(query, np.nan)
            if not variant.normalise(query, asked):
                distances[:] = np.inf
                continue
        variant.distance_table(state, asked, table)
        variant.distances(state, table, distances)
    return out


def questions(target: Target) -> list[Question]:
    """The battery and the timed workloads, two queries each."""
    rng = np.random.default_rng(2)
    found = []
    for load in [*target.inputs.battery(rng), *target.inputs.workloads(rng)]:
        requests = load.requests(rng, 2)
        want = target.reference.answer(load.fixture, requests)["out"]
        found.append((load.fixture, requests["query"], want))
    return found


def through_bind(target: Target, variant: Any, workload: Workload, requests: Arrays) -> Arrays:
    """Answer as the judge's runner does."""
    n = len(requests["query"])
    outputs = {k: np.full((n, *s), np.nan, d) for k, (s, d) in workload.outputs.items()}
    scratch = {k: np.full(s, np.nan, d) for k, (s, d) in workload.scratch.items()}
    target.bench.bind(variant, workload.fixture)(requests, outputs, scratch)
    return outputs


def checked(module: types.ModuleType) -> Any:
    """Compile the same functions again, with every index checked."""
    scope = dict(vars(module))
    for name, value in vars(module).items():
        if hasattr(value, "py_func"):
            plain = types.FunctionType(value.py_func.__code__, scope, name)
            scope[name] = njit(plain, boundscheck=True)
    return types.SimpleNamespace(**scope)


def drawn(
    seed: int, sub_vectors: int, width: int, rows: int, scale: float
) -> tuple[dict[str, NDArray[Any]], NDArray[np.float32]]:
    """Draw a fixture and one query of normals."""
    rng = np.random.default_rng(seed)
    codebook = scale * rng.standard_normal((sub_vectors, 256, width))
    codes = rng.integers(256, size=(rows, sub_vectors), dtype=np.uint8)
    query = scale * rng.standard_normal(sub_vectors * width)
    return {"codebook": codebook.astype(np.float32), "codes": codes}, query.astype(np.float32)


def decoded(fixture: Arrays) -> NDArray[np.float64]:
    """The rows that the codes stand for."""
    codebook, codes = fixture["codebook"].astype(np.float64), fixture["codes"]
    return codebook[np.arange(len(codebook)), codes].reshape(len(codes), codebook[:, 0].size)


def fixed_point(reference: types.ModuleType, one: float = 0.0) -> types.SimpleNamespace:
    """The reference with table entries of 23 bits, which is wrong at other scales than 1.

    As the kernels that were kept and taken back, but kinder: its step is a share of the largest
    entry there is, not of the largest there could be. ``one`` is what Lance adds to an entry.
    """

    def distances(state: Any, table: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        entries = table.astype(np.float64) - one
        step = np.abs(entries).max() / 2**23 or 1.0
        steps = np.rint(entries / step).astype(np.int64)
        codes = state[1]
        out[:] = one + step * steps[np.arange(len(steps)), codes].sum(axis=1)

    exported = {
        name: getattr(reference, name)
        for name in ("setup", "normalise", "distance_table")
        if hasattr(reference, name)
    }
    return types.SimpleNamespace(**exported, distances=distances)


def refused(target: Target, variant: Any) -> set[str]:
    """Names of the battery's cases whose distances a variant gets wrong."""
    rng = np.random.default_rng(2)
    found = set()
    for load in target.inputs.battery(rng):
        requests = load.requests(rng, 2)
        got = {"out": answer(variant, load.fixture, requests["query"])}
        want = target.reference.answer(load.fixture, requests)
        if isinstance(oracles.check(target.spec["oracle"], got, want), oracles.Mismatch):
            found.add(load.name)
    return found


def allocates(function: Any) -> bool:
    """Whether compiled code of a function asks for memory."""
    return any("NRT_MemInfo_alloc" in code for code in function.inspect_llvm().values())


def as_bytes(question: Question) -> list[bytes]:
    """All that was drawn for a question, and its answer."""
    fixture, queries, want = question
    return [array.tobytes() for array in (*fixture.values(), queries, want)]


def answers_of_a_query(callsite: Any, variant: Any, workload: Workload, requests: Arrays) -> Arrays:
    """Outputs of the whole query around a variant."""
    n = len(requests["query"])
    outputs = {k: np.zeros((n, *s), d) for k, (s, d) in workload.outputs.items()}
    scratch = {k: np.zeros(s, d) for k, (s, d) in workload.scratch.items()}
    callsite.bind(variant, workload.fixture)(requests, outputs, scratch)
    return outputs
