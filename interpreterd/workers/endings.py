"""Why a process could not start, and how it ended, in words."""

import errno
import signal

from interpreterd.model.errors import OutOfResources, WorkerStartFailed


def start_failure(error: OSError, what: str) -> WorkerStartFailed:
    """Return ``error`` as the reason for a missing worker."""
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM):
        return OutOfResources(f"no room for one more worker: {error.strerror or error}")
    if error.errno == errno.EFBIG:
        return WorkerStartFailed(f"{what}: too little may be written to a file (ulimit -f)")
    return WorkerStartFailed(f"{what}: {error.strerror or error}")


def how_ended(returncode: int | None) -> str:
    if returncode is None:
        return "ended for an unknown reason"
    if returncode < 0:
        try:
            return f"killed by {signal.Signals(-returncode).name}"
        except ValueError:
            return f"killed by signal {-returncode}"
    return f"exit status {returncode}"
