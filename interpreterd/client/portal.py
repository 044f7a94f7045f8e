"""An event loop in a thread of its own, for callers that have no event loop, or are called from a running one."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

_T = TypeVar("_T")


class Portal:
    """Runs coroutines for other threads. Any thread may call it, except for its own."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._lock = threading.Lock()
        self._closed = False
        # A daemon: a program that forgets to close it ends all the same.
        self._thread = threading.Thread(target=self._run, name="interpreterd client", daemon=True)
        self._thread.start()

    def wait(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run ``coroutine`` to its end; return its value. A KeyboardInterrupt in the caller cancels it.

        Raises:
            RuntimeError: The portal is closed, or is closed before the coroutine ends.
        """
        with self._lock:
            if self._closed:
                coroutine.close()
                raise RuntimeError("the client is closed")
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise RuntimeError("the client is closed") from None
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Cancel all coroutines, and end the thread. A second call changes nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()
