"""A process and all its descendants, found by proc(5), and killed without a survivor.

A family may have thousands of processes, and each of them thousands of threads. So slow work is a generator that
yields after each step. ``Slices`` runs it on an event loop; a caller without a loop runs it whole.
"""

import contextlib
import errno
import math
import os
import signal
import time
from collections.abc import Callable, Generator, Iterable, Iterator

from interpreterd.processes import proc_stat

_ROUNDS = 100  # each finds what the previous round missed; a fork bomb needs few, because all its processes are stopped
_PROC_LOOKS = 20  # a round is then at most a millisecond or two; the sweep finds processes that fork away meanwhile
# Each thread has its own list of children. Beyond this number it is cheaper to ask all processes for their parent.
_MANY_THREADS = 32
_CLEANERS = 4  # spared in each family, however many pass for one
_CMDLINE_BYTES = 4096
CLEANERS_LIMIT_S = 0.75
DEATH_LIMIT_S = 1.0  # from SIGKILL to the end of a process; the kernel or a tracer may hold it up


def children(pid: int, until: float = math.inf) -> list[int]:
    """Return the pids of the living and unreaped children of ``pid``, of all its threads; none if it is gone.

    Threads that are not read before ``until``, on this thread's clock, are left out; the main thread is the first.
    """
    found: list[int] = []
    for thread in _list(f"/proc/{pid}/task"):
        if time.thread_time() > until:
            break
        # It ended between two reads, or the kernel lacks CONFIG_PROC_CHILDREN: then only groups are killed.
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
            found.extend(map(int, file.read().split()))
    return found


def child_called(parent: int, number: int) -> int | None:
    """Return the child of ``parent`` that has this number in its own pid namespace; None if there is none."""
    for pid in children(parent):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/status", "rb") as file:
            numbers = next((line.split()[1:] for line in file if line.startswith(b"NSpid:")), [b"%d" % pid])
            if int(numbers[-1]) == number:
                return pid
    return None


def descendants(pid: int) -> list[int]:
    """Return the pids of all processes below ``pid``, parents first."""
    return _run(_descendants([pid]))


def finding_descendants(pid: int) -> Generator[None, None, list[int]]:
    """Return what ``descendants`` returns, in steps of a process or, if it has many threads, some more."""
    return _descendants([pid])


def kill_family(*pids: int, before: Callable[[Iterable[int]], Iterator[None]] | None = None) -> list[int]:
    """Send SIGKILL to ``pids`` and all their descendants, see ``killing``; blocks for some 50 µs a process."""
    return _run(killing(*pids, before=before))


def killing(
    *pids: int, before: Callable[[Iterable[int]], Iterator[None]] | None = None
) -> Generator[None, None, list[int]]:
    """Send SIGKILL to ``pids`` and all their descendants, in steps of a tenth of a millisecond.

    First all of them are stopped, so that none forks away: first their process groups with one signal, which a fork
    bomb cannot outrun; then, round by round, processes that have left these groups, until no new one appears. ``pids``
    die last: a worker is a subreaper, and keeps orphans below itself to the end. The caller reaps, and only after the
    last step: until then a number names the same process. ``before`` is run when all are stopped, and gets their pids,
    ``pids`` first.

    Below ``pids`` a few cleaners, see ``is_cleaner``, are spared and returned: they have work to do when all others are
    gone. The caller kills them after ``CLEANERS_LIMIT_S``.
    """
    for pid in pids:
        _send_group(pid, signal.SIGSTOP)
        yield
    stopped = dict.fromkeys(pids, True)
    yield from _stop(pids)
    for _ in range(_ROUNDS):
        found = yield from _descendants(pids)
        new = [pid for pid in found if pid not in stopped]
        if not new:
            break
        yield from _stop(new)
        stopped |= dict.fromkeys(new, True)
    if before is not None:
        yield from before(stopped)
    spared: list[int] = []
    for pid in reversed(stopped):
        if pid not in pids:
            if len(spared) < _CLEANERS and is_cleaner(pid):
                spared.append(pid)
            else:
                _send(pid, signal.SIGKILL)
            yield
    for pid in pids:
        if not spared:  # they may be in the group
            _send_group(pid, signal.SIGKILL)
        _send(pid, signal.SIGKILL)
        yield
    for pid in spared:
        _send(pid, signal.SIGCONT)
    return spared


def is_cleaner(pid: int) -> bool:
    """Return whether ``pid`` passes for a resource tracker of multiprocessing, or of joblib's loky.

    A resource tracker waits for the processes that it serves to end, removes their shared memory and semaphores, and
    then ends.
    """
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"resource_tracker import main" in file.read(_CMDLINE_BYTES)
    except OSError:
        return False


def _run(steps: Generator[None, None, list[int]]) -> list[int]:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: list[int] = end.value
            return found


def parent_and_start(pid: int) -> tuple[int, int]:
    """Return the parent of ``pid``, 0 if it is gone, and its start time, in ticks since the boot.

    The pid and the start time together name one process for good.
    """
    fields = proc_stat.stat(pid)
    return (0, 0) if fields is None else (int(fields[proc_stat.PARENT]), int(fields[proc_stat.STARTED]))


def session_of(pid: int) -> int:
    """Return the session of ``pid``: its worker's pid, unless the process has made another session; 0 if it is gone."""
    fields = proc_stat.stat(pid)
    return 0 if fields is None else int(fields[proc_stat.SESSION])


def is_blind() -> bool:
    """Return whether no process can be looked at because descriptors have run out: all seem to be gone then."""
    try:
        with open("/proc/self/stat", "rb"):
            return False
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def is_traced(pid: int) -> bool:
    """Return whether ``pid`` has a tracer, ptrace(2): until the tracer lets go, no process can reap it."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            return b"\nTracerPid:\t0\n" not in file.read()
    except OSError:
        return False


def state(pid: int) -> str:
    """Return the state letter of proc(5); ``X`` if the process is gone."""
    fields = proc_stat.stat(pid)
    return "X" if fields is None else fields[proc_stat.STATE].decode()


def why_it_stays(pid: int, until: float) -> str:
    """Return why ``pid``, which was killed, will not end; empty if it may still end."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return "it is another user's"
    except ProcessLookupError:
        return ""
    if state(pid) == "Z" and is_traced(pid):
        return "it has ended, but is traced"
    return f"it has not ended within {DEATH_LIMIT_S:g} s" if time.monotonic() > until else ""


def _descendants(pids: Iterable[int]) -> Generator[None, None, list[int]]:
    found: dict[int, bool] = {}
    waiting = list(pids)
    by_parent: dict[int, list[int]] | None = None
    while waiting:
        pid = waiting.pop()
        if _threads(pid) < _MANY_THREADS:
            below = children(pid)
        else:
            if by_parent is None:
                by_parent = yield from _by_parent()
            below = by_parent.get(pid, [])
        new = [child for child in below if child not in found]  # a process that loses its parent may appear twice
        found |= dict.fromkeys(new, True)
        waiting += new
        yield
    return list(found)


def _by_parent() -> Generator[None, None, dict[int, list[int]]]:
    found: dict[int, list[int]] = {}
    for name in _list("/proc"):
        if name.isdigit() and (fields := proc_stat.stat(int(name))) is not None:
            found.setdefault(int(fields[proc_stat.PARENT]), []).append(int(name))
            yield
    return found


def _stop(pids: Iterable[int]) -> Iterator[None]:
    for pid in pids:
        _send(pid, signal.SIGSTOP)
        yield
    # A process on another processor goes on until it next enters the kernel, perhaps to fork; a process that waits for
    # a processor stops when it gets one.
    moving = list(pids)
    for _ in range(_PROC_LOOKS):
        still_moving = []
        for pid in moving:
            if state(pid) not in "TtZXx":
                still_moving.append(pid)
            yield
        if not still_moving:
            return
        moving = still_moving
        os.sched_yield()


def _threads(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}/task").st_nlink - 2
    except OSError:
        return 0


def _list(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _send_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def reaped(pid: int) -> bool | None:
    """Reap ``pid`` if it has ended, like most of a killed family; return whether it has, None if it is no child.

    Linux returns (0, 0) also for a process that has ended but is traced, or that has living threads.
    """
    try:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return None
