"""A process and everything that descends from it, by way of proc(5): to find it, and to kill it without a survivor.

A family may have thousands of processes, and each of them thousands of threads. So what takes time is a generator,
which yields after each step: ``Slices`` runs it on an event loop, and whoever has no loop to hold up runs it whole.
"""

import contextlib
import errno
import math
import os
import signal
import time
from collections.abc import Callable, Generator, Iterable, Iterator

_ROUNDS = 100  # each finds what the one before had missed; a fork bomb needs few, since all it made stand still
_PROC_LOOKS = 20  # a round is then a millisecond or two at most; whoever forks away meanwhile is found by the sweep
# Each thread has its own list of children. From here on it is cheaper to ask all processes who their parent is.
_MANY_THREADS = 32
_CLEANERS = 4  # of a family that are spared, whoever passes for one
_CMDLINE_BYTES = 4096
CLEANERS_LIMIT_S = 0.75
_STATE, _PARENT, _SESSION, _STARTED = 0, 1, 3, 19  # positions in /proc/[pid]/stat, counted from after the name


def children(pid: int, until: float = math.inf) -> list[int]:
    """Return the pids of the living and unreaped children of ``pid``, of all its threads; none if it is gone.

    Threads to whose turn it comes after ``until``, on the monotonic clock, are left out; the main thread is the first.
    """
    found: list[int] = []
    for thread in _list(f"/proc/{pid}/task"):
        if time.monotonic() > until:
            break
        # Gone between the two looks, or a kernel built without CONFIG_PROC_CHILDREN: then only groups are killed.
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
            found.extend(map(int, file.read().split()))
    return found


def descendants(pid: int) -> list[int]:
    """Return the pids of all processes below ``pid``, parents first."""
    return _run(_descendants([pid]))


def kill_family(*pids: int, before: Callable[[Iterable[int]], Iterator[None]] | None = None) -> list[int]:
    """Send SIGKILL to ``pids`` and to everything below them, see ``killing``; blocks for some 50 µs a process."""
    return _run(killing(*pids, before=before))


def killing(
    *pids: int, before: Callable[[Iterable[int]], Iterator[None]] | None = None
) -> Generator[None, None, list[int]]:
    """Send SIGKILL to ``pids`` and to everything below them, in steps of a tenth of a millisecond.

    First all of it is stopped, so that nobody forks away: their process groups at one blow, which a fork bomb cannot
    outrun, then round by round who has left these, until nothing new turns up. ``pids`` die last: a worker, being a
    subreaper, keeps orphans below itself to the end. The caller reaps, and not before the last step: until then a
    number names the same process. ``before`` is run once all are stopped, and given them, ``pids`` first.

    Below ``pids`` a few cleaners, see ``is_cleaner``, are spared, and returned: now that all others are gone they have
    work to do. They are to be killed after ``CLEANERS_LIMIT_S``.
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

    Once the processes have ended that it serves, it removes their shared memory and semaphores, and then ends.
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


def stat(pid: int) -> list[bytes] | None:
    """Return the fields of /proc/[pid]/stat from the third on, the state; None if the process is gone."""
    named = named_stat(pid)
    return None if named is None else named[1]


def named_stat(pid: int) -> tuple[bytes, list[bytes]] | None:
    """Return what stands before those fields, pid and name, and these; None if the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            name, _, rest = file.read().rpartition(b")")
    except OSError:
        return None
    fields = rest.split()
    return (name, fields) if fields else None


def parent_and_start(pid: int) -> tuple[int, int]:
    """Return the parent of ``pid``, 0 if it is gone, and when it was started, in ticks since the boot.

    Its number and its start name a process for good.
    """
    fields = stat(pid)
    return (0, 0) if fields is None else (int(fields[_PARENT]), int(fields[_STARTED]))


def session(pid: int) -> int:
    """Return the session of ``pid``, which is its worker's pid if nobody has made another one; 0 if it is gone."""
    fields = stat(pid)
    return 0 if fields is None else int(fields[_SESSION])


def is_blind() -> bool:
    """Return whether nothing can be looked at for want of a descriptor: everybody seems to be gone then."""
    try:
        with open("/proc/self/stat", "rb"):
            return False
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def is_traced(pid: int) -> bool:
    """Return whether ``pid`` has a tracer, ptrace(2): until that lets go, nobody can reap it."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            return b"\nTracerPid:\t0\n" not in file.read()
    except OSError:
        return False


def state(pid: int) -> str:
    """Return the state letter of proc(5); ``X`` if the process is gone."""
    fields = stat(pid)
    return "X" if fields is None else fields[_STATE].decode()


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
        new = [child for child in below if child not in found]  # one that loses its parent may turn up twice
        found |= dict.fromkeys(new, True)
        waiting += new
        yield
    return list(found)


def _by_parent() -> Generator[None, None, dict[int, list[int]]]:
    found: dict[int, list[int]] = {}
    for name in _list("/proc"):
        if name.isdigit() and (fields := stat(int(name))) is not None:
            found.setdefault(int(fields[_PARENT]), []).append(int(name))
            yield
    return found


def _stop(pids: Iterable[int]) -> Iterator[None]:
    for pid in pids:
        _send(pid, signal.SIGSTOP)
        yield
    # On another processor one goes on until it next enters the kernel, perhaps by way of a fork; one that waits for a
    # processor stops as soon as it gets that.
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
    """Reap ``pid`` if it has ended, as most of a family that was killed; return whether it has, None if it is no child.

    Linux gives (0, 0) also for one that has ended, but is traced, or has threads that have not.
    """
    try:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return None
