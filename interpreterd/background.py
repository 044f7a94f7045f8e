"""Supervised work in the background: a mistake in it is logged, and ends nothing else."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol


class Tasks(Protocol):
    """Starts tasks: a task group, or the event loop, whose caller then keeps the task."""

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
    """Run ``coroutine`` in ``tasks``, and return its task; if it fails, ``log`` reports ``failure`` % ``about``.

    In a task group, an exception would end all other tasks, which may belong to other contexts. A cancelled task has
    not failed.
    """
    task = tasks.create_task(logged(coroutine, log, failure, *about))
    # A task that is cancelled at once has not started the coroutine.
    task.add_done_callback(lambda _: coroutine.close())
    return task


async def logged(
    coroutine: Coroutine[Any, Any, None],
    log: "logging.Logger | logging.LoggerAdapter[logging.Logger]",
    failure: str,
    *about: object,
) -> None:
    """Await ``coroutine``; an exception of it is only logged."""
    try:
        await coroutine
    except Exception:
        log.exception(failure, *about)


async def in_thread(function: Callable[[], None]) -> None:
    """Call ``function`` in a thread; or at once, if there is no room for one."""
    try:
        await asyncio.to_thread(function)
    except RuntimeError:
        function()


def mark_seen(future: "asyncio.Future[Any]") -> None:
    """A future, which is done, has an error that nobody has to hear of: otherwise asyncio would log it."""
    if not future.cancelled():
        future.exception()
