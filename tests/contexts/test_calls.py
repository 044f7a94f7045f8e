"""A context's executions call host functions, and clients answer."""

import asyncio

import pytest
from fake_worker import FakeLauncher, FakeWorker
from open_context import COMPLETED, open_context

from interpreterd.contexts.calls import Calls
from interpreterd.contexts.context import Context
from interpreterd.contexts.executions import ExecutionRecord
from interpreterd.contexts.holdings import Holdings
from interpreterd.model import events
from interpreterd.model.displays import Json
from interpreterd.model.execution_errors import CallNotFound
from interpreterd.model.functions import (
    CallOutcome,
    FunctionCall,
    FunctionEnd,
    HostFunction,
    HostRaised,
    PendingCall,
    Returned,
)
from interpreterd.model.requests import Execute
from interpreterd.pipe.calls import Called, CancelCall, Dropped, Raise, Return
from interpreterd.pipe.messages import Run

FOUND = Returned(value=Json('"found"'))


async def calling(
    context: Context, launcher: FakeLauncher, *, client: bool = True
) -> tuple[FakeWorker, Run, ExecutionRecord]:
    """Start an execution that may call ``search``."""
    functions = (HostFunction(name="search"),)
    execution = context.submit(Execute(code="search()", timeout_s=None, functions=functions), client=client)
    worker = await launcher.worker()
    return worker, await worker.run(), execution


def call(worker: FakeWorker, message: Run, number: int = 1, args: str = "[]") -> None:
    called = Called(execution_id=message.execution_id, number=number, name="search", args=Json(args), kwargs=Json("{}"))
    worker.say(called)


def told_call(number: int = 1, args: str = "[]") -> FunctionCall:
    return FunctionCall(call_id=str(number), name="search", args=Json(args), kwargs=Json("{}"))


def ended(outcome: CallOutcome, number: int = 1) -> FunctionEnd:
    return FunctionEnd(call_id=str(number), outcome=outcome)


async def told(execution: ExecutionRecord) -> list[events.Event | events.Gap]:
    """Return the events of an ended execution besides those of its start."""
    kinds = (events.Queued, events.Started)
    return [event async for _, event in execution.journal.follow() if not isinstance(event, kinds)]


async def test_a_call_and_its_answer() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, execution = await calling(context, launcher)
        assert message.request.functions == (HostFunction(name="search"),)
        assert context.transcript.calls.listed(execution.id) == []
        worker.write("before")
        call(worker, message, args='["x"]')
        pending = PendingCall(call_id="1", name="search", args=Json('["x"]'), kwargs=Json("{}"))
        assert context.transcript.calls.listed(execution.id) == [pending]
        assert context.transcript.calls.listed("other") == []
        assert context.answer_call(execution.id, "1", FOUND)
        assert not context.answer_call(execution.id, "1", FOUND), "the first one counts"
        assert not context.answer_call("other", "1", FOUND)
        assert context.transcript.calls.listed(execution.id) == []
        assert await worker.told() == Return(number=1, value=FOUND.value)
        call(worker, message, 2)
        assert context.answer_call(execution.id, "2", HostRaised(name="E", value="v"))
        assert await worker.told() == Raise(number=2, name="E", value="v")
        worker.done(message)
        assert not context.answer_call(execution.id, "2", FOUND)
        assert await told(execution) == [
            events.Output(stream=events.Stream.STDOUT, text="before"),
            told_call(args='["x"]'),
            ended(CallOutcome.RETURNED),
            told_call(2),
            ended(CallOutcome.RAISED, 2),
            COMPLETED,
        ]


@pytest.mark.parametrize("call_id", ["2", "x", "-1", "9" * 30, "", "١"])
async def test_a_call_that_was_never_made_is_an_error(call_id: str) -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, execution = await calling(context, launcher)
        call(worker, message)
        with pytest.raises(CallNotFound, match="call not found: "):
            context.answer_call(execution.id, call_id, FOUND)


async def test_a_call_that_the_code_drops_is_cancelled() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, execution = await calling(context, launcher)
        call(worker, message)
        worker.say(Dropped(execution_id=message.execution_id, number=1))
        assert context.transcript.calls.listed(execution.id) == []
        assert not context.answer_call(execution.id, "1", FOUND)
        worker.done(message)
        assert await told(execution) == [told_call(), ended(CallOutcome.CANCELLED), COMPLETED]


async def test_an_interrupt_cancels_calls_and_is_told_before_the_end() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, execution = await calling(context, launcher)
        call(worker, message)
        context.interrupt()
        assert await worker.told() == CancelCall(number=1)
        assert not context.answer_call(execution.id, "1", FOUND)
        call(worker, message, 2)
        assert await worker.told() == CancelCall(number=2)
        worker.done(message, events.Failure(name="KeyboardInterrupt", value=""))
        await worker.settle()
        kinds = [type(event) for event in await told(execution)]
        assert kinds == [FunctionCall, FunctionEnd, events.Raised, events.Finished]


async def test_a_client_that_does_not_read_is_told_later_and_may_answer_before() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, backlog_limit_bytes=1000) as context:
        worker, message, execution = await calling(context, launcher)
        for number in range(10):
            call(worker, message, number)
        assert len(context.transcript.calls.listed(execution.id)) == 10
        assert execution.journal.full
        untold = 10 - (execution.journal.next - 2)
        assert untold > 2
        assert context.answer_call(execution.id, "9", FOUND)
        worker.say(Dropped(execution_id=message.execution_id, number=8))
        seen = []
        while len(seen) < 8:
            seen += [
                event.call_id for _, event in await execution.journal.client.ready() if isinstance(event, FunctionCall)
            ]
        assert seen == [str(number) for number in range(8)], "neither 8 nor 9, which have ended before they were told"
        worker.done(message)
        ends = [event.call_id for event in await told(execution) if isinstance(event, FunctionEnd)]
        assert ends == seen


async def test_when_all_clients_have_gone_calls_fail_after_a_while() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, call_grace_s=0) as context:
        worker, message, execution = await calling(context, launcher)
        call(worker, message)
        follower = execution.journal.follow()
        execution.journal.client.stop()
        await asyncio.sleep(0)
        assert len(context.transcript.calls.listed(execution.id)) == 1, "a client follows"
        follower.stop()
        raised = await worker.told()
        assert isinstance(raised, Raise)
        assert (raised.name, raised.value) == (
            "HostFunctionError",
            "the client has gone, and nobody answered search() within 0 s",
        )
        call(worker, message, 2)
        raised = await worker.told()
        assert isinstance(raised, Raise)
        assert raised.value == "the client that could answer search() has gone"
        back = execution.journal.follow()
        call(worker, message, 3)
        assert context.answer_call(execution.id, "3", FOUND), "a client has come"
        back.stop()


async def test_who_asks_for_calls_is_somebody() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, call_grace_s=0) as context:
        worker, message, execution = await calling(context, launcher)
        execution.journal.client.stop()
        await asyncio.sleep(0.001)
        assert context.transcript.calls.listed(execution.id) == []
        call(worker, message)
        assert context.answer_call(execution.id, "1", FOUND)
        assert await worker.told() == Return(number=1, value=FOUND.value)


async def test_an_execution_in_the_background_waits_for_anybody() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, call_grace_s=0) as context:
        worker, message, execution = await calling(context, launcher, client=False)
        call(worker, message)
        follower = execution.journal.follow()
        follower.stop()
        await asyncio.sleep(0)
        assert context.answer_call(execution.id, "1", FOUND)
        worker.done(message)
        assert ended(CallOutcome.RETURNED) in await told(execution)


async def test_arguments_count_as_what_the_context_holds() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, queue_bytes=1 << 20) as context:
        worker, message, _ = await calling(context, launcher)
        call(worker, message, 1, '["' + "x" * 900_000 + '"]')
        call(worker, message, 2, '["' + "x" * 900_000 + '"]')
        raised = await worker.told()
        assert isinstance(raised, Raise)
        assert raised.name == "HostFunctionError"
        assert "the limit for waiting and running code is 1 MiB" in raised.value
        worker.say(Dropped(execution_id=message.execution_id, number=1))
        call(worker, message, 3, '["' + "x" * 900_000 + '"]')
        worker.done(message)
        following = context.submit(Execute(code="x" * 200_000))
        assert (await worker.run()).execution_id == following.id


async def test_after_the_end_nothing_is_kept_of_the_context() -> None:
    calls = Calls(held=Holdings(1000, "it holds"), grace_s=0)
    calls.tell()
    assert calls.listed("a") == []
    assert calls.number_of("a", "1") is None
