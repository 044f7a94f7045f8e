"""Writes the namespace of a worker to an archive, and gives one to a worker: talks to workers that run nothing.

The worker is not believed: it may write anything, too much, nothing, or end meanwhile. It never sees the state
directory: it gets a pipe to write to, or a file to read from. Threads move and check the bytes.
"""

import asyncio
import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar, cast

from interpreterd.background import mark_seen
from interpreterd.contexts.state.backends.backend import ArchiveKind, StateBackend
from interpreterd.contexts.state.backends.reading import ArchiveReader
from interpreterd.contexts.state.backends.writing import ArchiveWriter
from interpreterd.contexts.state.incoming import IncomingContent, TransferStalled
from interpreterd.model.archives import ArchiveInfo
from interpreterd.model.errors import OutOfResources
from interpreterd.model.state_errors import ArchiveRefused, OperationFailed, OutOfStep
from interpreterd.pipe.archiving import (
    Archived,
    ArchiveFailed,
    AwaitingGift,
    Given,
    Load,
    Loaded,
    LoadFailed,
    WriteArchive,
)
from interpreterd.pipe.messages import Sync, Synced, ToWorker
from interpreterd.workers.borrowing import Borrowed, borrowed
from interpreterd.workers.worker import Worker

GIFT_LIMIT_S: Final = 20.0
PAUSE_LIMIT_S: Final = 60.0  # in which a worker has to write something; objects may take long to say what they are
WRITE_LIMIT_S: Final = 600.0
LOAD_LIMIT_S: Final = 300.0
_NO_LIMIT_S: Final = 1e6  # others limit it
SETTLE_S: Final = 2.0  # for a worker to be free again after an interrupt, or else it is killed
_THREADS: Final = 64  # transfers at once; others wait for one
_ID: Final = "a"  # a worker is asked for one thing at a time
_threads: Final = ThreadPoolExecutor(_THREADS, thread_name_prefix="archives")
_WRITTEN: Final = cast("type[Archived | ArchiveFailed]", Archived | ArchiveFailed)
_LOADED: Final = cast("type[Loaded | LoadFailed]", Loaded | LoadFailed)
_READY: Final = cast("type[AwaitingGift | ArchiveFailed | LoadFailed]", AwaitingGift | ArchiveFailed | LoadFailed)
_T = TypeVar("_T")


class GivingWorker(Protocol):
    """A worker that can be given descriptors: ``ProcessWorker``."""

    def send_with_fds(self, message: ToWorker, fds: list[int]) -> None:
        """Send both at once. Raises OSError."""
        ...


async def in_transfer_thread(work: Callable[[], _T]) -> _T:
    """Return what ``work`` returns, which may take long, in a thread."""
    return await asyncio.get_running_loop().run_in_executor(_threads, work)


async def write_archive(
    backend: StateBackend,
    kind: ArchiveKind,
    worker: Worker,
    described: Callable[[Archived], ArchiveInfo],
    may_have: Callable[[int], None] | None = None,
) -> ArchiveInfo:
    """Write the namespace of ``worker``, which nothing else uses meanwhile, to a new archive.

    ``described`` says what the archive is to tell of itself. ``may_have`` is as for ``StateBackend.begin``, and is
    called in a thread.

    Raises:
        DiskFull, FileError, LimitReached, OutOfResources, OperationFailed: There is no archive; the worker goes on.
        OutOfStep: The worker is of no use any more: the caller kills it.
    """
    writer = await _begun(lambda: backend.begin(kind, may_have))
    with borrowed(worker) as borrower:
        told = await _Writing(worker, borrower, writer).run(WriteArchive(archive_id=_ID, rests=kind == "rests"))

    def commit() -> ArchiveInfo:
        try:
            return backend.put(writer, described(told))
        finally:
            writer.close()

    # Shielded: the file may not be dropped while a thread commits it.
    committing = asyncio.ensure_future(in_transfer_thread(commit))
    committing.add_done_callback(mark_seen)
    try:
        return await asyncio.shield(committing)
    except asyncio.CancelledError:
        committing.add_done_callback(lambda done: _discard(backend, kind, done))
        raise


async def _begun(begin: Callable[[], ArchiveWriter]) -> ArchiveWriter:
    """Return what ``begin`` returns, in a thread; if nobody waits for it any more, it is closed."""
    beginning = asyncio.ensure_future(in_transfer_thread(begin))
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        beginning.add_done_callback(_close_writer)
        raise


def _close_writer(begun: "asyncio.Future[ArchiveWriter]") -> None:
    if not begun.cancelled() and begun.exception() is None:
        asyncio.get_running_loop().run_in_executor(_threads, begun.result().close)


def _discard(backend: StateBackend, kind: ArchiveKind, committed: "asyncio.Future[ArchiveInfo]") -> None:
    """Delete an archive that nobody has been told of, because its worker ended or its context did meanwhile."""
    if not committed.cancelled() and committed.exception() is None:
        archive_id = committed.result().id
        asyncio.get_running_loop().run_in_executor(_threads, lambda: backend.delete(kind, archive_id))


class _Writing:
    """One archive, from the request to the worker's last word."""

    def __init__(self, worker: Worker, borrower: Borrowed, writer: ArchiveWriter) -> None:
        self._worker = worker
        self._borrower = borrower
        self._writer = writer

    async def run(self, message: WriteArchive) -> Archived:
        """Return what the worker tells to ``message``, once the writer has all content; any error closes it."""
        incoming: IncomingContent | None = None
        try:
            incoming = IncomingContent(pause_s=PAUSE_LIMIT_S)
            await _give(self._worker, self._borrower, message, incoming.write_fd)
        except BaseException as error:
            if incoming is not None:
                incoming.close()
            await asyncio.shield(in_transfer_thread(self._writer.close))
            if isinstance(error, OSError):
                raise _no_room(error) from error
            raise
        return await self._receive(incoming)

    async def _receive(self, incoming: IncomingContent) -> Archived:
        def copy() -> None:
            try:
                self._writer.copy_from(incoming)
            finally:
                incoming.close()

        incoming.given()
        copying = asyncio.ensure_future(in_transfer_thread(copy))
        answering = asyncio.ensure_future(self._borrower.reply(_WRITTEN, _NO_LIMIT_S))
        try:
            return await self._end(incoming, copying, answering)
        except BaseException:
            incoming.abort(OperationFailed("the archive was given up"))
            answering.cancel()
            dropping = asyncio.ensure_future(self._drop_after(copying))
            await asyncio.shield(dropping)  # so that what it took up is free when its client knows
            raise
        finally:
            copying.add_done_callback(mark_seen)
            answering.add_done_callback(mark_seen)

    async def _drop_after(self, copying: "asyncio.Future[None]") -> None:
        await asyncio.wait((copying,))
        await in_transfer_thread(self._writer.close)

    async def _end(
        self,
        incoming: IncomingContent,
        copying: "asyncio.Future[None]",
        answering: "asyncio.Future[Archived | ArchiveFailed]",
    ) -> Archived:
        await asyncio.wait((copying, answering), return_when=asyncio.FIRST_COMPLETED, timeout=WRITE_LIMIT_S)
        if not answering.done():
            # Without an answer, the copy can only have failed; or all of it takes too long.
            failure = copying.exception() if copying.done() else None
            failure = failure or TransferStalled(f"the context was not archived within {WRITE_LIMIT_S:g} s")
            incoming.abort(OperationFailed("the archive was given up"))
            is_stuck = isinstance(failure, TransferStalled)
            await self._settle(answering, is_stuck=is_stuck)
            raise _told(failure)
        answer = answering.result()
        if isinstance(answer, ArchiveFailed):
            failed = OperationFailed(f"the context could not be archived: {answer.reason}")
            incoming.abort(failed)
            await asyncio.wait((copying,))
            raise _told(copying.exception() or failed)  # what has ended the copy may be why the worker could not go on
        incoming.end_after(answer.size_bytes)
        await asyncio.shield(copying)
        return answer

    async def _settle(self, answering: "asyncio.Future[Archived | ArchiveFailed]", *, is_stuck: bool) -> None:
        """Wait until the worker has noticed that nobody reads what it writes; interrupt it if it does not.

        Raises ``OutOfStep`` if that does not help.
        """
        if not is_stuck:
            await asyncio.wait((answering,), timeout=SETTLE_S)
        if not answering.done():
            self._worker.interrupt(0.0)  # all of its signals at once: none may come after ``Sync``
            await asyncio.wait((answering,), timeout=SETTLE_S)
            if not answering.done():
                raise OutOfStep("the context's worker could not be archived, and does not go on")
            if answering.exception() is None:
                self._worker.send(Sync())
                await self._borrower.reply(Synced, SETTLE_S)
        answering.result()  # raises if it has ended, or has said something else


async def load_archive(worker: Worker, reader: ArchiveReader, checking: "asyncio.Future[int]") -> Loaded:
    """Give ``worker``, which nothing else uses meanwhile, the namespace that ``reader`` reads; both stay the caller's.

    ``checking`` is to return its ``content_file``. Until then, the worker imports modules.

    Raises:
        ArchiveRefused: It cannot have it. The worker goes on.
        OperationFailed, OutOfResources: Likewise.
        OutOfStep: The worker is of no use any more: the caller kills it.
        InterpreterError: What ``checking`` raises. The worker waits for ever: the caller kills it.
    """
    offset, size_bytes = await in_transfer_thread(lambda: reader.content_place)
    message = Load(archive_id=_ID, offset=offset, size_bytes=size_bytes, modules=reader.info.modules)
    with borrowed(worker) as borrower:
        try:
            await _give(worker, borrower, message, checking)
        except OSError as error:
            raise _no_room(error) from error
        answer = await borrower.reply(_LOADED, LOAD_LIMIT_S)
    if isinstance(answer, LoadFailed):
        raise ArchiveRefused(f"the archive {reader.info.id} cannot be loaded: {answer.reason}")
    return answer


async def _give(
    worker: Worker, borrower: Borrowed, message: WriteArchive | Load, fd: "int | asyncio.Future[int]"
) -> None:
    """Send ``message``, and then ``fd``, when it is there. Raises OSError, OperationFailed, and what ``fd`` does."""
    worker.send(message)
    limit_s = LOAD_LIMIT_S if isinstance(message, Load) else GIFT_LIMIT_S
    answering = asyncio.ensure_future(borrower.reply(_READY, limit_s))
    try:
        if not isinstance(fd, int):  # not longer than it takes to see that there is no gift
            await asyncio.wait((answering, fd), return_when=asyncio.FIRST_COMPLETED)
            fd = fd if not fd.done() else fd.result()
        answer = await answering
    finally:
        answering.cancel()
        answering.add_done_callback(mark_seen)
    if not isinstance(answer, AwaitingGift):
        raise OperationFailed(answer.reason)
    gift = fd if isinstance(fd, int) else await asyncio.shield(fd)
    cast("GivingWorker", worker).send_with_fds(Given(archive_id=_ID), [gift])


def _told(error: BaseException) -> BaseException:
    return OperationFailed(str(error)) if isinstance(error, TransferStalled) else error


def _no_room(error: OSError) -> OperationFailed | OutOfResources:
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        return OutOfResources("the daemon has no descriptors left")
    return OperationFailed(f"the context's worker takes no descriptor: {error.strerror or error}")
