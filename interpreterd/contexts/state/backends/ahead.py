"""Work on pieces by other threads, in order: hashing and compressing, while the caller reads and writes."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

DEPTH: Final = 3  # pieces on their way at once
RING: Final = DEPTH + 3  # buffers that a source needs if it fills one again and again: see ``done_ahead``
_helpers: Final = ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="digests")
_A = TypeVar("_A")
_B = TypeVar("_B")


def done_ahead(work: Callable[[_A], _B], items: Iterator[_A]) -> Iterator[_B]:
    """Yield what ``work`` makes of each of ``items``, in order; at most ``DEPTH`` more items are taken meanwhile.

    A single item is worked on by the caller's thread. An error of ``work`` is raised in its turn.
    """
    first = next(items, None)
    second = next(items, None)
    if second is None:
        if first is not None:
            yield work(first)
        return
    pending: deque[Future[_B]] = deque()
    try:
        for item in (first, second):
            if item is not None:
                pending.append(_helpers.submit(work, item))
        for item in items:
            pending.append(_helpers.submit(work, item))
            if len(pending) > DEPTH:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        # A buffer may not be used again, nor a descriptor closed, while a thread still works on it.
        for future in pending:
            if not future.cancel():
                future.exception()
