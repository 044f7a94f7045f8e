"""RunningCommands: each runs in an unlisted context of its own, and so has the rights and the limits of contexts.

The context ends with the command, or with the last process that the command has left running. ``in_context.command``
starts the command there, and says how the two speak with each other.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, Literal

from interpreterd.background import supervised
from interpreterd.contexts.service import ContextService, Submission
from interpreterd.dialects.e2b.envd.command import Command, End, Spec, Written
from interpreterd.dialects.e2b.envd.errors import EnvdRefused
from interpreterd.dialects.e2b.envd.helpers import own_execution
from interpreterd.model.errors import ContextDeleted, InterpreterError, ServerShuttingDown
from interpreterd.model.events import Finished, InputRequest, Output, Stream
from interpreterd.model.requests import CreateContext

_log = logging.getLogger(__name__)


class RunningCommands:
    """All commands of a daemon, by their pids."""

    def __init__(self, service: ContextService) -> None:
        self._service = service
        self._running: dict[int, Command] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def running(self) -> Sequence[Command]:
        """Return the commands that have not ended, oldest first."""
        return list(self._running.values())

    def find(self, *, pid: int | None = None, tag: str | None = None) -> Command:
        """Return the running command that has ``pid``, or the first that has ``tag``. Raises ``EnvdRefused``."""
        for command in self._running.values():
            if command.pid == pid or (tag is not None and command.spec.tag == tag):
                return command
        raise EnvdRefused("not_found", f"no process has the {f'pid {pid}' if tag is None else f'tag {tag}'}")

    async def start(self, spec: Spec) -> Command:
        """Start a command, which waits until ``begin`` lets it begin.

        Raises:
            EnvdRefused, InvalidRequest, LimitReached, WorkerStartFailed, ServerShuttingDown
        """
        code = spec.code()
        info = await self._service.create(CreateContext(listed=False))
        try:
            submission = await self._service.submit(own_execution(info.id, code), answers=True)
            pid = await _started(self._service, submission)
        except BaseException:
            self._run(_delete(self._service, info.id))
            raise
        command = Command(self._service, submission, spec, pid)
        self._running[pid] = command
        return command

    def begin(self, command: Command, *, deadline: float | None = None) -> None:
        """Let ``command`` begin: the followers that it has now miss nothing. It is killed at ``deadline``."""
        self._run(self._serve(command, deadline))

    async def close(self) -> None:
        """Wait for what is under way: the contexts of all commands have ended."""
        await asyncio.gather(*self._tasks)

    async def _serve(self, command: Command, deadline: float | None) -> None:
        loop = asyncio.get_running_loop()
        due = None if deadline is None else loop.call_at(deadline, lambda: self._run(command.kill()))
        submission = command.submission
        end = End("unknown")
        left = False
        try:
            await self._service.answer(submission.execution_id, "")
            async for written in _pump(command, submission):
                if isinstance(written, Finished):
                    end, left = _judge(written)
                else:
                    await command.followers.tell(written)
        finally:
            self._running.pop(command.pid, None)
            if due is not None:
                due.cancel()
            submission.stop()
            try:
                await command.ends(end)
                if left:
                    await _wait_for_all(self._service, submission.context_id)
            finally:
                await _delete(self._service, submission.context_id)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = supervised(asyncio.get_running_loop(), work, _log, "a command could not be served")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _started(service: ContextService, submission: Submission) -> int:
    """Return the pid of the command that ``submission`` starts. Raises ``EnvdRefused``."""
    async for _, event in submission:
        if isinstance(event, InputRequest):
            what, _, rest = event.prompt.partition(" ")
            if what == "started" and rest.isascii() and rest.isdigit():
                return int(rest)
            if what == "refused":
                code, _, sentence = rest.partition(" ")
                raise EnvdRefused(code, sentence)
            raise EnvdRefused("internal", "the command could not be started: its context has said something else")
        if isinstance(event, Finished):
            if isinstance(event.cause, ServerShuttingDown):
                raise event.cause.again()
            raise EnvdRefused("internal", f"the command could not be started: {_why(event)}")
    raise EnvdRefused("internal", "the command could not be started")


async def _pump(command: Command, submission: Submission) -> AsyncIterator[Written | Finished]:
    """Yield what happens to ``command``; neighbouring output is joined."""
    while batch := await submission.ready():
        stream: Stream | None = None
        parts: list[str] = []
        for _, event in batch:
            if parts and not (isinstance(event, Output) and event.stream is stream):
                yield _written(command, stream, parts)
                parts = []
            if isinstance(event, Output):
                stream = event.stream
                parts.append(event.text)
            elif isinstance(event, InputRequest):
                command.asks(event.prompt)
            elif isinstance(event, Finished):
                yield event
        if parts:
            yield _written(command, stream, parts)


def _written(command: Command, stream: Stream | None, parts: Sequence[str]) -> Written:
    name: Literal["stdout", "stderr", "pty"] = "stderr" if stream is Stream.STDERR else "stdout"
    return Written("pty" if command.spec.size is not None else name, "".join(parts).encode(errors="replace"))


def _judge(finished: Finished) -> tuple[End, bool]:
    """Return how the command has ended, from the end of its execution, and whether it has left processes."""
    if finished.cause is not None:  # ``Command.kill`` deletes the context
        return End("signal: killed" if isinstance(finished.cause, ContextDeleted) else str(finished.cause)), False
    if finished.error is None:
        return End("exit status 0", 0, exited=True), False
    what, number, *more = [*finished.error.value.split(" "), ""]
    if finished.error.name != "SystemExit" or not (number.isascii() and number.isdigit()):
        return End(_why(finished)), False
    if what == "exit":
        return End(f"exit status {int(number)}", int(number), exited=True), "left" in more
    name = (signal.strsignal(int(number)) or f"signal {number}").lower() if 0 < int(number) < signal.NSIG else number
    return End(f"signal: {name}{' (core dumped)' if what == 'core' else ''}"), "left" in more


def _why(finished: Finished) -> str:
    return f"{finished.error.name}: {finished.error.value}" if finished.error is not None else finished.outcome.value


async def _wait_for_all(service: ContextService, context_id: str) -> None:
    """Wait until no process is left in the context; what they write is dropped."""
    with contextlib.suppress(InterpreterError):
        submission = await service.submit(own_execution(context_id, "wait_for_all()"))
        try:
            while await submission.ready():
                pass
        finally:
            submission.stop()


async def _delete(service: ContextService, context_id: str) -> None:
    with contextlib.suppress(InterpreterError):  # it is gone
        await service.delete(context_id)
