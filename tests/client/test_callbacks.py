"""Callbacks see results and answer questions, with both faces of the client, and results are in the execution."""

from typing import Any

import pytest
from publishing import published

from interpreterd.client import InputRequest, Shown
from interpreterd.client.callbacks import answer_of

SHOWS = (
    "print('a')\npublish('display', {'text/plain': 'old'}, transient={'display_id': 'd'})\nprint('b')\n"
    "publish('update', {'text/plain': 'new', 'image/png': b'png'}, transient={'display_id': 'd'})\n6 * 7"
)


async def test_results_are_told_and_kept(py: Any) -> None:
    seen: list[Shown] = []
    execution = await py.execute(published(SHOWS), on_result=seen.append)
    assert [it.text for it in seen] == ["old", "new", "42"]
    assert [it.text for it in execution.results] == ["new", "42"]
    assert (execution.text, execution.png, execution.html) == ("a\nnew\nb\n42\n", b"png", None)
    assert execution.results[1].execution_count >= 1
    assert (await py.execute("1", results=False)).results == ()


async def test_cleared_results_are_gone(py: Any) -> None:
    execution = await py.execute(published("publish('display', {'text/plain': 'x'}); publish('clear'); print('y')"))
    assert (execution.results, execution.text) == ((), "y\n")


async def test_a_person_sees_what_came_after_the_clearing(py: Any) -> None:
    shows = "print('old'); publish('display', {'text/plain': 'x'}); publish('clear', wait=True)"
    execution = await py.execute(published(shows))
    assert execution.text == "old\nx\n"
    execution = await py.execute(published(f"{shows}; print('new'); publish('display', {{'text/plain': 'y'}})"))
    assert (execution.text, execution.stdout, len(execution.results)) == ("new\ny\n", "old\nnew\n", 1)


async def test_cleared_pictures_leave_room_for_others(py: Any) -> None:
    shows = "for n in range(4): publish('clear', wait=True); publish('display', {'image/png': bytes([n]) * 4_000_000})"
    execution = await py.execute(published(shows))
    assert (execution.png, execution.cut_chars) == (b"\3" * 4_000_000, 0)


async def test_a_large_picture_comes_whole(py: Any) -> None:
    execution = await py.execute(published("publish('display', {'image/png': bytes(10_000_000)})"))
    assert execution.png == bytes(10_000_000)


async def test_questions_are_answered(py: Any) -> None:
    asked: list[InputRequest] = []
    answers = iter(["Ada", "secret", None])

    def on_input(request: InputRequest) -> str | None:
        asked.append(request)
        return next(answers)

    code = (
        "import getpass\nprint(input('name? '), getpass.getpass('password: '))\n"
        "try: input()\nexcept EOFError: print('end')"
    )
    assert (await py.execute(code, on_input=on_input)).stdout == "Ada secret\nend\n"
    assert [(it.prompt, it.password) for it in asked] == [("name? ", False), ("password: ", True), ("", False)]


async def test_without_on_input_a_question_fails(py: Any) -> None:
    assert (await py.execute("input()")).error.name == "EOFError"


def test_an_answer_is_text_or_none() -> None:
    assert (answer_of("x"), answer_of(None)) == ("x", None)
    with pytest.raises(TypeError, match="on_input must return str or None, not int"):
        answer_of(7)
