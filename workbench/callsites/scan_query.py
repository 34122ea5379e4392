"""The compiled part of `workbench.callsites.scan`: the query's own loop and its fixed code.

`search` is a plain function that `workbench.targets.specialise` compiles around a variant; the
names it takes from there are declared below. Nothing here allocates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

BITPACK, PREDICATE, TAKE, DICTIONARY, FSST = range(5)
# Rows of a batch in a Lance scan, and of a bit-packed chunk.
BATCH_ROWS = 8_192
CHUNK_ROWS = 1_024

# What `specialise` provides: every role's functions, the clock, and which role is under test.
now: Any = None
tested: int = -1
unpack: Any = None
between: Any = None
is_in: Any = None
and_kleene: Any = None
select: Any = None
take_fixed: Any = None
take_variable: Any = None
decode_dictionary: Any = None
decode_fsst: Any = None


def search(
    n_rows: Any,
    filters: Any,
    price: Any,
    category: Any,
    title: Any,
    low: Any,
    high: Any,
    listed: Any,
    batch: Any,
    bitmaps: Any,
    work: Any,
    out_rows: Any,
    out_price: Any,
    out_category: Any,
    out_title: Any,
    count: Any,
    ticks: Any,
) -> None:
    """Answer every query: filter batch by batch, then fetch what is left, column by column."""
    day_words, day_bounds, quantity_words, quantity_bounds = filters
    category_words, category_bounds, dictionary = category
    title_bytes, title_spans, title_first, symbols = title
    days, quantities, table = batch
    in_range, in_list, valid, both, known = bitmaps
    codes, local, indices, text, text_offsets = work
    category_data, category_offsets, category_size = out_category
    title_data, title_offsets, title_size = out_title
    begin = 0
    for q in range(len(low)):
        kept = 0
        code = 0
        category_offsets[q, 0] = 0
        title_offsets[q, 0] = 0
        for start in range(0, n_rows, BATCH_ROWS):
            stop = min(start + BATCH_ROWS, n_rows)
            first, last = start // CHUNK_ROWS, (stop + CHUNK_ROWS - 1) // CHUNK_ROWS
            padded = (last - first) * CHUNK_ROWS
            size, words = stop - start, (stop - start + 63) // 64

            if tested == BITPACK:
                begin = now()
            code |= unpack(day_words, day_bounds[first:last], days[:padded])
            code |= unpack(quantity_words, quantity_bounds[first:last], quantities[:padded])
            if tested == BITPACK:
                ticks[0] += now() - begin
                ticks[1] += 2

            if tested == PREDICATE:
                begin = now()
            code |= between(days[:size].view(np.int32), low[q], high[q], in_range[:words])
            code |= is_in(quantities[:size].view(np.int32), listed[q], table, in_list[:words])
            code |= and_kleene(
                in_range[:words],
                valid[:words],
                in_list[:words],
                valid[:words],
                both[:words],
                known[:words],
            )
            found = select(both[:words], known[:words], start, out_rows[q, kept:])
            if tested == PREDICATE:
                ticks[0] += now() - begin
                ticks[1] += 4
            code |= min(found, 0)
            kept += max(found, 0)

        rows = out_rows[q, :kept]
        if tested == TAKE:
            begin = now()
        code |= take_fixed(price, rows, out_price[q])
        if tested == TAKE:
            ticks[0] += now() - begin
            ticks[1] += 1

        # the dictionary's indices of the rows, out of the chunks that hold any
        k = 0
        while k < kept:
            chunk: Any = np.int64(rows[k]) // CHUNK_ROWS
            end = k
            while end < kept and np.int64(rows[end]) < (chunk + 1) * CHUNK_ROWS:
                local[end - k] = rows[end] - np.uint64(chunk * CHUNK_ROWS)
                end += 1
            if tested == BITPACK:
                begin = now()
            code |= unpack(category_words, category_bounds[chunk : chunk + 1], codes)
            if tested == BITPACK:
                ticks[0] += now() - begin
                ticks[1] += 1
            if tested == TAKE:
                begin = now()
            code |= take_fixed(codes, local[: end - k], indices[k:end])
            if tested == TAKE:
                ticks[0] += now() - begin
                ticks[1] += 1
            k = end
        at = 0
        for k in range(0, kept, BATCH_ROWS):
            end = min(k + BATCH_ROWS, kept)
            bounds = category_offsets[q, k : end + 1]
            if tested == DICTIONARY:
                begin = now()
            size = decode_dictionary(dictionary, indices[k:end], category_data[q, at:], bounds)
            if tested == DICTIONARY:
                ticks[0] += now() - begin
                ticks[1] += 1
            code |= min(size, 0)
            for i in range(len(bounds)):
                bounds[i] += at
            at += max(size, 0)
        category_size[q] = at

        # strings, out of the mini-blocks that hold any
        k, at, chunk = 0, 0, 0
        while k < kept:
            while title_first[chunk + 1] <= np.int64(rows[k]):
                chunk += 1
            base = title_first[chunk]
            strings = title_first[chunk + 1] - base
            end = k
            while end < kept and np.int64(rows[end]) < title_first[chunk + 1]:
                local[end - k] = rows[end] - np.uint64(base)
                end += 1
            block = title_bytes[title_spans[chunk, 0] : title_spans[chunk, 1]]
            offsets = block[: 4 * (strings + 1)].view(np.int32)
            if tested == FSST:
                begin = now()
            size = decode_fsst(symbols, block, offsets, text, text_offsets[: strings + 1])
            if tested == FSST:
                ticks[0] += now() - begin
                ticks[1] += 1
            code |= min(size, 0)
            bounds = title_offsets[q, k : end + 1]
            ids = local[: end - k]
            if tested == TAKE:
                begin = now()
            code |= take_variable(
                text[: max(size, 0)], text_offsets[: strings + 1], ids, title_data[q, at:], bounds
            )
            if tested == TAKE:
                ticks[0] += now() - begin
                ticks[1] += 1
            size = bounds[end - k]
            for i in range(len(bounds)):
                bounds[i] += at
            at += size
            k = end
        title_size[q] = at
        count[q] = kept if code == 0 else -1
