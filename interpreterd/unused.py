"""The end of a daemon that is no longer used: without a client, and without code that runs, for some time."""

import asyncio
from collections.abc import Callable

BUSY_S = 60.0  # at most so often is looked whether code still runs


async def wait_until_unused(
    unused_since: Callable[[], float | None], is_busy: Callable[[], bool], after_s: float
) -> None:
    """Return when there has been no client for ``after_s``, and no code has run meanwhile.

    ``unused_since`` returns since when there is no client, in the loop's time; None while there is one. Code that runs
    without a client counts as a use, also for ``after_s`` after it was last seen to run.
    """
    loop = asyncio.get_running_loop()
    busy_at = loop.time()
    while True:
        since = unused_since()
        now = loop.time()
        if since is None or is_busy():
            busy_at = now
            await asyncio.sleep(min(max(after_s, 0.01), BUSY_S))
        elif (left_s := max(since, busy_at) + after_s - now) > 0:
            await asyncio.sleep(min(left_s, BUSY_S))
        else:
            return
