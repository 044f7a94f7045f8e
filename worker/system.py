"""The worker's calls of the C library, and the start-up work of Python that ``-S`` left out."""

import os
import sys
from _thread import _count as count_threads
from atexit import _ncallbacks as count_exit_handlers

from worker.stack import Stack

PR_SET_PDEATHSIG, PR_GET_PDEATHSIG = 1, 2  # prctl(2)
PR_SET_CHILD_SUBREAPER = 36
SIGKILL = 9
NICENESS = 5  # a third of the daemon's share of a processor that both want: sched(7)


class Library:
    """The C library by ``_ctypes``, the C half of ctypes: importing the Python half costs five milliseconds.

    If Python was built without it, nothing here has an effect.

    Attributes:
        stack: See ``Stack``.
    """

    def __init__(self):
        try:
            import _ctypes
            from _functools import partial

            library = _ctypes.dlopen(None, 0)
            self._call = _ctypes.call_function
            self._fflush = _ctypes.dlsym(library, "fflush")
            self._prctl = _ctypes.dlsym(library, "prctl")
            self._setrlimit = _ctypes.dlsym(library, "setrlimit")
            self._waitid = _ctypes.dlsym(library, "waitid")
            self.stack = Stack(_ctypes, partial)
        except (ImportError, OSError, AttributeError):
            self._call = None
            self.stack = Stack(None, None)
        for name in ("_ctypes", "_functools"):
            sys.modules.pop(name, None)

    def flush_stdio(self):
        """Write out the buffers of C code: fflush(3) of every stream."""
        if self._call is not None:
            self._call(self._fflush, (0,))

    def has_children(self):
        """Return whether this process has children, also if they have ended. Raises nothing: it is called often."""
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        if self._call is not None:
            return self._call(self._waitid, (os.P_ALL, 0, 0, options)) != -1  # Linux needs no siginfo_t: waitid(2)
        try:
            os.waitid(os.P_ALL, 0, options)
        except ChildProcessError:
            return False
        return True

    def limit(self, number, soft, hard):
        """Set a limit of this process, and of each process that it starts, for good: setrlimit(2).

        Returns False if Python was built without ``_ctypes``, or if the limit is already lower, as in getrlimit(2).
        """
        limits = b"".join(limit.to_bytes(8, sys.byteorder) for limit in (soft, hard))
        return self._call is not None and self._call(self._setrlimit, (number, limits)) == 0

    def become_subreaper(self, adopts=True):
        """Keep every descendant below this process, so that killing the tree finds them all; or do so no more."""
        if self._call is not None:
            self._call(self._prctl, (PR_SET_CHILD_SUBREAPER, int(adopts), 0, 0, 0))

    def die_with_parent(self):
        """Be killed when the daemon dies; the setting is not inherited by children."""
        if self._call is not None:
            self._call(self._prctl, (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))

    def dies_with_parent(self):
        """Return whether it is killed when its parent dies."""
        signal_number = bytes(4)  # filled by the kernel
        if self._call is not None:
            self._call(self._prctl, (PR_GET_PDEATHSIG, signal_number, 0, 0, 0))
        return any(signal_number)


class Traces:
    """The work that user code leaves for Python's shutdown: exit handlers, threads, files that may have to be flushed.

    If there is none, the shutdown is not worth its milliseconds, nor the memory that a fork would stop sharing.
    """

    def __init__(self):
        """Made after ``site`` has run, and before modules are imported that may have exit handlers."""
        self._handlers = count_exit_handlers() + 1, _finalizers()  # one is the streams' handler
        self._descriptors = None

    def begin(self):
        """From now on, opened files are user code's."""
        self._descriptors = set(os.listdir("/proc/self/fd"))

    def are_none(self):
        return (
            (count_exit_handlers(), _finalizers()) == self._handlers
            and not count_threads()
            and self._descriptors.issuperset(os.listdir("/proc/self/fd"))
        )


def _finalizers():
    """Return how many objects ``weakref.finalize``, which has one exit handler for all, has to clean up at exit."""
    weakref = sys.modules.get("weakref")
    return 0 if weakref is None else len(weakref.finalize._registry)


def give_way():
    """Let the daemon, and so its clients, have the processor before user code: nice(2).

    If the kernel weighs sessions (autogroups, sched(7)), a session of its own would have the same share as the daemon.
    """
    try:
        os.nice(NICENESS)
    except OSError:
        pass
    weigh_session()


def weigh_session():
    """Give this process's session the same niceness."""
    try:
        with open("/proc/self/autogroup", "wb", 0) as file:
            file.write(b"%d" % NICENESS)
    # It does not weigh them, or another process without privileges has just done so: they may once in 0.1 s.
    except OSError:
        pass


class _Flags(tuple):
    """``sys.flags`` of a plain ``python``. Libraries pass the worker's own ``-S`` on to the processes they start."""

    def __new__(cls, flags):
        in_order = [item.partition("=")[0] for item in repr(flags).partition("(")[2][:-1].split(", ")]
        others = [name for name in dir(flags) if not name.startswith(("_", "n_")) and name not in ("count", "index")]
        values = {name: getattr(flags, name) for name in [*in_order, *others]}
        values["no_site"] = 0
        self = super().__new__(cls, [values[name] for name in in_order])
        self.__dict__.update(values)
        return self

    def __repr__(self):
        return "sys.flags(" + ", ".join(f"{name}={value!r}" for name, value in zip(self.__dict__, self)) + ")"


def set_up_site():
    """Do the work of Python between its start and a program's first line: paths, site, user site, ``.pth`` files."""
    path = os.environ.pop("INTERPRETERD_PYTHONPATH", None)
    import site  # before the flags that site reads are set: it would do its work now, and once more below

    if path is not None:
        os.environ["PYTHONPATH"] = path
        sys.path[:0] = path.split(os.pathsep)
    sys.flags = _Flags(sys.flags)
    try:
        site.main()
    except Exception as error:  # a .pth file of a package
        sys.stderr.write(f"interpreterd: site could not be set up: {type(error).__name__}: {error}\n")
    if not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, "")  # the current directory, as at Python's prompt
    sys.argv[:] = [""]
    if sys.version_info >= (3, 10):
        sys.orig_argv[:] = [sys.executable]
