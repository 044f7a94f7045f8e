"""A process and everything that descends from it, by way of proc(5): to find it, and to kill it without a survivor."""

import contextlib
import os
import signal

_ROUNDS = 100  # each finds what the one before had missed; a fork bomb needs few, since all it made stand still
_PROC_LOOKS = 200


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

    First all of it is stopped, round by round until nothing new turns up, so that nobody forks away. ``pid`` dies last:
    being a subreaper, it keeps orphans below itself to the end. The caller reaps. Blocks for some 50 µs a process.
    """
    stopped = [pid]
    _stop(pid)
    for _ in range(_ROUNDS):
        new = [found for found in descendants(pid) if found not in stopped]
        for found in new:
            _stop(found)
        stopped += new
        if not new:
            break
    for found in reversed(stopped[1:]):
        _send(found, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    _send(pid, signal.SIGKILL)


def _stop(pid: int) -> None:
    _send(pid, signal.SIGSTOP)
    # On another processor it goes on until it next enters the kernel, perhaps by way of a fork.
    for _ in range(_PROC_LOOKS):
        if _state(pid) in "TtZXx":
            return


def _state(pid: int) -> str:
    """Return the state letter of proc(5); ``X`` if the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return chr(file.read().rpartition(b")")[2].split()[0][0])
    except (OSError, IndexError):
        return "X"


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
