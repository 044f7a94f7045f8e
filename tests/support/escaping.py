"""Programs that try to escape from their context, and a witness that sees when all of them have ended."""

import asyncio
import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

# Each program and all of its children hold the witness open.
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
    # It ends by itself after half a minute if it is not caught.
    "always another": """
if not os.fork():
  os.setsid()
  for _ in range(3_000):
    time.sleep(0.01)
    if os.fork(): os._exit(0)""",
}


class Witness:
    """A FIFO that processes with unknown pids hold open: EOF comes when the last of them has ended.

    Attributes:
        hold: Python code that opens the FIFO as ``fd``. Children started later inherit it.
    """

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.hold = f"fd = os.open({str(path)!r}, os.O_WRONLY); os.set_inheritable(fd, True); os.write(fd, b'x')"

    async def gone(self) -> None:
        """Wait until all holders have ended. At least one must have existed."""
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
        """Close the FIFO."""
        os.close(self._fd)


def escape(
    witness: Witness, afterwards: str = "while True: signal.pause()", kinds: Iterable[str] = tuple(ESCAPES)
) -> str:
    """Return code that starts some of ``ESCAPES`` and prints its own pid."""
    head = f"import os, signal, subprocess, time\n{witness.hold}\n"
    return head + "\n".join(ESCAPES[kind] for kind in kinds) + f"\nprint(os.getpid(), flush=True)\n{afterwards}"
