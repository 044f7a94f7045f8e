"""Why a process could not start, and how it ended, in words."""

import asyncio
import errno
import signal
from collections.abc import Callable
from typing import Final

from interpreterd.model.errors import OutOfResources, WorkerStartFailed
from interpreterd.processes.families import is_traced, state

STOPPED_LIMIT_S: Final = 1.0
# After the end of its channel: the time for a living worker to die, and for the end of a dead one to be reported.
CLOSED_LIMIT_S: Final = 0.1
REPORT_LIMIT_S: Final = 5.0
_KILLED: Final = 128


def start_failure(error: OSError, what: str) -> WorkerStartFailed:
    """Return ``error`` as the reason for a missing worker."""
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM):
        return OutOfResources(f"no room for one more worker: {error.strerror or error}")
    if error.errno == errno.EFBIG:
        return WorkerStartFailed(f"{what}: too little may be written to a file (ulimit -f)")
    return WorkerStartFailed(f"{what}: {error.strerror or error}")


def how_ended(returncode: int | None, *, is_first: bool = False) -> str:
    """Return how a process ended; one that ``is_first`` in a pid namespace says it as in ``worker/first.py``."""
    if is_first and returncode is not None and _KILLED < returncode <= _KILLED + signal.SIGRTMAX:
        returncode = _KILLED - returncode
    if returncode is None:
        return "ended for an unknown reason"
    if returncode < 0:
        try:
            return f"killed by {signal.Signals(-returncode).name}"
        except ValueError:
            return f"killed by signal {-returncode}"
    return f"exit status {returncode}"


async def fail_if_it_stands_still(pid: int, fail: Callable[[str], None]) -> None:
    """Call ``fail`` if a worker has been stopped, by SIGSTOP or a debugger, however long its start may take."""
    stopped = 0
    while stopped < 2:
        await asyncio.sleep(STOPPED_LIMIT_S)
        stopped = stopped + 1 if state(pid) in "Tt" else 0
    fail("the worker stands still: it was stopped by a signal or a debugger")


def expect_the_end(pid: int, is_over: Callable[[], bool], lives_on: Callable[[], None]) -> None:
    """Call ``lives_on`` some time after the end of a worker's channel, unless ``is_over`` says that it has ended.

    A process that dies closes its channel a moment before it can be reaped, and its exit says more.
    """
    loop = asyncio.get_running_loop()
    loop.call_later(CLOSED_LIMIT_S, _look_for_the_end, pid, is_over, lives_on, loop.time() + REPORT_LIMIT_S)


def _look_for_the_end(pid: int, is_over: Callable[[], bool], lives_on: Callable[[], None], report_by: float) -> None:
    if is_over():
        return
    loop = asyncio.get_running_loop()
    # On a busy machine, its parent may not have reaped it yet.
    if state(pid) in "ZX" and loop.time() < report_by and not is_traced(pid):
        loop.call_later(CLOSED_LIMIT_S, _look_for_the_end, pid, is_over, lives_on, report_by)
    else:
        lives_on()
