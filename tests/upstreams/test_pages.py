"""Pages of files that pylance writes now, taken apart and held against what it reads back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from workbench.errors import Infrastructure
from workbench.upstreams.lance import bitpacked
from workbench.upstreams.lance.fastlanes import unpack
from workbench.upstreams.lance.messages import Encoding, parse_encoding
from workbench.upstreams.lance.pages import Page, read_pages

pa = pytest.importorskip("pyarrow")
pytest.importorskip("lance")

ROWS = 5_000
VERSIONS = ("2.1", "2.2")
TYPES = ("uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


def write(path: Path, table: Any, version: str) -> dict[str, tuple[Page, ...]]:
    from lance.file import LanceFileWriter

    with LanceFileWriter(str(path), table.schema, version=version) as writer:
        for batch in table.to_batches():
            writer.write_batch(batch)
    return read_pages(path)


@pytest.fixture(scope="module", params=VERSIONS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    rng = np.random.default_rng(0)
    columns = {}
    for name in TYPES:
        values = rng.permutation(100 + np.arange(ROWS) % 23_000)
        values = values % 100 if name == "uint8" else values
        columns[name] = pa.array(values.astype(name))
        null = rng.random(ROWS) < 0.1
        columns[f"{name} with nulls"] = pa.array(values.astype(name), mask=null)
    columns["text"] = pa.array([f"text number {i}" for i in range(ROWS)])
    columns["color"] = pa.array(np.array(["red", "green"])[rng.integers(2, size=ROWS)])
    columns["flag"] = pa.array(rng.random(ROWS) < 0.5)
    table = pa.table(columns)
    path = tmp_path_factory.mktemp("pages") / "file.lance"
    return table, write(path, table, request.param)


def test_columns_come_in_the_files_order_and_chunks_hold_every_value(written: Any) -> None:
    table, pages = written
    assert list(pages) == table.schema.names
    for column in pages.values():
        assert sum(page.items for page in column) == ROWS
        for page in column:
            assert page.layout.kind == "MiniBlockLayout"
            assert sum(chunk.values for chunk in page.chunks()) == page.items


def decoded(page: Page) -> NDArray[Any]:
    """Values of a bit-packed page."""
    size = page.layout["value_compression"]["uncompressed_bits_per_value"] // 8
    parts = []
    for chunk in page.chunks():
        (words,) = (buffer.view(f"u{size}") for buffer in chunk.buffers)
        parts.append(unpack(words[1:], int(words[0]))[: chunk.values])
    return np.concatenate(parts)


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("suffix", ["", " with nulls"])
def test_values_are_those_that_were_written(written: Any, name: str, suffix: str) -> None:
    table, pages = written
    (page,) = pages[name + suffix]
    column = table[name + suffix].combine_chunks()
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    values = decoded(page).view(name)
    np.testing.assert_array_equal(values[valid], column.drop_null().to_numpy())


def test_what_each_column_is_encoded_as(written: Any) -> None:
    _, pages = written
    (text,), (color,), (flag,) = (pages[name] for name in ("text", "color", "flag"))
    fsst = text.layout["value_compression"]
    assert fsst.kind == "Fsst"
    assert isinstance(fsst["symbol_table"], bytes)
    assert fsst["values"]["offsets"]["bits_per_value"] == 32
    assert text.dictionary is None
    assert color.dictionary is not None
    assert color.layout["num_dictionary_items"] == 2
    assert flag.layout["value_compression"] == Encoding("Flat", {"bits_per_value": 1, "data": None})
    assert flag.layout["layers"] == ["RepdefAllValidItem"]


def test_offsets_say_where_the_buffers_are(written: Any) -> None:
    _, pages = written
    for (page,) in pages.values():
        for chunk in page.chunks():
            for buffer, offset in zip(chunk.buffers, chunk.offsets, strict=True):
                there = page.buffers[1][offset : offset + len(buffer)]
                assert offset % 8 == 0
                assert there.tobytes() == buffer.tobytes()


def test_bounds_enclose_the_packed_words(written: Any) -> None:
    _, pages = written
    (page,) = pages["uint32 with nulls"]
    words, bounds = bitpacked.words_and_bounds(page)
    for (start, end), chunk in zip(bounds, page.chunks(), strict=True):
        assert words[start:end].tobytes() == chunk.buffers[0].tobytes()
    with pytest.raises(Infrastructure, match="Fsst, not InlineBitpacking"):
        bitpacked.words_and_bounds(pages["text"][0])


def test_several_pages_of_one_column(tmp_path: Path) -> None:
    from lance.file import LanceFileWriter

    path = tmp_path / "pages.lance"
    values = np.random.default_rng(1).integers(1 << 30, size=9_000, dtype=np.uint32)
    table = pa.table({"x": values})
    with LanceFileWriter(str(path), table.schema, version="2.1", data_cache_bytes=1) as writer:
        for batch in table.to_batches(max_chunksize=3_000):
            writer.write_batch(batch)
    pages = read_pages(path)["x"]
    assert [page.items for page in pages] == [3_000] * 3
    np.testing.assert_array_equal(np.concatenate([decoded(page) for page in pages]), values)


def test_a_page_without_mini_blocks_has_no_chunks(tmp_path: Path) -> None:
    rows = pa.array([b"x" * 5_000] * 10)
    (page,) = write(tmp_path / "wide.lance", pa.table({"x": rows}), "2.1")["x"]
    assert page.layout.kind == "FullZipLayout"
    with pytest.raises(Infrastructure, match="FullZipLayout page has no mini-blocks"):
        list(page.chunks())


def test_structs_are_refused(tmp_path: Path) -> None:
    struct = pa.array([{"a": 1, "b": 2}] * 100)
    with pytest.raises(Infrastructure, match="only flat schemas"):
        write(tmp_path / "struct.lance", pa.table({"x": struct}), "2.1")


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
def test_unpack_refuses_words_of_another_width(bits: int) -> None:
    words = np.zeros(1_024 * 3 // bits, f"u{bits // 8}")
    assert len(unpack(words, 3)) == 1_024
    with pytest.raises(Infrastructure, match="are not 1,024 values of 4 bits"):
        unpack(words, 4)


def test_bytes_of_a_description_are_rusts_not_pythons() -> None:
    text = r'Fsst(Fsst { symbol_table: b"\045\n\"\\\x7fab", values: None, ok: true, n: [1, -2] })'
    found = parse_encoding(text)
    assert found["symbol_table"] == b'\x0045\n"\\\x7fab'
    assert found.fields.keys() == {"symbol_table", "values", "ok", "n"}
    assert (found["values"], found["ok"], found["n"]) == (None, True, [1, -2])


@pytest.mark.parametrize("text", ["", "Flat(", "Flat { a: 1", "Some(Some(1))", "Flat { a: 1 } 2"])
def test_a_description_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(Infrastructure, match="describes an encoding in an unknown way"):
        parse_encoding(text)
