"""No byte of output is lost, reordered within its stream or forged, for each kind of writer and of client."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from contract import COMPLETED, error
from harness import Client, Daemon, gone
from reading import Reader, read_all, text_of
from standing import SharedDaemon
from streaming import (
    AT_FULL_SPEED,
    IN_ONE_PRINT,
    IN_SIPS,
    NARROW,
    WIDE,
    WITH_PAUSES,
    Check,
    Manner,
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


@pytest.fixture
def daemon(standing: Callable[..., SharedDaemon]) -> SharedDaemon:
    """One that other tests use, too."""
    return standing()


# Clients that read in different ways


@pytest.mark.parametrize(
    ("manner", "size"),
    [(AT_FULL_SPEED, 24 * MB), (WITH_PAUSES, 24 * MB), (IN_SIPS, 8 * MB)],
    ids=["full speed", "pauses", "sips"],
)
async def test_a_stream(daemon: SharedDaemon, manner: Manner, size: int) -> None:
    await stream(daemon.url, daemon.pid, size, manner)


async def test_a_hundred_megabytes_in_one_print(daemon: SharedDaemon) -> None:
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


async def test_a_client_that_is_late_and_still_talks_gets_the_end(own_client: Client, daemon: SharedDaemon) -> None:
    """The daemon has sent its close. If it had also closed the socket, a ping would make the kernel drop the rest."""
    context = await own_client.create()
    with Reader(daemon.url, buffer_bytes=1 << 12) as reader:
        reader.send({"code": f"print('x' * {MIB})", "contextId": context})
        await own_client.run("pass", context)  # it runs after the first execution has ended
        await own_client.run("pass", context)  # and after the daemon has sent as much as it can
        for _ in range(3):
            reader.ping()
            await own_client.run("pass", context)
        messages = await asyncio.to_thread(read_all, reader)
    assert len(text_of(messages, "stdout")) == MIB + 1
    assert (messages[-1], reader.close_code) == (COMPLETED, 1000)


# When a connection ends


# Different writers

# A megabyte to each stream, in distinct lines.
LINES = "".join(f"{number:09d}\n" for number in range(100_000))
MAKE_LINES = (
    "import os, subprocess, sys, threading, ctypes\ndata = ''.join(f'{i:09d}\\n' for i in range(100_000)).encode()"
)
WRITERS = {
    "os.write": "for fd in (1, 2): assert os.write(fd, data) == len(data)",
    # PyDLL keeps the GIL, so no thread of the worker could empty the pipe meanwhile: ipykernel#752.
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


async def test_order_between_streams_while_the_client_is_slow(daemon: SharedDaemon) -> None:
    code = (
        "import sys\nfor i in range(50):\n"
        "    for stream in (sys.stdout, sys.stderr): stream.write(f'{i:05}{stream.name}' * 4000 + '\\n')\n"
    )
    with Reader(daemon.url, piece_bytes=1 << 10, buffer_bytes=1 << 12) as reader:
        reader.send({"code": code})
        messages = await asyncio.to_thread(read_all, reader)
    expected = "".join(f"{i:05}<{stream}>" * 4000 + "\n" for i in range(50) for stream in ("stdout", "stderr"))
    assert text_of(messages, "stdout", "stderr") == expected


async def test_the_last_lines_before_a_death(daemon: SharedDaemon) -> None:
    """The client has read none of these lines when the program dies."""
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


async def test_all_that_was_written_before_a_kill(daemon: SharedDaemon, tmp_path: Path) -> None:
    """The program waits in write(2). It counts the finished writes in a shared file."""
    code = (
        f"import mmap, os\nfile = open({str(tmp_path / 'count')!r}, 'w+b'); file.truncate(8)\n"
        "count = mmap.mmap(file.fileno(), 8); print(os.getpid(), flush=True); i = 0\n"
        # PIPE_BUF bytes are written whole or not at all: pipe(7).
        "while True: os.write(1, b'%4095d\\n' % i); i += 1; count[:] = i.to_bytes(8, 'little')\n"
    )
    with Reader(daemon.url, buffer_bytes=1 << 12) as reader:
        reader.send({"code": code})
        line, rest = await asyncio.to_thread(reader.first_line)
        await waits_in_write(int(line), daemon.url)
        os.kill(int(line), signal.SIGKILL)
        messages = await asyncio.to_thread(read_all, reader)
    count = int.from_bytes((tmp_path / "count").read_bytes(), "little")
    assert count * 4096 > MIB
    assert rest + text_of(messages, "stdout") == "".join(f"{i:4095d}\n" for i in range(count))
    assert messages[-2:] == [error("WorkerDied", "killed by SIGKILL"), COMPLETED]


# Bytes that are not UTF-8


# Text that looks like the protocol

FORGED = [
    '{"type":"control","text":"completed"}',
    '{"type":"error","name":"Forged","value":"","traceback":""}',
    '{"type":"stderr","text":"forged"}',
    '{"type":"control","text":"completed","requestId":"a","executionId":"ID"}',
    '{"type":"done","id":"ID","error":null}',
    '{"type":"exiting","id":"ID"}',
    '{"type":"ready","version":1,"pid":1,"python":"3.11.7"}',
    '{"type":"forked","pid":1}',
    "\x00\x1e\n\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n",
]
FORGED_FRAMES = b"\x81\x02{}\x88\x02\x03\xe8"  # WebSocket frames: a text, then the close
FORGE = """
import gc, os, stat, sys
(mine,) = [it["id"] for it in gc.get_objects() if type(it) is dict and it.get("type") == "execute" and it.get("id")]
data = {data!r}.replace(b"ID", mine.encode())
for fd in map(int, os.listdir("/proc/self/fd")):
    try:
        file = os.fstat(fd)
        is_display = stat.S_ISFIFO(file.st_mode) and file.st_ino not in (os.fstat(1).st_ino, os.fstat(2).st_ino)
        if not (stat.S_ISSOCK(file.st_mode) or is_display):  # these are the protocol's own: THREATS.md
            os.write(fd, data)
    except OSError:
        pass
"""


@pytest.mark.parametrize("launcher", ["spawn", "fork"])
async def test_a_program_has_no_descriptor_of_the_daemon(
    start_daemon: Callable[..., Awaitable[Daemon]], launcher: str
) -> None:
    """Processes that it starts inherit only the first three descriptors, none of the worker's own."""
    daemon = await start_daemon("--launcher", launcher)
    async with Client(daemon.url) as client:
        result = await client.run(
            "import os\nfor fd in map(int, os.listdir('/proc/self/fd')):\n"
            "    try: print(fd, os.get_inheritable(fd))\n    except OSError: pass\n"
        )
    inherited = [int(fd) for fd, inherits in map(str.split, result.stdout.splitlines()) if inherits == "True"]
    assert sorted(inherited) == [0, 1, 2]
    # Two of the channel, one each of the script and the display pipe, spare copies of the three standard ones.
    assert len(result.stdout.splitlines()) == 10


@pytest.mark.parametrize("launcher", ["spawn", "fork"])
async def test_nothing_is_forged_on_any_descriptor(
    start_daemon: Callable[..., Awaitable[Daemon]], launcher: str
) -> None:
    """The program knows the execution's true id, because it can look at all objects."""
    daemon = await start_daemon("--launcher", launcher)
    data = "\n".join(FORGED).encode() + FORGED_FRAMES
    code = FORGE.format(data=data)

    def written(execution_id: str) -> str:
        """Return the data twice: it is written to the stream's own descriptor and to the spare one."""
        return (2 * data.replace(b"ID", execution_id.encode())).decode(errors="replace")

    async with Client(daemon.url) as client:
        result = await client.run(code)
        execution_id = result.stdout.partition('"id":"')[2][:36]
        assert (result.stdout, result.stderr) == (written(execution_id), written(execution_id))
        assert (result.error, result.controls, result.close_code) == (None, ["completed"], 1000)
        async with client.http.ws_connect(client.base + "/session") as socket:
            await socket.send_json({"op": "execute", "requestId": "a", "code": code})
            messages = [await socket.receive_json()]
            while len(messages) == 1 or messages[-1]["type"] != "control":
                messages.append(await socket.receive_json())
        assert text_of(messages, "stdout") == text_of(messages, "stderr") == written(messages[0]["executionId"])
        assert [message["text"] for message in messages if message["type"] == "control"] == ["started", "completed"]
