"""The chain of the audit log: every change of a line is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreterd.monitoring.audit_chain import BEGUN, LAST_WHOLE, START, BrokenChain, Checked, chained, line_hash


def chain(number: int, previous: str = START) -> list[bytes]:
    lines = []
    for count in range(number):
        line, previous = chained({"event": BEGUN if count == 0 else "x", "n": count}, previous)
        lines.append(line)
    return lines


def test_a_whole_chain_passes() -> None:
    checked = Checked()
    lines = chain(5)
    checked.check(lines)
    assert (checked.lines, checked.first, checked.last) == (5, START, line_hash(lines[-1][:-1]))


def test_files_are_one_chain_in_their_order() -> None:
    lines = chain(6)
    checked = Checked()
    checked.check(lines[:3])
    checked.check(lines[3:])
    assert checked.lines == 6
    wrong = Checked()
    wrong.check(lines[3:])
    with pytest.raises(BrokenChain):
        wrong.check(lines[:3])


@given(st.data())
def test_any_change_is_found(data: st.DataObject) -> None:
    lines = chain(6)
    at = data.draw(st.integers(0, 4), "line")  # a change of the last one needs its hash
    match data.draw(st.sampled_from(["byte", "remove", "repeat", "swap", "insert"]), "change"):
        case "byte":
            place = data.draw(st.integers(0, len(lines[at]) - 2), "place")
            other = data.draw(st.integers(0, 255).filter(lambda it: it != lines[at][place]), "other")
            lines[at] = lines[at][:place] + bytes([other]) + lines[at][place + 1 :]
            lines = b"".join(lines).splitlines(keepends=True)
        case "remove":
            del lines[at + 1 if at == 0 else at]  # without its first line, it is the end of a chain
        case "repeat":
            lines.insert(at, lines[at])
        case "swap":
            lines[at], lines[at + 1] = lines[at + 1], lines[at]
        case "insert":
            lines.insert(at + 1, chained({"event": "mine"}, START)[0])
    with pytest.raises(BrokenChain):
        Checked().check(lines)


def test_a_line_that_a_crash_has_cut_may_be_there_if_the_next_one_begins_after_it() -> None:
    lines = chain(3)
    cut = lines[2][:20]
    rest, _ = chained({"event": BEGUN, LAST_WHOLE: line_hash(lines[1][:-1])}, line_hash(cut))
    checked = Checked()
    checked.check([*lines[:2], cut + b"\n", rest])
    assert checked.lines == 4
    other, _ = chained({"event": "x"}, line_hash(cut))
    for end in (
        [cut + b"\n", other],
        [cut + b"\n"],
        [cut],
        [b"[]\n"],
        [b'{"prev": 1}\n'],
        [cut + b"\n", cut + b"\n", rest],
    ):
        with pytest.raises(BrokenChain) as caught:
            Checked().check([*lines[:2], *end])
        assert caught.value.line == 3


def test_what_comes_before_a_cut_line_cannot_be_changed_either() -> None:
    lines, forged = chain(3), chain(2, "f" * 64)
    cut = lines[2][:20]
    rest, _ = chained({"event": BEGUN, LAST_WHOLE: line_hash(lines[1][:-1])}, line_hash(cut))
    silent, _ = chained({"event": BEGUN}, line_hash(cut))
    for changed in (
        [*forged, cut + b"\n", rest],
        [lines[0], cut + b"\n", rest],
        [cut + b"\n", rest],
        [*lines[:2], cut + b"\n", silent],
    ):
        with pytest.raises(BrokenChain, match="the line before it"):
            Checked().check(changed)
    Checked().check([cut + b"\n", silent])  # the first line of a file


def test_a_line_without_a_newline_at_the_end_is_cut() -> None:
    lines = chain(2)
    with pytest.raises(BrokenChain, match="cut"):
        Checked().check([lines[0], lines[1][:-1]])
