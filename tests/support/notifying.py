"""A program whose connect(2) is answered by another process, as that of a confined worker is; and so is ``leave``.

    python notifying.py FD CODE

Its filter asks at a listener, which it sends over the socket ``FD``. What is let through there, Landlock judges: no TCP
port is allowed. Then it runs ``CODE``, which has ``attempt`` and ``say``.
"""

import asyncio
import contextlib
import ctypes
import os
import platform
import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable

SECCOMP, CONNECT, PRCTL = {"x86_64": (317, 42, 157), "aarch64": (277, 203, 167)}.get(platform.machine(), (0, 0, 0))
LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF = 444, 446
PR_SET_NO_NEW_PRIVS, PR_SET_CHILD_SUBREAPER = 38, 36
SET_MODE_FILTER, NEW_LISTENER = 1, 8
LOAD_NUMBER, LOAD_FIRST, LOAD_SECOND = ((0x20, 0, 0, at) for at in (0, 16, 24))  # <linux/filter.h>
USER_NOTIF, ALLOW = (0x06, 0, 0, 0x7FC00000), (0x06, 0, 0, 0x7FFF0000)
CONNECT_TCP = 2  # <linux/landlock.h>


def confine() -> int:
    """Let connect(2) be answered; return the listener."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    rules = struct.pack("=QQ", 0, CONNECT_TCP)
    ruleset = libc.syscall(LANDLOCK_CREATE_RULESET, rules, len(rules), 0)
    if ruleset < 0 or libc.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0) != 0:
        raise OSError(ctypes.get_errno(), "landlock")
    os.close(ruleset)
    leave = [LOAD_FIRST, (0x15, 0, 3, PR_SET_CHILD_SUBREAPER), LOAD_SECOND, (0x15, 0, 1, 0), USER_NOTIF]
    program = [LOAD_NUMBER, (0x15, 0, 1, CONNECT), USER_NOTIF, (0x15, 0, 5, PRCTL), *leave, ALLOW]
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    described = struct.pack("=H6xQ", len(program), ctypes.addressof(instructions))
    listener: int = libc.syscall(SECCOMP, SET_MODE_FILTER, NEW_LISTENER, described)
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return listener


def attempt(name: "tuple[str, int]", family: int = socket.AF_INET, *, wait: bool = True) -> "str | None":
    """Connect to ``name``; return the name of the error, or None."""
    with socket.socket(family) as connection:
        connection.setblocking(wait)
        try:
            connection.connect(name)
        except OSError as error:
            return type(error).__name__
        return None


def leave() -> bool:
    """Clear the flag of a subreaper; return whether that was possible."""
    return ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0


def say(*words: object) -> None:
    """Write a line for the test."""
    print(*words, flush=True)


async def until(holds: "Callable[[], object]") -> None:
    """Let the event loop turn until ``holds`` is true; the test's own limit ends it otherwise."""
    while not holds():  # noqa: ASYNC110 -- the code under test has no event for it
        await asyncio.sleep(0.001)


class Notifying:
    """The process, as its test sees it: ``pid``, and ``listener``, which the test's code takes over."""

    def __init__(self, process: asyncio.subprocess.Process, listener: int) -> None:
        self.pid, self.listener = process.pid, listener
        self.process = process

    async def line(self) -> str:
        """Return the next line that it says."""
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode().rstrip("\n")

    def tell(self, line: str = "") -> None:
        """Give it a line, for its ``input()``."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")

    async def rest(self) -> "list[str]":
        """Return all other lines that it says, when it has ended."""
        assert self.process.stdout is not None
        return (await self.process.stdout.read()).decode().splitlines()


@contextlib.asynccontextmanager
async def notifying(code: str, *fds: int) -> "AsyncIterator[Notifying]":
    """Yield a process that runs ``code``, with ``fds``; it ends with the block."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, __file__, str(theirs.fileno()), code),
            stdin=pipe,
            stdout=pipe,
            pass_fds=[theirs.fileno(), *fds],
        )
        try:
            theirs.close()
            ours.setblocking(False)
            loop, ready = asyncio.get_running_loop(), asyncio.Event()
            loop.add_reader(ours.fileno(), ready.set)
            await ready.wait()
            loop.remove_reader(ours.fileno())
            _, listeners, _, _ = socket.recv_fds(ours, 1, 1)
            ours.send(b"!")
            yield Notifying(process, listeners[0])
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            if process.stdin is not None:
                process.stdin.close()


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        given = confine()
        socket.send_fds(channel, [b"!"], [given])
        os.close(given)
        channel.recv(1)
    exec(
        compile(sys.argv[2], "<code>", "exec"), {"__name__": "__main__", "attempt": attempt, "leave": leave, "say": say}
    )
