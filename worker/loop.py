"""The event loop of a context: for cells with ``await``, ``async for`` or ``async with`` outside functions.

It runs only while such a cell runs, so that ``asyncio.run()`` works in all other cells. The tasks that a cell leaves
behind go on during the next such cell. From the first one on, all cells share one ``contextvars.Context``: a task has a
copy of its own, in which a variable that one cell sets would be lost for the next.
"""

import _signal
import asyncio
import atexit
import os
import sys
from contextvars import copy_context
from time import monotonic
from types import coroutine

CO_COROUTINE = 0x80  # of inspect, which is not imported
DEAF_S = 0.01  # after an interrupt, a loop that has not noticed it is kept by code that does not wait
CLOSE_S = 0.5  # at exit, for tasks that have been left; the daemon waits for one second


class _InChild(KeyboardInterrupt):
    """Ends a loop in a process that was forked while it ran; asyncio lets only such exceptions out of a task."""


class Loop:
    """Evaluates cells. The event loop is made when one needs it, by the policy that the program has set."""

    def __init__(self, stack):
        self._stack = stack
        self._context = copy_context()
        self._loop = self._main = self._outcome = self._inherited = None
        self._pid = os.getpid()
        self._interrupted = self._noticed = False
        os.register_at_fork(after_in_child=self._be_forked)
        atexit.register(self._close)

    def in_context(self, function, *arguments):
        """Return the call of ``function`` in which the context variables of the cells are there."""
        return (self._context.run, function, *arguments)

    def _call(self, function, *arguments):
        return self._stack.call(self._context.run, function, *arguments)

    def evaluate(self, codes, namespace):
        """Evaluate code objects in turn, and return the value of the last one. Raises what they raise."""
        self._open()
        self._interrupted = self._noticed = False
        self._outcome = None
        self._main = self._loop.create_task(self._run(codes, namespace))
        try:
            self._run_main()
            return self._end()
        finally:
            self._main = self._outcome = None

    def is_deaf(self):
        """Whether an interrupt has to be repeated, since code that does not wait has kept the loop from it."""
        return self._main is not None and self._interrupted and not self._noticed and monotonic() > self._deaf_at

    def _open(self):
        """Have an event loop: the present one, one that the program has made, or a new one."""
        if self._loop is not None and not self._loop.is_closed():
            if _current_loop() is not self._loop:  # asyncio.run() leaves none
                asyncio.set_event_loop(self._loop)
            return
        self._loop = _current_loop()
        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)

    def _run_main(self):
        """Run the loop until the cell has ended."""
        main = self._main
        _signal.signal(_signal.SIGINT, self._on_interrupt)
        try:
            self._loop.run_until_complete(main)
        except BaseException as error:  # an interrupt that hit the loop, exit() in another task
            if os.getpid() != self._pid:
                return
            if not main.done():
                main.cancel()
                self._loop.run_until_complete(main)
            if not isinstance(error, (asyncio.CancelledError, KeyboardInterrupt)):
                raise
            self._interrupted |= isinstance(error, KeyboardInterrupt)
            if self._outcome is None or self._outcome[1] is None:
                self._outcome = None, error
        finally:
            if _signal.getsignal(_signal.SIGINT) == self._on_interrupt:  # the program has set no other one
                _signal.signal(_signal.SIGINT, _signal.default_int_handler)

    def _end(self):
        """Return the value of the cell, or raise its exception."""
        value, raised = self._outcome
        try:
            if raised is None:
                return value
            if self._interrupted and isinstance(raised, asyncio.CancelledError):
                raise KeyboardInterrupt().with_traceback(raised.__traceback__) from None
            raise raised
        finally:
            del raised  # it refers to this frame

    async def _run(self, codes, namespace):
        await self._steps(codes, namespace)

    @coroutine
    def _steps(self, codes, namespace):
        """Evaluate the cell step by step, each in the context of all cells, and keep the outcome.

        An exception of the cell stays in here: SystemExit would leave the loop in the middle of its work.
        """
        value = raised = None
        try:
            for code in codes:
                value = self._call(eval, code, namespace)
                if code.co_flags & CO_COROUTINE:
                    value = yield from self._wait(value)
        except BaseException as error:
            value, raised = None, error
        self._outcome = value, raised
        value = raised = None
        if os.getpid() != self._pid:
            raise _InChild

    def _wait(self, cell):
        """Do what ``await cell`` does."""
        resume, argument = cell.send, None
        while True:
            try:
                awaited = self._call(resume, argument)
            except StopIteration as end:
                return end.value
            if os.getpid() != self._pid:
                error = RuntimeError("a process that os.fork() has made cannot wait in the event loop of its parent")
                resume, argument = cell.throw, error
                continue
            try:
                yield awaited
                resume, argument = cell.send, None
            except BaseException as error:
                resume, argument = cell.throw, error

    def _on_interrupt(self, signal_number, frame):
        """Handle SIGINT: the first one cancels the cell's task, the next one raises KeyboardInterrupt here."""
        if self._interrupted or self._main.done():
            raise KeyboardInterrupt
        self._interrupted, self._deaf_at = True, monotonic() + DEAF_S
        self._main.cancel()
        self._loop.call_soon_threadsafe(self._notice)  # also wakes the loop

    def _notice(self):
        self._noticed = True

    def _be_forked(self):
        """Forget the loop in a child: its descriptors are those of the parent's loop."""
        if self._loop is not None:
            self._inherited, self._loop = self._loop, None  # kept, since it warns when it is dropped
            if sys.version_info < (3, 12):  # later ones do so themselves
                policy = asyncio.get_event_loop_policy()
                local = getattr(policy, "_local", None)
                if getattr(local, "_loop", None) is self._inherited:
                    policy._local = type(local)()
                asyncio._set_running_loop(None)

    def current(self):
        """Return the event loop; None if none has been made."""
        return self._loop

    def be_copied(self):
        """Use the loop of the parent, which has got descriptors of its own, in a process that is a worker, too."""
        self._pid = os.getpid()
        if self._loop is None and hasattr(self._inherited, "_selector"):  # others are kept, as in any child
            self._loop, self._inherited = self._inherited, None
            asyncio.set_event_loop(self._loop)

    def _close(self):
        """Close the loop at exit; the tasks that were left see that they are cancelled."""
        loop = self._loop
        if loop is None or loop.is_closed() or loop.is_running() or os.getpid() != self._pid:
            return
        try:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=CLOSE_S))
            loop.run_until_complete(loop.shutdown_asyncgens())
        except Exception:  # the program has broken it
            pass
        loop.close()


def _current_loop():
    """Return the event loop of the thread if one has been made; asking asyncio would make one, or warn."""
    get_policy = getattr(asyncio.events, "_get_event_loop_policy", None) or asyncio.get_event_loop_policy
    return getattr(getattr(get_policy(), "_local", None), "_loop", None)
