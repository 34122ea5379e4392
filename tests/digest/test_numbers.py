"""Which numbers of a text count as typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.digest.numbers import is_bare, spans, typed

WORDS = st.text("abcdefghijklmnop ", min_size=1, max_size=30).map(lambda text: f"x {text} y")


def numbers(text, *phrases):
    return [found.number for found in typed(text, phrases)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It takes 0.42 of the time.", ["0.42"]),
        ("It takes 42% of it", ["42"]),
        ("from 1,024 to 3.5e-7, twelve times", ["1,024", "3.5e-7", "twelve"]),
        ("n=18 and p = 0.02", ["18", "0.02"]),
        ("| a | 0.1 |", ["0.1"]),
        ("**0.41** of it and (0.3 to 0.5)", ["0.41", "0.3", "0.5"]),
        ("`0.41` alone between backticks is no code", ["0.41"]),
        ("Twenty-four of them, and three-fold", ["Twenty", "four", "three"]),
        ("trial 14 gained 2.7 %, trials 4 and 6 nothing", ["2.7"]),
        ("trial 0.5", ["0.5"]),
        ("in section 4.3 it says 5", ["4.3", "5"]),
        ("a -0.4 and +0.3 dB", ["0.4", "0.3"]),
        ("two of them, half a second, within a third", ["two", "half", "a third"]),
        ("by one of {{ n }}, One in {{ n }}, one\nof {{ n }}", ["one", "One", "one"]),
    ],
)
def test_typed_numbers_are_found(text, found):
    assert numbers(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "# 0002 A title",
        "AVX-512, x86-64, libx264, float32, pq_l2, SSE2 and vpermt2b",
        "one of them, on the one hand, the third cache, both, twice",
        "on 2026-11-20 with 14.0.2 and v1.6.1",
        "RFC 6716, decision 0012, trials 1 to 6, issue 8; see [0003](../0003-x/README.md#a-1)",
        "`workbench loop --max-iterations 5` and `aq-mode=3`",
        "Run\n\n    make 12\n    make 13\n",
        "```\n0.5\n```\nand\n~~~ text\n7\n~~~\n",
        "1. first\n2. second\n",
        "<!-- 0.5\n0.6 --> and {{ rows }} and {# 12 #}",
        "https://example.org/12 and <https://example.org/13>",
    ],
)
def test_what_is_no_measurement_is_left_alone(text):
    assert numbers(text) == []


def test_a_phrase_covers_its_number_where_it_stands_with_its_word_and_nowhere_else():
    text = "64 codes, 64\ncodes, 64 rows, 164 codes, 64 codesets"
    assert numbers(text, "64 codes") == ["64", "164", "64"]
    assert numbers("four planes of 256 bytes", "four planes of 256 bytes") == []
    assert numbers("0.64 codes and 64 codes.5", "64 codes") == ["0.64", "64", "5"]


def test_a_phrase_does_not_reach_over_a_query():
    assert list(spans("64 {{ x }} codes", "64 codes")) == []


@pytest.mark.parametrize(
    ("phrase", "bare"), [("64", True), ("0.5", True), ("three", True), ("64 codes", False)]
)
def test_a_number_alone_is_no_phrase(phrase, bare):
    assert is_bare(phrase) == bare


def test_a_typed_number_has_its_line_and_its_words():
    (found,) = typed("a\n\nb {{ over\ntwo }} it was 0.42 then\n")
    assert (found.line, found.number) == (4, "0.42")
    assert "it was 0.42 then" in found.around


@given(WORDS, st.floats(0.001, 1e6).map("{:.3f}".format), WORDS)
def test_a_decimal_in_words_is_always_found(before, number, after):
    assert numbers(f"{before} {number} {after}") == [number]


@given(st.text(max_size=300))
def test_any_text_can_be_looked_through(text):
    for found in typed(text, ["64 codes"]):
        assert found.number in text
        assert 1 <= found.line <= text.count("\n") + 1


@given(
    st.lists(st.sampled_from(["0.4", "{{ q }}", "`a 1`", "64 codes", "\n\n", "x-1"]), max_size=9)
)
def test_only_what_stands_outside_queries_code_and_phrases_is_typed(parts):
    text = "x " + " and ".join(parts)
    assert numbers(text, "64 codes") == ["0.4"] * parts.count("0.4")
