"""The prompt's own commands, at a daemon."""

from collections.abc import Callable, Iterator

import pytest

from interpreterd.cli.place import PROMPT_COMMANDS, PromptPlace
from interpreterd.client import Interpreter

Say = Callable[[str], str]


@pytest.fixture
def py(url: str) -> Iterator[Interpreter]:
    with Interpreter(url) as client:
        yield client


@pytest.fixture
def place(py: Interpreter) -> PromptPlace:
    """Return a prompt in a context in which x is 1."""
    context = py.create_context()
    context.execute("x = 1")
    return PromptPlace(py, context.id)


def told(place: PromptPlace, source: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert place.obey(source)
    return capsys.readouterr().err


def run(py: Interpreter, place: PromptPlace, code: str) -> str:
    execution = py.execute(code, place.context, checkpoint=place.keeps)
    assert execution.error is None
    return execution.stdout.strip()


def test_every_command_is_in_the_help(place: PromptPlace) -> None:
    assert [name for name in place.commands if name not in PROMPT_COMMANDS] == []


@pytest.mark.parametrize("source", ["x", "%cd /", "% undo", "%undone", "", "%undo\nx", "x = 1 %undo"])
def test_other_inputs_are_code(place: PromptPlace, source: str) -> None:
    assert not place.obey(source)


def test_where_inputs_have_no_checkpoints_undo_says_why(place: PromptPlace, capsys: pytest.CaptureFixture[str]) -> None:
    place.cannot_keep("there is no room")
    assert not place.keeps
    assert told(place, "%undo", capsys) == "interpreterd: inputs are run without checkpoints: there is no room\n"
