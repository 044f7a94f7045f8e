"""A reader may call the verbs that look, and no others."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from interpreterd.contexts.service import ContextFiles, ContextService
from interpreterd.model.errors import Forbidden
from interpreterd.model.looks import Task
from interpreterd.model.requests import Execute
from interpreterd.tenants.reading import ReadOnlyContexts, ReadOnlyFiles

LOOKING = {
    "python",
    "directory",
    "isolation",
    "get",
    "contexts",
    "calls",
    "execution",
    "executions",
    "follow_execution",
    "follow_context",
    "files",
    "stats",
    "readings",
}
CHANGING = {
    "create",
    "change",
    "delete",
    "restart",
    "submit",
    "submit_unattended",
    "interrupt",
    "answer",
    "answer_call",
}


class Anything:
    """Answers every verb with its name."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def answer(*args: Any, **keys: Any) -> str:
            return name

        return answer


def verbs(protocol: type) -> set[str]:
    return {name for name, it in vars(protocol).items() if inspect.isfunction(it) and not name.startswith("_")}


def arguments(verb: Any) -> list[str]:
    required = [it for it in inspect.signature(verb).parameters.values() if it.default is it.empty]
    return ["x" for it in required if it.kind is it.POSITIONAL_OR_KEYWORD]


async def test_each_verb_of_the_port_is_allowed_or_refused() -> None:
    assert LOOKING | CHANGING | {"look"} == verbs(ContextService)
    reader = ReadOnlyContexts(Anything())  # type: ignore[arg-type]
    for name in LOOKING:
        verb = getattr(reader, name)
        answer = await verb(*arguments(verb))
        assert isinstance(answer, ReadOnlyFiles) if name == "files" else answer == name
    for name in CHANGING:
        verb = getattr(reader, name)
        with pytest.raises(Forbidden, match="role is read"):
            await verb(*arguments(verb))


@pytest.mark.parametrize("kind", ["variables", "history", "comms"])
async def test_looks_that_list_are_allowed(kind: Any) -> None:
    reader: Any = ReadOnlyContexts(Anything())  # type: ignore[arg-type]
    assert await reader.look(Execute(code="", task=Task(kind=kind))) == "look"


@pytest.mark.parametrize("kind", ["complete", "inspect", "isComplete"])
async def test_other_looks_are_not(kind: Any) -> None:
    with pytest.raises(Forbidden):
        await ReadOnlyContexts(Anything()).look(Execute(code="", task=Task(kind=kind)))  # type: ignore[arg-type]


async def test_files_can_be_read_and_not_written() -> None:
    assert verbs(ContextFiles) == {"list", "reading", "writing", "delete"}
    files = ReadOnlyFiles(Anything())  # type: ignore[arg-type]
    assert await files.list() == "list"  # type: ignore[comparison-overlap]
    await files.reading("a")  # type: ignore[misc]
    with pytest.raises(Forbidden):
        files.writing("a", None)
    with pytest.raises(Forbidden):
        await files.delete("a", None)
