"""The daemon ends in time even if the event loop is blocked."""

import asyncio
import sys
import threading

import pytest

from interpreterd import daemon, start

LATE = """
import asyncio, logging
from interpreterd import daemon
logging.basicConfig()
daemon.SHUTDOWN_LIMIT_S = 0
daemon._end_at_the_latest()
import time
time.sleep(1000)
"""


async def test_an_end_that_takes_too_long_is_not_waited_for() -> None:
    """The event loop may be blocked, or a task may wait without end."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", LATE, stderr=asyncio.subprocess.PIPE)
    _, err = await process.communicate()
    assert process.returncode == 1
    assert b"shutting down has taken longer than 0 s" in err


def test_an_end_goes_on_where_there_is_no_room_for_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(timer: threading.Timer) -> None:
        raise RuntimeError(start.NO_THREAD)

    monkeypatch.setattr(threading.Timer, "start", refuse)
    daemon._end_at_the_latest()
