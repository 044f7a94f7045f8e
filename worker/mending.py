"""A copy of a process works without what it has lost, and leaves alone what is the original's."""

import os
import sys

from worker.carrying import temporary_directories
from worker.open_files import descriptors, is_read_only, reopen

_LOST = "it did not come along when the context was forked"


def mend(cells, channel_fd, loops, executors, purpose):
    """Mend everything that the modules of the standard library keep. Raises nothing."""
    steps = [
        (_own_positions, (channel_fd,)),
        (_mend_multiprocessing, ()),
        *((_mend_executor, (it,)) for it in executors),
    ]
    steps += [(refresh, (loop,)) for loop in loops]
    if purpose == "fork":  # otherwise this takes the place of the original
        steps.append((_leave_temporary_files, ()))
    for step, arguments in steps:
        try:
            step(*arguments)
        except Exception:  # user code has broken what this changes
            pass
    cells.be_copied()


def _own_positions(channel_fd):
    """Have positions of one's own in files that are only read."""
    import stat

    for fd, status, target in list(descriptors(channel_fd)):
        if stat.S_ISREG(status.st_mode) and not target.startswith("/memfd:") and is_read_only(fd):
            try:
                reopen(fd)
            except OSError:
                pass


def _mend_multiprocessing():
    """Forget the original's children, and the servers that it has started."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None:
        process._children = set()  # at its exit, this process would end them
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util._run_after_forkers()
    server = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    if server is not None and server._forkserver_pid is not None:
        os.close(server._forkserver_alive_fd)
        server._forkserver_address = server._forkserver_alive_fd = server._forkserver_pid = None
    tracker = getattr(sys.modules.get("multiprocessing.resource_tracker"), "_resource_tracker", None)
    if tracker is not None and tracker._fd is not None:
        os.close(tracker._fd)
        tracker._fd = tracker._pid = None


def _mend_executor(executor):
    """Let an executor of threads start others; all others are broken, and say so."""
    import threading

    if hasattr(executor, "_idle_semaphore"):
        waiting, executor._work_queue = executor._work_queue, type(executor._work_queue)()
        executor._threads = set()
        executor._idle_semaphore = threading.Semaphore(0)
        executor._shutdown_lock = threading.Lock()
        _cancel(waiting)
    elif hasattr(executor, "_shutdown_lock"):
        executor._shutdown_lock = threading.Lock()
        executor._broken = f"the pool of processes is broken: {_LOST}"
        sys.modules["concurrent.futures.process"]._threads_wakeups.clear()
    else:
        executor._state = "TERMINATE"


def _cancel(queue):
    """Cancel the work that waits for a thread: it is done in the original."""
    import threading

    while True:
        try:
            item = queue.get_nowait()
        except Exception:  # it is empty
            return
        if item is not None:
            item.future._condition = threading.Condition()  # a thread that does not exist may have the former
            item.future.cancel()


def _leave_temporary_files():
    """Leave temporary files and directories to the original, which removes them."""
    for finalizer, _ in temporary_directories(sys.modules.get("weakref")):
        finalizer.detach()
    tempfile = sys.modules.get("tempfile")
    closer = getattr(tempfile, "_TemporaryFileCloser", None)
    if closer is not None:
        _spare_inherited(closer)


def _spare_inherited(closer):
    """Let the class ``closer`` of files that are deleted when they are closed delete only those of this process."""
    own = set()
    make, names = closer.__init__, [name for name in ("close", "cleanup") if name in vars(closer)]

    def __init__(self, *arguments, **options):
        make(self, *arguments, **options)
        own.add(id(self))

    closer.__init__ = __init__
    for name in names:
        _wrap(closer, name, own)


def _wrap(closer, name, own):
    original = getattr(closer, name)

    def wrapped(self, *arguments, **options):
        if id(self) not in own:
            self.delete = False
        return original(self, *arguments, **options)

    setattr(closer, name, wrapped)


def refresh(loop):
    """Give an event loop descriptors of its own: those that it has are the original's, too. Raises AttributeError."""
    import select
    import socket

    selector, ends = loop._selector, (loop._ssock, loop._csock)
    for end, new in zip(ends, socket.socketpair()):
        new.setblocking(False)
        os.dup2(new.fileno(), end.fileno(), False)
        new.close()
    poll = select.epoll()
    os.dup2(poll.fileno(), selector.fileno(), False)
    poll.close()
    for key in list(selector.get_map().values()):
        events = (select.EPOLLIN if key.events & 1 else 0) | (select.EPOLLOUT if key.events & 2 else 0)
        selector._selector.register(key.fd, events)
