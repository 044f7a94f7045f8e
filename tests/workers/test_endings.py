"""The words for a worker's failed start and for its end."""

import errno
import os
import signal

import pytest

from interpreterd.model.errors import OutOfResources, WorkerStartFailed
from interpreterd.workers.endings import how_ended, start_failure


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM])
def test_a_lack_of_room_is_told_as_one(number: int) -> None:
    failure = start_failure(OSError(number, os.strerror(number)), "python3")
    assert isinstance(failure, OutOfResources)
    assert str(failure) == f"no room for one more worker: {os.strerror(number)}"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOENT, "No such file or directory"), "python3: No such file or directory"),
        (OSError(errno.EFBIG, "File too large"), "python3: too little may be written to a file (ulimit -f)"),
        (OSError("something else"), "python3: something else"),
    ],
)
def test_another_reason_says_what_could_not_be_started(error: OSError, told: str) -> None:
    failure = start_failure(error, "python3")
    assert type(failure) is WorkerStartFailed
    assert str(failure) == told


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (0, "exit status 0"),
        (3, "exit status 3"),
        (-signal.SIGSEGV, "killed by SIGSEGV"),
        (-(signal.SIGRTMIN + 1), f"killed by signal {signal.SIGRTMIN + 1}"),
        (None, "ended for an unknown reason"),
    ],
)
def test_how_a_process_ended(status: int | None, told: str) -> None:
    assert how_ended(status) == told
    assert how_ended(status, is_first=True) == told


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (128, "exit status 128"),
        (128 + signal.SIGKILL, "killed by SIGKILL"),
        (128 + signal.SIGRTMAX, "killed by SIGRTMAX"),
        (129 + signal.SIGRTMAX, f"exit status {129 + signal.SIGRTMAX}"),
    ],
)
def test_how_the_first_process_of_a_pid_namespace_ended(status: int, told: str) -> None:
    assert how_ended(status, is_first=True) == told
    assert how_ended(status) == f"exit status {status}"
