"""Processes that the worker has adopted: it is a subreaper, and so has to reap them as init does.

User code itself has to wait for the children that it has started, and the kernel does not tell the two apart. So each
way in which Python starts a process is noted: ``os.fork`` and ``os.forkpty``, ``os.posix_spawn``, and the functions
that ``subprocess`` and ``multiprocessing`` use. If it is not clear which child was started, all present children count
as user code's. Only a child that C code starts, and waits for in a later execution, is mistaken for an adopted one once
it has ended.
"""

import os
import sys
from _thread import get_ident

current = None  # this worker's Orphans, for modules that are made later


class Orphans:
    """``begin()`` makes this the process that adopts; before that, and in forked children, nothing has an effect."""

    def __init__(self, has_children):
        """``has_children()`` says whether the process has any."""
        self._has_children = has_children
        self._pid = None
        self._own = set()  # started by user code, until they are gone
        self._forking = {}  # by thread: the children before the fork, or None if the new one's pid will be known
        os.register_at_fork(before=self._before_fork, after_in_parent=self._after_fork)
        for module in (sys.modules["os"], sys.modules["posix"]):  # not the copies that this module sees
            self._record(module, "posix_spawn")
            self._record(module, "posix_spawnp")
        if "_posixsubprocess" in sys.builtin_module_names:  # calling it costs nothing then; hooks are for files
            __import__("_posixsubprocess")

    def hook_subprocess(self, module):
        """Note the processes that ``_posixsubprocess`` starts, for every caller."""
        self._record(module, "fork_exec")

    def begin(self):
        self._pid = os.getpid()
        self._own, self._forking = set(), {}

    def reap(self):
        """Reap adopted children that have ended; return whether there are children at all. Raises nothing."""
        if os.getpid() != self._pid:
            return False
        own = set(self._own)
        if not self._has_children():
            self._own -= own
            return False
        try:
            if os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                self._reap(own)
        except OSError:  # no descriptor left to look with, or user code has waited for the last child meanwhile
            pass
        return True

    def _reap(self, own):
        if get_ident() in self._forking:  # an interrupt came before it was noted
            self._own_all_but(set())
        elif not self._forking:  # a thread's child, which is not noted yet
            children = children_now()
            for pid in children - self._own:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass
            self._own -= own - children  # not those that were started meanwhile

    def _own_all_but(self, others):
        """Let all children except ``others`` count as user code's. Raises OSError; the next ``reap`` then does it."""
        self._own |= children_now() - others
        del self._forking[get_ident()]

    def _before_fork(self):
        if os.getpid() == self._pid and get_ident() not in self._forking:  # otherwise it comes through fork_exec
            self.reap()
            self._forking[get_ident()] = set()
            try:
                self._forking[get_ident()] = children_now()
            except OSError:  # no descriptor left to look with
                pass

    def _after_fork(self):
        if os.getpid() == self._pid:
            before = self._forking.get(get_ident())
            if before is not None:
                try:
                    self._own_all_but(before)
                except OSError:
                    pass

    def _record(self, module, name):
        """Make ``module``'s function ``name``, which returns a pid, note that pid."""
        start = getattr(module, name, None)
        if start is None:
            return

        def recording(*args, **keys):
            if os.getpid() != self._pid:
                return start(*args, **keys)
            self.reap()
            self._forking[get_ident()] = None
            try:
                pid = start(*args, **keys)
                self._own.add(pid)
            except BaseException:  # no process was started, or one was, and an interrupt came before it was noted
                try:
                    self._own_all_but(set())
                except OSError:
                    pass
                raise
            self._forking.pop(get_ident(), None)
            return pid

        recording.__name__ = recording.__qualname__ = name
        recording.__doc__, recording.__module__ = start.__doc__, start.__module__
        recording.__text_signature__ = getattr(start, "__text_signature__", None)
        setattr(module, name, recording)


def children_now():
    """Return the pids of all children, ended or not."""
    found = set()
    for thread in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{thread}/children", "rb", 0) as file:
                found.update(map(int, file.read().split()))
        except FileNotFoundError:  # the thread has ended, or the kernel has no such file: then nothing is reaped
            pass
    return found
