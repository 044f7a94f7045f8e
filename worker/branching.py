"""Forks this worker between two executions. Each copy goes on as a worker of its own, or waits, parked.

    daemon                        worker                     middle               copy
    branch                  ─►    forks the middle
                            ◄─    branching
    giving, 4 descriptors   ─►                               forks a copy
                            ◄─                                                    ready, on a channel of its own
    leave                   ─►                                                    tells the worker, by a pipe
                                  kills and reaps the middle
                            ◄─    branched

The copies are to be children of the daemon, so their parent has to end: that is the middle. The worker adopts no
orphans at that moment. At every moment a copy is known to the daemon, or below a process that is known: see
``moving.py`` of the daemon. The middle takes the descriptors, so that the worker itself needs room for none of them.
"""

import _signal
import gc
import os
from time import sleep

from worker import orphans, system
from worker.channel import ChannelLost
from worker.interpreter import ready
from worker.receiving import Receiver
from worker.reseeding import kept, put_back, reseed
from worker.splitting import new_fork
from worker.unseen import unseen

_SIGNALS = _signal.valid_signals()
_FAILED = 0x80
_LOOK_S = 0.1
_EX_SOFTWARE = 70  # <sysexits.h>


class Parked:
    """What a copy that is parked has to put back in the copies that are made of it.

    Attributes:
        collects: Whether the garbage collector is on in code; None if nothing is parked.
    """

    collects = None


def branch(message, interpreter):
    """Make the copies that ``message`` wants, and answer; or become one of them.

    No handler of user code runs in the midst: signals wait until the end. An exception of a handler is ignored, as
    between executions.
    """
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, _SIGNALS)
    try:
        _branch(message, interpreter)
    finally:
        while True:
            try:
                _signal.pthread_sigmask(_signal.SIG_SETMASK, before)
                break
            except BaseException:
                pass


def _branch(message, interpreter):
    from worker.carrying import Losses

    losses = Losses(interpreter)
    lost = losses.found()
    if not message["copies"]:  # it is only asked
        interpreter.channel.send({"type": "branched", "id": message["id"], "lost": lost})
        return
    if message["strict"] and lost:
        interpreter.channel.send({"type": "branched", "id": message["id"], "lost": lost, "refused": True})
        return
    interpreter.streams.flush()
    collects = gc.isenabled() if Parked.collects is None else Parked.collects
    gc.disable()  # it writes to objects, and so to pages that are shared
    restore_limit = _lift_limit()
    try:
        _Branching(message, interpreter, losses, lost, collects).run()
    finally:
        restore_limit()
        if collects and Parked.collects is None:
            gc.enable()


def _lift_limit():
    """Allow as many descriptors as code may have: its limit may be below the worker's own. Return what undoes that."""
    resource = unseen("resource")
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return lambda: None
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, before)


class _Branching:
    """One request for copies."""

    def __init__(self, message, interpreter, losses, lost, collects):
        self._message = message
        self._interpreter = interpreter
        self._channel = interpreter.channel
        self._losses = losses
        self._lost = lost
        self._collects = collects
        self._worker = os.getpid()
        self._dies = interpreter.library.dies_with_parent()
        self._random = None if message["purpose"] == "fork" else kept()
        self._told_fd = self._tell_fd = None

    def run(self):
        """Return in the worker when all is over, and in each copy."""
        failure = None
        try:
            receiver = Receiver(self._channel.fd)
            fork = new_fork()
            self._losses.prepare()
            self._told_fd, self._tell_fd = os.pipe()
            middle = fork.begin()
            if middle == 0:
                self._be_middle(receiver, fork)
                return
            failure = self._supervise(middle)
            if failure is None and self._message["purpose"] == "fork":
                self._part(False)
        except OSError as error:  # no processes, no memory, no descriptors
            failure = f"cannot fork: {error.strerror}"
        except ChannelLost:
            raise
        except Exception as error:  # no memory; a module of the standard library that is missing
            failure = f"cannot fork: {error or type(error).__name__}"
        finally:
            if os.getpid() == self._worker:
                self._close()
        done = {"type": "branched", "id": self._message["id"]}
        if failure is not None:
            done["failed"] = failure
        self._channel.send(done)

    def _supervise(self, middle):
        """Wait for the copies, in the worker; return why it has failed, or None."""
        try:
            os.close(self._tell_fd)
            self._tell_fd = None
            self._channel.send({"type": "branching", "id": self._message["id"], "pid": middle, "lost": self._lost})
            left = 0
            while left < self._message["copies"]:
                told = os.read(self._told_fd, 64)
                if not told:
                    return "a copy has ended before it could work"
                for byte in told:
                    if byte & _FAILED:
                        return f"cannot fork: {os.strerror(byte & ~_FAILED)}"
                left += len(told)
            return None
        finally:
            self._end(middle)

    def _end(self, middle):
        """Kill the middle; its children become the daemon's."""
        library = self._interpreter.library
        try:
            library.become_subreaper(False)
            os.kill(middle, _signal.SIGKILL)
            os.waitpid(middle, 0)
        except (ProcessLookupError, ChildProcessError):  # a thread of user code has reaped it
            pass
        finally:
            library.become_subreaper()

    def _close(self):
        for fd in (self._told_fd, self._tell_fd):
            if fd is not None:
                os.close(fd)
        self._told_fd = self._tell_fd = None

    def _be_middle(self, receiver, fork):
        """Fork the copies, and wait to be killed. Return in the copies."""
        try:
            for number in range(self._message["copies"]):
                given = receiver.receive()
                if given is None:  # the daemon is gone, or gives up
                    break
                middle = os.getpid()
                try:
                    copy = fork.again()
                except OSError as error:  # the worker tells it, and ends this process: copies wait for that
                    os.write(self._tell_fd, bytes([_FAILED | error.errno & ~_FAILED]))
                    break
                if copy == 0:
                    self._be_copy(given, middle, number)
                    return
                for fd in given:
                    os.close(fd)
            os.close(self._tell_fd)
            while os.getppid() == self._worker:  # which kills this process, unless it is killed itself
                sleep(_LOOK_S)
        except BaseException:
            os._exit(_EX_SOFTWARE)
        os._exit(0)

    def _be_copy(self, given, middle, number):
        """Become a worker on the descriptors ``given``, and wait until the daemon knows this process."""
        from worker.adopting import adopt, change_directory

        message, interpreter = self._message, self._interpreter
        os.setsid()
        os.close(self._told_fd)
        self._told_fd = None
        self._losses.mend(message["purpose"])
        reseeded = self._settle_random_state()
        adopt(interpreter, given)
        interpreter.be_copied()
        if "cwds" in message:
            change_directory(interpreter, message["cwds"][number])
        interpreter.library.become_subreaper()
        orphans.current.begin()
        system.weigh_session()
        self._part(True)
        try:
            self._channel.send({**ready(interpreter.streams.secret), "reseeded": reseeded})
            if self._channel.receive()["type"] != "leave":
                os._exit(_EX_SOFTWARE)
        except ChannelLost:
            os._exit(0)
        os.write(self._tell_fd, b"1")
        self._close()
        if self._dies:
            while os.getppid() == middle:  # the signal for a parent's death would come from that one, too
                sleep(0.0002)
            interpreter.library.die_with_parent()
        is_parked = message["purpose"] == "checkpoint"
        Parked.collects = self._collects if is_parked else None

    def _part(self, is_copy):
        """Keep an isolated copy, or the worker, from the others. Raises OSError, ImportError."""
        if "part" in self._message:
            from worker.parting import part

            part(self._message["part"], is_copy)

    def _settle_random_state(self):
        """Return the names of what has been seeded anew: a fork goes its own way, a checkpoint keeps the state."""
        if self._message["purpose"] == "fork":
            return reseed()
        put_back(self._random)
        return []
