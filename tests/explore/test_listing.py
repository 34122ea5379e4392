import pytest

from workbench.explore import listing, texts

# A function with an outer loop, a vectorised inner one, and one that calls.
CODE = """
\t.text
kernel:
\t.cfi_startproc
\tmovq\t%rdi, %rax
.LBB0_1:                                # outer
\txorl\t%ecx, %ecx
.LBB0_2:
\tvmovups\t(%rdi,%rcx), %zmm0
\tvaddps\t(%rsi,%rcx), %zmm0, %zmm0
\tvmovups\t%zmm0, (%rdx,%rcx)
\taddq\t$64, %rcx
\tcmpq\t%r8, %rcx
\tjb\t.LBB0_2
\tdecq\t%rax
\tjne\t.LBB0_1
.LBB0_3:
\tvmovups\t%ymm0, (%rdx)
\tvmovups\t%ymm1, (%rdx)
\tvmovups\t%ymm2, (%rdx)
\tvmovups\t%ymm3, (%rdx)
\tcallq\t*%r12
\tjne\t.LBB0_3
\tretq
"""


def test_the_hot_loop_is_the_innermost_with_the_most_vectors_and_no_call():
    first, second = listing.ranked({"kernel": CODE})
    assert (first.instructions, first.vectors, first.widest) == (6, 3, 512)
    assert (first.work, first.body[0].label) == (1, ".LBB0_2")
    assert (second.calls, second.vectors) == (True, 4)


def test_an_outer_loop_is_none():
    labels = {loop.body[0].label for loop in listing.innermost("k", listing.parse(CODE))}
    assert labels == {".LBB0_2", ".LBB0_3"}


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("vfmadd231ps %zmm1, %zmm2, %zmm3", 512),
        ("vpgatherdd %ymm2, (%rax,%ymm1,4), %ymm0", 256),
        ("addps %xmm1, %xmm0", 128),
        ("vfmadd231ss %xmm1, %xmm2, %xmm3", 0),
        ("vcvtsi2sd %rax, %xmm0, %xmm0", 0),
        ("vcvttsd2si %xmm0, %rax", 0),
        ("vmovd %eax, %xmm0", 0),
        ("vbroadcastss (%rax), %ymm0", 256),
        ("vmovdqu (%rax), %xmm0", 128),
        ("vmovss (%rax), %xmm0", 0),
        ("fmla v0.4s, v1.4s, v2.4s", 128),
        ("fadd s0, s1, s2", 0),
        ("retq", 0),
        ("", 0),
    ],
)
def test_vectors_are_told_from_scalars(text, bits):
    assert listing.vector_bits(text) == bits


def test_a_listing_marks_vectors_and_takes_nothing_for_markup():
    (first, _) = listing.ranked({"<k>": CODE.replace("(%rsi,%rcx)", "<b>(%rsi)")})
    drawn = texts.loop(first)
    assert drawn.count("<b>") == 3
    assert "512  vaddps &lt;b&gt;(%rsi), %zmm0, %zmm0" in drawn
    assert "3 of them on vectors (50%)" in drawn


def test_a_function_without_loops_has_none():
    assert listing.ranked({"k": "k:\n\tretq\n"}) == []
