"""fork(2) twice: a child, and children of that child, which are to be as if this process had forked them itself.

A process with one thread does it in the steps of which ``os.fork`` consists: functions of ``os.register_at_fork`` run
once here and once in each grandchild, and not in between. With other threads this is not possible: the child between
would wait for one that wants Python's lock, and does not exist there. Then ``os.fork`` is called twice.
"""

import _signal
import os
import sys
from time import monotonic

from worker import streams
from worker.unseen import unseen

HANDLERS_S = 1.0  # after this time, an interrupt ends a function that code has registered for forks
_INTERRUPT = (_signal.SIGINT,)
_PYTHON_CALL = 1 | 4 | 8  # FUNCFLAG_CDECL | FUNCFLAG_PYTHONAPI | FUNCFLAG_USE_ERRNO: Python's lock is kept


def new_fork():
    """Return what forks this process, in which all signals are blocked; they stay so in the children."""
    streams.current.before_fork()  # ends the worker's own thread
    if len(os.listdir("/proc/self/task")) == 1:
        try:
            return _InSteps()
        except (ImportError, OSError, AttributeError):
            pass
    return _Twice()


class _Patience:
    """Calls what runs functions of user code, and lets an interrupt, the only signal, end those that take too long."""

    def __init__(self):
        self._remember = _signal.getsignal(_signal.SIGINT)
        self._until = None

    def call(self, function):
        _signal.signal(_signal.SIGINT, self._on_interrupt)
        try:
            self._until = monotonic() + HANDLERS_S
            _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _INTERRUPT)
            return function()
        finally:
            self._until = None
            _signal.pthread_sigmask(_signal.SIG_BLOCK, _INTERRUPT)
            _signal.signal(_signal.SIGINT, self._remember)

    def _on_interrupt(self, number, frame):
        if self._until is not None and monotonic() > self._until:
            raise KeyboardInterrupt  # Python ignores it, and goes on after that function
        self._remember(number, frame)


class _InSteps:
    """By the functions of C that ``os.fork`` is made of."""

    def __init__(self):
        _ctypes = unseen("_ctypes")

        class Int(_ctypes._SimpleCData):
            _type_ = "i"

        class Function(_ctypes.CFuncPtr):
            _flags_ = _PYTHON_CALL
            _restype_ = Int

        class Procedure(_ctypes.CFuncPtr):
            _flags_ = _PYTHON_CALL
            _restype_ = None

        library = _ctypes.dlopen(None, 0)
        self._errno = _ctypes.get_errno
        self._fork = Function(_ctypes.dlsym(library, "fork"))
        self._before, self._in_parent, self._in_child = (
            Procedure(_ctypes.dlsym(library, f"PyOS_{name}"))
            for name in ("BeforeFork", "AfterFork_Parent", "AfterFork_Child")
        )
        self._patience = _Patience()

    def begin(self):
        """Fork; return the child's pid, or 0 in the child. Raises OSError."""
        self._patience.call(self._before)
        pid = self._fork()
        if pid == 0:
            return 0
        number = self._errno()
        self._patience.call(self._in_parent)
        if pid == -1:
            raise OSError(number, os.strerror(number))
        return pid

    def again(self):
        """Fork in the child. Raises OSError."""
        pid = self._fork()
        if pid == 0:
            self._in_child()
        elif pid == -1:
            number = self._errno()
            raise OSError(number, os.strerror(number))
        return pid


class _Twice:
    """By ``os.fork``."""

    def __init__(self):
        self._patience = _Patience()

    def begin(self):
        """See ``_InSteps``."""
        return self._patience.call(_fork)

    def again(self):
        """See ``_InSteps``."""
        return os.fork()


def _fork():
    """Call ``os.fork``; since 3.12, it warns of threads."""
    warnings = sys.modules.get("warnings") if sys.version_info >= (3, 12) else None
    if warnings is None:
        return os.fork()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return os.fork()
