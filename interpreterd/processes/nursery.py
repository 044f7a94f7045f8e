"""The processes that the daemon has started, and the end of those that a dead worker left behind."""

import asyncio
import contextlib
import ctypes
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from attrs import frozen

from interpreterd.background import supervised
from interpreterd.processes.families import (
    CLEANERS_LIMIT_S,
    DEATH_LIMIT_S,
    children,
    is_blind,
    is_cleaner,
    killing,
    parent_and_start,
    reaped,
    session_of,
    state,
    why_it_stays,
)
from interpreterd.processes.guard import Guard
from interpreterd.processes.proc_stat import ticks_since_boot
from interpreterd.processes.remains import NOTING_STEPS_LIMIT, PROCESSES_LIMIT, REMOVE_LIMIT_S, Files, Remains, remove
from interpreterd.processes.slices import Slices

PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
SWEEP_LIMIT_S: Final = CLEANERS_LIMIT_S + DEATH_LIMIT_S
_PAUSES_S: Final = (0.001, 0.05)  # between two looks: the first, and the longest
_log = logging.getLogger(__name__)

_Orphan = tuple[int, int]  # pid, and start time in ticks: another process may get the pid


@frozen(eq=False)
class _Birth:
    """A process that is being started. Its pid is not known yet; it is younger than ``began``, in ticks since boot."""

    began: int


@frozen
class _Left:
    """What a look found and could not settle.

    Attributes:
        dying: Whether a killed process has not ended yet, or has just ended: its children are now the daemon's, and
            this look may have missed them. Also if no process can be seen now.
        cleaned: The sessions in which a cleaner is at work.
        birth: The current birth, if a process is so young that it may be the one that is born.
    """

    dying: bool
    cleaned: frozenset[int]
    birth: _Birth | None


_NOTHING: Final = _Left(dying=False, cleaned=frozenset(), birth=None)


class Nursery:
    """The daemon's child processes.

    With ``adopts`` the process becomes a subreaper: when a worker dies, the processes that it started become children
    of the daemon, and ``sweep`` kills them. Only for a process that has no other children than the announced ones.

    Attributes:
        remains: The files that families leave in /dev/shm; the ``sweep`` for a worker removes its files.
    """

    def __init__(self, *, guard: Guard | None = None, adopts: bool = False) -> None:
        self._guard, self._adopts = guard, adopts
        self._known = {guard.pid} if guard else set()
        self._births = asyncio.Lock()
        self._birth: _Birth | None = None
        self._templates: set[int] = set()
        self._slices = Slices()
        self._passing = asyncio.Lock()
        self._next: asyncio.Task[_Left] | None = None
        self._sweeps: set[asyncio.Task[None]] = set()
        self._later: asyncio.TimerHandle | None = None
        self._dying: dict[_Orphan, float] = {}  # killed processes, and until when they are waited for
        self._cleaners: dict[_Orphan, float] = {}  # spared cleaners, and until when they are spared
        self._lost: set[_Orphan] = set()  # SIGKILL does not end these
        self.remains = Remains()
        self._removing = asyncio.Lock()
        self._remover: threading.Thread | None = None
        if adopts:
            ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    @property
    def guarded(self) -> bool:
        """Whether a guard kills the families when the daemon dies."""
        return self._guard is not None

    def hide(self) -> None:
        """See ``Guard.hide``."""
        if self._guard:
            self._guard.hide()

    @contextlib.asynccontextmanager
    async def birth(self) -> AsyncIterator[None]:
        """The block in which a process is started and then given to ``add``; one block at a time."""
        async with self._births:
            self._birth = _Birth(ticks_since_boot())
            try:
                yield
            finally:
                self._birth = None

    def add(self, pid: int) -> None:
        """Register ``pid`` as a worker."""
        self._known.add(pid)
        self.remains.begin(pid)
        if self._guard:
            self._guard.watch(pid)

    def add_template(self, pid: int) -> None:
        """Register ``pid``, a worker, as a template.

        A process that clones itself with CLONE_PARENT, see clone(2), gives its parent a child. So the children of a
        template are swept like those of the daemon, except for the processes that the template's modules have started.
        """
        self._templates.add(pid)
        self._known.update(children(pid))

    def spare(self, pid: int) -> None:
        """Register ``pid``, a child that is no worker, and may outlive the daemon."""
        self._known.add(pid)

    def remove(self, pid: int) -> None:
        """Forget ``pid``, which has been reaped."""
        self._known.discard(pid)
        self._templates.discard(pid)
        if self._guard:
            self._guard.forget(pid)

    def kill(self, work: Iterator[None]) -> None:
        """Run ``work``, which kills a family, without holding up the event loop. Most of it is done at once."""
        self._slices.start(work)

    def note_remains(self, pid: int, then: Callable[[], None] = lambda: None) -> None:
        """Note the files that ``pid``, a worker that is about to end by itself, may leave; then call ``then``."""
        self._slices.start(self.remains.note(pid, [pid])).add_done_callback(lambda _: then())

    def sweep_soon(self) -> None:
        """Sweep, without waiting for it."""
        task = supervised(asyncio.get_running_loop(), self.sweep(), _log, "dead workers' processes could not be killed")
        self._sweeps.add(task)
        task.add_done_callback(self._sweeps.discard)

    def _sweep_later(self) -> None:
        """Sweep once more: what is left now may end by itself, or must then be killed."""
        if self._later is not None:
            self._later.cancel()
        self._later = asyncio.get_running_loop().call_later(CLEANERS_LIMIT_S, self.sweep_soon)

    async def sweep(self, worker: int | None = None) -> None:
        """Kill and reap the processes that dead workers left to the daemon; give up after ``SWEEP_LIMIT_S``.

        Cleaners, see ``families.is_cleaner``, are given a moment; the cleaners in the session of ``worker`` are waited
        for. Each killed process is waited for ``DEATH_LIMIT_S``. A process that does not die is remembered, and not
        waited for again. A process that may be a worker in its birth is judged after that birth, but a sweep waits for
        only one birth. If it leaves something else, another sweep follows by itself. Then the files that the family of
        ``worker`` has left in /dev/shm are removed.
        """
        if not self._adopts:
            return
        await self._sweep(worker)
        if worker is not None:
            self.remains.settle(worker)
            async with self._removing:
                await self._remove(self.remains.take())

    async def _sweep(self, worker: int | None) -> None:
        give_up_at = time.monotonic() + SWEEP_LIMIT_S
        pause_s, longest_s = _PAUSES_S
        birth = None
        while True:
            left = await self._look()
            birth = birth or left.birth
            settled = not left.dying and worker not in left.cleaned and (left.birth is None or left.birth is not birth)
            if settled or time.monotonic() > give_up_at:
                if left != _NOTHING:
                    self._sweep_later()
                return
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, longest_s)

    async def _look(self) -> _Left:
        """Take one step of a sweep, one step for all sweeps that run.

        A sweep that asks during a step gets the next one, and so do all that ask until that begins.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._pass())
        return await asyncio.shield(self._next)  # other sweeps may wait for it

    async def _pass(self) -> _Left:
        async with self._passing:
            self._next = None
            orphans: set[_Orphan] = set()
            await self._slices.start(self._collect(orphans))
            if is_blind():
                return _Left(dying=True, cleaned=frozenset(), birth=None)
            birth = self._spare_newborn(orphans)
            self._lost &= orphans
            self._dying = {orphan: until for orphan, until in self._dying.items() if orphan in orphans}
            cleaned: set[int] = set()
            await self._slices.start(self._spare_cleaners(orphans, cleaned))
            if new := orphans - self._dying.keys() - self._lost:
                pids = [pid for pid, _ in new]
                if self._guard:  # if the daemon ends meanwhile, the guard must kill the stopped processes too
                    self._guard.watch(*pids)
                await self._slices.start(killing(*pids, before=self._note_orphans))
                if self._guard:
                    self._guard.forget(*pids)
                self._dying |= dict.fromkeys(new, time.monotonic() + DEATH_LIMIT_S)
            await self._slices.start(self._reap(orphans))
            return _Left(dying=not orphans <= self._lost, cleaned=frozenset(cleaned), birth=birth)

    def _note_orphans(self, pids: Iterable[int]) -> Iterator[None]:
        budget = iter(range(NOTING_STEPS_LIMIT))
        for pid in islice(pids, PROCESSES_LIMIT):
            yield from self.remains.note(session_of(pid), [pid], budget)
            yield

    async def _remove(self, files: Files) -> None:
        """Remove ``files`` on a thread; wait for it, but only a moment. While one thread hangs, there is no other."""
        if not files or (self._remover is not None and self._remover.is_alive()):
            return
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def work() -> None:
            try:
                remove(files)
            except Exception:
                _log.exception("files of dead workers in /dev/shm could not be removed")
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(done.set)

        self._remover = threading.Thread(target=work, name="remains", daemon=True)
        with contextlib.suppress(RuntimeError, TimeoutError):  # no room for a thread: the files stay
            self._remover.start()
            async with asyncio.timeout(2 * REMOVE_LIMIT_S):
                await done.wait()

    def _collect(self, orphans: set[_Orphan]) -> Iterator[None]:
        """Find the children that were not announced."""
        for parent in (os.getpid(), *self._templates):
            for pid in children(parent):
                if pid not in self._known:
                    its_parent, started = parent_and_start(pid)
                    if its_parent == parent:  # not a process that has the number of a reaped worker
                        orphans.add((pid, started))
                    yield

    def _spare_newborn(self, orphans: set[_Orphan]) -> _Birth | None:
        """Take announced processes, and a possible newborn, out of ``orphans``; return its birth, if there is one."""
        orphans -= {orphan for orphan in orphans if orphan[0] in self._known}
        if self._birth is None:
            return None
        newborn = {orphan for orphan in orphans if orphan[1] >= self._birth.began}
        orphans -= newborn
        return self._birth if newborn else None

    def _spare_cleaners(self, orphans: set[_Orphan], cleaned: set[int]) -> Iterator[None]:
        """Take cleaners that have some time left out of ``orphans``; return the sessions in which they clean."""
        for orphan in orphans - self._dying.keys() - self._lost:
            pid, _ = orphan
            if is_cleaner(pid):
                until = self._cleaners.setdefault(orphan, time.monotonic() + CLEANERS_LIMIT_S)
                if time.monotonic() < until:
                    cleaned.add(session_of(pid))
                    orphans.remove(orphan)
            yield
        self._cleaners = {orphan: until for orphan, until in self._cleaners.items() if until > time.monotonic() - 60}

    def _reap(self, orphans: set[_Orphan]) -> Iterator[None]:
        """Reap the ``orphans`` that have ended, and give up those that will not end."""
        for orphan in orphans:
            pid, _ = orphan
            has_been = reaped(pid)
            if has_been or (has_been is None and state(pid) in "ZX"):  # a template reaps its own children
                self._dying.pop(orphan, None)
                self._lost.discard(orphan)
            elif orphan in self._dying and (why := why_it_stays(pid, self._dying[orphan])):
                del self._dying[orphan]
                self._lost.add(orphan)
                _log.error("process %d cannot be killed, and is given up: %s", pid, why)
            yield
