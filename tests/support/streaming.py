"""Streams whose every byte is checked, with a client that controls when and how much it reads.

Plain functions, for the suite (megabytes) and for a soak run (gigabytes): ``stream`` makes a program write and returns
figures, or raises ``AssertionError`` with the first place where the received text differs from the written text.
"""

import asyncio
import os
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import frozen
from harness import PREFIX
from reading import Reader

# The program writes blocks: a number, then numbered lines. So every lost, doubled or swapped byte or block is
# visible. Wide blocks hold characters of two, three and four bytes, which reads cut.
HEAD_CHARS: Final = 16
NARROW: Final = "".join(f"{number:08x} {'.' * 22}\n" for number in range(2047))
WIDE: Final = "".join(f"{number:08x} é日👋{'.' * 10}\n" for number in range(2047))
PROGRAM: Final = """
import os, sys
print(os.getpid())
blocks = (f"{{number:015d}}\\n" + {filler!r} for number in range({count}))
"""
IN_BLOCKS: Final = "for block in blocks: sys.stdout.write(block)"
IN_ONE_PRINT: Final = "print(''.join(blocks), end='')"
WRITE_CALL: Final = {"x86_64": "1", "aarch64": "64"}[os.uname().machine]  # <asm/unistd.h>


@frozen(kw_only=True)
class Manner:
    """How a client reads.

    Attributes:
        piece_bytes: The most that it takes from its socket at once.
        buffer_bytes: Size of its receive buffer (SO_RCVBUF, socket(7)); 0 for a buffer that grows to megabytes.
        pauses: How often it stops until the program waits in write(2), spread evenly over the stream.
        pause_s: Extra length of each pause, in seconds.
    """

    piece_bytes: int = 1 << 18
    buffer_bytes: int = 0
    pauses: int = 0
    pause_s: float = 0.0


AT_FULL_SPEED: Final = Manner()
WITH_PAUSES: Final = Manner(buffer_bytes=1 << 14, pauses=3)
IN_SIPS: Final = Manner(piece_bytes=1 << 10, buffer_bytes=1 << 12)


@frozen(kw_only=True)
class Figures:
    """The figures of a stream.

    Attributes:
        size: Written text, in bytes of UTF-8.
        seconds: Time from the connection to its close.
        grown_bytes: Growth of the daemon's resident memory, from before the stream to its peak.
    """

    size: int
    seconds: float
    grown_bytes: int

    def __str__(self) -> str:
        size, kib = self.size / 1e6, self.grown_bytes >> 10
        return f"{size:.0f} MB in {self.seconds:.1f} s, {size / self.seconds:.0f} MB/s, grown by {kib} KiB"


async def stream(
    url: str,
    daemon_pid: int,
    size: int,
    manner: Manner,
    *,
    filler: str = WIDE,
    how: str = IN_BLOCKS,
    context: str | None = None,
) -> Figures:
    """Let a program in ``context`` write ``size`` bytes, rounded down to blocks; read and check all of them.

    Raises:
        AssertionError: The text differs from the written text, or the execution has another outcome.
        EOFError, OSError: The connection ended, or nothing came for ``HANG_S``.
    """
    block_bytes = HEAD_CHARS + len(filler.encode())
    count = max(size // block_bytes, 1)
    code = PROGRAM.format(filler=filler, count=count) + how
    check = Check(filler)
    forget_peak(daemon_pid)
    before, start = memory_bytes(daemon_pid), time.monotonic()
    with Reader(url, piece_bytes=manner.piece_bytes, buffer_bytes=manner.buffer_bytes) as reader:
        reader.send({"code": code, "contextId": context, "timeout": 0})
        line, rest = await asyncio.to_thread(reader.first_line)
        check.feed(rest)
        for pause in range(manner.pauses):
            await asyncio.to_thread(_read, reader, check, count * pause // manner.pauses)
            await waits_in_write(int(line), url)
            await asyncio.sleep(manner.pause_s)
        messages = await asyncio.to_thread(_read, reader, check, None)
    assert messages == [{"type": "control", "text": "completed"}], messages
    assert reader.close_code == 1000, (reader.close_code, reader.close_reason)
    assert check.count == count, f"{check.count} blocks of {count}"
    grown_bytes = memory_bytes(daemon_pid, "VmHWM") - before
    return Figures(size=count * block_bytes, seconds=time.monotonic() - start, grown_bytes=grown_bytes)


class Check:
    """Compares received text with the written text.

    Attributes:
        count: Number of correct blocks so far.
    """

    def __init__(self, filler: str) -> None:
        self.count = 0
        self._filler = filler
        self._pieces: list[str] = []
        self._chars = 0

    def feed(self, text: str) -> None:
        """Take the next piece. Raises ``AssertionError`` if a block differs."""
        self._pieces.append(text)
        self._chars += len(text)
        size = HEAD_CHARS + len(self._filler)
        if self._chars < size:
            return
        unread = "".join(self._pieces)
        start = 0
        while len(unread) - start >= size:
            head = f"{self.count:015d}\n"
            if not (unread.startswith(head, start) and unread.startswith(self._filler, start + HEAD_CHARS)):
                raise AssertionError(self._difference(unread[start : start + size]))
            self.count += 1
            start += size
        self._pieces = [unread[start:]]
        self._chars -= start

    def end(self) -> None:
        """Check that only whole blocks came. Raises ``AssertionError``."""
        assert not self._chars, f"{self._chars} characters after block {self.count}: {''.join(self._pieces)[:100]!r}"

    def _difference(self, came: str) -> str:
        expected = f"{self.count:015d}\n{self._filler}"
        place = next(place for place, (one, other) in enumerate(zip(came, expected, strict=True)) if one != other)
        return f"block {self.count} differs at {place}: {came[place:][:40]!r}, not {expected[place:][:40]!r}"


def _read(reader: "Reader", check: Check, count: int | None) -> list[dict[str, Any]]:
    """Read ``count`` blocks, or to the end; return the messages that are not output."""
    messages = []
    while count is None or check.count < count:
        message = reader.receive()
        if message is None:
            check.end()
            break
        if message["type"] == "stdout":
            assert message.keys() == {"type", "text"}, message.keys()
            check.feed(message["text"])
        else:
            messages.append(message)
    return messages


# Linux's facts about processes (proc(5))


def memory_bytes(pid: int, name: str = "VmRSS") -> int:
    """Return ``VmRSS``, the resident memory of ``pid``, or ``VmHWM``, its peak since ``forget_peak``."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) << 10
    raise LookupError(name)


def forget_peak(pid: int) -> None:
    """Reset ``VmHWM``."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


async def waits_in_write(pid: int, url: str) -> None:
    """Return once ``pid`` sleeps in write(2) and the daemon at ``url`` does not read what it wrote.

    The daemon's loop polls all of its pipes before or while it answers a request, and a read wakes the writer. So a
    writer that sleeps during a whole request and its answer is not being read.
    """
    while True:
        before = _call_and_sleeps(pid)
        await _answer(url)
        if before[0] == WRITE_CALL and before == _call_and_sleeps(pid):
            return


async def _answer(url: str) -> None:
    """Send a request to the daemon and read the answer."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(f"GET {PREFIX}/context HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: close\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    finally:
        writer.close()


def _call_and_sleeps(pid: int) -> tuple[str, str]:
    """Return the system call that ``pid`` sleeps in, or "running", and how often it has gone to sleep."""
    call = Path(f"/proc/{pid}/syscall").read_text().split()[0]
    status = Path(f"/proc/{pid}/status").read_text()
    return call, status.partition("\nvoluntary_ctxt_switches:")[2].split()[0]


# A client
