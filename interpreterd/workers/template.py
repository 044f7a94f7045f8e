"""The daemon's side of one template: its workers, from the request for one to the end of each."""

import asyncio
import contextlib
import logging
import os
import signal
from collections import deque
from collections.abc import Callable
from typing import Final

from interpreterd.model.errors import OutOfResources, WorkerStartFailed
from interpreterd.pipe.messages import Failed, Fork, Forked, FromWorker, Reaped
from interpreterd.processes.families import is_traced
from interpreterd.processes.nursery import Nursery
from interpreterd.workers.pipes import Ends, both_ends
from interpreterd.workers.process import ProcessWorker
from interpreterd.workers.worker import Deaf

# A fork takes some two milliseconds. Each limit is waited for twice: the daemon itself may have stood still.
ANSWER_LIMIT_S: Final = 1.0
STATUS_LIMIT_S: Final = 0.3
WATCH_AGAIN_S: Final = 0.5
_log = logging.getLogger(__name__)


class TemplateEnded(Exception):
    """The template takes no more requests; its open requests fail."""


class Template(Deaf):
    """A template process. It starts with the process; it ends with it, or earlier, when the process stands still.

    The process is then killed. Its workers live on; they have become the daemon's own children. This is also the
    process's listener.

    Attributes:
        ended: Why it takes no more requests; None while it does.
    """

    def __init__(self, process: ProcessWorker, nursery: Nursery) -> None:
        """Take over ``process``, which is ready."""
        self.ended: str | None = None
        self._process = process
        self._nursery = nursery
        self._asked: deque[_Request] = deque()  # in the order in which they will be answered
        self._forks: dict[int, _Fork] = {}
        self._ending = asyncio.Event()
        self._gone = asyncio.Event()
        process.listener = self
        nursery.add_template(process.pid)
        if process.exited is not None:
            self.on_exit(process.exited)

    async def fork(self) -> ProcessWorker:
        """Return a new worker, on which ``ready`` has not been called yet.

        Raises:
            TemplateEnded: Before it had answered. If it does not answer in time, it is killed.
            OutOfResources: It cannot fork now.
            OSError: There are no descriptors for one more worker.
        """
        async with self._nursery.birth():
            if self.ended is not None:  # while this request waited for its turn
                raise TemplateEnded
            request = self._ask()
            try:
                done, _ = await asyncio.wait([request.answer], timeout=ANSWER_LIMIT_S)
                if not done:
                    done, _ = await asyncio.wait([request.answer], timeout=ANSWER_LIMIT_S)
            except asyncio.CancelledError:
                request.answer.add_done_callback(_abandon)
                raise
            if not done:
                self._stands_still(f"it has not answered for {2 * ANSWER_LIMIT_S:g} s")
            return request.answer.result()

    async def end(self) -> str:
        """Wait until it has ended; return how."""
        await self._ending.wait()
        assert self.ended is not None
        return self.ended

    async def gone(self) -> None:
        """Wait until it has been reaped, and its workers are the daemon's children."""
        await self._gone.wait()

    def kill(self) -> None:
        """Kill it and all its workers; how these end is not reported."""
        self._end("it was killed")
        self._process.kill()
        for fork in list(self._forks.values()):
            fork.end(None)

    def _ask(self) -> "_Request":
        with both_ends() as (ours, theirs):
            try:
                self._process.send_with_fds(Fork(), [theirs.channel.fileno(), *theirs.pipes])
            except ConnectionError:
                raise TemplateEnded from None
            except BlockingIOError:
                self._stands_still("it reads nothing")
                raise TemplateEnded from None
        request = _Request(ours)
        self._asked.append(request)
        return request

    # The process's listener

    def on_message(self, message: FromWorker) -> None:
        """Take ``Forked``, ``Failed`` and ``Reaped``."""
        match message:
            case Forked(pid=pid) if self._asked:
                request = self._asked.popleft()
                # Registered from this moment on, whether or not its request still waits: the next message may report
                # its end, or be the last one.
                worker = ProcessWorker(pid, request.ends, self._nursery)
                self._nursery.add(pid)
                self._forks[pid] = _Fork(worker, self)
                request.answer.set_result(worker)
            case Failed(reason=reason) if self._asked:
                self._asked.popleft().fail(OutOfResources(f"no room for one more worker: {reason}"))
            case Reaped(pid=pid, status=status):
                if (fork := self._forks.get(pid)) is not None:  # or a worker has made its child the template's
                    fork.end(status)
            case _:
                _log.warning("unexpected message of the template: %s", type(message).__name__)

    def on_broken(self, reason: str) -> None:
        """End it: its workers live on."""
        self._stands_still(reason)

    def on_exit(self, how: str) -> None:
        """Its workers are the daemon's own children now."""
        self._end(how)
        self._gone.set()
        for fork in list(self._forks.values()):
            fork.adopt()

    def forget(self, pid: int) -> None:
        """Its worker ``pid`` has ended."""
        del self._forks[pid]

    def reports_no_end(self, pid: int) -> None:
        """The template does not say how its worker ``pid`` ended, although that was some time ago."""
        if not is_traced(pid):  # a traced process cannot be reaped
            self._stands_still(f"it has not reported the end of worker {pid}")

    def _stands_still(self, reason: str) -> None:
        """Do without it. Not by the process's ``kill``, which would kill its workers, too."""
        if self._process.exited is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
        self._end(reason)

    def _end(self, how: str) -> None:
        if self.ended is None:
            self.ended = how
            self._ending.set()
        while self._asked:
            self._asked.popleft().fail(TemplateEnded())


class _Request:
    """A request to the template for a worker.

    Attributes:
        ends: The daemon's ends; the worker has them once it exists.
        answer: Done once the template has answered or ended, also if no caller waits any more.
    """

    def __init__(self, ends: Ends) -> None:
        self.answer: asyncio.Future[ProcessWorker] = asyncio.get_running_loop().create_future()
        self.ends = ends

    def fail(self, error: WorkerStartFailed | TemplateEnded) -> None:
        self.ends.close()
        self.answer.set_exception(error)
        self.answer.exception()  # marks the exception as seen, also if no caller waits


def _abandon(answer: asyncio.Future[ProcessWorker]) -> None:
    """Kill the worker, for which no caller waits any more."""
    if answer.exception() is None:
        answer.result().kill()


class _Fork:
    """A worker of a template, until its end. The end is seen here; only the worker's parent learns its status."""

    def __init__(self, worker: ProcessWorker, template: Template) -> None:
        self._worker = worker
        self._pid = worker.pid  # the worker may move, and end here
        self._template: Template | None = template
        self._adopted = False
        self._ended = False
        self._pidfd: int | None = None
        self._watch()

    def _watch(self) -> None:
        """Wait for its end; without a descriptor, which may be available later, rely on its parent's report."""
        if self._template is None:  # the template has reported the end meanwhile
            return
        try:
            self._pidfd = os.pidfd_open(self._pid)
        except ProcessLookupError:  # the template has reaped it, and is about to say so
            self._on_end()
        except OSError:
            if self._adopted and _has_ended(self._pid):
                self._on_end()
            else:
                asyncio.get_running_loop().call_later(WATCH_AGAIN_S, self._watch)
        else:
            asyncio.get_running_loop().add_reader(self._pidfd, self._on_end)

    def end(self, status: int | None) -> None:
        """Tell the worker of its end; only the first call has an effect."""
        if self._template is not None:
            self._close()
            self._template.forget(self._pid)
            self._template = None
            self._worker.process_exited(status, self._pid)

    def adopt(self) -> None:
        """It is the daemon's own child now, or would be if it had not been reaped."""
        self._adopted = True
        if self._ended:
            self._reap()

    def _close(self) -> None:
        if self._pidfd is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None

    def _on_end(self) -> None:
        self._ended = True
        self._close()
        if self._adopted:
            self._reap()
        else:
            _twice_as_late(STATUS_LIMIT_S, self._miss_the_status)

    def _miss_the_status(self) -> None:
        if self._template is not None and not self._adopted:
            self._template.reports_no_end(self._pid)
            # If the template is to blame, it ends at once, and this worker is adopted; otherwise no process can say
            # more.
            _twice_as_late(STATUS_LIMIT_S, lambda: self.end(None))

    def _reap(self) -> None:
        status = None
        with contextlib.suppress(ChildProcessError):
            pid, encoded = os.waitpid(self._pid, os.WNOHANG)
            status = os.waitstatus_to_exitcode(encoded) if pid else None
        self.end(status)


def _has_ended(pid: int) -> bool:
    """Return whether ``pid`` is not a running child of the daemon; does not reap it. Needs no descriptor."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _twice_as_late(after_s: float, call: Callable[[], None]) -> None:
    """Call after twice ``after_s``, which the daemon has not just slept through."""
    loop = asyncio.get_running_loop()
    loop.call_later(after_s, lambda: loop.call_later(after_s, call))
