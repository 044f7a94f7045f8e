"""A worker's directory: whether it can start there, what it really is, and whether its process is there."""

import os
import stat

from interpreterd.model.errors import InvalidWorkingDirectory


def check_directory(cwd: str) -> str:
    """Return ``cwd`` if a worker can start there; raise ``InvalidWorkingDirectory`` otherwise."""
    if not os.path.isabs(cwd):
        raise InvalidWorkingDirectory(f"working directory is not an absolute path: {cwd}")
    try:
        mode = os.stat(cwd).st_mode
    except (OSError, ValueError):  # ValueError: the path has a NUL
        raise InvalidWorkingDirectory(f"working directory does not exist: {cwd}") from None
    if not stat.S_ISDIR(mode):
        raise InvalidWorkingDirectory(f"working directory is not a directory: {cwd}")
    if not os.access(cwd, os.X_OK):
        raise InvalidWorkingDirectory(f"working directory cannot be entered: {cwd}")
    return cwd


def real_directory(cwd: str) -> str:
    """Return ``cwd``, which is absolute, without symbolic links; those that code makes later do not count."""
    try:
        fd = os.open(cwd, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except (OSError, ValueError):  # the default context's need not exist
        return os.path.realpath(cwd)
    try:
        return os.readlink(f"/proc/self/fd/{fd}")  # ten times as fast as realpath
    finally:
        os.close(fd)


def is_in(pid: int, cwd: str) -> bool:
    """Return whether a process works in the present ``cwd``, which may have been deleted and made again."""
    try:
        return os.path.samestat(os.stat(f"/proc/{pid}/cwd"), os.stat(cwd))
    except (OSError, ValueError):
        return False
