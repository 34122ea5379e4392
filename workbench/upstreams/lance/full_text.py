"""A corpus indexed by Lance, and the documents it ranks first for a query."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.upstreams.lance.corpora import Corpus, spelt, word
from workbench.upstreams.lance.distribution import pylance

_COLUMN = "text"
# Tokens exactly as written, so that a query's terms are the corpus's.
_TOKENIZER = {
    "base_tokenizer": "whitespace",
    "stem": False,
    "remove_stop_words": False,
    "ascii_folding": False,
    "lower_case": False,
}


def build_index(folder: Path, corpus: Corpus) -> Any:
    """Write a corpus as a Lance dataset under ``folder`` and index it; return the dataset.

    One million documents take 7 s.
    """
    lance = pylance()
    import pyarrow as pa

    offsets = np.zeros(len(corpus.lengths) + 1, np.int64)
    np.cumsum(5 * corpus.lengths.astype(np.int64), out=offsets[1:])
    text = spelt(corpus.tokens)
    column = pa.LargeStringArray.from_buffers(
        len(corpus.lengths), pa.py_buffer(offsets), pa.py_buffer(text)
    )
    # one fragment, so that row ids are positions
    dataset = lance.write_dataset(
        pa.table({_COLUMN: column}),
        str(folder / "documents.lance"),
        max_rows_per_file=len(corpus.lengths),
    )
    # one worker numbers tokens in the order in which it meets them
    dataset.create_scalar_index(
        _COLUMN, "INVERTED", with_position=False, num_workers=1, **_TOKENIZER
    )
    return lance.dataset(str(folder / "documents.lance"))


def open_index(folder: Path) -> Any:
    """Open the dataset that `build_index` wrote."""
    return pylance().dataset(str(folder / "documents.lance"))


def search(
    dataset: Any, ranks: Sequence[int], every: bool, limit: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Row ids and scores of the ``limit`` best documents, best first, as Lance ranks them.

    Parameters
    ----------
    dataset : lance.LanceDataset
        From `open_index` or `build_index`.
    ranks : sequence of int
        The query's tokens.
    every : bool
        Whether a document must have all of them (AND) or one (OR).
    limit : int
        How many to return at most.
    """
    from lance.query import FullTextOperator, MatchQuery

    found = dataset.to_table(
        columns=["_score"],
        with_row_id=True,
        limit=limit,
        full_text_query=MatchQuery(
            " ".join(map(word, ranks)),
            _COLUMN,
            operator=FullTextOperator.AND if every else FullTextOperator.OR,
        ),
    )
    return found["_rowid"].to_numpy().astype(np.int64), found["_score"].to_numpy()
