"""Which numbers of a text were typed: found neither by a query nor declared with a source.

The rule, for what stands outside ``{{ }}``:

- Digits are numbers, and so are the words from two to twelve, the tens, hundred, thousand, million
  and dozen, and fractions: half, quarter, a third to a tenth. "One" is a number where it counts
  what a query gave (one of ``{{ n }}``), and English elsewhere.
- No numbers are: code blocks and code between backticks (unless it is a bare number), addresses
  of links, comments; names that begin with a letter (``libx264``, AVX-512); dates, versions of
  three parts, the places of a list; and what follows trial, decision, digest, issue, section or
  RFC, which are references.
- Anything else needs a phrase of declared.toml, with the word that it counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

QUERY = re.compile(r"\{\{(?P<asked>.*?)\}\}|\{#.*?#\}", re.DOTALL)
_SMALL = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_TEENS = "thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
_LARGE = (
    "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|dozens?"
)
_PARTS = r"hal(?:f|ves)|quarters?|an?\s+(?:third|fifth|sixth|seventh|eighth|ninth|tenth)"
# A query is blank when numbers are looked for.
_ONE = r"one(?=\s+(?:of|in)\s+\0)"
NUMBER = re.compile(
    rf"\d(?:[\d,.]*\d)?(?:e[-+]?\d+)?|\b(?:{_SMALL}|{_TEENS}|{_LARGE}|{_PARTS}|{_ONE})\b",
    re.IGNORECASE,
)
_LIST = r"\d+(?:(?:,| and| to|, and) \d+)*"
FAMILIAR = (
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r"^(?P<fence>```|~~~).*?^(?P=fence)", re.DOTALL | re.MULTILINE),
    re.compile(r"(?:\A|\n[ \t]*\n)(?:(?: {4}|\t).*(?:\n|\Z))+"),
    re.compile(r"`(?=[^`]*[A-Za-z])[^`]*`"),
    re.compile(r"\]\([^)\s]*\)|<?https?://[^\s>)]+>?"),
    re.compile(r"^# \d{4} "),
    re.compile(r"^[ \t]*\d+[.)] ", re.MULTILINE),
    re.compile(r"\b\d{4}-\d\d-\d\d\b|\bv?\d+(?:\.\d+){2,}\b|\b0\d{3}\b"),
    re.compile(
        rf"\b(?:RFC|decisions?|digests?|issues?|sections?|trials?) {_LIST}\b(?![.,]?\d| ?%)",
        re.IGNORECASE,
    ),
)
NAME = re.compile(r"(?<![\w.,])[A-Za-z_]\w*(?:[-_]\w+|[./][A-Za-z_]\w*)*")


@dataclass(frozen=True)
class Typed:
    """A number that somebody typed.

    Attributes
    ----------
    line : int
        Of the text, from 1.
    number, around : str
        What it is, and the words about it.
    """

    line: int
    number: str
    around: str


def typed(text: str, phrases: Iterable[str] = ()) -> Iterator[Typed]:
    """Numbers outside queries that no phrase covers, in order.

    Examples
    --------
    >>> text = "AVX-512, {{ n }} rows, 0.41 of it and 64 codes"
    >>> [one.number for one in typed(text, ["64 codes"])]
    ['0.41']
    """
    plain = QUERY.sub(_blank, text)
    covered = [span for phrase in phrases for span in spans(plain, phrase)]
    for pattern in FAMILIAR:
        plain = pattern.sub(_blank, plain)
    plain = NAME.sub(_blank_but_words, plain)
    for found in NUMBER.finditer(plain):
        start, end = found.span()
        if not any(low <= start and end <= high for low, high in covered):
            around = " ".join(text[max(0, start - 30) : end + 30].split())
            yield Typed(text.count("\n", 0, start) + 1, found[0], around)


def spans(text: str, phrase: str) -> Iterator[tuple[int, int]]:
    """Where a phrase stands in a text, whatever its lines are broken at; queries are not in it."""
    plain = QUERY.sub(_blank, text)
    pattern = r"\s+".join(map(re.escape, phrase.split()))
    for found in re.finditer(rf"(?<![\w.,]){pattern}(?!\w|[.,]\d)", plain):
        yield found.span()


def is_bare(phrase: str) -> bool:
    """Whether a phrase is a number alone, which would cover that number wherever it stands.

    Examples
    --------
    >>> is_bare("64"), is_bare("64 codes"), is_bare("95 %")
    (True, False, False)
    """
    return not re.search(r"[^\W\d_]|%", NUMBER.sub("", phrase))


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", "\0", found[0])


def _blank_but_words(found: re.Match[str]) -> str:
    """Spaces instead of a name; a plain word is none, nor is what begins with a number's word."""
    return found[0] if found[0].isalpha() or NUMBER.match(found[0]) else _blank(found)
