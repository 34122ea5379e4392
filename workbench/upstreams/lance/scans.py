"""Scans: a dataset to scan with every encoding in it, and its pages as Lance wrote them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure
from workbench.upstreams.lance.dictionaries import strings_of
from workbench.upstreams.lance.distribution import pylance
from workbench.upstreams.lance.messages import Encoding
from workbench.upstreams.lance.pages import Page, read_pages

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
    values, offsets = strings_of(data, page.layout["num_dictionary_items"])
    return values.copy(), offsets.copy()
