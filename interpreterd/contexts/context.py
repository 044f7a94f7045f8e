"""Drives one context: performs the machine's effects, and feeds it inputs."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import assert_never

from interpreterd.contexts.admission import admitted
from interpreterd.contexts.executions import ExecutionRecord, Executions
from interpreterd.contexts.expiry import Expiry
from interpreterd.contexts.limits import LAST_WORDS_BYTES, configured
from interpreterd.contexts.listening import Listening
from interpreterd.contexts.operating import Operating
from interpreterd.contexts.origin import Origin
from interpreterd.contexts.resting import Resting
from interpreterd.contexts.settings import ContextSettings
from interpreterd.contexts.slot import Slot
from interpreterd.contexts.state.keeper import Keeper
from interpreterd.contexts.steering import Steering
from interpreterd.contexts.tally import Tally
from interpreterd.contexts.timers import Timers
from interpreterd.contexts.transcript import Transcript
from interpreterd.contexts.turns import NO_SHARES, RunningTurn, TenantShares
from interpreterd.logs.handler import about
from interpreterd.machine import effects, inputs
from interpreterd.machine.machine import Machine
from interpreterd.machine.states import State
from interpreterd.model.accounts import Account
from interpreterd.model.context_info import NO_USAGES, ContextInfo, Usage
from interpreterd.model.default_context import shown_id
from interpreterd.model.errors import ContextRestarted, InterpreterError
from interpreterd.model.limits import Limits
from interpreterd.model.requests import CreateContext, Execute
from interpreterd.workers.directory import real_directory
from interpreterd.workers.isolation.jails import Place
from interpreterd.workers.watcher import Watcher

_log = logging.getLogger(__name__)


class Context(Resting, Listening, Operating, Steering):
    """A named, long-lived Python namespace with at most one worker. Also the listener of that worker.

    Owned by the manager, in whose task group its worker is started.

    Attributes:
        cwd: The directory in which its workers start.
        directory: The same, without the symbolic links that were in it before any code of the context ran.
        metadata: Its clients' notes; nothing here depends on them.
        listed: See ``CreateContext``.
        account: What its tenant uses.
        expiry: The clock of its end, if it has one.
        request: What it was made from.
        origin: The context that it is a fork of, if it is one.
        keeper: Gives it its checkpoints.
        checkpoints: Those; None before it needs some.
    """

    def __init__(
        self,
        context_id: str,
        cwd: str,
        *,
        request: CreateContext,
        settings: ContextSettings,
        start_timeout_s: float,
        executions: Executions,
        limits: Limits,
        watcher: Watcher,
        tasks: asyncio.TaskGroup,
        account: Account,
        place: Place,
        origin: Origin | None = None,
        directory: str | None = None,
        shares: TenantShares = NO_SHARES,
        keeper: Keeper | None = None,
    ) -> None:
        """Make an inactive context; ``start`` or the first ``submit`` gives it a worker. A fork has an ``origin``."""
        self.id = context_id
        self.request = request
        self.origin = origin
        self.keeper = keeper
        self.account = account
        self.listed = request.listed
        self._log = about(context_id, _log)
        self.cwd, self.directory = cwd, directory or real_directory(cwd)
        self.metadata = request.metadata
        self._created_at = time.time()
        self._limits = limits
        self._tasks = tasks
        self.place = place
        self._slot = Slot(
            context_id,
            listener=self,
            feed=self._feed,
            launcher=place.launcher,
            configuration=configured(cwd, limits, request.envs, place),
            start_timeout_s=start_timeout_s,
            limits=limits,
            directories=(self.directory, *place.directories),
            watcher=watcher,
            tasks=tasks,
            account=account,
            starting=shares.starting,
            tally=Tally(context_id, listed=request.listed, tenant=account.tenant),
        )
        self._grace_s = settings.grace_s
        self._turn = None if shares.running is None else RunningTurn(shares.running, account, self._take_turn)
        self._machine = Machine(
            queue_limit=limits.queued or settings.queue_limit,
            grace_s=settings.grace_s,
            may_begin=None if self._turn is None else self._turn.ask,
            begun=0 if origin is None else origin.begun,
        )
        self._transcript = Transcript(
            context_id,
            executions,
            backlog_bytes=settings.backlog_limit_bytes,
            output_limit_bytes=limits.output_bytes,
            held_limit_bytes=settings.queue_bytes,
            call_grace_s=settings.call_grace_s,
            on_full=self._slot.pause_output,  # not of the context's own: it and its transcript would keep each other
            tally=self._slot.tally,
            account=account,
        )
        self.expiry: Expiry | None = None
        if origin is not None:
            self._transcript.go_on_from(origin.count, origin.count_before)
        self._unasked: effects.Ask | None = None
        self._closed_by: InterpreterError | None = None
        self._timers = Timers()

    @property
    def transcript(self) -> Transcript:
        """The events of its executions."""
        return self._transcript

    @property
    def pid(self) -> int | None:
        """The pid of the worker; None without one."""
        return self._slot.pid

    def info(self, usages: Mapping[int, Usage] = NO_USAGES) -> ContextInfo:
        """Return its state as clients see it; ``usages`` may have the usage of its worker, by the worker's pid."""
        return ContextInfo(
            id=self.id,
            cwd=self.cwd,
            created_at=self._created_at,
            state=self.shown_state,
            last_used_at=self._transcript.last_used_at,
            executions=self._transcript.count,
            queued=self._machine.queued,
            metadata=self.metadata,
            limits=self._limits,
            isolation=self.place.info,
            usage=usages.get(self.pid or 0),
            tenant=self.account.tenant,
            forked_from=(self.origin.context_id or None) if self.origin else None,
            persistent=self.kept is not None and self.kept.persistent,
            expires_at=None if self.expiry is None else self.expiry.at(),
        )

    async def start(self) -> None:
        """Start a worker now. Raises ``WorkerStartFailed``, or the cause of a ``close`` that comes first."""
        self._feed(inputs.Start())
        await self._started()

    async def restart(self, *, cancel_queued: bool = False) -> None:
        """Start a new worker; the running execution is lost, queued ones wait or are cancelled. Raises as ``start``."""
        self._transcript.end_asked = self._slot.worker is not None
        if self.kept is not None:
            await self.kept.forget()
        self._feed(inputs.Restart(ContextRestarted(shown_id(self.id)), cancel_queued))
        while self._machine.state is State.ENDING:
            await self._slot.gone()
        await self._started()

    async def _started(self) -> None:
        if self._closed_by is not None:
            raise self._closed_by.again()  # the journals keep the error itself
        try:
            await self._slot.started()
        except asyncio.CancelledError:
            if self._closed_by is None:
                raise
            raise self._closed_by.again() from None

    def submit(self, request: Execute, *, client: bool = True, answers: bool = False) -> ExecutionRecord:
        """Queue ``request`` and return its execution, whose journal ends with ``Finished`` whatever happens.

        With ``client`` the journal has a client, and the program waits for it. Only a client that ``answers`` is asked
        for input; when it disconnects, call ``answer`` with None.

        Raises:
            InvalidRequest: The code or the grace is too long.
            LimitReached: The queue is full, or waiting and running executions hold too much code.
        """
        request = admitted(request, self._limits, grace_s=self._grace_s, answers=client and answers)
        self._machine.check_room()
        execution = self._transcript.new(request, on_room=self.resume_output if client else None)
        self._feed(inputs.Submit(execution.id, request))
        if self._transcript.waits(execution.id):
            self._transcript.queue(execution)
        return execution

    async def close(self, cause: InterpreterError) -> None:
        """End every execution with ``cause``, and the worker with all its descendants; return once it is gone."""
        self._closed_by = self._slot.tally.closed(cause)
        if self.expiry is not None:
            self.expiry.close()
            self.expiry = None
        if self.kept is not None:
            self.kept.close()
        if self._turn is not None:
            self._turn.close()
        self._feed(inputs.Close(cause))
        if self.checkpoints is not None:
            await self.checkpoints.close()
        if self._slot.worker is not None:
            await self._slot.gone()
        self._timers.close()
        self._transcript.close()
        await self._slot.close()
        await self.place.close()

    def _feed(self, event: inputs.Input) -> None:
        for effect in self._machine.handle(event):
            self._perform(effect, event)

    def _perform(self, effect: effects.Effect, because: inputs.Input) -> None:
        match effect:
            case effects.Send(message):
                if self._slot.worker is not None:
                    self._slot.worker.send(message)
            case effects.SetTimer(name, after_s):
                self._timers.set(name, after_s, lambda name: self._feed(inputs.TimerFired(name)))
            case effects.ClearTimer(name):
                self._timers.clear(name)
            case effects.Begin(execution_id, restarted):
                self._slot.begin(execution_id)
                self._transcript.begin(execution_id, restarted=restarted, feed=self._feed)
                if self.checkpoints is not None:
                    self.checkpoints.begin(self._transcript.running)
            case effects.Finish():
                if self._transcript.runs(effect.execution_id):
                    self._slot.finish()
                    if self._turn is not None:
                        self._turn.end()
                self._transcript.finish(effect)
                if self.kept is not None:
                    self.note_end(effect)
            case effects.InterruptWorker():
                if self._slot.worker is not None and self._transcript.running is not None:
                    self._transcript.running.journal.extend(LAST_WORDS_BYTES)
                    self._slot.worker.interrupt(self._machine.grace_s)
            case effects.EndWorker(interrupt):
                self._slot.end(interrupt=interrupt)
            case effects.KillWorker():
                self._slot.kill(because)
            case effects.GiveUp():
                self._slot.give_up()
            case effects.Ask() as question:
                self.ask(question)
            case effects.Call(called):
                self._transcript.calls.call(called)
            case effects.EndCall(_, number, outcome):
                self._transcript.calls.end(number, outcome)
            case effects.StartWorker():
                self._slot.start()
            case effects.Perform() | effects.Precede() | effects.EndOperation() as operation:
                self.tend(operation)
            case _:
                assert_never(effect)

    def _take_turn(self) -> bool:
        wanted = self._machine.wants_turn
        if wanted:
            self._feed(inputs.Turn())
        return wanted
