"""Keeps a process's memory, environment and descriptors from other processes of its user: prctl(2), PR_SET_DUMPABLE.

Its files in /proc belong to root then, and only a superuser traces it. It writes no core dump either. Its own look into
/proc/self, and into the processes that it starts, stays as it was: they can be dumped again as soon as they execute a
program.
"""

from typing import Final

_PR_SET_DUMPABLE: Final = 4


def become_undumpable() -> bool:
    """Let no other process of this user read this one, nor those that it forks from now on; return whether it worked.

    Like ``worker.system``, without ctypes: the guard stays small.
    """
    try:
        import _ctypes

        library = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]
        prctl = _ctypes.dlsym(library, "prctl")
        return int(_ctypes.call_function(prctl, (_PR_SET_DUMPABLE, 0, 0, 0, 0))) == 0
    except (ImportError, OSError):
        return False
