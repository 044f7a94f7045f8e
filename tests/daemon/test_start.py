"""The daemon starts in odd environments, or one line says why it cannot."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from harness import COMMAND, Client, Daemon

from interpreterd import start
from interpreterd.processes import guard

Start = Callable[..., Awaitable[Daemon]]


def under(shell: str) -> list[str]:
    """Return a command: a shell runs ``shell`` and then becomes the daemon."""
    return ["sh", "-c", f'{shell}; exec "$0" "$@"', str(COMMAND)]


async def works(daemon: Daemon) -> None:
    """Check that the daemon works for clients, then end it."""
    async with Client(daemon.url) as client:
        context = await client.create()
        async with client.running("print('on', flush=True)\nwhile True: pass", contextId=context) as running:
            await running.until("on")
            await client.request("POST", f"/context/{context}/interrupt")
            assert (await running.finish()).controls == ["interrupted"]
        assert (await client.run("print(6 * 7)", context)).stdout == "42\n"
        result = await client.run("import os; os._exit(3)", context)
        assert result.error is not None
        assert result.error["value"] == "exit status 3"
        assert (await client.request("DELETE", f"/context/{context}"))[0] == 200
    assert await daemon.stop() == 0
    assert b"Traceback" not in daemon.log


# Signals

DEAF = f"""
import os, signal, sys
for number in (signal.SIGINT, signal.SIGCHLD, signal.SIGTERM, signal.SIGCONT):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
os.umask(0o777)
os.environ.pop("HOME", None)
os.execv({str(COMMAND)!r}, sys.argv)
"""


@pytest.mark.parametrize("launcher", ["spawn", "fork"])
async def test_started_deaf_to_every_signal(start_daemon: Start, launcher: str) -> None:
    """Signals are blocked and ignored, as by some supervisors, ``nohup`` and shells; the umask removes all rights."""
    command = [sys.executable, "-c", DEAF]
    await works(await start_daemon("--launcher", launcher, "--unix-socket", "a.sock", command=command))


# The daemon's directory


async def test_started_in_a_directory_that_is_gone(start_daemon: Start, tmp_path: Path) -> None:
    lost = 'mkdir gone; cd gone; rmdir "$PWD"'
    daemon = await start_daemon(command=under(lost))
    assert await daemon.ended() == 2
    assert daemon.log.decode() == (
        "interpreterd serve: error: argument --cwd: must be an absolute path, because the current directory no longer "
        "exists. See `interpreterd serve --help`.\n"
    )
    await works(await start_daemon("--cwd", str(tmp_path), command=under(lost)))


async def test_started_among_modules_with_the_names_of_its_own(start_daemon: Start, tmp_path: Path) -> None:
    """They are in the current directory and on the PYTHONPATH, which is meant for the workers."""
    for name in ("asyncio", "json", "typing", "ssl", "attrs", "logging", "resource"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('not this one')\n")
    (tmp_path / "mine.py").write_text("print('mine')\n")
    command = [sys.executable, "-m", "interpreterd"]
    daemon = await start_daemon(command=command, env={"PYTHONPATH": f"{tmp_path}:."})
    async with Client(daemon.url) as client:
        assert (await client.run("import mine")).stdout == "mine\n"
        assert (await client.run("import json")).error is not None
    await works(daemon)


# Limits of the system


async def test_started_with_no_room_in_files(start_daemon: Start) -> None:
    await works(await start_daemon(command=under("ulimit -S -f 0")))


def test_no_room_in_files_beyond_the_hard_limit_is_said() -> None:
    code = """
import resource
from interpreterd.workers.endings import start_failure
from interpreterd.workers.script import in_memory
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    in_memory(b"x")
    print("root may")
except OSError as error:
    print(start_failure(error, "python3"))
print(resource.getrlimit(resource.RLIMIT_FSIZE))
"""
    said, limit = subprocess.check_output([sys.executable, "-c", code], text=True).splitlines()
    assert said in ("root may", "python3: too little may be written to a file (ulimit -f)")
    assert limit == "(0, 0)"


@pytest.mark.parametrize("files", [8, 20, 63])
async def test_too_few_open_files_are_said(start_daemon: Start, files: int) -> None:
    daemon = await start_daemon(command=under(f"ulimit -n {files}"))
    assert await daemon.ended() == 1
    assert daemon.log.decode() == f"interpreterd: at least 64 open files must be allowed, not {files} (ulimit -n)\n"


async def test_as_few_open_files_as_that_will_do(start_daemon: Start) -> None:
    await works(await start_daemon(command=under("ulimit -n 64")))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BlockingIOError(11, os.strerror(11)), "no more processes are allowed (ulimit -u)"),
        (OSError(24, os.strerror(24)), "too few open files are allowed (ulimit -n)"),
        (OSError(38, os.strerror(38)), os.strerror(38)),
        (ImportError("No module named 'x'"), "a part of it cannot be loaded: No module named 'x'"),
        (MemoryError(), "there is no memory left (ulimit -v, -d)"),
        (RuntimeError(start.NO_THREAD), "there is no room for a thread (ulimit -u, -v, -d)"),
    ],
)
def test_what_the_system_refuses_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, said: str
) -> None:
    def refuse() -> None:
        raise error

    monkeypatch.setattr(guard, "start", refuse)
    monkeypatch.setattr(start, "_receive_signals", lambda: None)
    assert start.serve([]) == 1
    assert capsys.readouterr().err == f"interpreterd: {said}\n"


@pytest.mark.parametrize("memory", [1_000_000, 3_500_000], ids=["the first", "one of libuv's"])
async def test_too_little_memory_for_a_thread_is_said(start_daemon: Start, memory: int) -> None:
    """A thread reserves its whole stack, here a gigabyte."""
    daemon = await start_daemon(command=under(f"ulimit -s 1000000; ulimit -d {memory}"))
    assert await daemon.ended() == 1
    assert daemon.log.decode() == "interpreterd: there is no room for a thread (ulimit -u, -v, -d)\n"


# stdout


async def start_on(fd: int, path: Path) -> asyncio.subprocess.Process:
    """Start a daemon on the socket ``path`` with ``fd`` as its stdout; return when its log says that it listens."""
    process = await asyncio.create_subprocess_exec(
        COMMAND, "serve", "--unix-socket", path, cwd="/", stdout=fd, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    assert b"listening on" in await process.stderr.readline()
    return process


async def end(process: asyncio.subprocess.Process) -> str:
    """End the daemon; return the rest of its log without the last line."""
    process.terminate()
    _, log = await process.communicate()
    assert process.returncode == 0
    return log.decode().rpartition("\n")[0].rpartition("\n")[0]


@pytest.mark.parametrize("blocks", [True, False], ids=["a write waits", "a write fails"])
@pytest.mark.parametrize("is_read", [False, True], ids=["and stays so", "and is read later"])
async def test_a_stdout_that_is_full(tmp_path: Path, is_read: bool, blocks: bool) -> None:
    """The daemon serves, and its end does not wait for stdout."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    filled = 0
    while True:
        try:
            filled += os.write(writer, b"x" * 4096)
        except BlockingIOError:
            break
    os.set_blocking(writer, blocks)
    process = await start_on(writer, tmp_path / "a.sock")
    os.close(writer)
    async with Client(f"unix:{tmp_path}/a.sock") as client:
        assert (await client.run("print(1)")).stdout == "1\n"
        if is_read:
            text = b""
            while not text.endswith(b"\n"):
                text += await asyncio.to_thread(os.read, reader, 1 << 16)
            assert json.loads(text[filled:])["pid"] == process.pid
    assert await end(process) == ""
    os.close(reader)


@pytest.mark.parametrize("kind", ["full disk", "reader gone"])
async def test_a_stdout_that_cannot_be_written_is_told(tmp_path: Path, kind: str) -> None:
    """The daemon still serves, because clients may know its port."""
    if kind == "full disk":
        writer, why = os.open("/dev/full", os.O_WRONLY), "No space left on device"
    else:
        (reader, writer), why = os.pipe(), "Broken pipe"
        os.close(reader)
    process = await start_on(writer, tmp_path / "a.sock")
    os.close(writer)
    async with Client(f"unix:{tmp_path}/a.sock") as client:
        assert (await client.run("print(1)")).stdout == "1\n"
    log = await end(process)
    assert log.endswith(f"the line with url and port cannot be written to stdout: {why}")
    assert "\n" not in log


@pytest.mark.parametrize("arguments", [["version"], ["config"], ["config", "--json"], ["completion", "bash"]])
def test_a_command_whose_stdout_is_full_says_so(arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        ran = subprocess.run([COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (ran.returncode, ran.stderr) == (1, "interpreterd: cannot write: No space left on device\n")


async def test_a_stdout_that_is_closed(start_daemon: Start, tmp_path: Path) -> None:
    """The first descriptor that the daemon opens must not become its stdout."""
    shell = ["sh", "-c", f'exec "$0" "$@" >&- 2>{tmp_path}/log', str(COMMAND)]
    process = await asyncio.create_subprocess_exec(*shell, "serve", "--unix-socket", tmp_path / "a.sock")
    try:
        async with Client(f"unix:{tmp_path}/a.sock") as client:
            while True:
                try:
                    assert (await client.run("print(1)")).stdout == "1\n"
                    break
                except OSError:  # the log does not have it yet
                    assert process.returncode is None
    finally:
        process.terminate()
        assert await process.wait() == 0
    assert "Traceback" not in (tmp_path / "log").read_text()
