"""The processes that an interrupt reaches besides the worker: those that the code waits for, as with ^C.

These are the processes in the worker's process group, except those that earlier executions have left. Children are
in that group unless they were started in the background on purpose (setsid, setpgid).
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Final, Self

from attrs import frozen

from interpreterd.processes.families import children
from interpreterd.processes.proc_stat import ARGUMENTS, GROUP, STARTED, named_stat, ticks_since_boot

# Python overlooks a signal that arrives just before a system call begins to wait, until another signal ends the call:
# one SIGINT in fifty was lost right after a print. The worker's handler of SIGCONT does nothing, so this signal has no
# other effect.
NUDGES_S: Final = (0.02, 0.2)
# When the processes that the code waits for are interrupted again, in parts of the grace: as a user presses ^C again.
AGAIN_AFTER: Final = (0.5, 0.7, 0.85)
# When the code is interrupted again: its handler of the first may wait for something that will not come.
WORKER_AGAIN_AFTER: Final = 0.85
BUDGET_S: Final = 0.005  # of this thread's processor time for a look: some 100 processes; the nearest come first
ROUNDS: Final = 8
YOUNG_TICKS: Final = 3  # mostly of 10 ms


@frozen
class _Member:
    """A process as proc(5) shows it.

    Attributes:
        key: Its pid and start time, which name one process for good.
        group: Its process group.
        image: Changes when the process executes another program.
    """

    key: tuple[int, int]
    group: int
    image: tuple[bytes, bytes]

    @classmethod
    def look(cls, pid: int) -> Self | None:
        """Return the process that has this pid now."""
        named = named_stat(pid)
        if named is None:
            return None
        name, fields = named
        return cls((pid, int(fields[STARTED])), int(fields[GROUP]), (name, fields[ARGUMENTS]))


class Foreground:
    """The process group of one worker."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._earlier: set[tuple[int, int]] = set()
        self._told: list[_Member] = []
        self._young = 0  # a process started at this tick or later may have missed the signal

    def begin(self, *, others: bool) -> None:
        """An execution begins; ``others`` says whether the worker already has children, which this execution did not
        start.
        """
        self._earlier = set()
        if others:
            self._earlier = {member.key for member in self._members()}

    def interrupt(self) -> None:
        """Send SIGINT to the processes that the running execution has started."""
        self._told = []
        self._young = ticks_since_boot() - YOUNG_TICKS
        until = time.thread_time() + BUDGET_S
        in_vain = 0
        for _ in range(ROUNDS):  # a process that forked just before it ended by SIGINT has left another one
            known = {member.key for member in self._told}
            new = [member for member in self._members() if member.key not in known]
            # One look may miss that: it is no longer among its parent's children, and was not yet among the worker's.
            in_vain = 0 if new else in_vain + 1
            if in_vain == 2:
                break
            self._told += [member for member in new if self._send(member)]
            if time.thread_time() > until:
                break

    def interrupt_late(self) -> None:
        """Send SIGINT to processes that may have lost theirs, because they were being forked or have executed another
        program.

        Python forgets the signals that a child gets before it returns from the fork.
        """
        looks = [(member, _Member.look(member.key[0])) for member in self._told]
        self._told = [now for member, now in looks if now is not None and now.key == member.key]
        images = {member.key: member.image for member, _ in looks}
        for member in self._told:
            if member.image != images[member.key] or member.key[1] >= self._young:
                self._send(member)

    def interrupt_again(self) -> None:
        """Send SIGINT once more to the processes that are still there: a pool begins its next task after the first
        SIGINT.
        """
        self._told = [member for member in self._told if self._send(member)]

    def _members(self) -> list[_Member]:
        """Return the processes below the worker in its group, except the earlier ones and their descendants."""
        found: list[_Member] = []
        until = time.thread_time() + BUDGET_S
        level = [self._pid]
        while level:
            below = []
            for parent in level:
                for pid in children(parent, until):
                    if time.thread_time() > until:
                        return found
                    member = _Member.look(pid)
                    if member is not None and member.key not in self._earlier:
                        below.append(pid)
                        if member.group == self._pid:
                            found.append(member)
            level = below
        return found

    def _send(self, member: _Member) -> bool:
        """Send SIGINT to this process, but not to another that has its pid by now; return whether it was there."""
        with contextlib.suppress(OSError):
            pidfd = os.pidfd_open(member.key[0])
            try:
                now = _Member.look(member.key[0])
                if now is not None and (now.key, now.group) == (member.key, self._pid):
                    signal.pidfd_send_signal(pidfd, signal.SIGINT)
                    return True
            finally:
                os.close(pidfd)
        return False


def _nobody(number: signal.Signals) -> None:
    pass


class Interrupts:
    """Interrupts executions of one worker."""

    def __init__(self, pid: int, send: Callable[[signal.Signals], None]) -> None:
        """``send`` sends the worker a signal, if it is alive."""
        self._pid = pid
        self._send = send
        self._foreground = Foreground(pid)
        self._children = False
        self._again: list[asyncio.TimerHandle] = []

    def begin_execution(self) -> None:
        """An execution begins; processes that run at this moment are not its own."""
        self._foreground.begin(others=self._children)

    def end_execution(self, *, children: bool) -> None:
        """The execution has ended, and is interrupted no more; ``children`` says whether the worker has child
        processes.
        """
        self._children = children
        for timer in self._again:
            timer.cancel()
        self._again = []

    def end(self) -> None:
        """The worker has ended; no process gets a signal any more."""
        self.end_execution(children=False)
        self._send = _nobody  # breaks a cycle: the function keeps the worker, and the worker this object

    def begin(self, grace_s: float) -> None:
        """Interrupt the running execution, and again during ``grace_s``.

        The worker is first, so that the code learns of the interrupt before it learns of its child's end.
        """
        self.end_execution(children=self._children)
        self._interrupt_worker()
        self._foreground.interrupt()
        loop = asyncio.get_running_loop()
        for after_s in NUDGES_S:
            loop.call_later(after_s, self._send, signal.SIGCONT)
            loop.call_later(after_s, self._foreground.interrupt_late)
        self._again = [loop.call_later(part * grace_s, self._foreground.interrupt_again) for part in AGAIN_AFTER]
        self._again.append(loop.call_later(WORKER_AGAIN_AFTER * grace_s, self._interrupt_worker))

    def _interrupt_worker(self) -> None:
        """Send SIGINT; if the worker ignores it before or after that, also SIGURG, which raises KeyboardInterrupt.

        SIGURG takes effect when a call returns that ignores SIGINT while it waits, such as system(3).
        """
        ignored = ignores_interrupts(self._pid)
        self._send(signal.SIGINT)
        if ignored or ignores_interrupts(self._pid):
            self._send(signal.SIGURG)


def ignores_interrupts(pid: int) -> bool:
    """Return whether a process ignores SIGINT now; system(3) makes its caller ignore it while it waits."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", "rb") as file:
        for line in file:
            if line.startswith(b"SigIgn:"):
                return bool(int(line.split()[1], 16) >> (signal.SIGINT - 1) & 1)
    return False
