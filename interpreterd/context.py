"""Drives one context: performs what the machine decides, and tells it what happens."""

import asyncio
import logging
import os
import uuid
from datetime import UTC, datetime
from typing import assert_never

from interpreterd.errors import ContextRestarted, InterpreterError, InvalidWorkingDirectory, WorkerStartFailed
from interpreterd.executions import Execution, Executions
from interpreterd.launcher import Launcher
from interpreterd.machine import Machine
from interpreterd.messages import Configure, FromWorker
from interpreterd.moves import (
    Answered,
    Ask,
    Begin,
    Broken,
    Cancel,
    ClearTimer,
    Close,
    Effect,
    Exited,
    Finish,
    Input,
    Interrupt,
    InterruptRequested,
    Kill,
    Received,
    Restart,
    Send,
    SetTimer,
    Start,
    Started,
    StartFailed,
    StartWorker,
    Submit,
    TimerFired,
)
from interpreterd.schema import ContextInfo, Execute, Finished, InputRequest, Output, Queued, Raised, Restarted, Stream
from interpreterd.schema import Started as StartedEvent
from interpreterd.settings import Settings
from interpreterd.transitions import State
from interpreterd.worker import Worker, configure

# What an interrupted program may still write although its client does not read: what its own buffers and a pipe hold.
LAST_WORDS_CHARS = 256 << 10
CLOSE_LIMIT_S = 3.0
_log = logging.getLogger(__name__)


class Context:
    """A named, long-lived Python namespace with at most one worker. Also the listener of that worker.

    Owned by the manager, in whose task group its worker is started.
    """

    def __init__(
        self,
        context_id: str,
        cwd: str,
        *,
        launcher: Launcher,
        settings: Settings,
        executions: Executions,
        tasks: asyncio.TaskGroup,
    ) -> None:
        """Make an inactive context; ``start`` or the first ``submit`` gives it a worker."""
        self.id = context_id
        self.cwd = cwd
        self._created_at = datetime.now(UTC)
        self._launcher = launcher
        self._settings = settings
        self._executions = executions
        self._tasks = tasks
        self._machine = Machine(queue_limit=settings.queue_limit, grace_s=settings.grace_s)
        self._worker: Worker | None = None
        self._starting: asyncio.Task[WorkerStartFailed | None] | None = None
        self._closed_by: InterpreterError | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._unfinished: dict[str, Execution] = {}
        self._running: Execution | None = None
        self._asking: str | None = None
        self._gone = asyncio.Event()

    def info(self) -> ContextInfo:
        """Return what clients see of it."""
        return ContextInfo(id=self.id, cwd=self.cwd, created_at=self._created_at, active=self._machine.active)

    async def start(self) -> None:
        """Have a worker now. Raises ``WorkerStartFailed``, or the cause of a ``close`` that comes first."""
        self._feed(Start())
        await self._started()

    async def restart(self, *, cancel_queued: bool = False) -> None:
        """Have a new worker; what runs is lost, what is queued waits for it, or is cancelled.

        Raises:
            WorkerStartFailed: Or the cause of a ``close`` that comes first.
        """
        self._feed(Restart(ContextRestarted(self.id), cancel_queued))
        while self._machine.state is State.ENDING:
            await self._gone.wait()
        await self._started()

    async def _started(self) -> None:
        if self._closed_by is not None:
            raise self._closed_by
        if self._starting is not None:
            try:
                # Shielded: the one who asked may go away, others may already wait for the worker.
                error = await asyncio.shield(self._starting)
            except asyncio.CancelledError:
                if self._closed_by is None:
                    raise
                raise self._closed_by from None
            if error is not None:
                raise error

    def submit(self, request: Execute, *, client: bool = True) -> Execution:
        """Queue ``request`` and return its execution, whose journal ends with ``Finished`` whatever happens.

        With ``client`` the journal has one, whom the program waits for.

        Raises:
            LimitReached: The queue is full.
        """
        self._machine.check_room()
        execution = self._executions.new(
            str(uuid.uuid4()),
            self.id,
            request,
            backlog_chars=self._settings.backlog_limit_bytes,
            on_room=self._resume_output if client else None,
        )
        ahead = len(self._unfinished)
        self._unfinished[execution.id] = execution
        self._feed(Submit(execution.id, request))
        if self._running is not execution and not execution.ended:
            execution.append(Queued(ahead=ahead))
        return execution

    def interrupt(self, execution_id: str | None = None) -> str:
        """Interrupt what runs, or the execution ``execution_id``, which leaves the queue if it waits there.

        Returns what it did: ``interrupting``, ``cancelled``, or ``idle`` if nothing, or not this, runs or waits.
        Repeating it changes nothing.
        """
        running_id = self._machine.running_id
        if running_id is not None and execution_id in (None, running_id):
            self._feed(InterruptRequested())
            return "interrupting"
        if execution_id in self._unfinished:
            self._feed(Cancel(execution_id))
            return "cancelled"
        return "idle"

    def answer(self, execution_id: str, text: str | None) -> bool:
        """Give ``text`` (None: end of the input) to an execution that asks for it; return whether it does."""
        if execution_id != self._asking:
            return False
        self._asking = None
        self._feed(Answered(execution_id, text))
        return True

    async def close(self, cause: InterpreterError) -> None:
        """End every execution with ``cause``, and the worker with all that it started; return once it is gone."""
        self._closed_by = cause
        self._feed(Close(cause))
        for timer in self._timers.values():
            timer.cancel()
        if self._worker is not None:
            try:
                async with asyncio.timeout(CLOSE_LIMIT_S):
                    await self._gone.wait()
            except TimeoutError:
                _log.error("context %s: worker %d cannot be killed", self.id, self._worker.pid)
        await self._sweep()

    # The worker's listener

    def on_message(self, message: FromWorker) -> None:
        """See ``Listener``."""
        self._feed(Received(message))

    def on_output(self, stream: Stream, text: str) -> None:
        """See ``Listener``. What comes while nothing runs, from threads and children, has nobody to go to."""
        if self._running is None:
            return
        self._running.append(Output(stream=stream, text=text))
        if self._running.journal.full and self._worker is not None:
            self._worker.pause_output()

    def on_broken(self, reason: str) -> None:
        """See ``Listener``."""
        _log.warning("context %s: the worker broke the protocol: %s", self.id, reason)
        self._feed(Broken(reason))

    def on_exit(self, how: str) -> None:
        """See ``Listener``."""
        self._worker = None
        self._gone.set()
        self._feed(Exited(how))
        self._tasks.create_task(self._sweep())

    # Effects

    def _feed(self, event: Input) -> None:
        for effect in self._machine.handle(event):
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case StartWorker():
                self._starting = self._tasks.create_task(self._start_worker())
            case Send(message):
                if self._worker is not None:
                    self._worker.send(message)
            case Interrupt():
                self._asking = None
                if self._worker is not None and self._running is not None:
                    self._running.journal.extend(LAST_WORDS_CHARS)
                    self._worker.interrupt()
            case Kill():
                self._asking = None
                if self._worker is not None:
                    self._worker.kill()
                elif self._starting is not None:
                    self._starting.cancel()
            case SetTimer(name, after_s):
                loop = asyncio.get_running_loop()
                self._timers[name] = loop.call_later(after_s, self._fire, name)
            case ClearTimer(name):
                if (timer := self._timers.pop(name, None)) is not None:
                    timer.cancel()
            case Begin(execution_id, restarted):
                self._begin(execution_id, restarted)
            case Ask(execution_id, prompt, password):
                self._asking = execution_id
                self._unfinished[execution_id].append(InputRequest(prompt=prompt, password=password))
            case Finish():
                self._finish(effect)
            case _:
                assert_never(effect)

    def _fire(self, name: str) -> None:
        del self._timers[name]
        self._feed(TimerFired(name))

    def _begin(self, execution_id: str, restarted: bool) -> None:
        if self._worker is not None:
            # Late output of earlier executions, and a character that it left unfinished, do not belong to this one.
            self._worker.drain()
            self._worker.end_text()
        self._running = self._unfinished[execution_id]
        self._running.append(StartedEvent())
        if restarted:
            self._running.append(Restarted())

    def _finish(self, effect: Finish) -> None:
        if effect.execution_id == self._asking:
            self._asking = None
        execution = self._unfinished.pop(effect.execution_id)
        if execution is self._running:
            if self._worker is not None:
                self._worker.end_text()
                self._worker.resume_output()
            self._running = None
        if effect.error is not None:
            execution.append(Raised(error=effect.error))
        execution.append(Finished(outcome=effect.outcome, error=effect.error, cause=effect.cause))
        self._executions.ended(execution)

    def _resume_output(self) -> None:
        if self._worker is not None and (self._running is None or not self._running.journal.full):
            self._worker.resume_output()

    async def _sweep(self) -> None:
        try:
            await self._launcher.sweep()
        except Exception:  # one failure in the task group would end every context
            _log.exception("context %s: what its worker left could not be killed", self.id)

    async def _start_worker(self) -> WorkerStartFailed | None:
        """Start a worker and tell the machine; return why there is none."""
        worker = None
        try:
            worker = await self._launcher.launch()
            await configure(worker, Configure(cwd=self.cwd), self._settings.start_timeout_s)
        except asyncio.CancelledError:
            if worker is not None:
                worker.kill()
            raise
        except Exception as error:
            if worker is not None:
                worker.kill()
            if not isinstance(error, WorkerStartFailed):
                _log.exception("context %s: a mistake in the daemon", self.id)
                error = WorkerStartFailed("internal error; the daemon's log says more")
            _log.error("context %s: no worker: %s", self.id, error)
            self._feed(StartFailed(str(error)))
            return error
        finally:
            self._starting = None
        self._worker = worker
        self._gone.clear()
        worker.listener = self
        self._feed(Started())
        if worker.broken is not None:  # between its answer and now
            self.on_broken(worker.broken)
        if worker.exited is not None:
            self.on_exit(worker.exited)
        return None


def check_directory(cwd: str) -> str:
    """Return ``cwd`` if a worker can start there; raise ``InvalidWorkingDirectory`` otherwise."""
    if not os.path.isabs(cwd):
        raise InvalidWorkingDirectory(f"working directory is not an absolute path: {cwd}")
    try:
        exists = os.path.exists(cwd)
    except ValueError:  # a NUL in it, before Python 3.8's successors agreed to say False
        exists = False
    if not exists:
        raise InvalidWorkingDirectory(f"working directory does not exist: {cwd}")
    if not os.path.isdir(cwd):
        raise InvalidWorkingDirectory(f"working directory is not a directory: {cwd}")
    if not os.access(cwd, os.X_OK):
        raise InvalidWorkingDirectory(f"working directory cannot be entered: {cwd}")
    return cwd
