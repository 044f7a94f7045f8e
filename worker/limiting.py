"""The limits that the kernel enforces on a worker and each process that it starts: setrlimit(2)."""

import _signal
import os

_RLIMIT_FSIZE, _RLIMIT_DATA, _RLIMIT_NPROC, _RLIMIT_NOFILE = 1, 2, 6, 7  # getrlimit(2)
_OOM_SCORE = 500  # of 1000: as if half of the machine's memory were in use here


def limit(library, limits, reserve_bytes):
    """Apply ``limits``, as the daemon has sent them; ``reserve_bytes`` of memory are the worker's own."""
    if "data" in limits:
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[5])  # proc(5): data + stack
        _set(library, _RLIMIT_DATA, pages * os.sysconf("SC_PAGE_SIZE") + limits["data"] + reserve_bytes)
    if "file" in limits:
        # Python ignores it at its start, but a module of a template may have changed that.
        _signal.signal(_signal.SIGXFSZ, _signal.SIG_IGN)
        _set(library, _RLIMIT_FSIZE, limits["file"], "closed" in limits)
    if "processes" in limits:
        _set(library, _RLIMIT_NPROC, limits["processes"])
    if "files" in limits:
        _set(library, _RLIMIT_NOFILE, min(limits["files"], os.sysconf("SC_OPEN_MAX")))


def _set(library, number, limit, is_closed=False):
    if not library.limit(number, 0 if is_closed else limit, limit):
        import resource  # takes a millisecond

        _, most = resource.getrlimit(number)
        limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
        resource.setrlimit(number, (0 if is_closed else limit, limit))


_is_first = False


def be_killed_first():
    """Let the kernel, when the machine has no memory left, end this before the daemon: proc(5), oom_score_adj."""
    global _is_first
    if _is_first:  # a worker of the pool, which now becomes the worker of a context with limits of its own
        return
    _is_first = True
    try:
        with open("/proc/self/oom_score_adj", "r+b", 0) as file:
            score = int(file.read())
            file.write(b"%d" % min(score + _OOM_SCORE, 1000))
    except OSError:  # a /proc that cannot be written to
        pass
