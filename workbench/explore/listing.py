"""Machine code for a person: the innermost loop with the most vector work, and what is vector."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_LABEL = re.compile(r"^([.\w$@]+):")
_TARGET = re.compile(r"(\.L[\w$]+)\s*$")
_WIDTHS = {"z": 512, "y": 256, "x": 128}
_X86_VECTOR = re.compile(r"%([xyz])mm\d+")
# One number in a vector register: a scalar operation all the same. Moves of 32 or 64 bits too.
_X86_SCALAR = re.compile(
    r"^v?(?:\w*(?:ss|sd)|\w*(?:si2s[sd]|s[sd]2u?si)\w*|mov[dq]|pextr\w|pinsr\w)$"
)
_ARM_VECTOR = re.compile(r"\bv\d+\.(?:2d|4s|8h|16b|2s|4h|8b)|\bz\d+\.[bhsd]")
_MOVE = re.compile(r"v?mov|vzero|ld[rp1]|st[rp1]")
_JUMP = re.compile(r"^(?:j\w+|loop\w*|b|b\.\w+|cbn?z|tbn?z)$")


@dataclass(frozen=True)
class Instruction:
    """One line of a listing.

    Attributes
    ----------
    text : str
        Mnemonic and operands, or a label with its colon.
    label : str
        The label this line is; empty for an instruction.
    bits : int
        Width of the vectors it works on; 0 for scalar code.
    """

    text: str
    label: str = ""
    bits: int = 0


@dataclass(frozen=True)
class Loop:
    """An innermost loop of a function."""

    function: str
    body: tuple[Instruction, ...]

    @property
    def instructions(self) -> int:
        """How many there are."""
        return sum(not one.label for one in self.body)

    @property
    def vectors(self) -> int:
        """How many of them work on vectors."""
        return sum(one.bits > 0 for one in self.body)

    @property
    def work(self) -> int:
        """Those of them that do more than move: clearing a buffer is no kernel's hot loop."""
        return sum(one.bits > 0 and not _MOVE.match(one.text) for one in self.body)

    @property
    def calls(self) -> bool:
        """Whether it calls another function: a helper's work is not seen in it."""
        return any(one.text.startswith(("call", "bl ", "blr ")) for one in self.body)

    @property
    def widest(self) -> int:
        """The widest vector, in bits."""
        return max((one.bits for one in self.body), default=0)


def vector_bits(text: str) -> int:
    """How wide the vectors are that an instruction works on; 0 if it works on none.

    Examples
    --------
    >>> vector_bits("vpermi2ps %zmm1, %zmm2, %zmm3"), vector_bits("vaddps (%rax), %ymm0, %ymm0")
    (512, 256)
    >>> vector_bits("vaddss %xmm1, %xmm0, %xmm0"), vector_bits("addq $64, %rdi")
    (0, 0)
    >>> vector_bits("fadd v0.4s, v1.4s, v2.4s")
    128
    """
    mnemonic = text.split(None, 1)[0] if text.strip() else ""
    named = _X86_VECTOR.findall(text)
    wide = max((_WIDTHS[letter] for letter in named), default=0)
    if wide > 128 or (wide and not _X86_SCALAR.match(mnemonic)):
        return wide
    return 128 if _ARM_VECTOR.search(text) else 0


def parse(assembly: str) -> list[Instruction]:
    """Instructions and labels of a listing; directives and comments are left out."""
    found = []
    for line in assembly.splitlines():
        bare = line.split("#", 1)[0].strip()
        label = _LABEL.match(bare)
        if label:
            found.append(Instruction(bare, label=label[1]))
        elif bare and not bare.startswith("."):
            text = " ".join(bare.split())
            found.append(Instruction(text, bits=vector_bits(text)))
    return found


def innermost(function: str, code: Sequence[Instruction]) -> list[Loop]:
    """Loops that hold no other loop: from a label to the last jump back to it."""
    at = {one.label: i for i, one in enumerate(code) if one.label}
    ends: dict[int, int] = {}
    for i, one in enumerate(code):
        mnemonic = "" if one.label else one.text.split(None, 1)[0]
        to = _TARGET.search(one.text) if _JUMP.match(mnemonic) else None
        if to and at.get(to[1], i) < i:
            ends[at[to[1]]] = i
    spans = [
        (begin, end)
        for begin, end in ends.items()
        if not any(begin < b and e <= end for b, e in ends.items())
    ]
    return [Loop(function, tuple(code[begin : end + 1])) for begin, end in spans]


def ranked(listings: Mapping[str, str]) -> list[Loop]:
    """Innermost loops, those with the most work on vectors first; calls put a loop last.

    Where a compiled kernel spends its time is as a rule the first of them. It is read off the
    code, not measured.
    """
    loops = [loop for name, text in listings.items() for loop in innermost(name, parse(text))]
    return sorted(loops, key=lambda loop: (loop.calls, -loop.work, -loop.instructions))
