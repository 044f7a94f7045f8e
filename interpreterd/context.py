"""Drives one context: performs what the machine decides, and tells it what happens."""

import asyncio
import logging
import os
import uuid
from datetime import UTC, datetime
from typing import assert_never

from interpreterd.errors import InterpreterError, InvalidWorkingDirectory, WorkerStartFailed
from interpreterd.journal import Journal
from interpreterd.launcher import Launcher
from interpreterd.machine import Machine
from interpreterd.messages import Configure, FromWorker
from interpreterd.moves import (
    Begin,
    Broken,
    ClearTimer,
    Close,
    Effect,
    Execution,
    Exited,
    Finish,
    Input,
    Interrupt,
    InterruptRequested,
    Kill,
    Received,
    Send,
    SetTimer,
    Start,
    Started,
    StartFailed,
    StartWorker,
    Submit,
    TimerFired,
)
from interpreterd.schema import ContextInfo, Execute, Finished, Output, Restarted, Stream
from interpreterd.schema import Started as StartedEvent
from interpreterd.settings import Settings
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
        self, context_id: str, cwd: str, *, launcher: Launcher, settings: Settings, tasks: asyncio.TaskGroup
    ) -> None:
        """Make an inactive context; ``start`` or the first ``submit`` gives it a worker."""
        self.id = context_id
        self.cwd = cwd
        self._created_at = datetime.now(UTC)
        self._launcher = launcher
        self._settings = settings
        self._tasks = tasks
        self._machine = Machine(queue_limit=settings.queue_limit, grace_s=settings.grace_s)
        self._worker: Worker | None = None
        self._starting: asyncio.Task[WorkerStartFailed | None] | None = None
        self._closed_by: InterpreterError | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._journals: dict[str, Journal] = {}
        self._running: Journal | None = None
        self._gone = asyncio.Event()

    def info(self) -> ContextInfo:
        """Return what clients see of it."""
        return ContextInfo(id=self.id, cwd=self.cwd, created_at=self._created_at, active=self._machine.active)

    async def start(self) -> None:
        """Have a worker now. Raises ``WorkerStartFailed``, or the cause of a ``close`` that comes first."""
        self._feed(Start())
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

    def submit(self, request: Execute) -> Journal:
        """Queue ``request`` and return the journal of its execution, which ends with ``Finished`` whatever happens.

        Raises:
            LimitReached: The queue is full.
        """
        self._machine.check_room()
        execution = Execution(str(uuid.uuid4()), request)
        journal = Journal(self._settings.backlog_limit_bytes, self._resume_output, execution_id=execution.id)
        self._journals[execution.id] = journal
        self._feed(Submit(execution))
        return journal

    def interrupt(self, execution_id: str | None = None) -> bool:
        """Interrupt what runs, or only ``execution_id``; return whether it runs. Repeating it changes nothing."""
        running_id = self._machine.running_id
        if running_id is None or execution_id not in (None, running_id):
            return False
        self._feed(InterruptRequested())
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
        if self._running.full and self._worker is not None:
            self._worker.pause_output()

    def on_closed(self) -> None:
        """See ``Listener``. How it ends matters to nobody if nothing runs; the next execution is not to wait for it."""
        if self._machine.running_id is None:
            self._feed(Broken("it closed its channel"))

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
                if self._worker is not None and self._running is not None:
                    self._running.extend(LAST_WORDS_CHARS)
                    self._worker.interrupt()
            case Kill():
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
        self._running = self._journals[execution_id]
        self._running.append(StartedEvent())
        if restarted:
            self._running.append(Restarted())

    def _finish(self, effect: Finish) -> None:
        journal = self._journals.pop(effect.execution_id)
        if journal is self._running:
            if self._worker is not None:
                self._worker.end_text()
                self._worker.resume_output()
            self._running = None
        journal.append(Finished(outcome=effect.outcome, error=effect.error, cause=effect.cause))

    def _resume_output(self) -> None:
        if self._worker is not None and (self._running is None or not self._running.full):
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
