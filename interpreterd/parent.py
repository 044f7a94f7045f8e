"""The process that started the daemon: ``--exit-with-parent`` ends the daemon with it. Must be imported first.

A process whose parent ends gets another parent: the first process of its pid namespace, or a subreaper, prctl(2). So
the parent's number is noted at once. If the parent had already ended while Python was starting, there are two signs:
the new parent is of another session, although this process began none; or the starter has passed its own number in
``VARIABLE``.
"""

import os

VARIABLE = "INTERPRETERD_STARTER"


def open_pidfd(*, loaded: bool) -> int | None:
    """Return a pidfd of the starter; None if it is outside of this pid namespace, where nothing can be known about it.

    ``loaded`` says that the parent is only the single binary's loader: the starter is then the loader's parent.

    Raises:
        ProcessLookupError: It has ended.
    """
    child, starter = (_PARENT, _GRANDPARENT) if loaded else (os.getpid(), _PARENT)
    if not starter:
        return None
    if os.environ.get(VARIABLE, str(starter)) != str(starter) or _is_adopted(child, starter):
        raise ProcessLookupError
    fd = os.pidfd_open(starter)
    if _parent(child) != starter:  # the starter has ended since, and another process may have its number
        os.close(fd)
        raise ProcessLookupError
    return fd


def _is_adopted(child: int, parent: int) -> bool:
    """Return whether ``child`` is certainly not a child by birth, which has its parent's session, or one of its own."""
    session = os.getsid(child)
    return session not in (child, os.getsid(parent))


def _parent(pid: int) -> int:
    """Return the parent of ``pid``; 0 if it is outside of this pid namespace, or ``pid`` is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


_PARENT = os.getppid()
_GRANDPARENT = _parent(_PARENT) if _PARENT else 0
