"""SIGHUP reads files again."""

import asyncio
import os
import signal

import pytest

from interpreterd.reloading import reload_at_hangup


async def test_every_hangup_reloads_and_a_mistake_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    called: asyncio.Queue[None] = asyncio.Queue()

    async def reload() -> None:
        called.put_nowait(None)
        raise ZeroDivisionError

    reload_at_hangup([reload])
    try:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
            await called.get()
        await asyncio.sleep(0)
        assert "the files could not be read" in caplog.text
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
