"""Work in the background, which nobody waits for: a mistake in it is logged, and ends nothing else."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Protocol


class Tasks(Protocol):
    """What starts tasks: a task group; or the event loop, whose caller then keeps the task."""

    def create_task(self, coroutine: Coroutine[Any, Any, None], /) -> "asyncio.Task[None]":
        """Start a task."""
        ...


def supervised(
    tasks: Tasks,
    coroutine: Coroutine[Any, Any, None],
    log: "logging.Logger | logging.LoggerAdapter[logging.Logger]",
    failure: str,
    *about: object,
) -> "asyncio.Task[None]":
    """Run ``coroutine`` in ``tasks``, and return its task; if it fails, ``log`` says so: ``failure`` % ``about``.

    In a task group, an exception would end all other tasks, of which each may be another context's. Cancelling is no
    failure.
    """
    task = tasks.create_task(logged(coroutine, log, failure, *about))
    task.add_done_callback(lambda _: coroutine.close())  # a task that is cancelled at once has not begun it
    return task


async def logged(
    coroutine: Coroutine[Any, Any, None],
    log: "logging.Logger | logging.LoggerAdapter[logging.Logger]",
    failure: str,
    *about: object,
) -> None:
    """Await ``coroutine``; if it fails, ``log`` says so, and that is all."""
    try:
        await coroutine
    except Exception:
        log.exception(failure, *about)
