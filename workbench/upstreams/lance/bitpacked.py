"""Bit-packed pages: integers written with pylance, the bytes it made of them, what it read back."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure
from workbench.upstreams.lance.distribution import Files, pylance
from workbench.upstreams.lance.pages import Page, read_pages

SEED = 20_260_102


# Run lengths and dictionaries would store some of these columns in fewer bytes.
_PACK_ONLY = {b"lance-encoding:rle-threshold": b"0", b"lance-encoding:dict-divisor": b"1000000"}


def words_and_bounds(page: Page) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Give a bit-packed page as target ``bitpack`` takes it.

    Returns
    -------
    words : ndarray
        The page's mini-blocks as unsigned words of the value type; a view.
    bounds : ndarray
        i64[chunks, 2]: the word that holds a chunk's width, and the one behind its last.

    Raises
    ------
    Infrastructure
        If Lance encoded the page in another way.
    """
    encoding = page.layout["value_compression"]
    if encoding.kind != "InlineBitpacking":
        raise Infrastructure(f"Lance wrote {encoding.kind}, not InlineBitpacking: see RESYNC.md")
    size = encoding["uncompressed_bits_per_value"] // 8
    bounds = [
        (chunk.offsets[0] // size, (chunk.offsets[0] + len(chunk.buffers[0])) // size)
        for chunk in page.chunks()
    ]
    return page.buffers[1].view(f"u{size}"), np.array(bounds, np.int64).reshape(-1, 2)


def record_bitpack() -> Files:
    """Ask Lance for the evidence of target ``bitpack``.

    For each type one page with a chunk of every width, then pages with a partial last chunk and
    with nulls (whose levels lie before the values in each block). Files of format 2.1 and 2.2 take
    turns.
    """
    rng = np.random.default_rng(SEED)
    files: Files = {}
    for bits, version in ((8, "2.1"), (16, "2.2"), (32, "2.1"), (64, "2.2")):
        values = np.concatenate(list(_of_every_width(rng, bits)))
        files[f"u{bits}x{bits + 1}-every-width"] = _ask(values, None, version)
    partial = rng.integers(7_000, size=4 * 1_024 + 337, dtype=np.uint32)
    files["u32x5-last-chunk-partial"] = _ask(partial, None, "2.2")
    # microseconds within half a day, as timestamps are once their day is taken off
    times = rng.integers(43_200_000_000, size=3 * 1_024 + 1, dtype=np.uint64)
    null = rng.random(len(times)) < 0.2
    for version in ("2.1", "2.2"):
        name = f"u64x4-nulls-{version.replace('.', '_')}"
        files[name] = _ask(np.where(null, 0, times).astype(np.uint64), null, version)
    return files


def _of_every_width(rng: np.random.Generator, bits: int) -> Iterator[NDArray[Any]]:
    """Draw 1,024 values of each number of bits, 0 to all."""
    for width in range(bits + 1):
        values = rng.integers(1 << width, size=1_024, dtype=np.uint64)
        values[0] = (1 << width) - 1
        yield values.astype(f"u{bits // 8}")


def _ask(
    values: NDArray[Any], null: NDArray[np.bool_] | None, version: str
) -> dict[str, NDArray[Any]]:
    """Write one column; return its page's words and bounds, and the values Lance reads back."""
    pylance()
    import pyarrow as pa
    from lance.file import LanceFileReader, LanceFileWriter

    column = pa.array(values, mask=null)
    schema = pa.schema([pa.field("column", column.type, metadata=_PACK_ONLY)])
    with tempfile.TemporaryDirectory(prefix="workbench-lance-") as folder:
        path = Path(folder) / "column.lance"
        with LanceFileWriter(str(path), schema, version=version) as writer:
            writer.write_batch(pa.record_batch([column], schema=schema))
        (page,) = read_pages(path)["column"]
        words, bounds = words_and_bounds(page)
        table = LanceFileReader(str(path)).read_all().to_table()
    read = table["column"].combine_chunks().fill_null(0).to_numpy()
    return {
        "request_words": words[None],
        "request_bounds": bounds[None],
        "output_out": read[None],
    }
