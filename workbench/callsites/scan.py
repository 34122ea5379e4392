"""Scan, decode, filter, take over a real Lance file, end to end, in compiled code.

The query, as SQL::

    SELECT _rowid, price, category, title FROM site
    WHERE day BETWEEN low AND high AND quantity IN (listed)

``day`` and ``quantity`` are bit-packed i32, ``category`` is dictionary-encoded, ``title`` is
FSST-compressed, ``price`` is f64 as it is. As Lance answers: the columns of the filter are decoded
and filtered in batches of 8,192 rows; then the other columns are fetched of the rows that are
left, from the mini-blocks that hold any of them. Everything starts at the bytes of the pages.

A kernel under test takes one of the `ROLES`; the others come from the ``upstream.py`` of their
target, which is named as the role is. The functions each role is called for:

- ``bitpack``: ``decode`` (eight chunks of each filter column a batch, single chunks of indices)
- ``predicate``: ``between``, ``is_in``, ``and_kleene``, ``select`` (a batch)
- ``take``: ``take_fixed`` (price: all rows of the answer; indices: those of a chunk) and
  ``take_variable`` (strings: those of a mini-block)
- ``dictionary``: ``setup`` (the page's dictionary), ``decode_variable`` (8,192 indices at most)
- ``fsst``: ``setup`` (the page's symbol table), ``decode`` (a mini-block)

A target's ``callsite.py`` needs these lines::

    workloads = scan.workloads
    bind = scan.bind("take")
    answer = scan.answer
    asked = scan.asked("take")
    ORACLE = scan.ORACLE

``scan.workload(rows, kept)`` makes a smaller site, for tests. Unlike Lance, this query reads a
file that is in memory already, and evaluates the whole filter of every row: DataFusion leaves out
the second condition for the rows that the first has removed, where that removes four fifths.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import targets, ticks
from workbench.callsites import scan_query as query
from workbench.targets import Arrays, Workload
from workbench.upstreams.lance.distribution import pylance, site_folder
from workbench.upstreams.lance.scans import DAYS, QUANTITIES, build_site, read_site

ROLES = ("bitpack", "predicate", "take", "dictionary", "fsst")
ORACLE = {
    "kind": "bitwise",
    "lengths": {
        "rows": "count",
        "price": "count",
        "category": "category_size",
        "category_offsets": "marks",
        "title": "title_size",
        "title_offsets": "marks",
    },
}
ROWS = 1_000_000
# Share of rows a query keeps: share of the days in its interval, quantities in its list.
KEPT = {0.001: (0.02, 5), 0.01: (0.1, 10), 0.2: (0.5, 40)}
TABLE = 16 * 40


def workloads(rng: np.random.Generator) -> list[Workload]:
    """Return one workload a share of rows kept, over the same site."""
    return [workload(ROWS, kept) for kept in KEPT]


def workload(rows: int, kept: float) -> Workload:
    """Queries that keep about a share ``kept`` (one of `KEPT`) of a site's rows.

    The site is built now, unless this machine has it.
    """
    folder = open_site(rows)
    fixture = read_site(folder)
    share, listed = KEPT[kept]
    # far more than chance allows: counts are binomial, with a deviation below their root
    room = int(kept * rows * 1.1 + 10 * np.sqrt(rows * kept) + 64)
    longest = int(fixture["title_longest"][0])
    widest = int(np.diff(fixture["dictionary_offsets"]).max())
    span = int(share * DAYS)

    def requests(rng: np.random.Generator, n: int) -> Arrays:
        low = rng.integers(DAYS - span + 1, size=n, dtype=np.int32)
        picks = rng.permuted(np.tile(np.arange(QUANTITIES), (n, 1)), axis=1)[:, :listed]
        return {
            "low": low,
            "high": (low + (span - 1)).astype(np.int32),
            "listed": np.ascontiguousarray(picks, dtype=np.int64),
        }

    words = query.BATCH_ROWS // 64
    block = int(np.diff(fixture["title_spans"], axis=1).max())
    return Workload(
        shape=f"{rows}-rows",
        distribution=f"kept-{kept}",
        fixture={
            **fixture,
            "room": np.array([room, room * widest, room * longest]),
            "site": np.frombuffer(folder.name.encode(), np.uint8),
        },
        requests=requests,
        outputs={
            "rows": ((room,), "uint64"),
            "price": ((room,), "float64"),
            "category": ((room * widest,), "uint8"),
            "category_offsets": ((room + 1,), "int32"),
            "category_size": ((), "int64"),
            "title": ((room * longest,), "uint8"),
            "title_offsets": ((room + 1,), "int32"),
            "title_size": ((), "int64"),
            "count": ((), "int64"),
            "marks": ((), "int64"),
        },
        scratch={
            "days": ((query.BATCH_ROWS,), "uint32"),
            "quantities": ((query.BATCH_ROWS,), "uint32"),
            "table": ((TABLE,), "int64"),
            "in_range": ((words,), "uint64"),
            "in_list": ((words,), "uint64"),
            "valid": ((words,), "uint64"),
            "both": ((words,), "uint64"),
            "known": ((words,), "uint64"),
            "codes": ((query.CHUNK_ROWS,), "uint32"),
            "local": ((_MOST_STRINGS,), "uint64"),
            "indices": ((room,), "uint32"),
            # a code is at most 8 bytes, and decoders of FSST want room for that
            "text": ((8 * block,), "uint8"),
            "text_offsets": ((_MOST_STRINGS + 1,), "int32"),
            "ticks": ((2,), "int64"),
        },
    )


# A mini-block has at most 4,096 values.
_MOST_STRINGS = 4_096


def open_site(rows: int) -> Path:
    """Folder of a real dataset of so many rows: ``site.lance``."""
    return site_folder(f"scan-{rows}", functools.partial(build_site, rows=rows))


def bind(role: str) -> Callable[..., Callable[[Arrays, Arrays, Arrays], None]]:
    """``bind(kernels, fixture, now)`` of a call site whose kernel takes ``role``."""
    if role not in ROLES:
        raise ValueError(f"no role {role!r}: there are {', '.join(ROLES)}")
    return functools.partial(_bind, role)


def _bind(
    role: str, kernels: Any, fixture: Arrays, now: Callable[[], int] = ticks.off
) -> Callable[[Arrays, Arrays, Arrays], None]:
    parts = {name: kernels if name == role else targets.load(name).upstream for name in ROLES}
    bitpack, predicate, take, dictionary, fsst = (parts[name] for name in ROLES)
    run = targets.specialise(
        query.search,
        kernels,
        now=now,
        tested=ROLES.index(role),
        unpack=bitpack.decode,
        between=predicate.between,
        is_in=predicate.is_in,
        and_kleene=predicate.and_kleene,
        select=predicate.select,
        take_fixed=take.take_fixed,
        take_variable=take.take_variable,
        decode_dictionary=dictionary.decode_variable,
        decode_fsst=fsst.decode,
    )
    values = dictionary.setup(fixture["dictionary_values"], fixture["dictionary_offsets"], 0)
    symbols = fsst.setup(fixture["title_table"])
    rows = len(fixture["price"])
    filters = _of(fixture, "day_words", "day_bounds", "quantity_words", "quantity_bounds")
    category = (*_of(fixture, "category_words", "category_bounds"), values)
    title = (*_of(fixture, "title_bytes", "title_spans", "title_first"), symbols)

    def call(requests: Arrays, outputs: Arrays, scratch: Arrays) -> None:
        scratch["valid"][:] = 2**64 - 1
        run(
            rows,
            filters,
            fixture["price"],
            category,
            title,
            *_of(requests, "low", "high", "listed"),
            _of(scratch, "days", "quantities", "table"),
            _of(scratch, "in_range", "in_list", "valid", "both", "known"),
            _of(scratch, "codes", "local", "indices", "text", "text_offsets"),
            *_of(outputs, "rows", "price"),
            _of(outputs, "category", "category_offsets", "category_size"),
            _of(outputs, "title", "title_offsets", "title_size"),
            outputs["count"],
            scratch["ticks"],
        )
        np.add(outputs["count"], 1, out=outputs["marks"])

    return call


def _of(arrays: Arrays, *names: str) -> tuple[NDArray[Any], ...]:
    return tuple(arrays[name] for name in names)


def answer(fixture: Arrays, requests: Arrays) -> dict[str, NDArray[Any]]:
    """The same rows from pylance itself."""
    folder = targets.find_root() / ".workbench" / "sites" / fixture["site"].tobytes().decode()
    dataset = pylance().dataset(str(folder / "site.lance"))
    found = [
        dataset.to_table(
            columns=["price", "category", "title"],
            filter=f"day BETWEEN {low} AND {high} AND quantity IN ({', '.join(map(str, listed))})",
            with_row_id=True,
        ).combine_chunks()
        for low, high, listed in zip(
            requests["low"], requests["high"], requests["listed"], strict=True
        )
    ]
    room, category_room, title_room = fixture["room"].tolist()
    counts = np.array([t.num_rows for t in found], np.int64)
    outputs = {
        "rows": _stacked([t["_rowid"].to_numpy() for t in found], room),
        "price": _stacked([t["price"].to_numpy() for t in found], room),
        "count": counts,
        "marks": counts + 1,
    }
    for name, bytes_room in (("category", category_room), ("title", title_room)):
        parts = [_strings(t[name]) for t in found]
        outputs[name] = _stacked([data for data, _ in parts], bytes_room)
        outputs[f"{name}_offsets"] = _stacked([offsets for _, offsets in parts], room + 1)
        outputs[f"{name}_size"] = np.array([len(data) for data, _ in parts], np.int64)
    return outputs


def _strings(column: Any) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Bytes and offsets of a string column of one chunk, or of none."""
    if column.num_chunks == 0 or len(column) == 0:
        return np.zeros(0, np.uint8), np.zeros(1, np.int32)
    array = column.combine_chunks()
    _, bounds, data = array.buffers()
    offsets = np.frombuffer(bounds, np.int32)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]], offsets - offsets[0]


def _stacked(parts: list[NDArray[Any]], room: int) -> NDArray[Any]:
    """One row a query, padded with zeros."""
    stacked = np.zeros((len(parts), room), parts[0].dtype)
    for row, part in zip(stacked, parts, strict=True):
        row[: len(part)] = part
    return stacked


def asked(role: str) -> Callable[[Arrays, Arrays], dict[str, NDArray[np.int64]]]:
    """``asked(fixture, requests)`` of a call site whose kernel takes ``role``."""
    if role not in ROLES:
        raise ValueError(f"no role {role!r}: there are {', '.join(ROLES)}")
    return functools.partial(_asked, role)


def _asked(role: str, fixture: Arrays, requests: Arrays) -> dict[str, NDArray[np.int64]]:
    """What each call was asked: sizes, widths, gaps; one value a call, or a gap."""
    rows = len(fixture["price"])
    batches = -(-rows // query.BATCH_ROWS)
    answers = selected(fixture, requests)
    if role == "predicate":
        ends = np.arange(batches + 1) * query.BATCH_ROWS
        kept = np.concatenate([np.histogram(found, ends)[0] for found in answers])
        return {
            "rows of a batch": np.tile(np.diff(np.minimum(ends, rows)), len(answers)),
            "rows kept of a batch": kept,
            "constants of a list": np.full(len(answers), requests["listed"].shape[1]),
        }
    chunks = [np.bincount(found // query.CHUNK_ROWS) for found in answers]
    in_chunks = np.concatenate([counts[counts > 0] for counts in chunks])
    first = fixture["title_first"]
    blocks = [np.bincount(first.searchsorted(found, "right") - 1) for found in answers]
    in_blocks = np.concatenate([counts[counts > 0] for counts in blocks])
    if role == "take":
        return {
            "ids of a call": np.concatenate(
                [np.array([len(found) for found in answers]), in_chunks, in_blocks]
            ),
            "rows from id to id": np.concatenate([np.diff(found) for found in answers]),
        }
    if role == "bitpack":
        days, quantities, indices = (
            fixture[name].view(np.uint32)[fixture[bounds][:, 0]].astype(np.int64)
            for name, bounds in (
                ("day_words", "day_bounds"),
                ("quantity_words", "quantity_bounds"),
                ("category_words", "category_bounds"),
            )
        )
        touched = np.concatenate([indices[counts_of > 0] for counts_of in _padded(chunks, indices)])
        per_batch = np.diff(np.minimum(np.arange(batches + 1) * 8, len(days)))
        both = np.tile(per_batch, 2 * len(answers))
        return {
            "bits of a value": np.concatenate(
                [np.tile(days, len(answers)), np.tile(quantities, len(answers)), touched]
            ),
            "chunks of a call": np.concatenate([both, np.ones(len(touched), np.int64)]),
        }
    if role == "dictionary":
        sizes = [
            np.diff(np.append(np.arange(0, len(found), query.BATCH_ROWS), len(found)))
            for found in answers
        ]
        return {"indices of a call": np.concatenate(sizes)}
    spans = fixture["title_spans"]
    block_bytes = spans[:, 1] - spans[:, 0]
    touched = np.concatenate([np.flatnonzero(counts) for counts in blocks])
    return {
        "strings of a call": np.diff(first)[touched],
        "bytes of a call": block_bytes[touched] - 4 * (np.diff(first)[touched] + 1),
    }


def _padded(chunks: list[NDArray[np.int64]], like: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [np.pad(counts, (0, len(like) - len(counts))) for counts in chunks]


def selected(fixture: Arrays, requests: Arrays) -> list[NDArray[np.int64]]:
    """Rows each query keeps, from the values that pylance reads back."""
    folder = targets.find_root() / ".workbench" / "sites" / fixture["site"].tobytes().decode()
    table = pylance().dataset(str(folder / "site.lance")).to_table(["day", "quantity"])
    day, quantity = (table[name].to_numpy() for name in ("day", "quantity"))
    return [
        np.flatnonzero((day >= low) & (day <= high) & np.isin(quantity, listed))
        for low, high, listed in zip(
            requests["low"], requests["high"], requests["listed"], strict=True
        )
    ]
