"""Evidence of FSST: texts that Lance compressed, and codes of our choice that it decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.upstreams.lance.distribution import Files
from workbench.upstreams.lance.fsst import Strings, decode, train
from workbench.upstreams.lance.fsst_symbols import ESCAPE, compress, symbol_table, symbols_of
from workbench.upstreams.lance.fsst_texts import TEXTS

SEED = 20_260_103
# Lance takes FSST from 32 kB of strings on, and for strings of less than 32 kB each.
TEXT_BYTES = 20_000
STRINGS = 600


def record_fsst() -> Files:
    """Ask Lance for the evidence of target ``fsst``.

    ``text-*`` is what it trained, compressed and read back; ``chosen-*`` is what it decoded of
    strings compressed here, nulls and empty strings among them; ``refused-*`` what it refused.
    """
    files: Files = {}
    rng = np.random.default_rng(SEED)
    for kind, (draw, enough) in TEXTS.items():
        table, stored, found = train(b"".join(draw(rng, enough))[:TEXT_BYTES])
        files[f"text-{kind}"] = _case(table, stored, found)
        symbols = symbols_of(table)
        strings = [compress(symbols, text) for text in draw(rng, STRINGS)]
        files[f"chosen-{kind}"] = _case(table, *decode(table, _with_gaps(rng, strings)))
    for name, symbols in _alphabets(rng).items():
        table = symbol_table(symbols)
        share = {"escapes": 0.3, "only-escapes": 1.0}.get(name, 0.02)
        lengths = rng.integers(1, 24, STRINGS).tolist()
        strings = [_random_codes(rng, len(symbols), length, share) for length in lengths]
        files[f"chosen-{name}"] = _case(table, *decode(table, _with_gaps(rng, strings)))
    few = [b"a", b"lance", b"12345678"]
    table = symbol_table(few)
    undefined = [rng.integers(255, size=n, dtype=np.uint8).tobytes() for n in range(60)]
    files["chosen-undefined-codes"] = _case(table, *decode(table, undefined))
    switched_off = symbol_table(few, switch=0)
    files["chosen-switched-off"] = _case(switched_off, *decode(switched_off, undefined))
    # strings that end in an escape, in every place of the groups of four that Lance decodes
    for codes in range(9):
        strings = [bytes([0, ESCAPE, 7]), bytes(codes) + bytes([ESCAPE]), bytes([1, 2])]
        files[f"refused-escape-after-{codes}"] = _case(table, *decode(table, strings))
    for name, place, value in (
        ("magic", 5, 0),
        ("length-0", 8 + 8 * len(few), 0),
        ("length-9", 8 + 8 * len(few) + 1, 9),
    ):
        bad = table.copy()
        bad[place] = value
        files[f"refused-{name}"] = _case(bad, *decode(bad, [bytes([0, 1, 2])]))
    return files


def _case(
    table: NDArray[np.uint8], stored: Strings, found: Strings | int
) -> dict[str, NDArray[Any]]:
    """One request of one chunk; a refusal has no strings."""
    status = 0
    if isinstance(found, int):
        status, found = found, Strings(np.zeros(0, np.uint8), np.zeros_like(stored.offsets))
    return {
        "fixture_table": table,
        "request_compressed": stored.data[None],
        "request_offsets": stored.offsets[None, None],
        "request_room": np.array([8 * len(stored.data)]),
        "output_out": found.data[None],
        "output_out_offsets": found.offsets[None, None],
        "output_count": np.array([len(found.data)]),
        "output_status": np.array([status]),
    }


def _with_gaps(rng: np.random.Generator, strings: Sequence[bytes]) -> list[bytes | None]:
    """One string in ten is empty, one in ten a null."""
    fate = rng.integers(10, size=len(strings)).tolist()
    return [{0: b"", 1: None}.get(f, s) for f, s in zip(fate, strings, strict=True)]


def _random_codes(rng: np.random.Generator, symbols: int, length: int, escapes: float) -> bytes:
    """Codes, a share of them escapes with any byte behind."""
    codes = rng.integers(symbols, size=length).tolist()
    escaped = (rng.random(length) < escapes).tolist()
    literals = rng.integers(256, size=length).tolist()
    return b"".join(
        bytes([ESCAPE, byte]) if escape else bytes([code])
        for code, escape, byte in zip(codes, escaped, literals, strict=True)
    )


def _alphabets(rng: np.random.Generator) -> dict[str, list[bytes]]:
    """Symbol tables of no text."""

    def draw(low: int, high: int, count: int = 255) -> list[bytes]:
        lengths = rng.integers(low, high, count, endpoint=True).tolist()
        return [rng.integers(256, size=n, dtype=np.uint8).tobytes() for n in lengths]

    return {
        "long-symbols": draw(8, 8),
        "short-symbols": draw(1, 2),
        "any-symbols": draw(1, 8),
        "one-symbol": draw(5, 5, 1),
        "escapes": draw(1, 8),
        "only-escapes": draw(3, 3, 2),
    }
