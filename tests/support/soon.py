"""Waits for what comes true in other threads and tasks without a sign of it."""

import asyncio
from collections.abc import Callable


async def soon(condition: Callable[[], object]) -> None:
    """Wait until ``condition`` is true; the timeout of the whole test bounds it."""
    while True:
        if condition():
            return
        await asyncio.sleep(0.001)
