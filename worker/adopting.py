"""A process that has been forked off becomes a worker of its own: with its own channel, pipes and directory."""

import os
import sys

from worker import streams as _streams
from worker.imports import identity
from worker.namespace import set_environment


def adopt(interpreter, given):
    """Put ``given``, the daemon's new descriptors, wherever this process has the former ones, also those of user code.

    What user code has put on fds 0, 1 and 2 stays there.
    """
    channel, streams = interpreter.channel, _streams.current
    replaced = {fd for fd in streams.spare_fds if not streams.is_own(fd)}
    former = [identity(fd) for fd in (channel.fd, streams.spare_fds[1], streams.spare_fds[2], streams.display_fd)]
    by_file = dict(zip(former, given))
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        new = by_file.get(identity(fd))
        if new is not None:
            os.dup2(new, fd, os.get_inheritable(fd))
    for fd in given:
        os.close(fd)
    channel.begin()
    streams.own(streams.spare_fds, streams.display_fd, replaced)


def change_directory(interpreter, cwd):
    """Go from the context's directory to ``cwd``, to the same place below it. Raises OSError."""
    former = interpreter.cwd
    try:
        here = os.getcwd()
    except OSError:  # it has been removed
        here = former
    place = _moved(here, former, cwd)
    try:
        os.chdir(place)
    except OSError:
        if place == cwd:
            raise
        os.chdir(cwd)
    set_environment(interpreter.environ, {"PWD": place})
    sys.path[:] = [_moved(it, former, cwd) if isinstance(it, str) else it for it in sys.path]
    interpreter.cwd = cwd


def _moved(path, former, new):
    """Return ``path``, and if it is in the directory ``former``, the same place in ``new``."""
    if path == former:
        return new
    return new + path[len(former) :] if path.startswith(former.rstrip("/") + "/") else path
