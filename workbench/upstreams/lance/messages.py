"""What pylance says of a page's encoding, as a tree of messages.

An `Encoding` is the protobuf message of Lance's ``encodings_v2_1.proto`` that pylance shows as
text: ``kind`` is the message's name and its fields are items; the wrappers ``PageLayout`` and
``CompressiveEncoding`` are left out. Bytes (FSST's symbol table) are ``bytes``; enums (``layers``)
are strings; what is absent is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.errors import Infrastructure
from workbench.upstreams.lance.distribution import pylance

# Protobuf wrappers that say nothing beyond the message they hold.
_WRAPPERS = {"PageLayout": "layout", "CompressiveEncoding": "compression"}


@dataclass(frozen=True)
class Encoding:
    """One message of a page's description.

    Attributes
    ----------
    kind : str
        The message's name, e.g. ``InlineBitpacking``.
    fields : mapping of str to object
        Its fields: `Encoding`, int, bool, bytes, str, list or None.
    """

    kind: str
    fields: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        """Return the field of that name."""
        return self.fields[name]


def parse_encoding(text: str) -> Encoding:
    r"""Parse what pylance shows of a page's encoding: Rust's debug form of the protobuf message.

    Raises
    ------
    Infrastructure
        If it is not such a text.

    Examples
    --------
    >>> found = parse_encoding('Fsst(Fsst { symbol_table: b"\\x01\\045", values: None })')
    >>> found.kind, found["symbol_table"]
    ('Fsst', b'\x01\x0045')
    """
    tokens = [match[1] for match in _TOKEN.finditer(text)]
    try:
        value = _value(tokens := tokens[::-1])
    except (IndexError, ValueError, KeyError) as error:
        raise _unknown(text) from error
    if tokens or not isinstance(value, Encoding):
        raise _unknown(text)
    return value


def _unknown(text: str) -> Infrastructure:
    return Infrastructure(
        f"pylance {pylance().__version__} describes an encoding in an unknown way: {text[:80]!r}"
    )


_TOKEN = re.compile(r'(b?"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*|-?\d+(?:\.\d+)?|[(){}\[\]])', re.DOTALL)
_WORDS = {"None": None, "true": True, "false": False}


def _value(tokens: list[str]) -> Any:
    """Take one value off the end of ``tokens``, which are reversed and have no punctuation."""
    token = tokens.pop()
    if token == "[":
        return list(_until("]", tokens))
    if token.endswith('"'):
        literal = _unescape(token[token.index('"') + 1 : -1])
        return literal if token[0] == "b" else literal.decode()
    if token[0] in "-0123456789":
        return float(token) if "." in token else int(token)
    if tokens and tokens[-1] == "(":  # Some(x), or a message under the name of its own variant
        tokens.pop()
        (value,) = _until(")", tokens)
        return value
    if tokens and tokens[-1] == "{":
        tokens.pop()
        names_and_values = list(_until("}", tokens))
        fields = dict(zip(names_and_values[::2], names_and_values[1::2], strict=True))
        return fields[_WRAPPERS[token]] if token in _WRAPPERS else Encoding(token, fields)
    return _WORDS.get(token, token)


def _until(closing: str, tokens: list[str]) -> Iterator[Any]:
    while tokens[-1] != closing:
        yield _value(tokens)
    tokens.pop()


_ESCAPES = {
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"0": b"\0",
    b"\\": b"\\",
    b'"': b'"',
    b"'": b"'",
}
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)


def _unescape(text: str) -> bytes:
    r"""Bytes of a Rust literal. Unlike in C and Python, ``\045`` is a zero byte, then ``45``."""
    return _ESCAPE.sub(
        lambda match: bytes([int(match[1], 16)]) if match[1] else _ESCAPES[match[2]], text.encode()
    )
