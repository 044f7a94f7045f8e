"""Whether a worker can start in a directory, and whether it is there."""

import os

from interpreterd.errors import InvalidWorkingDirectory


def check_directory(cwd: str) -> str:
    """Return ``cwd`` if a worker can start there; raise ``InvalidWorkingDirectory`` otherwise."""
    if not os.path.isabs(cwd):
        raise InvalidWorkingDirectory(f"working directory is not an absolute path: {cwd}")
    try:
        exists = os.path.exists(cwd)
    except ValueError:  # a NUL in it, before Python 3.8's successors agreed to say False
        exists = False
    if not exists:
        raise InvalidWorkingDirectory(f"working directory does not exist: {cwd}")
    if not os.path.isdir(cwd):
        raise InvalidWorkingDirectory(f"working directory is not a directory: {cwd}")
    if not os.access(cwd, os.X_OK):
        raise InvalidWorkingDirectory(f"working directory cannot be entered: {cwd}")
    return cwd


def is_in(pid: int, cwd: str) -> bool:
    """Whether the working directory of a process is ``cwd`` as it is now: it may have been deleted and made anew."""
    try:
        return os.path.samestat(os.stat(f"/proc/{pid}/cwd"), os.stat(cwd))
    except (OSError, ValueError):
        return False
