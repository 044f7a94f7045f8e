"""A template: a process that imports modules once, and then forks a worker for each request, in a millisecond.

It must stay single-threaded and run no user code. For a request the daemon sends ``fork`` together with four
descriptors (SCM_RIGHTS, unix(7)): the new worker's channel, stdout, stderr and display pipe. The template answers
``forked`` with a pid, and ``reaped`` when that worker has ended, since only a parent learns its exit status.
"""

import _signal
import builtins
import gc
import os
import select
import sys

from worker.interpreter import ready

_FDS = 4
_SCM_RIGHTS_BYTES = 4 * _FDS
# With these, libraries do not start threads when they are imported; a thread does not survive a fork.
_SINGLE_THREADED = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# Modules that most code needs sooner or later, and those that show errors. Shared by all workers, they cost memory
# once. Without threading and modules that import it: its work after each fork would cost every worker 0.4 MB.
_COMMON = [
    "ast",
    "collections",
    "dataclasses",
    "datetime",
    "functools",
    "inspect",
    "io",
    "itertools",
    "json",
    "linecache",
    "math",
    "pathlib",
    "random",
    "re",
    "socket",
    "tempfile",
    "traceback",
    "typing",
]


def preload(names):
    """Import ``names``; return None, or the reason why one could not be imported."""
    ours = [name for name in _SINGLE_THREADED if name not in os.environ]
    os.environ.update(dict.fromkeys(ours, "1"))
    try:
        for name in (*_COMMON, *names):
            builtins.__import__(name)  # not the worker's own: a user's module may be called worker
    except BaseException as error:  # a module may do anything when it is imported
        return f"cannot import {name}: {type(error).__name__}: {error}"
    finally:
        for name in ours:
            os.environ.pop(name, None)
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        return f"the modules have started {threads - 1} threads, and a process with threads cannot be forked"
    return None


def serve(channel, channel_fd):
    """Fork workers until the daemon is gone. Returns in each child, with the fds of its channel and of its pipes.

    ``preload`` has imported ``socket``.
    """
    socket = sys.modules["socket"]
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    _signal.signal(_signal.SIGCHLD, _nothing)
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    _signal.set_wakeup_fd(wake_write)
    daemon = socket.socket(fileno=channel_fd)
    # Collected now and never again, so that the pages of existing objects stay shared with the children.
    gc.collect()
    gc.freeze()
    channel.send(ready())
    poll = select.poll()
    poll.register(wake_read, select.POLLIN)
    poll.register(channel_fd, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == wake_read:
                _drain(wake_read)
                _report_ended(channel)
                continue
            requests, fds = _receive(daemon, socket)
            if not requests:
                os._exit(0)  # the daemon is gone
            for position in range(0, len(fds), _FDS):
                own = fds[position : position + _FDS]
                try:
                    pid = os.fork()
                except OSError as error:  # no processes or no memory: the daemon reports it, and this process goes on
                    channel.send({"type": "failed", "reason": f"cannot fork: {error.strerror}"})
                    pid = None
                if pid == 0:
                    for other in (*[fd for fd in fds if fd not in own], wake_read, wake_write):
                        os.close(other)
                    _signal.set_wakeup_fd(-1)
                    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
                    daemon.detach()  # the caller closes it
                    os.setsid()
                    _reseed()
                    return own
                if pid:
                    channel.send({"type": "forked", "pid": pid})
                for given in own:
                    os.close(given)


def _receive(daemon, socket):
    """Return the bytes and the descriptors of the next requests."""
    try:
        data, control, _, _ = daemon.recvmsg(4096, socket.CMSG_SPACE(_SCM_RIGHTS_BYTES), socket.MSG_CMSG_CLOEXEC)
    except OSError:
        return b"", []
    fds = []
    for level, kind, payload in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds += [int.from_bytes(payload[i : i + 4], sys.byteorder) for i in range(0, len(payload) // 4 * 4, 4)]
    return data, fds


def _report_ended(channel):
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        returncode = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        channel.send({"type": "reaped", "pid": pid, "status": returncode})


def _reseed():
    """Give the child random numbers of its own; the standard library does so by itself."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _drain(fd):
    try:
        while os.read(fd, 4096):
            pass
    except BlockingIOError:
        pass


def _nothing(number, frame):
    """A handler, so that the signal is written to the wakeup descriptor."""
