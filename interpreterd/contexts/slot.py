"""A context's place for one worker: starts, watches and kills it, and tells the machine what happens to it."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from interpreterd.background import logged, supervised
from interpreterd.contexts.tally import Tally
from interpreterd.contexts.turns import FairTurns
from interpreterd.logs.handler import about
from interpreterd.machine import inputs
from interpreterd.machine.steps import END_LIMIT_S, GIVE_UP_AFTER_S
from interpreterd.model.accounts import Account
from interpreterd.model.errors import WorkerStartFailed
from interpreterd.model.limits import Limits
from interpreterd.pipe.messages import Configure, Exit
from interpreterd.workers.launcher import Launcher, launch_configured
from interpreterd.workers.watcher import Excess, Watch, Watcher
from interpreterd.workers.worker import Deaf, Listener, Worker

if TYPE_CHECKING:
    from interpreterd.processes.cgroups import Cgroup
    from interpreterd.workers.disk import Disk

_log = logging.getLogger(__name__)


class Slot:
    """At most one worker. Owned by its context, which is the listener of each worker in this slot.

    Attributes:
        worker: The present worker.
        tally: Told of what happens to workers.
        arrive: Called before each start, and may ``settle`` where workers are. Raises ``WorkerStartFailed``.
        prepare: Called with each new worker, before it counts as started. Raises ``WorkerStartFailed``.
        relieve: Ends a parked copy, if one may end to save the limits of the context; returns whether one did.
    """

    def __init__(
        self,
        context_id: str,
        *,
        listener: Listener,
        feed: Callable[[inputs.Input], None],
        launcher: Launcher,
        configuration: Configure,
        start_timeout_s: float,
        limits: Limits,
        directories: tuple[str, ...],
        watcher: Watcher,
        tasks: asyncio.TaskGroup,
        tally: Tally | None = None,
        account: Account | None = None,
        starting: FairTurns | None = None,
    ) -> None:
        """Be empty. Call ``feed`` with each input; start workers in ``tasks``, in turns of ``starting``."""
        self.worker: Worker | None = None
        self.tally = Tally(context_id) if tally is None else tally
        self.prepare: Callable[[Worker], Awaitable[None]] | None = None
        self.arrive: Callable[[], Awaitable[None]] | None = None
        self.relieve: Callable[[], bool] = lambda: False
        self._copies: tuple[int, ...] = ()
        self._given: Worker | None = None
        self._context_id = context_id
        self._log = about(context_id, _log)
        self._listener = listener
        self._feed = feed
        self._launcher = launcher
        self._configuration = configuration
        self._start_timeout_s = start_timeout_s
        self._limits = limits
        self._watcher = watcher
        self._tasks = tasks
        self._account = account
        self._turns = starting
        self._starting: asyncio.Task[WorkerStartFailed | None] | None = None
        self._watch: Watch | None = None
        self._directories = self.tally.directories = directories
        self._disk: Disk | None = None
        self._cgroup: Cgroup | None = None
        self._is_known = False
        self._left_pid: int | None = None
        self._gone = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The pid of the worker; None without one."""
        return None if self.worker is None else self.worker.pid

    def settle(self, launcher: Launcher, configuration: Configure, directories: tuple[str, ...]) -> None:
        """Have the first worker, and all later ones, there."""
        self._launcher, self._configuration = launcher, configuration
        self._directories = self.tally.directories = directories

    @property
    def copies(self) -> tuple[int, ...]:
        """The pids of parked copies of its workers, which count against the limits of the context."""
        return self._copies

    @copies.setter
    def copies(self, pids: tuple[int, ...]) -> None:
        self._copies = pids
        if self._watch is not None:
            self._watch.copies = pids
        if (cgroup := self._cgroup) is None:
            return
        if pids or self.worker is not None or self._starting is not None:
            supervised(self._tasks, asyncio.to_thread(cgroup.end_together, not pids), _log, "cgroup not changed")
        else:  # it goes with the last copy
            self._tasks.create_task(self._sweep(self._left_cgroup()))

    def start(self) -> None:
        """Start a worker; ``WorkerStarted`` or ``WorkerNotStarted`` follows."""
        self._starting = self._tasks.create_task(self._start())

    def give(self, worker: Worker) -> None:
        """Take ``worker``, which has run code and is configured as this slot's are, at the next start."""
        self._given = worker

    def replace(self, worker: Worker) -> None:
        """Put ``worker``, which is configured as this slot's are, in the place of the present one, which is killed."""
        former = self.worker
        assert former is not None
        self._unwatch()
        former.listener = Deaf()
        former.kill()
        self._left_pid = former.pid
        self._tasks.create_task(self._sweep())
        self._install(worker)

    async def started(self) -> None:
        """Wait for the current start, if there is one. Raises ``WorkerStartFailed``, or CancelledError if killed."""
        # Shielded: the caller may go away, while others already wait for the worker.
        if self._starting is not None and (error := await asyncio.shield(self._starting)) is not None:
            raise error

    def kill(self, because: inputs.Input) -> None:
        """Kill the worker and all its descendants, or give up its start."""
        self.tally.killed(because)
        if self.worker is not None:
            self.worker.kill()
        elif self._starting is not None:
            self._starting.cancel()

    def end(self, *, interrupt: bool) -> None:
        """Let the worker end as Python does; with ``interrupt``, interrupt its execution first."""
        if self.worker is not None:
            if interrupt:
                self.worker.interrupt(END_LIMIT_S)
            self.worker.resume_output()  # it no longer waits for its client
            self.worker.send(Exit())

    def pause_output(self) -> None:
        """Let the worker wait with its output."""
        if self.worker is not None:
            self.worker.pause_output()

    def give_up(self) -> None:
        """Leave the worker, which was killed, to the kernel."""
        if self.worker is not None:
            self.worker.give_up(f"killed, but not gone within {GIVE_UP_AFTER_S:g} s")

    def begin(self, execution_id: str) -> None:
        """Prepare for an execution: late output of earlier ones, and a cut character, do not belong to it."""
        if self.worker is not None:
            self.worker.drain()
            self.worker.end_text()
        if self._watch is not None:
            self._watch.execution_id = execution_id

    def finish(self) -> None:
        """The running execution has ended."""
        if self.worker is not None:
            self.worker.end_text()
            self.worker.resume_output()
        if self._watch is not None:
            self._watch.execution_id = None

    async def gone(self) -> None:
        """Wait until the worker has left the slot."""
        await self._gone.wait()

    def leave(self, how: str) -> str:
        """The worker has ended; return how, as far as it is known now."""
        if self.worker is not None:
            self._left_pid = self.worker.pid
        self.worker = None
        self._unwatch()
        self._gone.set()
        if (cgroup := self._cgroup) is not None:
            from interpreterd.workers.cgrouped import with_memory_told

            how = with_memory_told(how, cgroup, self._limits)
        self._tasks.create_task(self._sweep(self._left_cgroup()))
        if self._disk is not None:
            supervised(self._tasks, self._disk.settle(), _log, "disk space could not be counted")
        return how

    async def close(self) -> None:
        """The context ends: drop it, and kill the processes that its workers have left behind."""
        self._unwatch()
        if self._is_known:
            self._watcher.directories.remove(self._directories)
            self._is_known = False
        self._listener, self._feed = Deaf(), _ignore  # otherwise the context and its slot would keep each other
        await self._sweep(self._left_cgroup())

    def _left_cgroup(self) -> "Cgroup | None":
        """Return the cgroup, which goes now; None if copies are in it: the next worker shares it, and its limits."""
        if self._copies:
            return None
        cgroup, self._cgroup = self._cgroup, None
        return cgroup

    def _unwatch(self) -> None:
        self._watcher.end(self._watch)
        self._watch = None

    async def _sweep(self, cgroup: "Cgroup | None" = None) -> None:
        failure = "context %s: processes of its worker could not be killed"
        await logged(self._launcher.sweep(self._left_pid), self._log, failure, self._context_id)
        if cgroup is not None:
            from interpreterd.workers.cgrouped import removed

            await logged(removed(cgroup), self._log, failure, self._context_id)

    async def _start(self) -> WorkerStartFailed | None:
        """Start a worker and tell the machine; return the reason if it fails."""
        is_given = self._given is not None
        began = time.monotonic()
        try:
            if self.arrive is not None:
                await self.arrive()
            configuration = self._configuration
            if not self._is_known:
                self._is_known = True
                self._disk = self._watcher.disk(self._directories, self._limits)
            if self._disk is not None:
                configuration = await self._disk.begin(configuration)
            worker = await self._launch(configuration)
            if self._watcher.cgroups is not None:
                from interpreterd.workers.cgrouped import entered

                self._cgroup = await entered(self._watcher.cgroups, worker, self._limits, self._cgroup)
            if self.prepare is not None and not is_given:
                await self._prepare(worker, self.prepare)
        except WorkerStartFailed as error:
            self._log.error("context %s: no worker: %s", self._context_id, error)
            self.tally.worker_failed()
            self._feed(inputs.WorkerNotStarted(str(error)))
            return error
        finally:
            self._starting = None
        self._gone.clear()
        self.tally.worker_started(worker.pid, time.monotonic() - began)
        self._install(worker, inputs.WorkerStarted(used=is_given or self.prepare is not None))
        return None

    def _install(self, worker: Worker, event: inputs.WorkerStarted | None = None) -> None:
        """Listen to ``worker``; tell the machine ``event``, if it does not know of it."""
        self.worker = worker
        worker.listener = self._listener
        if self._limits.watched:
            self._watch = self._watcher.watch(worker.pid, self._limits, self._on_excess, self._disk)
            self._watch.copies = self._copies
        if event is not None:
            self._feed(event)
        if worker.broken is not None:  # between its answer and now
            self._listener.on_broken(worker.broken)
        if worker.exited is not None:
            self._listener.on_exit(worker.exited)

    async def _launch(self, configuration: Configure) -> Worker:
        if (given := self._given) is not None:
            self._given = None
            return given
        turns, account = self._turns, self._account
        async with contextlib.nullcontext() if turns is None or account is None else turns.turn(account):
            return await launch_configured(self._launcher, configuration, self._start_timeout_s)

    async def _prepare(self, worker: Worker, prepare: Callable[[Worker], Awaitable[None]]) -> None:
        """Prepare a worker within its limits; if that fails, kill it."""
        try:
            await prepare(worker)
        except BaseException:
            worker.kill()
            self._tasks.create_task(self._sweep(self._left_cgroup()))
            raise

    def _on_excess(self, excess: Excess) -> None:
        if excess.counts_copies and self.relieve():  # the next look tells whether that is enough
            return
        self._log.warning("context %s: %s", self._context_id, excess.what)
        self._feed(inputs.Exceeded(excess.what, kill=excess.execution_id is None))


def _ignore(event: inputs.Input) -> None: ...
