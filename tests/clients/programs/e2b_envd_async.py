"""E2B's Python SDK, on asyncio: files and commands."""

import asyncio
import contextlib
import os
import tempfile

from checks import main
from e2b import (
    CommandExitException,
    FileNotFoundException,
    FileType,
    InvalidArgumentException,
    PtySize,
    TimeoutException,
)
from e2b_code import directed, raises
from e2b_code_interpreter import AsyncSandbox

DIALECT = "e2b"
CLIENT = "Python (async)"


@contextlib.asynccontextmanager
async def setup(url):
    with directed(url), tempfile.TemporaryDirectory() as folder:
        sandbox = await AsyncSandbox.create()
        sandbox.folder = folder
        yield sandbox
        await sandbox.kill()


async def check_write_and_read(sandbox):
    """`files.write` and `files.read` take text, bytes, files and streams, of any size, also compressed."""
    path = f"{sandbox.folder}/new/ä.txt"
    await sandbox.files.write(path, "hällo")
    assert await sandbox.files.read(path) == "hällo"
    large = os.urandom(1 << 20)

    async def pieces():
        yield large[:7]
        yield large[7:]

    for data, options in ((large, {}), (pieces(), {}), (large, {"gzip": True})):
        await sandbox.files.write(path, data, **options)
        assert await sandbox.files.read(path, format="bytes") == large
    async with await sandbox.files.read(path, format="stream") as stream:
        assert b"".join([piece async for piece in stream]) == large


async def check_write_files(sandbox):
    """`files.write_files` writes many files at once, with any names."""
    paths = [f"{sandbox.folder}/many/{name}" for name in ("1.txt", 'quote".txt', "ü/2.txt")]
    await sandbox.files.write_files([{"path": path, "data": path} for path in paths])
    assert await asyncio.gather(*map(sandbox.files.read, paths)) == paths


async def check_list(sandbox):
    """`files.list`, `get_info` and `exists` describe files, directories and links."""
    folder = f"{sandbox.folder}/listed"
    await sandbox.files.write(f"{folder}/deep/a", "x")
    assert [it.name for it in await sandbox.files.list(folder, depth=2)] == ["deep", "a"]
    assert (await sandbox.files.get_info(folder)).type is FileType.DIR
    assert await sandbox.files.exists(folder)
    assert not await sandbox.files.exists(f"{folder}/nothing")


async def check_change(sandbox):
    """`files.make_dir`, `rename` and `remove` change files and directories."""
    folder = f"{sandbox.folder}/changed"
    assert await sandbox.files.make_dir(f"{folder}/a/b")
    assert not await sandbox.files.make_dir(f"{folder}/a/b")
    await sandbox.files.rename(f"{folder}/a", f"{folder}/c")
    await sandbox.files.remove(f"{folder}/c")
    assert await sandbox.files.list(folder) == []


async def check_file_errors(sandbox):
    """Files that do not exist raise `FileNotFoundException`, and impossible paths `InvalidArgumentException`."""
    with raises(FileNotFoundException, "no such file"):
        await sandbox.files.read(f"{sandbox.folder}/nowhere")
    with raises(FileNotFoundException, "no such file"):
        await sandbox.files.list(f"{sandbox.folder}/nowhere")
    with raises(InvalidArgumentException, "must not be a directory"):
        await sandbox.files.read(sandbox.folder)


async def check_watch(sandbox):
    """`files.watch_dir` tells what happens in a directory, and below it."""
    folder = f"{sandbox.folder}/watched"
    await sandbox.files.make_dir(f"{folder}/deep")
    told = asyncio.Queue()
    watch = await sandbox.files.watch_dir(folder, on_event=told.put_nowait, recursive=True)
    await sandbox.files.write(f"{folder}/deep/a", "x")
    await sandbox.files.remove(f"{folder}/deep/a")
    kinds = []
    while ("deep/a", "remove") not in kinds:
        event = await told.get()
        kinds.append((event.name, event.type.value))
    assert {("deep/a", "create"), ("deep/a", "write")} <= set(kinds)
    await watch.stop()


async def check_run(sandbox):
    """`commands.run` returns what a command has written, with `cwd` and `envs`."""
    ran = await sandbox.commands.run("pwd; echo $FOO; echo oops >&2", cwd=sandbox.folder, envs={"FOO": "bär"})
    assert (ran.stdout, ran.stderr, ran.exit_code) == (f"{sandbox.folder}\nbär\n", "oops\n", 0)


async def check_exit(sandbox):
    """A command that fails raises `CommandExitException`, with its status and all output."""
    with raises(CommandExitException, "exited with code 3"):
        await sandbox.commands.run("echo out; exit 3")


async def check_at_once(sandbox):
    """Commands and code run at the same time."""
    fifo = f"{sandbox.folder}/meet"
    os.mkfifo(fifo)
    reading = sandbox.commands.run(f"cat '{fifo}'")
    writing = sandbox.run_code(f"with open({fifo!r}, 'w') as file: file.write('met')")
    ran, _ = await asyncio.gather(reading, writing)
    assert ran.stdout == "met"


async def check_input(sandbox):
    """A command in the background is listed, gets its input, and ends when that ends."""
    handle = await sandbox.commands.run("cat", background=True, stdin=True)
    assert handle.pid in [it.pid for it in await sandbox.commands.list()]
    await handle.send_stdin("one\n")
    await sandbox.commands.send_stdin(handle.pid, "two\n")
    await handle.close_stdin()
    assert (await handle.wait()).stdout == "one\ntwo\n"


async def check_kill(sandbox):
    """`kill` ends a command and all that it has started; `connect` follows one that another client has left."""
    handle = await sandbox.commands.run("sleep 1000", background=True)
    await handle.disconnect()
    again = await sandbox.commands.connect(handle.pid)
    assert await sandbox.commands.kill(handle.pid)
    with raises(CommandExitException, ""):
        await again.wait()


async def check_timeout(sandbox):
    """`timeout` raises `TimeoutException` and kills the command."""
    with raises(TimeoutException, ""):
        await sandbox.commands.run("exec sleep 1000", timeout=1)


async def check_pty(sandbox):
    """`pty` is a terminal with a shell, which can be resized."""
    told = []
    handle = await sandbox.pty.create(PtySize(rows=24, cols=80), on_data=told.append, timeout=30)
    await sandbox.pty.resize(handle.pid, PtySize(rows=30, cols=100))
    await sandbox.pty.send_stdin(handle.pid, b"stty size; echo $((6 * 7)); exit 0\n")
    await handle.wait()
    assert b"30 100" in b"".join(told)
    assert b"42" in b"".join(told)


if __name__ == "__main__":
    main(globals())
