"""``client.branching``: forks, checkpoints, undo, with both clients."""

import inspect
from typing import Any

import pytest

from interpreterd.client import AsyncContext, Context, Refused
from interpreterd.client.branching import AsyncBranchingContext, BranchingContext


async def said(context: Any, code: str) -> str:
    """Return what ``code`` prints in ``context``."""
    execution = await context.execute(code)
    assert execution.error is None, execution
    return str(execution.stdout)


@pytest.mark.parametrize(
    "name",
    ["fork", "checkpoint", "checkpoints", "delete_checkpoint", "restore", "undo", "save", "hibernate"],
)
def test_both_faces_take_the_same_arguments(name: str) -> None:
    blocking, waiting = getattr(BranchingContext, name), getattr(AsyncBranchingContext, name)
    assert list(inspect.signature(blocking).parameters.values()) == [
        it.replace(
            annotation=str(it.annotation).replace("Async", "") if "Async" in str(it.annotation) else it.annotation
        )
        for it in inspect.signature(waiting).parameters.values()
    ]
    assert not inspect.iscoroutinefunction(blocking)
    assert issubclass(Context, BranchingContext)
    assert issubclass(AsyncContext, AsyncBranchingContext)


async def test_unknown_arguments_are_named(py: Any) -> None:
    context = await py.create_context()
    with pytest.raises(TypeError, match=r"fork\(\) got an unexpected keyword argument 'label'"):
        await context.fork(label="x")
    for wrong in (0, 65):
        with pytest.raises(Refused, match="count"):
            await context.fork(wrong)
    with pytest.raises(Refused, match="cwd"):
        await context.fork(cwd="other")
