"""Copies of a worker: forked between its executions, each a child of the daemon. ``worker/branching.py`` draws it."""

import asyncio
import contextlib
import errno
import os
import signal
from collections.abc import Sequence
from functools import partial
from typing import Final

import attrs
from attrs import frozen

from interpreterd.model.errors import InterpreterError, OutOfResources
from interpreterd.model.forks import Lost
from interpreterd.model.state_errors import NotCarried, NotForkable, OperationFailed, OutOfStep
from interpreterd.pipe.branching import Branch, BranchAnswer, BranchEnded, Branching, Giving, Purpose
from interpreterd.pipe.confinement import Parting
from interpreterd.pipe.decoders import Decoder
from interpreterd.pipe.messages import FromWorker, Leave, Ready, Sync, Synced
from interpreterd.processes.families import child_called, killing, parent_and_start, state
from interpreterd.processes.usage import middles
from interpreterd.workers.borrowing import Borrowed, borrowed
from interpreterd.workers.endings import start_failure
from interpreterd.workers.moving import Heir
from interpreterd.workers.pipes import Ends, both_ends
from interpreterd.workers.process import ProcessWorker
from interpreterd.workers.worker import Deaf, Worker

BRANCH_LIMIT_S: Final = 20.0  # for all of it; a fork of many gigabytes takes a second
SETTLE_LIMIT_S: Final = 2.0  # for the worker to be free again after a failure, or else it is killed
_INTERRUPTS: Final = 3
_READ_BYTES: Final = 4096
_FIRST_LIMIT_BYTES: Final = 64 << 10
_NO_ROOM: Final = {f"cannot fork: {os.strerror(number)}" for number in (errno.EAGAIN, errno.ENOMEM)}
_BRANCH_ID: Final = "b"  # a worker is asked for one branch at a time


@frozen
class Branched:
    """The result.

    Attributes:
        workers: The copies. Each is configured as the worker is, and has no listener; they are the caller's.
        lost: What they do not have of the worker.
        reseeded: The sources of random numbers that they have seeded anew.
    """

    workers: list[ProcessWorker]
    lost: tuple[Lost, ...] = ()
    reseeded: tuple[str, ...] = ()


async def branch(
    worker: Worker,
    *,
    purpose: Purpose,
    copies: int = 1,
    strict: bool = False,
    cwds: Sequence[str] = (),
    timeout_s: float = BRANCH_LIMIT_S,
) -> Branched:
    """Return ``copies`` of ``worker``, which runs nothing, and which nothing else uses meanwhile. All or none are made.

    ``cwds`` are the copies' own directories, one for each.

    Raises:
        NotCarried: It is ``strict``, and something would be lost.
        OutOfResources: There is no room for so many workers.
        OperationFailed: It is not possible; says why. The worker goes on.
        OutOfStep: The worker is of no use any more: the caller kills it.
    """
    if not isinstance(worker, ProcessWorker):
        raise OperationFailed("this worker cannot be forked")
    part = _part_of(worker, purpose)
    message = Branch(branch_id=_BRANCH_ID, purpose=purpose, copies=copies, strict=strict, cwds=(*cwds,), part=part)
    with borrowed(worker) as borrower, worker.answering.parting():
        return await _Branch(worker, borrower, message).run(timeout_s)


async def losses(worker: Worker) -> tuple[Lost, ...]:
    """Return what a copy of ``worker``, which nothing else uses meanwhile, would not have; none is made.

    Raises:
        OperationFailed: It has ended, or cannot be forked.
        OutOfStep: It is of no use any more: the caller kills it.
    """
    if not isinstance(worker, ProcessWorker):
        raise OperationFailed("this worker cannot be forked")
    with borrowed(worker) as borrower:
        worker.send(Branch(branch_id=_BRANCH_ID, purpose="checkpoint", copies=0))
        answer = await borrower.reply(BranchEnded, BRANCH_LIMIT_S)
    return answer.lost


class _Branch:
    """One request, from its message to the last answer."""

    def __init__(self, worker: ProcessWorker, borrower: Borrowed, message: Branch) -> None:
        self._worker = worker
        self._borrower = borrower
        self._message = message
        self._middle: int | None = None
        self._ends: list[Ends] = []  # of copies that are not known yet
        self._copies: list[ProcessWorker] = []
        self._lost: tuple[Lost, ...] = ()
        self._over = False
        self._ended: BranchEnded | None = None

    async def run(self, timeout_s: float) -> Branched:
        """See ``branch``."""
        try:
            return await self._tried(timeout_s)
        finally:
            if self._middle is not None:
                middles.pop(self._middle, None)

    async def _tried(self, timeout_s: float) -> Branched:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._run(timeout_s)
        except TimeoutError:
            await self._give_up()
            raise OperationFailed(f"the worker could not be forked within {timeout_s:g} s") from None
        except OSError as error:
            await self._give_up()
            raise start_failure(error, "a copy of the worker") from error
        except OutOfStep:
            self._drop()
            self._worker.nursery.sweep_soon()
            raise
        except OperationFailed:
            await self._give_up()
            if self._ended is not None and self._ended.failure is not None:  # the worker knows best
                raise self._failure(self._ended) from None
            raise
        except BaseException:
            await self._give_up()
            raise

    async def _run(self, timeout_s: float) -> Branched:
        self._worker.send(self._message)
        answer = await self._reply(timeout_s)
        if not isinstance(answer, Branching):
            raise self._failure(answer)
        self._middle = child_called(self._worker.pid, answer.pid)
        if self._middle is None:  # or the worker lies, and does not say what comes next
            raise OperationFailed("the process that was to fork the worker's copies has ended")
        middles[self._middle] = self._message.copies
        for _ in range(self._message.copies):
            self._give()
        cwds = self._message.cwds or (None,) * self._message.copies
        reseeded = [await self._meet(ends, cwd) for ends, cwd in zip(self._ends[:], cwds, strict=True)]
        answer = await self._reply(timeout_s)
        if not isinstance(answer, BranchEnded):
            raise OutOfStep("the context's worker said Branching twice")
        if answer.failure is not None:
            raise self._failure(answer)
        for copy in self._copies:
            if copy.exited is not None:
                raise OperationFailed(f"a copy of the worker has ended at once: {copy.exited}")
            parent = parent_and_start(copy.pid)[0]
            if parent in (0, self._worker.pid):  # it, or the process that has forked it, was killed meanwhile
                raise OperationFailed("a copy of the worker has ended at once")
            if parent == self._middle:
                raise OutOfStep("the context's worker keeps its copies")
        if self._message.part is not None and self._message.purpose == "fork":
            former = self._worker.answering.domain
            former.has_forks, self._worker.answering.domain = True, former.below()
        return Branched(self._copies, self._lost, reseeded[0] if reseeded else ())

    async def _reply(self, timeout_s: float) -> Branching | BranchEnded:
        answer = await self._borrower.reply(BranchAnswer, timeout_s)
        assert isinstance(answer, Branching | BranchEnded)
        if isinstance(answer, BranchEnded):
            self._over, self._ended = True, answer
        else:
            self._lost = answer.lost
        return answer

    def _failure(self, answer: BranchEnded) -> InterpreterError:
        if answer.refused:
            return NotCarried(answer.lost)
        if answer.failure in _NO_ROOM:  # of processes, or of memory
            return OutOfResources(f"no room for one more worker: {answer.failure}")
        return OperationFailed(f"the worker could not be forked: {answer.failure}")

    def _give(self) -> None:
        """Send the descriptors of one more copy. Raises OSError."""
        with both_ends() as (ours, theirs):
            self._ends.append(ours)
            self._worker.send_with_fds(Giving(branch_id=_BRANCH_ID), [theirs.channel.fileno(), *theirs.pipes])

    async def _meet(self, ends: Ends, cwd: str | None) -> tuple[str, ...]:
        """Wait for a copy, which may have a directory of its own, and let it go; return what it has seeded anew."""
        data, ready = await _first_message(ends)
        assert self._middle is not None
        pid = child_called(self._middle, ready.pid)
        if pid is None and state(self._middle) in "ZX":  # it was killed, and has left its copies to the worker
            raise OperationFailed("a copy of the worker has ended before it could work")
        if pid is None or any(pid == copy.pid for copy in self._copies):
            raise OutOfStep("a copy of the context's worker is not the process that it says it is")
        copy = ProcessWorker(pid, ends, self._worker.nursery)
        self._copies.append(copy)
        self._ends.remove(ends)
        copy.nursery.add(pid)
        Heir(pid, self._middle, partial(copy.process_exited, pid=pid))
        domain = self._worker.answering.domain
        copy.answering.join(self._worker.answering, pid, domain if self._message.part is None else domain.below())
        await copy.open()
        copy.data_received(data)
        copy.listener = Deaf()
        configured = self._worker.configured
        if configured is not None and cwd is not None:
            configured = attrs.evolve(configured, cwd=cwd)
        copy.configured = configured
        copy.send(Leave())
        return ready.reseeded

    def _drop(self) -> None:
        """Keep nothing of the copies."""
        for ends in self._ends:
            ends.close()
        self._ends.clear()
        for copy in self._copies:
            copy.kill()
        if self._middle is not None and not self._over and parent_and_start(self._middle)[0] == self._worker.pid:
            self._worker.nursery.kill(killing(self._middle))

    async def _give_up(self) -> None:
        """Keep nothing, and wait until the worker is free. Raises ``OutOfStep`` if it is not, some time later."""
        self._drop()
        interrupted = False
        for _ in range(_INTERRUPTS):
            if self._over or self._worker.exited is not None:
                break
            try:
                answer = await self._reply(SETTLE_LIMIT_S)
            except OutOfStep:  # a function that code has registered for forks takes long
                interrupted = True
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._worker.pid, signal.SIGINT)
            else:
                if isinstance(answer, Branching):
                    self._middle = child_called(self._worker.pid, answer.pid)
                    self._drop()
        self._worker.nursery.sweep_soon()  # copies that nothing knows have become the daemon's
        if self._worker.exited is not None:
            return
        if not self._over:
            raise OutOfStep("the context's worker could not be forked, and does not go on")
        if interrupted:
            self._worker.send(Sync())
            await self._borrower.reply(Synced, SETTLE_LIMIT_S)


def _part_of(worker: ProcessWorker, purpose: Purpose) -> Parting | None:
    """Return what its isolation asks of copies: new domains, if there are forks. Raises ``NotForkable``."""
    if worker.configured is None or worker.configured.confine is None:
        return None
    if (part := worker.configured.confine.parting) is None:
        raise NotForkable(
            "a context of the profile strict cannot be copied on this machine: its Python is the first process of a "
            "pid namespace, and copies would end with it"
        )
    domain = worker.answering.domain
    if purpose == "fork":
        domain.below()
        return part
    return part if purpose == "restore" and domain.has_forks else None


async def _first_message(ends: Ends) -> tuple[bytes, Ready]:
    """Return a copy's first message, also as it was sent."""
    loop = asyncio.get_running_loop()
    decoder, data = Decoder(), b""
    messages: list[FromWorker] = []
    while not messages and len(data) < _FIRST_LIMIT_BYTES:
        piece = await loop.sock_recv(ends.channel, _READ_BYTES)
        if not piece:
            raise OperationFailed("a copy of the worker has ended before it could work")
        data += piece
        messages = decoder.feed(piece)
    if len(messages) != 1 or not isinstance(messages[0], Ready):
        raise OperationFailed("a copy of the worker did not say that it is ready")
    return data, messages[0]
