"""The prompt's own commands, at a daemon."""

from collections.abc import Callable, Iterator

import pytest
from standing import SharedDaemon

from interpreterd.cli.place import PROMPT_COMMANDS, PromptPlace
from interpreterd.client import CheckpointNotFound, Interpreter

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


def test_undo_goes_back_input_by_input(py: Interpreter, place: PromptPlace, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (2, 3):
        run(py, place, f"x = {number}")
    for number in (2, 1):
        assert told(place, "%undo", capsys) == "the context is as it was before the last input\n"
        assert py.execute("print(x)", place.context, silent=True).stdout == f"{number}\n"


def test_a_fork_is_a_place_from_which_one_comes_back(
    py: Interpreter, place: PromptPlace, capsys: pytest.CaptureFixture[str]
) -> None:
    before = place.context
    assert told(place, "%fork", capsys) == f"in {place.context}, a fork; %back returns to {before}\n"
    fork = place.context
    assert fork != before
    run(py, place, "x = 2")
    assert told(place, "%back ", capsys) == f"in {before} again; {fork} stays: interpreterd repl --context {fork}\n"
    assert (place.context, run(py, place, "print(x)")) == (before, "1")
    assert "neither was" in told(place, "%back", capsys)


def test_the_default_context_has_a_name_too(py: Interpreter, capsys: pytest.CaptureFixture[str]) -> None:
    place = PromptPlace(py, None)
    run(py, place, "x = 1")
    assert told(place, "%fork", capsys).endswith("%back returns to default\n")
    assert "in default again" in told(place, "%back", capsys)
    assert place.context is None


def test_checkpoints_are_kept_listed_and_restored(
    py: Interpreter, place: PromptPlace, capsys: pytest.CaptureFixture[str]
) -> None:
    run(py, place, "x = 1")
    assert told(place, "%checkpoint before", capsys) == "%restore before goes back here\n"
    run(py, place, "x = 2")
    assert told(place, "%checkpoint", capsys) == "before\n", "not those of inputs"
    assert told(place, "%restore before", capsys) == "the context is as it was at before\n"
    assert run(py, place, "print(x)") == "1"
    assert "takes the name" in told(place, "%restore", capsys)
    assert "takes one name" in told(place, "%restore a b", capsys)
    with pytest.raises(CheckpointNotFound):
        place.obey("%restore nothing")


def test_variables_are_saved_and_loaded(
    standing: Callable[..., SharedDaemon], capsys: pytest.CaptureFixture[str]
) -> None:
    with Interpreter(standing("--state-dir", "state").url) as py:
        place = PromptPlace(py, py.create_context().id)
        before = place.context
        run(py, place, "x = 1; g = (i for i in 'abc')")
        first, last = told(place, "%save mine", capsys).splitlines()
        assert first.startswith("interpreterd: not saved: g: ")
        assert last == "%load mine makes a context with these 1 variables"
        assert f"a new context; %back returns to {before}\n" in told(place, "%load mine", capsys)
        assert run(py, place, "print(x)") == "1"
        assert "takes the name" in told(place, "%load", capsys)
        py.delete_archive("mine")


def test_where_inputs_have_no_checkpoints_undo_says_why(place: PromptPlace, capsys: pytest.CaptureFixture[str]) -> None:
    place.cannot_keep("there is no room")
    assert not place.keeps
    assert told(place, "%undo", capsys) == "interpreterd: inputs are run without checkpoints: there is no room\n"
