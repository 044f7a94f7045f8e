"""A process and everything that descends from it, by way of proc(5): to find it, and to kill it without a survivor."""

import contextlib
import os
import signal

_ROUNDS = 100  # each finds what the one before had missed; a fork bomb needs few, since all it made stand still
_PROC_LOOKS = 20  # a round is then a millisecond or two at most; whoever forks away meanwhile is found by the sweep


def children(pid: int) -> list[int]:
    """Return the pids of the living and unreaped children of ``pid``, of all its threads; none if it is gone."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        # Gone between the two looks, or a kernel built without CONFIG_PROC_CHILDREN: then only groups are killed.
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
            found.extend(map(int, file.read().split()))
    return found


def descendants(pid: int) -> list[int]:
    """Return the pids of all processes below ``pid``, parents first."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children(waiting.pop())
        found += below
        waiting += below
    return found


def kill_family(pid: int) -> None:
    """Send SIGKILL to ``pid`` and to everything below it.

    First all of it is stopped, so that nobody forks away: its process group at one blow, which a fork bomb cannot
    outrun, then round by round who has left that, until nothing new turns up. ``pid`` dies last: being a subreaper, it
    keeps orphans below itself to the end. The caller reaps. Blocks for some 50 µs a process.
    """
    _send_group(pid, signal.SIGSTOP)
    stopped = {pid: True}
    _stop([pid])
    for _ in range(_ROUNDS):
        new = [found for found in descendants(pid) if found not in stopped]
        if not new:
            break
        _stop(new)
        stopped |= dict.fromkeys(new, True)
    for found in reversed(stopped):
        if found != pid:
            _send(found, signal.SIGKILL)
    _send_group(pid, signal.SIGKILL)
    _send(pid, signal.SIGKILL)


def _stop(pids: list[int]) -> None:
    for pid in pids:
        _send(pid, signal.SIGSTOP)
    # On another processor one goes on until it next enters the kernel, perhaps by way of a fork; one that waits for a
    # processor stops as soon as it gets that.
    for _ in range(_PROC_LOOKS):
        pids = [pid for pid in pids if state(pid) not in "TtZXx"]
        if not pids:
            return
        os.sched_yield()


def state(pid: int) -> str:
    """Return the state letter of proc(5); ``X`` if the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return chr(file.read().rpartition(b")")[2].split()[0][0])
    except (OSError, IndexError):
        return "X"


def is_traced(pid: int) -> bool:
    """Return whether ``pid`` has a tracer, ptrace(2): until that lets go, nobody can reap it."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            return b"\nTracerPid:\t0\n" not in file.read()
    except OSError:
        return False


def _send_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
