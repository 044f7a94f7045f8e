"""No byte of output is lost, reordered within its stream or forged, whoever writes and however a client reads."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from contract import COMPLETED, error
from harness import Client, Daemon, gone
from streaming import (
    AT_FULL_SPEED,
    IN_ONE_PRINT,
    IN_SIPS,
    NARROW,
    WIDE,
    WITH_PAUSES,
    Check,
    Manner,
    Reader,
    stream,
    waits_in_write,
)

MB = 1_000_000
MIB = 1 << 20
DEATHS = {
    "exit status 3": "os._exit(3)",
    "killed by SIGKILL": "os.kill(os.getpid(), 9)",
    "killed by SIGSEGV": "import ctypes; ctypes.string_at(0)",
}


def read_all(reader: Reader) -> list[dict[str, Any]]:
    """Read to the close; return the messages."""
    messages = []
    while (message := reader.receive()) is not None:
        messages.append(message)
    return messages


def text_of(messages: list[dict[str, Any]], *streams: str) -> str:
    """The output of ``streams``, as it came."""
    return "".join(message["text"] for message in messages if message["type"] in streams)


# However a client reads


@pytest.mark.parametrize(
    ("manner", "size"),
    [(AT_FULL_SPEED, 24 * MB), (WITH_PAUSES, 24 * MB), (IN_SIPS, 8 * MB)],
    ids=["full speed", "pauses", "sips"],
)
async def test_a_stream(daemon: Daemon, manner: Manner, size: int) -> None:
    await stream(daemon.url, daemon.pid, size, manner)


async def test_a_hundred_megabytes_in_one_print(daemon: Daemon) -> None:
    await stream(daemon.url, daemon.pid, 100 * MB, AT_FULL_SPEED, filler=NARROW, how=IN_ONE_PRINT)


def test_the_check_of_a_stream_sees_what_is_wrong() -> None:
    blocks = [f"{number:015d}\n{WIDE}" for number in range(3)]
    whole = "".join(blocks)
    Check(WIDE).feed(whole)
    for wrong in (blocks[1], blocks[0] + blocks[2], whole[:70_000] + whole[70_001:], whole.replace("👋", "\ufffd", 1)):
        with pytest.raises(AssertionError, match="differs at"):
            Check(WIDE).feed(wrong + whole)
    check = Check(WIDE)
    check.feed(whole[:-1])
    with pytest.raises(AssertionError, match="after block 2"):
        check.end()


# Whoever writes

# A megabyte, to both streams, in lines that differ.
LINES = "".join(f"{number:09d}\n" for number in range(100_000))
MAKE_LINES = (
    "import os, subprocess, sys, threading, ctypes\ndata = ''.join(f'{i:09d}\\n' for i in range(100_000)).encode()"
)
WRITERS = {
    "os.write": "for fd in (1, 2): assert os.write(fd, data) == len(data)",
    # PyDLL keeps the GIL, so that no thread of the worker could empty the pipe meanwhile: ipykernel#752.
    "C code": "for fd in (1, 2): assert ctypes.PyDLL(None).write(fd, data, len(data)) == len(data)",
    "C stdio": """
libc = ctypes.PyDLL(None)
libc.fdopen.restype = ctypes.c_void_p
for fd in (1, 2):
    libc.fwrite(data, 1, len(data), ctypes.c_void_p(libc.fdopen(fd, b'w')))
""",
    "children": "for fd in (1, 2): subprocess.run(['sh', '-c', f'cat >&{fd}'], input=data)",
    "children in the background": """
children = [subprocess.Popen(['sh', '-c', f'cat >&{fd}'], stdin=subprocess.PIPE) for fd in (1, 2)]
for child in children: child.communicate(data)
""",
    "threads": """
streams = (sys.stdout, sys.stderr)
threads = [threading.Thread(target=stream.write, args=(data.decode(),)) for stream in streams]
for thread in threads: thread.start()
for thread in threads: thread.join()
""",
    "forks": """
for fd in (1, 2):
    if not os.fork():
        os.write(fd, data)
        os._exit(0)
os.wait(); os.wait()
""",
    "200,000 characters": """
for stream in (sys.stdout, sys.stderr):
    for i in range(200_000): stream.write(chr(data[i]))
    stream.write(data[200_000:].decode())
""",
    "bytes": "for fd in (1, 2):\n  for i in range(2000): os.write(fd, data[i:i + 1])\n  os.write(fd, data[2000:])",
}


async def test_a_megabyte_to_each_stream(client: Client) -> None:
    await client.run(MAKE_LINES)
    for who, code in WRITERS.items():
        result = await client.run(code)
        assert (who, result.error, result.controls) == (who, None, ["completed"])
        assert (who, result.stdout == LINES, result.stderr == LINES) == (who, True, True)


async def test_order_between_streams_while_the_client_is_slow(daemon: Daemon) -> None:
    code = (
        "import sys\nfor i in range(50):\n"
        "    for stream in (sys.stdout, sys.stderr): stream.write(f'{i:05}{stream.name}' * 4000 + '\\n')\n"
    )
    with Reader(daemon.url, piece_bytes=1 << 10, buffer_bytes=1 << 12) as reader:
        reader.send({"code": code})
        messages = await asyncio.to_thread(read_all, reader)
    expected = "".join(f"{i:05}<{stream}>" * 4000 + "\n" for i in range(50) for stream in ("stdout", "stderr"))
    assert text_of(messages, "stdout", "stderr") == expected


async def test_the_last_lines_before_a_death(daemon: Daemon) -> None:
    """The client has read nothing of them when the program dies."""
    for how, death in DEATHS.items():
        code = (
            "import os, sys\nprint(os.getpid())\n"
            "for i in range(500): print(i, 'out'); print(i, 'err', file=sys.stderr)\n" + death
        )
        with Reader(daemon.url, buffer_bytes=1 << 12) as reader:
            reader.send({"code": code})
            line, rest = await asyncio.to_thread(reader.first_line)
            await gone(int(line))
            messages = await asyncio.to_thread(read_all, reader)
        assert rest + text_of(messages, "stdout", "stderr") == "".join(f"{i} out\n{i} err\n" for i in range(500))
        assert messages[-2:] == [error("WorkerDied", how), COMPLETED]


async def test_all_that_was_written_before_a_kill(daemon: Daemon, tmp_path: Path) -> None:
    """The program waits in write(2) for its client and counts, in a file it shares, the writes that have returned."""
    code = (
        f"import mmap, os\nfile = open({str(tmp_path / 'count')!r}, 'w+b'); file.truncate(8)\n"
        "count = mmap.mmap(file.fileno(), 8); print(os.getpid(), flush=True); i = 0\n"
        # PIPE_BUF bytes are written whole or not at all: pipe(7).
        "while True: os.write(1, b'%4095d\\n' % i); i += 1; count[:] = i.to_bytes(8, 'little')\n"
    )
    with Reader(daemon.url, buffer_bytes=1 << 12) as reader:
        reader.send({"code": code})
        line, rest = await asyncio.to_thread(reader.first_line)
        await waits_in_write(int(line))
        os.kill(int(line), signal.SIGKILL)
        messages = await asyncio.to_thread(read_all, reader)
    count = int.from_bytes((tmp_path / "count").read_bytes(), "little")
    assert count * 4096 > MIB
    assert rest + text_of(messages, "stdout") == "".join(f"{i:4095d}\n" for i in range(count))
    assert messages[-2:] == [error("WorkerDied", "killed by SIGKILL"), COMPLETED]
