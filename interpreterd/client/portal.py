"""An event loop in a thread of its own, for callers that have none, or one that may not be kept waiting by itself."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

_T = TypeVar("_T")


class Portal:
    """Runs coroutines for other threads. Any thread may call it, but not a coroutine that it runs."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._lock = threading.Lock()
        self._closed = False
        # A daemon: a program that forgets to close it ends all the same.
        self._thread = threading.Thread(target=self._run, name="interpreterd client", daemon=True)
        self._thread.start()

    def wait(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run ``coroutine``; return what it returns. A KeyboardInterrupt here cancels it.

        Raises:
            RuntimeError: The portal is closed, or was meanwhile.
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
        """Cancel what runs, and end the thread. Repeating it changes nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()
