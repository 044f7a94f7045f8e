"""System calls that wait for the daemon's answer: seccomp's user notification, seccomp_unotify(2).

A process whose filter answers a call by SECCOMP_RET_USER_NOTIF stands still in it until the holder of the filter's
listener, a descriptor, says how the call ends. The caller may be killed or interrupted at any moment: then its call is
gone, and an answer to it has no effect.
"""

import errno
import fcntl
import os
import struct
from typing import Final, NamedTuple, Self

_RECV: Final = 0xC0502100  # <linux/seccomp.h>, where the direction of an ioctl has the usual two bits
_SEND: Final = 0xC0182101
_ID_VALID: Final = 0x40082102
_ADDFD: Final = 0x40182103
_CALL: Final = struct.Struct("=QII iIQ 6Q")  # seccomp_notif: id, pid, flags; seccomp_data: nr, arch, ip, args
_ANSWER: Final = struct.Struct("=QqiI")  # seccomp_notif_resp: id, val, error, flags
_DESCRIPTOR: Final = struct.Struct("=QIIII")  # seccomp_notif_addfd: id, flags, srcfd, newfd, newfd_flags
_CONTINUE: Final = 1
_SETFD: Final = 1
_GONE: Final = (errno.ENOENT, errno.EINPROGRESS, errno.EINTR)  # it was interrupted, or has its answer


class HeldCall(NamedTuple):
    """A call that waits for its answer.

    Attributes:
        number: Names it for as long as it waits, at its listener.
        thread: The calling thread, as the daemon's pid namespace numbers it; 0 if it is not in there.
        arguments: Of the call, as the caller has put them into registers.
        kind: Its number in the kernel's table of system calls.
    """

    number: int
    thread: int
    arguments: tuple[int, ...]
    kind: int = -1


class CallListener:
    """The descriptor at which calls arrive. Once it is closed, all its methods say that there is no call.

    A process that makes such a call after that gets ENOSYS, as do those that wait.
    """

    def __init__(self, fd: int) -> None:
        """Take over ``fd``."""
        self._fd = fd

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether ``close`` has been called."""
        return self._fd < 0

    def fileno(self) -> int:
        """Return the descriptor: readable when a call waits, and hung up when no process has the filter any more."""
        return self._fd

    def close(self) -> None:
        """Answer no more. Repeating it changes nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def receive(self) -> HeldCall | None:
        """Return the next call that waits; None if its caller has gone.

        Does not block if poll(2) has just said that the listener is readable. Raises OSError if it is no listener.
        """
        buffer = bytearray(_CALL.size)
        if not self._ask(_RECV, buffer):
            return None
        number, thread, _, kind, _, _, *arguments = _CALL.unpack(buffer)
        return HeldCall(number, thread, tuple(arguments), kind)

    def is_waiting(self, call: HeldCall) -> bool:
        """Return whether ``call`` still waits: if so, all that was read of its ``thread`` before was the caller's."""
        return self._ask(_ID_VALID, struct.pack("=Q", call.number))

    def let_through(self, call: HeldCall) -> bool:
        """Let the kernel make ``call``, with what is in the caller's memory by then; return whether it still waited.

        So no check of the daemon's counts for it: the other layers judge it as if there were no listener.
        """
        return self._ask(_SEND, _ANSWER.pack(call.number, 0, 0, _CONTINUE))

    def answer(self, call: HeldCall, error: int = 0) -> bool:
        """End ``call`` with 0, or with ``error``, an errno; return whether it still waited."""
        return self._ask(_SEND, _ANSWER.pack(call.number, 0, -error, 0))

    def put(self, call: HeldCall, source: int, target: int, flags: int) -> bool:
        """Put a copy of the daemon's descriptor ``source`` in the place of the caller's ``target``.

        Returns whether ``call`` still waited; it goes on waiting. ``flags`` are those of the new descriptor: O_CLOEXEC
        or 0. Raises OSError if the caller cannot have it.
        """
        return self._ask(_ADDFD, _DESCRIPTOR.pack(call.number, _SETFD, source, target, flags))

    def _ask(self, request: int, argument: "bytes | bytearray") -> bool:
        if self._fd < 0:
            return False
        try:
            fcntl.ioctl(self._fd, request, argument)
        except OSError as error:
            if error.errno in _GONE:
                return False
            raise
        return True
