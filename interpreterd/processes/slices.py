"""Long work on the event loop, in slices, so that it does not hold up the loop."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterator
from typing import Final

SLICE_S: Final = 0.002


class Slices:
    """Runs generators on the event loop: all of them together for some ``SLICE_S`` of each turn of the loop.

    A step cannot be cut; it should take no more than a tenth of a slice. Short work is done before ``start`` returns,
    if this turn's time has not been used up. All other generators take turns, so that short work does not wait for long
    work.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[Iterator[None], asyncio.Future[None]]] = deque()
        self._spent_s = 0.0
        self._turn: asyncio.Handle | None = None

    def start(self, work: Iterator[None]) -> asyncio.Future[None]:
        """Run ``work`` to its end; the future has its result or its exception."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        self._run()
        return done

    def _run(self) -> None:
        began = time.monotonic()
        while self._waiting and self._spent_s < SLICE_S:
            work, done = self._waiting.popleft()
            try:
                for _ in work:
                    if self._spent_s + time.monotonic() - began >= SLICE_S:
                        self._waiting.append((work, done))
                        break
                else:
                    _set(done, None)
            except Exception as error:
                _set(done, error)
            self._spent_s += time.monotonic() - began
            began = time.monotonic()
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._turn, self._spent_s = None, 0.0
        if self._waiting:
            self._run()


def _set(done: asyncio.Future[None], error: Exception | None) -> None:
    with contextlib.suppress(asyncio.InvalidStateError):  # the waiting caller has gone
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
