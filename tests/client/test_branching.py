"""``client.branching``: forks, checkpoints, undo, with both clients."""

import inspect
from pathlib import Path
from typing import Any

import pytest
from following import following
from harness import Client

from interpreterd.client import (
    AsyncContext,
    CheckpointNotFound,
    Context,
    ExecutionFailed,
    NotCarried,
    NothingToUndo,
    Refused,
)
from interpreterd.client.branching import AsyncBranchingContext, BranchingContext


async def said(context: Any, code: str) -> str:
    """Return what ``code`` prints in ``context``. It does not count as an execution that could be undone."""
    execution = await context.execute(code, silent=True)
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


async def test_a_fork_has_the_variables_and_goes_its_own_way(py: Any) -> None:
    context = await py.create_context(metadata={"user": "ada"})
    await context.execute("data = [1, 2]")
    fork = await context.fork()
    await fork.execute("data.append(3)")
    assert (await said(fork, "print(data)"), await said(context, "print(data)")) == ("[1, 2, 3]\n", "[1, 2]\n")
    assert fork.id != context.id
    assert (fork.forked_from, fork.cwd, fork["metadata"]) == (context.id, context.cwd, {"user": "ada"})
    assert (await py.get_context(fork.id)).forked_from == context.id
    assert context.forked_from is None
    assert (fork.not_carried, fork.skipped) == ((), ())


async def test_a_number_of_forks_is_a_list_also_of_one(py: Any) -> None:
    context = await py.create_context()
    assert [len(await context.fork(count, metadata={"user": "bob"})) for count in (1, 3)] == [1, 3]
    assert len(await py.list_contexts(labels={"user": "bob"})) == 4


async def test_what_a_fork_lacks_is_told_and_may_be_refused(py: Any) -> None:
    context = await py.create_context()
    await context.execute("import threading; it = threading.Timer(1000, print); it.name = 'ticking'; it.start()")
    fork = await context.fork()
    assert [(it.kind, "ticking" in it.name) for it in fork.not_carried] == [("thread", True)]
    with pytest.raises(NotCarried) as caught:
        await context.fork(strict=True)
    assert (caught.value.not_carried, caught.value.status) == (fork.not_carried, 409)
    await context.execute("it.cancel(); it.join()")
    assert (await context.fork(strict=True)).not_carried == ()


async def test_a_fork_may_have_a_copy_of_the_directory(py: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("theirs")
    context = await py.create_context(cwd=tmp_path)
    fork = await context.fork(cwd="copy")
    await fork.execute("open('file', 'w').write('mine')")
    assert fork.cwd != context.cwd
    assert (tmp_path / "file").read_text() == "theirs"
    assert await said(fork, "print(open('file').read())") == "mine\n"


async def test_a_block_with_a_checkpoint_goes_back_if_it_raises(py: Any) -> None:
    context = await py.create_context()
    await context.execute("x = 1")

    async def fail() -> None:
        async with await context.checkpoint("before"):
            await context.execute("x = 2")
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await said(context, "print(x)") == "1\n"
    async with await context.checkpoint() as checkpoint:
        await context.execute("x = 3")
        assert [it.id for it in await context.checkpoints()] == [checkpoint.id]
    assert await said(context, "print(x)") == "3\n"
    assert await context.checkpoints() == []


async def test_a_block_goes_back_after_its_code_has_ended_its_python(py: Any) -> None:
    context = await py.create_context()
    await context.execute("x = 1")

    async def crash() -> None:
        async with await context.checkpoint():
            (await context.execute("x = 2; import os; os._exit(3)")).raise_for_error()

    with pytest.raises(ExecutionFailed, match="WorkerDied"):
        await crash()
    execution = await context.execute("print(x)")
    assert (execution.stdout, execution.restarted) == ("1\n", False)


async def test_a_follower_is_told_what_was_restored(py: Any, client: Client) -> None:
    context = await py.create_context()
    checkpoint = await context.checkpoint("before")
    async with following(client, f"/context/{context.id}/events", "websocket") as happens:
        await context.restore("before")
        restored = await anext(event async for event in happens if event["type"] == "restored")
    assert restored["checkpoint"] == {"id": checkpoint.id, "name": "before"}
    assert (restored["archive"], restored["missing"], restored["executionId"]) == (None, [], None)


async def test_a_checkpoint_can_be_restored_any_number_of_times(py: Any) -> None:
    context = await py.create_context()
    await context.execute("x = 1")
    checkpoint = await context.checkpoint("one")
    for again in (checkpoint, checkpoint.id, "one"):
        await context.execute("x = 2")
        restored = await context.restore(again.it if hasattr(again, "it") else again)
        assert (restored.id, restored["restored"]["id"]) == (context.id, checkpoint.id)
        assert await said(context, "print(x)") == "1\n"
    await context.execute("x = 2")
    assert (await checkpoint.restore()).id == context.id
    assert await said(context, "print(x)") == "1\n"
    (listed,) = await context.checkpoints()
    assert (listed.id, listed.name, listed.automatic) == (checkpoint.id, "one", False)
    await checkpoint.delete()
    with pytest.raises(CheckpointNotFound):
        await context.restore("one")
    assert await said(context, "print(x)") == "1\n"


async def test_undo_goes_back_before_each_execution_that_asked_for_it(py: Any) -> None:
    context = await py.create_context()
    for number in range(3):
        await context.execute(f"x = {number}", checkpoint=True)
    for number in (1, 0):
        assert (await context.undo()).id == context.id
        assert await said(context, "print(x)") == f"{number}\n"


async def test_a_context_without_a_checkpoint_cannot_be_undone(py: Any) -> None:
    context = await py.create_context()
    await context.execute("x = 1")
    with pytest.raises(NothingToUndo):
        await context.undo()
    assert await said(context, "print(x)") == "1\n"


async def test_unknown_arguments_are_named(py: Any) -> None:
    context = await py.create_context()
    with pytest.raises(TypeError, match=r"fork\(\) got an unexpected keyword argument 'label'"):
        await context.fork(label="x")
    for wrong in (0, 65):
        with pytest.raises(Refused, match="count"):
            await context.fork(wrong)
    with pytest.raises(Refused, match="cwd"):
        await context.fork(cwd="other")
