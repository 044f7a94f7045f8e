"""A context's executions ask for input, and its clients answer."""

import pytest
from fake_worker import FakeLauncher, FakeWorker
from open_context import COMPLETED, execute, finished, open_context, read

from interpreterd.contexts.context import Context
from interpreterd.contexts.executions import ExecutionRecord
from interpreterd.model import events
from interpreterd.model.requests import Execute
from interpreterd.pipe.messages import Answer, Asked, Exiting, Run


async def asking(
    context: Context, launcher: FakeLauncher, *, client: bool = True, answers: bool = True
) -> tuple[FakeWorker, Run, ExecutionRecord]:
    """Start an execution that may ask for input."""
    execution = context.submit(Execute(code="input()", timeout_s=None, stdin=True), client=client, answers=answers)
    worker = await launcher.worker()
    return worker, await worker.run(), execution


def ask(worker: FakeWorker, message: Run, number: int = 1, prompt: str = "name? ") -> None:
    worker.say(Asked(execution_id=message.execution_id, number=number, prompt=prompt, password=False))


async def unread(execution: ExecutionRecord) -> list[events.Event | events.Gap]:
    """Return the events that its client has not read."""
    return [event for _, event in await execution.journal.client.ready()]


async def test_a_question_and_its_answer() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, execution = await asking(context, launcher)
        assert message.request.stdin
        assert not context.answer(execution.id, "early")
        worker.write("hello")
        ask(worker, message)
        assert not context.answer("another", "foreign")
        assert context.answer(execution.id, "Ada")
        assert not context.answer(execution.id, "twice")
        assert await worker.told() == Answer(number=1, text="Ada")
        worker.done(message)
        assert await read(execution) == [
            events.Output(stream=events.Stream.STDOUT, text="hello"),
            events.InputRequest(prompt="name? ", password=False),
            COMPLETED,
        ]
        assert not context.answer(execution.id, "late")


@pytest.mark.parametrize(("client", "answers"), [(False, True), (True, False), (False, False)])
async def test_without_a_client_that_answers_there_is_no_input(client: bool, answers: bool) -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        _, message, _ = await asking(context, launcher, client=client, answers=answers)
        assert not message.request.stdin


async def test_a_client_that_has_gone_is_the_end_of_the_input() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, execution = await asking(context, launcher)
        execution.journal.client.stop()
        ask(worker, message)
        assert await worker.told() == Answer(number=1, text=None)
        assert not context.answer(execution.id, "from nowhere")
        ask(worker, message, 2)  # the worker lies, or has not read the answer yet
        assert await worker.told() == Answer(number=2, text=None)
        worker.done(message)
        following = context.submit(execute("next"))
        assert (await worker.run()).request.code == "next"
        assert following.state == "running"


async def test_a_client_that_does_not_read_is_asked_no_more_than_its_backlog() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, backlog_limit_bytes=1000) as context:
        worker, message, execution = await asking(context, launcher)
        for number in range(6):
            ask(worker, message, number, prompt=f"{number}? ")
        *asked, latest = [it.prompt for it in await unread(execution) if isinstance(it, events.InputRequest)]
        assert asked == [f"{number}? " for number in range(len(asked))]
        assert 0 < len(asked) < 5
        assert latest == "5? "  # it waited until the client had read the others
        assert context.answer(execution.id, "Ada")
        assert await worker.told() == Answer(number=5, text="Ada")
        worker.done(message)


async def test_a_question_that_waits_for_its_client_ends_with_the_client() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher, backlog_limit_bytes=1000) as context:
        worker, message, execution = await asking(context, launcher)
        worker.write("x" * 2000)
        ask(worker, message)
        execution.journal.client.stop()
        context.answer(execution.id, None)  # as the port does for it
        assert await worker.told() == Answer(number=1, text=None)
        worker.done(message)
        following = context.submit(execute("next"))
        assert (await worker.run()).request.code == "next"
        assert following.state == "running"


async def test_what_is_asked_while_it_is_interrupted_has_no_answer() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, execution = await asking(context, launcher)
        ask(worker, message)
        context.interrupt()
        assert not context.answer(execution.id, "too late")
        ask(worker, message, 2)
        assert await worker.told() == Answer(number=2, text=None)
        worker.done(message, events.Failure(name="KeyboardInterrupt", value=""))
        await worker.settle()
        assert (await finished(execution)).outcome is events.Outcome.INTERRUPTED


async def test_a_question_before_exit_is_not_answered_after_it() -> None:
    launcher = FakeLauncher()
    async with open_context(launcher) as context:
        worker, message, execution = await asking(context, launcher)
        ask(worker, message)
        worker.say(Exiting(execution_id=message.execution_id))
        assert not context.answer(execution.id, "Ada")
        worker.exit("exit status 0")
        assert (await finished(execution)).outcome is events.Outcome.COMPLETED
