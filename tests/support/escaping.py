"""Programs that try to get away from their context, and how to see that none has."""

import asyncio
import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

# Each of them, and whatever it starts, holds the witness open.
ESCAPES = {
    "a child": "if not os.fork():\n  while True: signal.pause()",
    "a shell's": "os.system('sleep 1000 & sleep 1000 &')",
    "nohup": "os.system('nohup sleep 1000 >/dev/null 2>&1 &')",
    "setsid": "subprocess.Popen(['setsid', 'sh', '-c', 'trap \"\" TERM INT HUP; sleep 1000; :'], pass_fds=[fd])",
    "a daemon": """
if not os.fork():
  os.setsid()
  if os.fork(): os._exit(0)
  for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
  os.chdir('/')
  os.closerange(0, 3)
  while True: signal.pause()""",
    "stopped": "if not os.fork():\n  while True: os.kill(os.getpid(), signal.SIGSTOP)",
    # It ends by itself after half a minute, should nobody catch it.
    "always another": """
if not os.fork():
  os.setsid()
  for _ in range(3_000):
    time.sleep(0.01)
    if os.fork(): os._exit(0)""",
}


class Witness:
    """A FIFO that sees processes which nobody knows: its end comes when the last one has ended that held it open.

    Attributes:
        hold: Python code that opens it, as ``fd``; who is started from then on inherits it.
    """

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.hold = f"fd = os.open({str(path)!r}, os.O_WRONLY); os.set_inheritable(fd, True); os.write(fd, b'x')"

    async def gone(self) -> None:
        """Wait until everyone has gone; somebody must have been there."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._fd, readable.set)
        try:
            seen = b""
            while data := await self._read(readable):
                seen += data
            assert seen
        finally:
            loop.remove_reader(self._fd)

    async def _read(self, readable: asyncio.Event) -> bytes:
        while True:
            await readable.wait()
            readable.clear()
            with contextlib.suppress(BlockingIOError):
                return os.read(self._fd, 1 << 16)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)


def escape(
    witness: Witness, afterwards: str = "while True: signal.pause()", kinds: Iterable[str] = tuple(ESCAPES)
) -> str:
    """Code that starts some of ``ESCAPES`` and prints its own pid."""
    head = f"import os, signal, subprocess, time\n{witness.hold}\n"
    return head + "\n".join(ESCAPES[kind] for kind in kinds) + f"\nprint(os.getpid(), flush=True)\n{afterwards}"
