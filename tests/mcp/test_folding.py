"""``mcp.folding``: what a model gets of output is what a person would see in a terminal at the end."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.mcp.folding import HELD_LINES, LINE_LIMIT_CHARS, Folding, HeadAndTail

PIECES = st.one_of(
    st.text(alphabet="ab\r\n\b\x1b[];0123ABCDJKmG\x07", max_size=30),
    st.sampled_from(["x" * (LINE_LIMIT_CHARS // 2), "\x1b[2A", "\x1b[99999999C", "\n"]),
)


def folded(*pieces: str) -> str:
    folding = Folding()
    return "".join(map(folding.feed, pieces)) + folding.rest()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[1;31mred\x1b[0m\x1b]0;title\x07!", "red!"),
        ("".join(f"\r{percent}%" for percent in range(101)), "100%"),
        ("long line\rshort", "shortline"),
        ("long line\r\x1b[Kshort\r\n", "short\n"),
        ("10%\b\b\b20%", "20%"),
        ("a: 1\nb: 1\n\x1b[2A\ra: 2\n\rb: 2\n", "a: 2\nb: 2\n"),
        ("one\ntwo\n\x1b[1A\x1b[2Kthree\n", "one\nthree\n"),
        ("one\ntwo\nthree\x1b[2A\r\x1b[Jnew", "new"),
        ("ab\x1b[3Dc\x1b[5Gd", "cb  d"),
        ("bell\a\x00 and null", "bell and null"),
    ],
    ids=repr,
)
def test_a_terminals_sequences_have_their_effect_or_vanish(text: str, seen: str) -> None:
    assert folded(text) == seen


@pytest.mark.parametrize("seed", range(20))
def test_it_does_not_matter_where_the_pieces_are_cut(seed: int) -> None:
    text = "x\r\x1b[1;31my\x1b[0m\n\x1b]8;;http://h\x1b\\link\x1b]8;;\x1b\\\n\x1b[2A\x1b[2Kz\n" * 3
    chance = random.Random(seed)
    cuts = sorted(chance.sample(range(len(text)), 12))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert folded(*pieces) == folded(text)


@given(st.lists(PIECES, max_size=20))
def test_any_text_is_taken_and_little_of_it_is_held(pieces: list[str]) -> None:
    folding = Folding()
    for piece in pieces:
        folding.feed(piece)
        assert len(folding._lines) <= HELD_LINES
        assert max(map(len, folding._lines)) <= LINE_LIMIT_CHARS
        assert 0 <= folding._row < len(folding._lines)


def test_lines_that_no_longer_change_are_given_at_once() -> None:
    folding = Folding()
    given_ = "".join(folding.feed(f"{number}\n") for number in range(1000))
    assert given_ == "".join(f"{number}\n" for number in range(1001 - HELD_LINES))
    assert folding.last_line == "999"


@pytest.mark.parametrize("lines", [0, 1, HELD_LINES])
def test_a_line_that_is_too_long_to_change_is_given_with_all_above_it(lines: int) -> None:
    folding = Folding()
    begun = "".join(folding.feed(f"{number}\n") for number in range(lines))
    assert not folding.is_within_line
    long = "".join(folding.feed("x" * 1000) for _ in range(200))
    assert (begun + long).startswith("".join(f"{number}\n" for number in range(lines)))
    assert len(folding.rest()) <= LINE_LIMIT_CHARS
    assert begun + long + folding.rest() == "".join(f"{number}\n" for number in range(lines)) + "x" * 200_000
    assert folding.is_within_line
    folding.feed("x" * LINE_LIMIT_CHARS)
    assert (folding.rest(), folding.is_within_line) == ("", True)
    assert folding.feed("\n") + folding.rest() == "\n"
    assert not folding.is_within_line


def test_lines_below_one_that_is_too_long_stay_below_it() -> None:
    long = "x" * (LINE_LIMIT_CHARS + 1)
    assert folded(f"a\nb\nc\n\x1b[2A{long}", "y\nz") == f"a\n{long}y\nz\n"


def test_of_a_long_text_the_head_and_the_tail_are_kept_in_whole_lines() -> None:
    kept = HeadAndTail(400)
    for number in range(1000):
        kept.add(f"line {number}\n")
    head, mark, tail = kept.text("[{} cut]").partition("[8,")
    assert head.startswith("line 0\nline 1\n")
    assert head.endswith("\n")
    assert mark
    assert tail.partition("\n")[2].startswith("line ")
    assert tail.endswith("line 999\n")
    assert 300 < len(head + tail) <= 420


def test_of_a_short_text_nothing_is_cut_and_of_one_long_line_both_ends_stay() -> None:
    kept = HeadAndTail(100)
    kept.add("x" * 100)
    assert (kept.text("cut"), kept.cut_chars) == ("x" * 100, 0)
    kept.add("y" * 50)
    assert kept.text("[{}]") == "x" * 25 + "\n[50]\n" + "x" * 25 + "y" * 50
