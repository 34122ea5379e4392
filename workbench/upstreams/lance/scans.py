"""Scans: a dataset to scan with every encoding in it, and what Lance keeps and takes of rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure
from workbench.upstreams.lance.distribution import pylance
from workbench.upstreams.lance.pages import Encoding, Page, read_pages

Files = dict[str, dict[str, NDArray[Any]]]

SEED = 20_260_110
# Ten years of days (12 bits), quantities below 100 (7 bits).
DAYS = 3_650
QUANTITIES = 100
CATEGORIES = 200


def build_site(folder: Path, rows: int) -> None:
    """Write ``site.lance``: day, quantity, price, category and title of so many rows.

    Words of titles and categories are drawn with the skew of language, 2,000 of them.
    """
    lance = pylance()
    import pyarrow as pa

    rng = np.random.default_rng([SEED, rows])
    sizes = rng.integers(3, 10, 2_000)
    words = np.array([rng.integers(97, 123, n, np.uint8).tobytes().decode() for n in sizes])
    titles = words[np.minimum(rng.zipf(1.3, (rows, 4)), len(words)) - 1]
    categories = np.array([f"category/{word}" for word in words[:CATEGORIES]])
    columns = {
        "day": pa.array(rng.integers(0, DAYS, rows, np.int32)),
        "quantity": pa.array(rng.integers(0, QUANTITIES, rows, np.int32)),
        "price": pa.array(rng.random(rows)),
        "category": pa.array(categories[np.minimum(rng.zipf(1.5, rows), CATEGORIES) - 1]),
        "title": pa.array([" ".join(four) for four in titles.tolist()]),
    }
    wanted = {
        # full-zip: rows of a fixed width one after another, made for taking them
        "price": {"lance-encoding:structural-encoding": "fullzip"},
        "title": {"lance-encoding:compression": "fsst"},
    }
    fields = [
        pa.field(name, column.type, nullable=False, metadata=wanted.get(name))
        for name, column in columns.items()
    ]
    table = pa.table(list(columns.values()), schema=pa.schema(fields))
    lance.write_dataset(table, str(folder / "site.lance"), max_rows_per_file=rows)


def read_site(folder: Path) -> dict[str, NDArray[Any]]:
    """Raw encoded pages of a dataset that `build_site` wrote.

    Returns
    -------
    dict
        For ``day``, ``quantity`` and ``category``: ``*_words`` u32, all mini-blocks, and
        ``*_bounds`` i64[chunks, 2], where the packed words of each begin and end.
        ``dictionary_values`` u8 and ``dictionary_offsets`` i32, of category. ``price`` f64[rows].
        Of title: ``title_bytes`` u8, ``title_spans`` i64[blocks, 2], ``title_first``
        i64[blocks + 1], the first row of each; ``title_table`` u8[2312]; ``title_longest`` i64[1],
        bytes of the longest.

    Raises
    ------
    Infrastructure
        If Lance encoded a column in another way.
    """
    (path,) = (folder / "site.lance" / "data").glob("*.lance")
    pages = read_pages(path)
    arrays: dict[str, NDArray[Any]] = {}
    for name in ("day", "quantity", "category"):
        page = _only(name, pages[name], "MiniBlockLayout", "InlineBitpacking")
        bits = page.layout["value_compression"]["uncompressed_bits_per_value"]
        if bits != 32:
            raise Infrastructure(f"column {name} of the scan has {bits} bits: 32 were expected")
        spans, _ = _spans(page)
        arrays[f"{name}_words"] = page.buffers[1].copy().view(np.uint32)
        arrays[f"{name}_bounds"] = spans // 4
    values, offsets = _dictionary(pages["category"][0])
    arrays["dictionary_values"], arrays["dictionary_offsets"] = values, offsets
    price = _only("price", pages["price"], "FullZipLayout", "Flat")
    arrays["price"] = price.buffers[0].copy().view(np.float64)
    title = _only("title", pages["title"], "MiniBlockLayout", "Fsst")
    arrays["title_bytes"] = title.buffers[1].copy()
    arrays["title_spans"], arrays["title_first"] = _spans(title)
    symbol_table = title.layout["value_compression"]["symbol_table"]
    arrays["title_table"] = np.frombuffer(symbol_table, np.uint8).copy()
    stored = pylance().dataset(str(folder / "site.lance")).to_table(["title"])["title"]
    arrays["title_longest"] = np.array([max(map(len, stored.to_pylist()))])
    return arrays


def _only(name: str, pages: Sequence[Page], layout: str, encoding: str) -> Page:
    """Return the one page of a column, if it is encoded as is expected."""
    values = [page.layout.fields.get("value_compression") for page in pages]
    found = [
        f"{page.layout.kind} of {value.kind if value else 'nothing'}"
        for page, value in zip(pages, values, strict=True)
    ]
    if found != [f"{layout} of {encoding}"]:
        raise Infrastructure(
            f"Lance {pylance().__version__} wrote column {name} of the scan as {found}, one page, "
            f"{layout} of {encoding}, was expected: see snapshots/lance/RESYNC.md"
        )
    return pages[0]


def _spans(page: Page) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bytes of the value buffer of each mini-block, and the first row of each."""
    base = page.buffers[1].__array_interface__["data"][0]
    spans, sizes = [], []
    for chunk in page.chunks():
        (values,) = chunk.buffers
        start = values.__array_interface__["data"][0] - base
        spans.append((start, start + len(values)))
        sizes.append(chunk.values)
    return np.array(spans, np.int64), np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _dictionary(page: Page) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Bytes and offsets of a page's dictionary of strings."""
    import pyarrow as pa

    encoding: Encoding | None = page.layout["dictionary"]
    if page.dictionary is None or encoding is None or encoding.kind != "General":
        found = encoding.kind if encoding else "nothing"
        raise Infrastructure(f"a dictionary is stored as {found}: see RESYNC.md")
    stored = page.dictionary
    # a u32 says how long the buffer is once it is unpacked
    size = int(stored[:4].view("<u4")[0])
    data = np.frombuffer(pa.decompress(stored[4:].tobytes(), size, codec="lz4_raw"), np.uint8)
    # the width of an offset in bits, where the strings begin, the offsets, the strings
    bits, start = data[:8].view("<u4").tolist()
    items = page.layout["num_dictionary_items"]
    if bits != 32 or start != 8 + 4 * (items + 1):
        raise Infrastructure(f"a dictionary of {items} strings begins with {bits}, {start}")
    return data[start:].copy(), data[8:start].view(np.int32).copy()


# --- predicate: rows that a filter keeps ---------------------------------------------------------

# As targets/predicate/bench.py numbers them.
_COMPARE, _COMPARE_TOTAL, _BETWEEN, _IS_IN, _AND, _OR = range(6)
_OPERATORS = ("=", "<>", "<", "<=", ">", ">=")
COLUMNS = ("i32", "i64", "u8", "f32", "f64")
PREDICATE_ROWS = 2_000
NAN = float("nan")
INFINITY = float("inf")


@dataclass(frozen=True)
class Term:
    """A filter on one column.

    Attributes
    ----------
    column : str
        One of `COLUMNS`.
    verb : str
        A SQL operator, ``BETWEEN`` or ``IN``.
    constants : tuple of float
        What it compares with.
    """

    column: str
    verb: str
    constants: tuple[float, ...]


@dataclass(frozen=True)
class Both:
    """Two filters and ``AND`` or ``OR``."""

    verb: str
    left: Term | Both
    right: Term | Both


def _either(left: Term | Both, right: Term | Both) -> Both:
    return Both("OR", left, right)


def _both(left: Term | Both, right: Term | Both) -> Both:
    return Both("AND", left, right)


def _every_operator(column: str, a: float, b: float, c: float) -> dict[str, Both]:
    """Filters that use each operator once."""
    out = _either(Term(column, "<", (a,)), Term(column, ">=", (b,)))
    inside = _both(Term(column, ">", (a,)), Term(column, "<=", (b,)))
    return {
        "outside": _both(out, Term(column, "<>", (c,))),
        "inside": _either(inside, Term(column, "=", (c,))),
    }


_FILTERS: Mapping[str, Term | Both] = {
    **{
        f"{column}_{name}": made
        for column, (a, b, c) in {
            "i32": (-3, 40, 7),
            "i64": (-3, 2**40, 7),
            "u8": (1, 255, 7),
            "f32": (-1.5, 0.25, 0.5),
            "f64": (-1.5, 0.25, 0.5),
        }.items()
        for name, made in _every_operator(column, a, b, c).items()
    },
    "zeros": _either(Term("f64", "<", (0.0,)), Term("f32", ">=", (0.0,))),
    "zeros_from_above": _both(Term("f64", ">", (0.0,)), Term("f32", "<=", (0.0,))),
    "nans": _either(Term("f64", ">=", (NAN,)), Term("f32", ">", (INFINITY,))),
    "between_i32": Term("i32", "BETWEEN", (-(2**31), 11)),
    "between_i64": Term("i64", "BETWEEN", (5, 2**63 - 1)),
    "between_u8": Term("u8", "BETWEEN", (9, 3)),
    "in_three": Term("u8", "IN", (0, 5, 255)),
    "in_ten": Term("i32", "IN", (-(2**31), -1, 0, 1, 2, 3, 5, 8, 13, 2**31 - 1)),
    "in_hundred": Term("i64", "IN", tuple(range(-50, 50))),
    "in_floats": Term("f64", "IN", (0.5, 1.0, -1.0, INFINITY, 2.25)),
    "mixed": _both(
        _both(Term("i32", "BETWEEN", (-20, 60)), Term("u8", "IN", (1, 2, 3, 4, 5))),
        Term("f32", "<", (0.75,)),
    ),
    "either": _either(Term("i64", "IN", tuple(range(0, 640, 10))), Term("f64", ">=", (0.5,))),
}


def record_predicate() -> Files:
    """Ask Lance which rows it keeps of three tables by up to 22 filters.

    A file for each table holds its columns (floats by their bits, nulls as zeros) and validity,
    one for each table and filter the plan, its constants and the rows that Lance kept.
    """
    lance = pylance()
    import pyarrow as pa

    rng = np.random.default_rng(SEED)
    files: Files = {}
    plans = {name: plan(made) for name, made in _FILTERS.items()}
    for table, (values, null) in _tables(rng).items():
        columns = {
            name: pa.array(column, mask=null[c]) for c, (name, column) in enumerate(values.items())
        }
        words = np.zeros((len(COLUMNS), 8 * -(-PREDICATE_ROWS // 64)), np.uint8)
        packed = np.packbits(~null, axis=1, bitorder="little")
        words[:, : packed.shape[1]] = packed
        read = {
            name: np.where(null[c], 0, column).astype(column.dtype)
            for c, (name, column) in enumerate(values.items())
        }
        files[table] = {
            "fixture_rows": np.array([PREDICATE_ROWS]),
            "request_validity": words.view(np.uint64)[None],
            **{f"request_{name}": _bits(column)[None] for name, column in read.items()},
        }
        with tempfile.TemporaryDirectory(prefix="workbench-lance-") as folder:
            dataset = lance.write_dataset(pa.table(columns), str(Path(folder) / "rows.lance"))
            for name, made in _FILTERS.items():
                if table != "extremes" and name.endswith(("_inside", "_outside")):
                    continue  # every operator of every type once, where it matters
                found = dataset.scanner(columns=[], filter=sql(made), with_row_id=True).to_table()
                nodes, constants = plans[name]
                files[f"{table}-{name}"] = {
                    "fixture_nodes": nodes,
                    "request_constants": constants[None],
                    "output_rows": found["_rowid"].to_numpy()[None],
                    "output_count": np.array([found.num_rows]),
                }
    return files


def _tables(
    rng: np.random.Generator,
) -> dict[str, tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]]:
    """Columns and where they are null: random rows, sorted rows, extremes; few and many nulls."""
    rows = PREDICATE_ROWS
    small = {
        "i32": rng.integers(-50, 100, rows, np.int32),
        "i64": rng.integers(-1_000, 1_000, rows, np.int64) << rng.integers(0, 40, rows),
        "u8": rng.integers(0, 12, rows, np.uint8),
        "f32": rng.standard_normal(rows, np.float32),
        "f64": np.round(rng.standard_normal(rows) * 4) / 4,
    }
    extremes = {name: rng.choice(_extremes(column.dtype), rows) for name, column in small.items()}
    few, half = (rng.random((len(COLUMNS), rows)) < share for share in (0.03, 0.5))
    return {
        "random": (small, few),
        # Stable, because 0.0 and -0.0 are equal: else NumPy orders them as the CPU's sort does.
        "clustered": ({name: np.sort(c, kind="stable") for name, c in small.items()}, half),
        "extremes": (extremes, few),
    }


def _extremes(dtype: np.dtype[Any]) -> NDArray[Any]:
    """Values where comparisons go wrong first; among floats two zeros and four kinds of NaN."""
    if dtype.kind != "f":
        info = np.iinfo(dtype)
        return np.array([info.min, info.min + 1, 0, 1, 7, info.max - 1, info.max], dtype)
    numbers = np.array([0.0, -0.0, 0.5, 1.0, -1.5, INFINITY, -INFINITY, NAN], dtype)
    bits = _bits(numbers)
    more = [bits[-1] + 1, bits[-1] | np.iinfo(bits.dtype).min, np.iinfo(bits.dtype).min + 1]
    return np.concatenate([bits, more]).astype(bits.dtype).view(dtype)


def _bits(column: NDArray[Any]) -> NDArray[Any]:
    return column.view(f"i{column.itemsize}") if column.dtype.kind == "f" else column


def sql(made: Term | Both) -> str:
    """A filter as a user types it."""
    if isinstance(made, Both):
        return f"({sql(made.left)} {made.verb} {sql(made.right)})"
    typed = [_literal(made.column, constant) for constant in made.constants]
    if made.verb == "BETWEEN":
        return f"{made.column} BETWEEN {typed[0]} AND {typed[1]}"
    if made.verb == "IN":
        return f"{made.column} IN ({', '.join(typed)})"
    return f"{made.column} {made.verb} {typed[0]}"


def _literal(column: str, constant: float) -> str:
    if constant == constant and abs(constant) != INFINITY:
        return str(constant)
    kind = "FLOAT" if column == "f32" else "DOUBLE"
    return f"CAST('{constant}' AS {kind})"


def plan(made: Term | Both) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A filter as nodes and constants, as targets/predicate/bench.py reads them.

    A constant of zero is the one that Lance's planner puts there (``explain_plan`` of pylance
    14.0.2 shows it), so that both zeros are equal: -0.0 after ``<`` and ``>=``, 0.0 after ``>``
    and ``<=``.
    """
    nodes: list[list[int]] = []
    constants: list[int] = []

    def add(part: Term | Both) -> int:
        if isinstance(part, Both):
            left, right = add(part.left), add(part.right)
            nodes.append([_AND if part.verb == "AND" else _OR, 0, 0, 0, 0, left, right])
        else:
            column, floats = COLUMNS.index(part.column), part.column[0] == "f"
            op = _OPERATORS.index(part.verb) if part.verb in _OPERATORS else 0
            kind = _COMPARE_TOTAL if floats else _COMPARE
            kind = {"BETWEEN": _BETWEEN, "IN": _IS_IN}.get(part.verb, kind)
            nodes.append([kind, column, op, len(constants), len(part.constants), 0, 0])
            for constant in part.constants:
                if floats:
                    zero = -0.0 if part.verb in ("<", ">=") else 0.0
                    number = np.array(
                        [constant if constant else zero], f"f{int(part.column[1:]) // 8}"
                    )
                    constants.append(int(_bits(number)[0]))
                else:
                    constants.append(int(constant))
        return len(nodes) - 1

    add(made)
    return np.array(nodes, np.int64), np.array(constants, np.int64)


# --- take: rows by their ids ---------------------------------------------------------------------

TAKE_ROWS = 3_000
TAKE_IDS = 400


def record_take() -> Files:
    """Ask Lance for rows of four columns by three kinds of ids, two lists of each.

    The dataset has three fragments. A file for each column holds it as Lance reads it back
    (nulls as zeros), one for each column and kind the ids and the rows ``dataset.take`` gave.
    """
    lance = pylance()
    import pyarrow as pa

    rng = np.random.default_rng([SEED, 1])
    rows = TAKE_ROWS
    null = rng.random((2, rows)) < 0.2
    sizes = rng.integers(0, 49, rows)
    sizes[rng.random(rows) < 0.1] = 0
    texts = [rng.integers(97, 123, size, np.uint8).tobytes().decode() for size in sizes.tolist()]
    vectors = pa.array(rng.standard_normal(rows * 32, np.float32))
    table = pa.table(
        {
            "4B": pa.array(rng.integers(-(2**31), 2**31, rows, np.int32), mask=null[0]),
            "8B": pa.array(rng.integers(-(2**63), 2**63 - 1, rows, np.int64)),
            "128B": pa.FixedSizeListArray.from_arrays(vectors, 32),
            "string": pa.array(
                [None if missing else text for missing, text in zip(null[1], texts, strict=True)]
            ),
        }
    )
    runs = rng.integers(0, rows - 20, (2, TAKE_IDS // 20, 1)) + np.arange(20)
    lists = {
        # with ids asked for twice, and the first and the last row
        "random": np.concatenate(
            [rng.integers(0, rows, (2, TAKE_IDS - 3)), [[0, rows - 1, 0]] * 2], axis=1
        ),
        "sorted": np.sort([rng.choice(rows, TAKE_IDS, replace=False) for _ in range(2)], axis=1),
        "clustered": runs.reshape(2, TAKE_IDS),
    }
    files: Files = {}
    with tempfile.TemporaryDirectory(prefix="workbench-lance-") as folder:
        dataset = lance.write_dataset(
            table, str(Path(folder) / "rows.lance"), max_rows_per_file=1_024
        )
        stored = dataset.to_table()
        for name in table.column_names:
            column = stored[name].combine_chunks()
            files[name] = {f"fixture_{k}": array for k, array in _column(column).items()}
        for kind, ids in lists.items():
            taken = [dataset.take(asked.tolist()) for asked in ids]
            for name in table.column_names:
                parts = [_column(found[name].combine_chunks()) for found in taken]
                files[f"{name}-{kind}"] = {
                    "request_ids": ids.astype(np.uint64),
                    **_outputs(parts, files[name]),
                }
    return files


def _column(column: Any) -> dict[str, NDArray[Any]]:
    """Arrays of a column as the target's fixture has them; what is null is zero or empty."""
    import pyarrow as pa

    valid = column.is_valid().to_numpy(zero_copy_only=False)
    words = np.zeros(-(-len(column) // 64) if column.null_count else 0, np.uint64)
    if column.null_count:
        packed = np.packbits(valid, bitorder="little")
        words.view(np.uint8)[: len(packed)] = packed
    if pa.types.is_string(column.type):
        texts = [(text or "").encode() for text in column.to_pylist()]
        offsets = np.zeros(len(texts) + 1, np.int32)
        np.cumsum([len(text) for text in texts], out=offsets[1:])
        data = np.frombuffer(b"".join(texts), np.uint8)
        return {"data": data, "offsets": offsets, "validity": words}
    if pa.types.is_fixed_size_list(column.type):
        values = column.flatten().to_numpy().reshape(len(column), -1)
    else:
        values = column.fill_null(0).to_numpy()
    return {"values": values, "validity": words}


def _outputs(
    parts: Sequence[dict[str, NDArray[Any]]], fixture: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Rows as the target's outputs: each filled to where its counter says."""
    words = -(-TAKE_IDS // 64) if len(fixture["fixture_validity"]) else 0
    full = np.zeros(-(-TAKE_IDS // 64), np.uint64)
    packed = np.packbits(np.ones(TAKE_IDS, bool), bitorder="little")
    full.view(np.uint8)[: len(packed)] = packed
    # a column without a null among the rows taken says nothing about validity
    valid = [part["validity"] if len(part["validity"]) else full[:words] for part in parts]
    strings = "data" in parts[0]
    out = np.stack([np.zeros(0, np.int32) if strings else p["values"].ravel() for p in parts])
    offsets = np.stack([p["offsets"] if strings else np.zeros(0, np.int32) for p in parts])
    data = np.zeros((len(parts), 0), np.uint8)
    if strings:
        longest = int(np.diff(fixture["fixture_offsets"]).max())
        data = np.zeros((len(parts), TAKE_IDS * longest), np.uint8)
        for row, part in zip(data, parts, strict=True):
            row[: len(part["data"])] = part["data"]
    ones = np.ones(len(parts), np.int64)
    return {
        "output_out": out,
        "output_data": data,
        "output_offsets": offsets,
        "output_valid": np.stack(valid),
        "output_taken": ones * out.shape[1],
        "output_bytes": offsets[:, -1].astype(np.int64) if strings else 0 * ones,
        "output_marks": ones * offsets.shape[1],
        "output_words": ones * words,
        "output_status": 0 * ones,
    }


RECORDERS: Mapping[str, Callable[[], Files]] = {
    "predicate": record_predicate,
    "take": record_take,
}
