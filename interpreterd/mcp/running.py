"""Runs code for a model, and waits for it, but never for longer than a call may take."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from attrs import field, frozen

from interpreterd.client import AsyncInterpreter, ClientError, ContextNotFound, Refused
from interpreterd.client.following import FollowedExecution
from interpreterd.client.wire import parse_failure
from interpreterd.mcp.answers import Block, TextBlock, ToolAnswer, Unusable
from interpreterd.mcp.gathering import Gathered, Shape, failure_json, status_line
from interpreterd.mcp.kept import KeptShots
from interpreterd.model.events import Finished, Outcome

PROGRESS_S: Final = 2.0
LINE_SHOWN_CHARS: Final = 200
FIRST_EVENT_S: Final = 10.0
SEEN_LIMIT: Final = 1000  # executions of which the next event is remembered
TENDED_LIMIT: Final = 100  # executions whose functions are answered although no call waits; the oldest is left
INTERRUPT_LIMIT_S: Final = 5.0
Progress = Callable[[float, str], Awaitable[None]]
"""Called with the seconds since the call began, and the last line of output."""


@frozen
class Waiting:
    """How long a call waits, and who hears of it."""

    seconds: float
    progress: Progress
    began_at: float = field(factory=time.monotonic)

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return self.seconds - (time.monotonic() - self.began_at)


class CodeRunner:
    """Begins executions and follows them. What it remembers of them is for convenience: the daemon knows the rest."""

    def __init__(self, shape: Shape, shots: KeptShots, has_gone: Callable[[], bool]) -> None:
        """``has_gone`` returns whether the connection of all callers has ended: then calls are cancelled, too."""
        self._has_gone = has_gone
        self._shape = shape
        self._shots = shots
        self._seen: dict[str, int] = {}
        self._tended: dict[asyncio.Task[None], None] = {}

    async def run(
        self, py: AsyncInterpreter, code: str, context_id: str, waiting: Waiting, **options: Any
    ) -> "tuple[Gathered, str, int]":
        """Run ``code`` and wait; return what came, the execution's id, and the number of its next event.

        If the call is cancelled, the code is interrupted; if its client has gone, the code goes on.
        """
        execution = await py.begin(code, context_id, **options)
        gathered = Gathered(self._shape)
        try:
            # At least one event: without it the daemon may not have taken the code.
            await self._follow(execution, gathered, waiting, at_least_one=True)
        except asyncio.CancelledError:
            if self._has_gone():
                execution.leave()
            else:
                await _interrupted(execution)
            await execution.close()
            raise
        except TimeoutError:
            said = f"the daemon has not answered for {FIRST_EVENT_S:g} s; whether the code runs is not known"
            execution.leave()
            await execution.close()
            raise Unusable(said) from None
        except BaseException:
            execution.leave()
            await execution.close()
            raise
        assert execution.id is not None
        self._note(execution.id, execution.next_event)
        came = gathered, execution.id, execution.next_event
        if gathered.finished is None and options.get("functions"):
            self._tend(execution)
        else:
            execution.leave()
            await execution.close()
        return came

    def _tend(self, execution: FollowedExecution) -> None:
        """Follow an execution that no call follows, so that its functions are answered."""
        if len(self._tended) == TENDED_LIMIT:
            next(iter(self._tended)).cancel()
        task = asyncio.create_task(_tended(execution))
        self._tended[task] = None
        task.add_done_callback(lambda task: self._tended.pop(task, None))

    async def close(self) -> None:
        """Follow nothing more; executions go on."""
        tasks = list(self._tended)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def wait(
        self, py: AsyncInterpreter, known: Mapping[str, Any], waiting: Waiting, start: int | None, offset: int | None
    ) -> "tuple[Gathered, int]":
        """Wait for an execution, ``known`` as the daemon describes it; return what came, and its next event's number.

        From event ``start`` on, by default from the first one that no call has shown. With ``offset``, a page of the
        output is gathered, and the wait ends when that is full.
        """
        execution_id = str(known["id"])
        if start is None:
            start = 0 if offset is not None else self._seen.get(execution_id, 0)
        if known["outcome"] is not None and start >= known["events"]:  # nothing more comes
            return _ended(known, self._shape), int(known["events"])
        execution = await py.attach(execution_id, start)
        gathered = Gathered(self._shape, offset=offset)
        try:
            await self._follow(execution, gathered, waiting)
        finally:
            execution.leave()
        self._note(execution_id, execution.next_event)
        return gathered, execution.next_event

    async def _follow(
        self, execution: FollowedExecution, gathered: Gathered, waiting: Waiting, *, at_least_one: bool = False
    ) -> None:
        """Gather events until the last one, or until the time is over; report progress meanwhile."""
        reporting = _Reporting(gathered, waiting)
        try:
            if at_least_one:
                async with asyncio.timeout(max(waiting.left_s, FIRST_EVENT_S)):
                    await execution.fill()
            while not gathered.is_full and await self._fill(execution, waiting):
                while execution.events:
                    gathered.add(execution.events.popleft())
        finally:
            reporting.end()

    @staticmethod
    async def _fill(execution: FollowedExecution, waiting: Waiting) -> bool:
        if execution.events:
            return True
        try:
            async with asyncio.timeout(max(0.0, waiting.left_s)):
                return await execution.fill()
        except TimeoutError:
            return False

    def answer(
        self, gathered: Gathered, *, context_id: str, execution_id: str, start: int, next_event: int, waited: str
    ) -> ToolAnswer:
        """Return what a model is told. ``waited`` says for how long was waited, if the code still runs."""
        # On a page, what follows it; else what follows the head.
        more = gathered.page_end if gathered.page_end is not None else self._shape.output_chars // 4
        read_on = f"`wait` with execution {execution_id}, from {start}, offset {more} shows more"
        text = gathered.text("[… {} characters cut: " + read_on + "; or write long output to a file …]")
        lines = [text.rstrip("\n")] if text.strip() else []
        if gathered.missed_events:
            lines.insert(0, f"[{gathered.missed_events} earlier events are gone: the daemon keeps the latest ones]")
        if gathered.restarted:
            lines.insert(0, "[Python was restarted: earlier variables are gone]")
        finished = gathered.finished
        if gathered.is_full:
            pass  # a page does not tell how it went on
        elif finished is None:
            state = "running" if gathered.ahead is None else f"waiting for its turn, behind {gathered.ahead} others,"
            lines.append(f"[still {state} after {waited}: call `wait` with execution {execution_id}]")
        elif status := status_line(finished):
            lines.append(status)
        pictures = gathered.pictures(lambda shot: self._shots.keep(execution_id, shot))
        if not lines and not pictures:
            lines = ["(no output)"]
        content: list[Block] = [TextBlock("\n".join(lines))] if lines else []
        structured = {
            "context": context_id,
            "execution": execution_id,
            "outcome": "running" if finished is None else str(finished.outcome),
            "error": failure_json(finished),
            "restarted": gathered.restarted,
            "cutChars": gathered.cut_chars,
            "nextEvent": next_event,
            "images": len(gathered.shots),
        }
        failed = finished is not None and (finished.error is not None or finished.outcome is not Outcome.COMPLETED)
        return ToolAnswer(content=content + pictures, structured=structured, is_error=failed)

    def _note(self, execution_id: str, next_event: int) -> None:
        self._seen.pop(execution_id, None)
        self._seen[execution_id] = next_event
        if len(self._seen) > SEEN_LIMIT:
            del self._seen[next(iter(self._seen))]


async def _tended(execution: FollowedExecution) -> None:
    try:
        with contextlib.suppress(ClientError):
            while await execution.fill():
                execution.events.clear()
    finally:
        execution.leave()
        await execution.close()


def _ended(known: Mapping[str, Any], shape: Shape) -> Gathered:
    """Return how an execution has ended of which all events have been shown."""
    gathered = Gathered(shape)
    error = None if known["error"] is None else parse_failure(known["error"])
    gathered.add(Finished(outcome=Outcome(known["outcome"]), error=error))
    return gathered


class _Reporting:
    """Reports progress every ``PROGRESS_S``; each number is larger than the one before.

    Most calls end before the first report, so there is no task before that.
    """

    def __init__(self, gathered: Gathered, waiting: Waiting) -> None:
        self._gathered = gathered
        self._waiting = waiting
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(PROGRESS_S, self._begin)

    def end(self) -> None:
        """Report no more."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._report())

    async def _report(self) -> None:
        while True:
            line = self._gathered.last_line[:LINE_SHOWN_CHARS]
            await self._waiting.progress(time.monotonic() - self._waiting.began_at, line)
            await asyncio.sleep(PROGRESS_S)


async def _interrupted(execution: FollowedExecution) -> None:
    """Interrupt an execution, although its own task is being cancelled."""

    async def interrupt() -> None:
        with contextlib.suppress(ClientError, TimeoutError):
            async with asyncio.timeout(INTERRUPT_LIMIT_S):
                await execution.interrupt()

    stopping = asyncio.ensure_future(interrupt())
    while not stopping.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(stopping)


def explained(error: Exception) -> Unusable:
    """Return what a model is told about a failed request to the daemon."""
    if isinstance(error, ContextNotFound):
        return Unusable(f"{error}: it was deleted or has expired; `contexts` lists yours")
    if isinstance(error, Refused) and error.code == "execution_not_found":
        return Unusable(f"{error}: the daemon has forgotten it, or it never was")
    return Unusable(str(error))
