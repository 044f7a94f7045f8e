"""Runs executions, one at a time, on the main thread, and speaks with the daemon between them.

SIGINT (the interrupt) may arrive at any moment. While user code runs, its handler is Python's own, which raises
KeyboardInterrupt there. At every other moment the handler only remembers it, for the next execution. So an early
interrupt is not lost. A late interrupt would hit the next execution: the daemon, which knows when it sent one, says
``sync`` before it sends the next code, and the worker forgets the interrupt. An interrupt that Python ignores, in a
finalizer or in the callback of a weak reference, is raised once more: see ``_nudged``.
"""

import _signal
import os
import sys
from sys import getrecursionlimit, setprofile, setrecursionlimit, settrace  # user code may replace them in sys
from time import sleep

from worker.channel import ChannelLost, decode, encode
from worker.configuring import RESERVE_BYTES, configure
from worker.flusher import SIGNALS, undisturbed
from worker.namespace import Exit, is_silent, restore_environment, set_environment
from worker.report import call_hook, describe, describe_again, described, forget_frames, forget_own_frames, remember

if sys.version_info >= (3, 12):
    get_tool, set_events = sys.monitoring.get_tool, sys.monitoring.set_events

PROTOCOL_VERSION = 1
ABANDONED_S = 5  # how long an abandoned worker waits to be killed together with its children
_TOOLS = range(6 if sys.version_info >= (3, 12) else 0)  # of sys.monitoring, according to the library reference
_WARM_UPS = 16
_EX_SOFTWARE = 70  # <sysexits.h>


def ready(mark=None):
    """Return the first message of a worker or a template, which has no ``mark``."""
    python = ".".join(map(str, sys.version_info[:3]))
    return {"type": "ready", "version": PROTOCOL_VERSION, "pid": os.getpid(), "python": python, "mark": mark}


def rehearsal(times=_WARM_UPS):
    """Return messages for ``serve``: they touch the parts of an execution, which are then specialised (PEP 659)."""
    message = encode({"type": "execute", "id": "", "code": "pass", "envs": {}})
    return [decode(message.encode()) for _ in range(times)]


class Interpreter:
    """Executes the messages of ``channel`` in the namespace of ``cells`` until told to end.

    Attributes:
        environ: ``os.environ`` as it was at the start: user code may put another object in its place.
        cwd: The directory of its context.
    """

    def __init__(self, channel, streams, stdin, cells, library, traces):
        self.channel = channel
        self.streams = streams
        self._stdin = stdin
        self.cells = cells
        self.library = library
        self._stack = library.stack
        self._excepthook = sys.excepthook  # site may have put its own there
        self._traces = traces
        self._reserve_bytes = 0
        self._reserve = self._pid = self._confine = self._found = None
        self._interrupted = self._ignored = False
        self.environ, self.cwd = os.environ, None
        self._recursion_limit = getrecursionlimit()
        self._unraisablehook = sys.unraisablehook
        sys.unraisablehook = self._on_unraisable
        _signal.signal(_signal.SIGCONT, self._nudged)
        _signal.signal(_signal.SIGURG, self._overlooked)

    def serve(self, rehearsed=None):
        """Answer messages until user code calls ``exit()``, or the daemon says so; return for Python's own shutdown.

        Run ``rehearsed`` messages without answers, and return: here, since ``Stack`` keeps something for each frame.
        """
        self._pid = os.getpid()
        messages, send = rehearsed, encode
        try:
            if rehearsed is None:
                self._traces.begin()
                self.disarm()
                messages, send = iter(self.channel.receive, None), self.channel.send
                send(ready(self.streams.secret))
            for message in messages:
                if message["type"] == "execute":
                    if not self._execute(message, send):
                        return
                elif message["type"] == "sync":
                    self._interrupted = False
                    self.channel.send({"type": "synced"})
                elif message["type"] == "configure":
                    self._configure(message)
                elif message["type"] == "exit":
                    if self._traces.are_none():
                        self.streams.flush()
                        os._exit(0)
                    return
                else:
                    from worker.operating import operate

                    operate(message, self)
        except ChannelLost:
            self._abandoned()
        except BaseException as error:
            self._collapse(error)

    def be_copied(self):
        """Be another worker from now on, in a process that has been forked off between two executions."""
        self._pid, self._interrupted = os.getpid(), False

    def _configure(self, message):
        self.cwd = message["cwd"]
        done = configure(message, self.environ, self.library, self.channel)
        self._pid = os.getpid()  # it may be another process than before
        self._confine = message.get("confine")
        if done and "limits" in message:
            self._reserve_bytes = RESERVE_BYTES if "data" in message["limits"] else 0

    def _execute(self, message, send):
        """Run one execution and ``send`` how it ended. Returns whether the worker goes on."""
        before = {name: self.environ.get(name) for name in message["envs"]}
        extras = None
        if "files" in message or "functions" in message:
            from worker.extras import Extras

            extras = Extras(message, self.cwd, self.channel, self._stdin, self.cells.module.__dict__)
        self.streams.begin()
        self._stdin.begin(message["id"] if message.get("stdin") else None)
        self.cells.take(message)
        raised, error = self._run(message)
        if os.getpid() != self._pid:
            from worker.forked import leave

            leave(raised, error, self._has_hook(raised), self.streams)
        if extras is not None:
            extras.close()
        self._stdin.close()
        restore_environment(self.environ, before)
        self.streams.end(error is not None)
        files = {} if extras is None else extras.report()
        if issubclass(type(raised), Exit):
            send({"type": "exiting", "id": message["id"], **files})
            return False
        done = {"type": "done", "id": message["id"], "error": error, **files}
        if self.channel.tend():  # there are children
            done["children"] = True
        if self._found is not None:
            done["found"], self._found = self._found, None
        send(done)
        return True

    def _run(self, message):
        """Return the exception of the code of ``message``, or None, and its description, or None.

        The shape is due to KeyboardInterrupt, which may be raised between any two steps until ``disarm`` has ended.
        """
        raised = error = late = value = None
        try:
            try:
                set_environment(self.environ, message["envs"])
                self._keep_reserve()
                self.arm()
                if "task" in message:
                    from worker.looking import look

                    call = look, message["task"], message["code"], self.cells.module.__dict__
                    self._found = self._stack.call(*call)
                else:
                    call = self.cells.compile(message["code"], "interactive" in message, message.get("results"))
                    value = self._stack.call(*call)
                    if list in call[:2]:  # the function, or what a context calls
                        value = value[-1]
            except BaseException as caught:
                raised = caught
            settrace(None)
            setprofile(None)
            for tool in _TOOLS:  # not a function: its start would be an event too
                if get_tool(tool) is not None:
                    set_events(tool, 0)
            # User code may have left the limit so low that neither its error nor its next execution has room.
            setrecursionlimit(max(getrecursionlimit(), self._recursion_limit))
            if value is not None or (self.cells.at_end and "task" not in message):
                try:
                    self.cells.end(value, os.getpid() != self._pid)
                except BaseException as caught:
                    raised = caught
                value = None
            self._reserve = None
            if raised is not None:
                forget_own_frames(raised)
                if not is_silent(raised):
                    remember(raised)
                    error = described(raised, self._confine)
                    if self._has_hook(raised):
                        call_hook(self.cells.call, raised, error)
            self.disarm()
        except BaseException as caught:  # an interrupt at the very end, or an error during the description
            self._reserve = None
            settrace(None)
            late = caught
            if raised is None:  # no `or`: an exception can have a __bool__
                raised = late
            self.disarm()
        if raised is not None and error is None and not is_silent(raised):
            error = describe_again(raised, late)
        if late is not None:
            forget_frames(late)
        return raised, error

    def _has_hook(self, raised):
        """Whether user code has a ``sys.excepthook`` of its own for ``raised``."""
        hook = getattr(sys, "excepthook", None)
        own = hook is not None and hook is not self._excepthook and hook is not sys.__excepthook__
        return own and not issubclass(type(raised), SystemExit)

    def _keep_reserve(self):
        """Keep memory from user code, if there is enough; otherwise user code needs it to free its own."""
        try:
            self._reserve = bytes(self._reserve_bytes)
        except MemoryError:
            pass

    def arm(self):
        """From now on SIGINT raises KeyboardInterrupt, at once if one has been remembered."""
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        if self._interrupted:
            self._interrupted = False
            raise KeyboardInterrupt

    def disarm(self):
        """From now on SIGINT is only remembered."""
        while True:
            try:
                _signal.signal(_signal.SIGINT, self._remember)
                setprofile(None)
                # A signal that user code had blocked arrives now, and not in the next execution.
                _signal.pthread_sigmask(_signal.SIG_UNBLOCK, SIGNALS)
                self._ignored = False
                return
            except BaseException:  # another interrupt before the handler was changed: the execution has ended
                pass

    def _remember(self, signal_number, frame):
        self._interrupted = True

    def _on_unraisable(self, unraisable, /):
        ignored = issubclass(unraisable.exc_type, KeyboardInterrupt)
        try:
            undisturbed(lambda: self._unraisablehook(unraisable))  # an error while it prints may just vanish
        except KeyboardInterrupt:
            ignored = True
        # At the very end, since an earlier SIGCONT would raise the other one in here.
        if ignored:
            self._ignored = True

    def _nudged(self, signal_number, frame):
        """Handle SIGCONT, which the daemon sends some moments after an interrupt.

        Its purpose is to have a handler: that ends a system call that began just after the SIGINT. And if Python has
        ignored the KeyboardInterrupt, it now raises another one.
        """
        if self._ignored or self.cells.is_deaf():
            self._ignored = False
            self._overlooked(signal_number, frame)

    def _overlooked(self, signal_number, frame):
        """Do the same as SIGINT; handles SIGURG, which the daemon sends when it has seen that SIGINT was ignored.

        C code ignores SIGINT while it waits for a child, as os.system() does. Python code that ignores SIGINT goes on.
        """
        handler = _signal.getsignal(_signal.SIGINT)
        if callable(handler):
            handler(_signal.SIGINT, frame)

    def _abandoned(self):
        """End after the daemon has gone, or after user code has taken the channel away.

        The daemon or its guard finds this worker's children by walking down from it: so it stays for a moment to be
        killed. If it is not killed, it takes its process group along.
        """
        self.channel.close()
        sleep(ABANDONED_S)
        os.killpg(os.getpgid(0), _signal.SIGKILL)
        os._exit(_EX_SOFTWARE)

    def _collapse(self, error):
        """End at once: objects that user code has left behind raised ``error`` in the worker's own code.

        Python's own shutdown would wait for user code's threads and call its exit handlers.
        """
        self.streams.flush()
        try:
            shown = describe(error)["traceback"]
        except BaseException:
            shown = describe_again(error, None)["traceback"]
        try:
            os.write(2, f"interpreterd: this Python cannot go on:\n{shown}".encode("utf-8", "backslashreplace"))
        except BaseException:  # closed; the exit status has to do
            pass
        os._exit(_EX_SOFTWARE)
