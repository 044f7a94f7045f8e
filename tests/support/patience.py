"""Limits on the time of a test and on the suite's silence: prints all stacks, and ends a test that waits for ever.

pytest-timeout raises once, and code can swallow its exception: hypothesis takes it for a failing example and tries
more; a ``finally`` may wait on; closing a loop joins its threads, which may never end. So this alarm repeats until the
test and its fixtures have ended. If that does not help, the process ends.
"""

import asyncio
import contextlib
import faulthandler
import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final, TextIO

import pytest

SILENCE_S: Final = 60.0
AGAIN_S: Final = 15.0  # after the first alarm
GIVE_UP_S: Final = 90.0  # after the first alarm: the repeated alarms have not ended the test
LONGEST_TEST_S: Final = 300.0
EXIT_S: Final = 60.0
TASKS_TOLD: Final = 20


class TimedOut(pytest.fail.Exception.__mro__[1]):  # type: ignore[misc]
    """A test has taken too long. pytest treats it as an outcome. It is no ``Failed``, because hypothesis
    catches ``Failed``."""


class Patience:
    """A plugin for each process of the suite: the processes that run tests, and the one that distributes them."""

    def __init__(self, config: pytest.Config) -> None:
        self._debugging = bool(config.getoption("usepdb"))
        self._hands_out = bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")
        # A copy of stderr: while tests run, pytest captures fd 2.
        self._stderr: TextIO = os.fdopen(os.dup(2), "w", errors="backslashreplace")
        self._running: dict[str, float] = {}
        self._heard_at = time.monotonic()
        self._over = threading.Event()
        self._interruptible = False  # between the parts of a test, the alarm must not hit pytest itself
        self._finish = pytest.FixtureDef.finish
        pytest.FixtureDef.finish = self._finishing()  # type: ignore[method-assign]

    def pytest_unconfigure(self) -> None:
        """Restore pytest's function."""
        pytest.FixtureDef.finish = self._finish  # type: ignore[method-assign]

    # The suite

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Start the thread that notices silence."""
        threading.Thread(target=self._listen, name="patience", daemon=True).start()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Limit the process's time to end: Python would wait for a thread that a test left behind."""
        self._over.set()
        if not self._debugging:
            faulthandler.dump_traceback_later(EXIT_S, exit=True, file=self._stderr)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note that a test begins, in this process or in one that it distributes tests to."""
        self._running[nodeid] = time.monotonic()
        self._heard()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that a part of a test has ended."""
        self._heard()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Note that a test and its fixtures have ended."""
        self._running.pop(nodeid, None)
        self._heard()

    def _heard(self) -> None:
        self._heard_at = time.monotonic()
        if self._hands_out and not self._debugging:
            # Longer than any test can be silent: all processes that run tests must be dead.
            faulthandler.dump_traceback_later(LONGEST_TEST_S + 2 * GIVE_UP_S, exit=True, file=self._stderr)

    def _listen(self) -> None:
        while not self._over.wait(max(0.1, self._heard_at + SILENCE_S - time.monotonic())):
            if time.monotonic() - self._heard_at >= SILENCE_S:
                self._heard_at = time.monotonic()  # once a minute
                now = [f"{name} for {self._heard_at - since:.0f} s" for name, since in self._running.items()]
                self._tell(f"{SILENCE_S:.0f} s without a word; running: {', '.join(now) or 'nothing'}")

    def _tell(self, what: str) -> None:
        """Print the stacks of all threads and tasks."""
        print(f"\n==== {what}, in process {os.getpid()}", file=self._stderr, flush=True)
        faulthandler.dump_traceback(self._stderr, all_threads=True)
        waiting = [it for it in gc.get_objects() if isinstance(it, asyncio.Task) and not it.done()]
        for task in waiting[:TASKS_TOLD]:
            print(task, file=self._stderr)
            with contextlib.suppress(Exception):  # uvloop's coroutines have no lines
                task.print_stack(file=self._stderr)
        if len(waiting) > TASKS_TOLD:
            print(f"and {len(waiting) - TASKS_TOLD} more tasks", file=self._stderr)
        self._stderr.flush()

    # One test

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Iterator[None]:
        """Turn the alarm off when the test has ended."""
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def _part(self) -> Iterator[None]:
        self._interruptible = True
        try:
            return (yield)
        finally:
            self._interruptible = False

    pytest_runtest_setup = pytest_runtest_call = _part

    def _finishing(self) -> Callable[[Any, Any], None]:
        """Return a function that ends a fixture and that the alarm can interrupt.

        Some exceptions would keep pytest from ending the test's other fixtures, and later tests would get them. So
        these exceptions become a ``TimedOut``.
        """

        def finish(fixture: Any, request: Any) -> None:
            before, self._interruptible = self._interruptible, True
            try:
                self._finish(fixture, request)
            except (asyncio.CancelledError, BaseExceptionGroup) as error:
                raise TimedOut(f"the end of {fixture.argname} was interrupted: {error!r}") from error
            finally:
                self._interruptible = before

        return finish

    @pytest.hookimpl(tryfirst=True)
    def pytest_timeout_set_timer(self, item: pytest.Item, settings: Any) -> bool | None:
        """Set this alarm in place of pytest-timeout's."""
        if self._debugging:
            return None

        def alarm(number: int, frame: FrameType | None) -> None:
            if self._interruptible:
                self._tell(f"{item.nodeid} has taken more than {settings.timeout:g} s")
                raise TimedOut(f"more than {settings.timeout:g} s")

        signal.signal(signal.SIGALRM, alarm)
        signal.setitimer(signal.ITIMER_REAL, settings.timeout, AGAIN_S)
        faulthandler.dump_traceback_later(settings.timeout + GIVE_UP_S, exit=True, file=self._stderr)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_timeout_cancel_timer(self) -> bool | None:
        """Keep the alarm after a part of the test has failed: its fixtures must still end."""
        return None if self._debugging else True


def end_at_timeout(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """End a hanging test. uvloop only logs an exception of a signal handler, so its tasks are cancelled here."""
    loop.default_exception_handler(context)
    if isinstance(context.get("exception"), TimedOut):
        for task in asyncio.all_tasks(loop):
            task.cancel()
