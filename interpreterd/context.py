"""Drives one context: performs what the machine decides, and tells it what happens."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import assert_never

import attrs

from interpreterd import moves
from interpreterd.description import ContextInfo
from interpreterd.errors import ContextRestarted, InterpreterError, WorkerStartFailed
from interpreterd.executions import Execution, Executions
from interpreterd.launcher import Launcher, launch_configured
from interpreterd.limits import Limits
from interpreterd.machine import Machine
from interpreterd.messages import Configure, FromWorker
from interpreterd.schema import Execute, Stream, WorkerEnded, timestamp
from interpreterd.settings import Settings
from interpreterd.timers import Timers
from interpreterd.transcript import Transcript
from interpreterd.transitions import SHOWN, State
from interpreterd.watcher import Excess, Watch, Watcher
from interpreterd.worker import Worker

# What an interrupted program may still write although its client does not read: what its own buffers and both pipes
# hold, 64 KiB each, every byte a character, and these of four bytes if one of them is.
LAST_WORDS_BYTES = 640 << 10
CLOSE_LIMIT_S = 3.0
_log = logging.getLogger(__name__)


class Context:
    """A named, long-lived Python namespace with at most one worker. Also the listener of that worker.

    Owned by the manager, in whose task group its worker is started.

    Attributes:
        metadata: What its clients want to remember of it; nothing here depends on it.
    """

    def __init__(
        self,
        context_id: str,
        cwd: str,
        *,
        envs: Mapping[str, str],
        metadata: Mapping[str, str],
        launcher: Launcher,
        settings: Settings,
        executions: Executions,
        limits: Limits,
        watcher: Watcher,
        tasks: asyncio.TaskGroup,
    ) -> None:
        """Make an inactive context; ``start`` or the first ``submit`` gives it a worker."""
        self.id = context_id
        self.cwd = cwd
        self.metadata = metadata
        self._created_at = timestamp(time.time())
        self._launcher = launcher
        self._settings = settings
        self._limits = limits
        self._configuration = Configure(cwd=cwd, envs=envs, data_bytes=limits.data_bytes)
        self._watcher = watcher
        self._tasks = tasks
        self._machine = Machine(queue_limit=limits.queued or settings.queue_limit, grace_s=settings.grace_s)
        self._transcript = Transcript(
            context_id,
            executions,
            backlog_bytes=settings.backlog_limit_bytes,
            output_limit_bytes=limits.output_bytes,
        )
        self._worker: Worker | None = None
        self._starting: asyncio.Task[WorkerStartFailed | None] | None = None
        self._closed_by: InterpreterError | None = None
        self._timers = Timers()
        self._watch: Watch | None = None
        self._gone = asyncio.Event()

    @property
    def transcript(self) -> Transcript:
        """What its executions say."""
        return self._transcript

    def info(self) -> ContextInfo:
        """Return what clients see of it."""
        return ContextInfo(
            id=self.id,
            cwd=self.cwd,
            created_at=self._created_at,
            state=SHOWN[self._machine.state],
            last_used_at=self._transcript.last_used_at,
            executions=self._transcript.count,
            queued=self._machine.queued,
            metadata=self.metadata,
            limits=self._limits,
            pid=None if self._worker is None else self._worker.pid,
        )

    async def start(self) -> None:
        """Have a worker now. Raises ``WorkerStartFailed``, or the cause of a ``close`` that comes first."""
        self._feed(moves.Start())
        await self._started()

    async def restart(self, *, cancel_queued: bool = False) -> None:
        """Have a new worker; what runs is lost, what is queued waits for it, or is cancelled. Raises as ``start``."""
        self._feed(moves.Restart(ContextRestarted(self.id), cancel_queued))
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

    def submit(self, request: Execute, *, client: bool = True, answers: bool = False) -> Execution:
        """Queue ``request`` and return its execution, whose journal ends with ``Finished`` whatever happens.

        With ``client`` the journal has one, whom the program waits for. Only one that ``answers`` is asked for input;
        when it goes, say so: ``answer`` with None.

        Raises:
            InvalidRequest: The code is too long.
            LimitReached: The queue is full.
        """
        if request.stdin and not (client and answers):
            request = attrs.evolve(request, stdin=False)
        self._limits.check_code(request.code)
        self._machine.check_room()
        execution = self._transcript.new(request, on_room=self._resume_output if client else None)
        self._feed(moves.Submit(execution.id, request))
        if self._transcript.waits(execution.id):
            self._transcript.queue(execution)
        return execution

    def interrupt(self, execution_id: str | None = None) -> str:
        """Interrupt what runs, or the execution ``execution_id``, which leaves the queue if it waits there.

        Returns ``interrupting``, ``cancelled``, or ``idle`` if nothing, or not this, runs or waits; may be repeated.
        """
        if self._machine.running_id is not None and execution_id in (None, self._machine.running_id):
            self._feed(moves.InterruptRequested())
            return "interrupting"
        if execution_id is not None and self._transcript.waits(execution_id):
            self._feed(moves.Cancel(execution_id))
            return "cancelled"
        return "idle"

    def answer(self, execution_id: str, text: str | None) -> bool:
        """Give ``text`` (None: end of the input) to an execution that asks for it; return whether it does."""
        if execution_id != self._machine.asking_id:
            return False
        self._feed(moves.Answered(execution_id, text))
        return True

    async def close(self, cause: InterpreterError) -> None:
        """End every execution with ``cause``, and the worker with all that it started; return once it is gone."""
        self._closed_by = cause
        self._feed(moves.Close(cause))
        self._timers.close()
        if self._worker is not None:
            try:
                async with asyncio.timeout(CLOSE_LIMIT_S):
                    await self._gone.wait()
            except TimeoutError:
                _log.error("context %s: worker %d cannot be killed", self.id, self._worker.pid)
        self._transcript.close()
        self._watcher.end(self._watch)
        await self._sweep()

    def on_message(self, message: FromWorker) -> None:
        """See ``Listener``."""
        self._feed(moves.Received(message))

    def on_output(self, stream: Stream, text: str, replaced: int = 0) -> None:
        """See ``Listener``."""
        self._transcript.write(stream, text, replaced)
        if self._transcript.full and self._worker is not None:
            self._worker.pause_output()

    def on_closed(self) -> None:
        """See ``Listener``. How it ends matters to nobody if nothing runs; the next execution is not to wait for it."""
        if self._machine.running_id is None:
            self._feed(moves.Broken("it closed its channel"))

    def on_broken(self, reason: str) -> None:
        """See ``Listener``."""
        _log.warning("context %s: the worker broke the protocol: %s", self.id, reason)
        self._feed(moves.Broken(reason))

    def on_exit(self, how: str) -> None:
        """See ``Listener``."""
        self._worker = None
        self._watcher.end(self._watch)
        self._watch = None
        self._gone.set()
        self._transcript.tell(WorkerEnded(how=how))
        self._feed(moves.Exited(how))
        self._tasks.create_task(self._sweep())

    def _on_excess(self, excess: Excess) -> None:
        _log.warning("context %s: %s", self.id, excess.what)
        self._feed(moves.Exceeded(excess.what, kill=excess.execution_id is None))

    def _feed(self, event: moves.Input) -> None:
        for effect in self._machine.handle(event):
            self._perform(effect)

    def _perform(self, effect: moves.Effect) -> None:
        match effect:
            case moves.Send(message):
                if self._worker is not None:
                    self._worker.send(message)
            case moves.SetTimer(name, after_s):
                self._timers.set(name, after_s, lambda name: self._feed(moves.TimerFired(name)))
            case moves.ClearTimer(name):
                self._timers.clear(name)
            case moves.Begin(execution_id, restarted):
                self._begin(execution_id, restarted)
            case moves.Finish():
                self._finish(effect)
            case moves.Interrupt():
                if self._worker is not None and self._transcript.running is not None:
                    self._transcript.running.journal.extend(LAST_WORDS_BYTES)
                    self._worker.interrupt()
            case moves.Kill():
                if self._worker is not None:
                    self._worker.kill()
                elif self._starting is not None:
                    self._starting.cancel()
            case moves.Ask(execution_id, prompt, password):
                if not self._transcript.ask(execution_id, prompt, password=password):
                    self._feed(moves.Answered(execution_id, None))
            case moves.StartWorker():
                self._starting = self._tasks.create_task(self._start_worker())
            case _:
                assert_never(effect)

    def _begin(self, execution_id: str, restarted: bool) -> None:
        if self._worker is not None:
            # Late output of earlier executions, and a character that it left unfinished, do not belong to this one.
            self._worker.drain()
            self._worker.end_text()
        if self._watch is not None:
            self._watch.execution_id = execution_id
        self._transcript.begin(execution_id, restarted=restarted)

    def _finish(self, end: moves.Finish) -> None:
        if self._transcript.runs(end.execution_id):
            if self._worker is not None:
                self._worker.end_text()
                self._worker.resume_output()
            if self._watch is not None:
                self._watch.execution_id = None
        self._transcript.finish(end)

    def _resume_output(self) -> None:
        if self._worker is not None and not self._transcript.full:
            self._worker.resume_output()

    async def _sweep(self) -> None:
        try:
            await self._launcher.sweep()
        except Exception:  # one failure in the task group would end every context
            _log.exception("context %s: what its worker left could not be killed", self.id)

    async def _start_worker(self) -> WorkerStartFailed | None:
        """Start a worker and tell the machine; return why there is none."""
        try:
            worker = await launch_configured(self._launcher, self._configuration, self._settings.start_timeout_s)
        except WorkerStartFailed as error:
            _log.error("context %s: no worker: %s", self.id, error)
            self._feed(moves.StartFailed(str(error)))
            return error
        finally:
            self._starting = None
        self._worker = worker
        self._gone.clear()
        worker.listener = self
        if self._limits.watched:
            self._watch = self._watcher.watch(worker.pid, self._limits, self._on_excess)
        self._feed(moves.Started())
        if worker.broken is not None:  # between its answer and now
            self.on_broken(worker.broken)
        if worker.exited is not None:
            self.on_exit(worker.exited)
        return None
