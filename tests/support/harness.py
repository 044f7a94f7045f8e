"""A daemon process, a client for it, and functions that look at processes."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.test_utils import TestServer
from attrs import define, field

from interpreterd.http.connections import Runner

PREFIX = "/process/interpreter"
# Enough for a daemon's start on a busy machine. The timeout of the whole test catches a hang.
STOP_LIMIT_S = 10
COMMAND = Path(sys.executable).with_name("interpreterd")
# The beginning of a shell script that poses as a Python: it answers when the daemon asks for its version.
DISGUISE = f"""#!/bin/sh
if [ "$3" = -X ]; then echo "$0"; '{sys.executable}' "$@" | tail -n +2; exit; fi
"""


class Daemon:
    """A daemon that runs as a process."""

    def __init__(self, command: list[str], flags: tuple[str, ...], cwd: Path, env: dict[str, str]) -> None:
        self._command = [*command, "serve", "--port", "0", *flags]
        self._cwd = cwd
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self._env = inherited | env
        self.process: asyncio.subprocess.Process
        self.announced: dict[str, Any] = {}
        self.log = b""

    @property
    def url(self) -> str:
        """The address that the daemon listens on."""
        return str(self.announced["url"])

    @property
    def pid(self) -> int:
        """The pid of the daemon."""
        return int(self.announced["pid"])

    async def start(self) -> None:
        """Start the daemon and read its first line. If it ends instead, ``log`` has its messages."""
        self.process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._cwd,
            env=self._env,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._reading = asyncio.create_task(self._read_log(self.process.stderr))
        line = await self.process.stdout.readline()
        if line:
            self.announced = json.loads(line)
        else:
            await self.ended()

    async def ended(self) -> int:
        """Wait for the daemon's end; return its exit status."""
        async with asyncio.timeout(STOP_LIMIT_S):
            status = await self.process.wait()
        await self._reading
        return status

    async def stop(self) -> int:
        """Tell the daemon to end, if it still runs; return its exit status."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)
        try:
            return await self.ended()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise
        finally:
            # The transport closes its pipes a moment after the process's end. Tests count descriptors.
            self.process._transport.close()  # type: ignore[attr-defined]

    async def _read_log(self, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(1 << 16):
            self.log += data


class AppServer(TestServer):
    """Serves an application within the test's process, with the daemon's class of connections."""

    async def _make_runner(self, **options: Any) -> Runner:
        options["handler_cancellation"] = False  # aiohttp's default outside of tests
        return Runner(self.app, **options)


@define
class Result:
    """Everything that the client of one execution received.

    Attributes:
        messages: Every message, in order.
    """

    messages: list[dict[str, Any]] = field(factory=list)
    close_code: int | None = None
    close_reason: str = ""

    @property
    def stdout(self) -> str:
        """The text of all output to stdout."""
        return "".join(message["text"] for message in self.messages if message["type"] == "stdout")

    @property
    def stderr(self) -> str:
        """The text of all output to stderr."""
        return "".join(message["text"] for message in self.messages if message["type"] == "stderr")

    @property
    def controls(self) -> list[str]:
        """The texts of the control messages."""
        return [message["text"] for message in self.messages if message["type"] == "control"]

    @property
    def error(self) -> dict[str, Any] | None:
        """The error message, if any; there is at most one."""
        errors = [message for message in self.messages if message["type"] == "error"]
        assert len(errors) <= 1
        return errors[0] if errors else None


class Running:
    """An execution whose messages a test reads one by one."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.result = Result()

    async def next(self) -> dict[str, Any] | None:
        """Return the next message, or ``None`` after the close."""
        frame = await self.socket.receive()
        if frame.type is aiohttp.WSMsgType.CLOSE:
            self.result.close_reason = frame.extra or ""
        if frame.type is not aiohttp.WSMsgType.TEXT:
            self.result.close_code = self.socket.close_code
            return None
        message: dict[str, Any] = json.loads(frame.data)
        self.result.messages.append(message)
        return message

    async def until(self, text: str) -> None:
        """Read until stdout contains ``text``."""
        while text not in self.result.stdout:
            assert await self.next() is not None, f"ended before it wrote {text!r}: {self.result}"

    async def finish(self) -> Result:
        """Read to the end; return the result."""
        while await self.next() is not None:
            pass
        return self.result


class Client:
    """A client of the API, for tests."""

    def __init__(self, url: str) -> None:
        self.path = url.removeprefix("unix:") if url.startswith("unix:") else None
        self.url = url if self.path is None else "http://localhost"
        self.base = self.url + PREFIX
        self.http: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession(connector=aiohttp.UnixConnector(self.path) if self.path else None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.http.close()

    def connect(self, **options: Any) -> Any:
        """Open a WebSocket for one execution; an async context manager."""
        # autoclose off: a test needs the close frame's reason
        return self.http.ws_connect(self.base + "/execute", autoclose=False, max_msg_size=1 << 20, **options)

    @contextlib.asynccontextmanager
    async def running(self, code: str, **keys: Any) -> AsyncIterator["Running"]:
        """Start an execution; the test reads its messages."""
        async with self.connect() as socket:
            await socket.send_json({"code": code, **keys})
            yield Running(socket)

    async def run(self, code: str, context: str | None = None, **keys: Any) -> Result:
        """Run ``code``; return everything received."""
        async with self.running(code, **({"contextId": context} if context else {}), **keys) as running:
            return await running.finish()

    async def send_first(self, message: str | bytes) -> Result:
        """Send ``message`` unchanged; return everything received."""
        async with self.connect() as socket:
            await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
            return await Running(socket).finish()

    async def request(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Return status and JSON body."""
        async with self.http.request(method, self.base + path, **options) as response:
            assert response.content_type == "application/json"
            return response.status, await response.json()

    async def create(self, **keys: Any) -> str:
        """Create a context and return its id."""
        status, body = await self.request("POST", "/context", json=keys)
        assert status == 200, body
        return str(body["id"])


class Gate:
    """A FIFO at which user code waits until the test opens the gate.

    Attributes:
        wait: Python code that waits. Each ``open`` lets one waiter through, also one that comes later.
    """

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDWR)  # an open FIFO keeps bytes that are not read yet
        self.wait = f"import os; os.read(os.open({str(path)!r}, os.O_RDONLY), 1)"

    def open(self) -> None:
        """Let one waiter through."""
        os.write(self._fd, b"\n")

    def close(self) -> None:
        """Close the FIFO."""
        os.close(self._fd)


def children(pid: int) -> list[int]:
    """Return the pids of the children of ``pid``."""
    found: list[int] = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the process has ended meanwhile
            found += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split())
    return found


def state(pid: int) -> str:
    """Return the state of a process, a letter of proc(5); "X" if the process does not exist."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def alive(pid: int) -> bool:
    """Return whether ``pid`` runs. A zombie does not run."""
    return state(pid) not in "ZX"


async def gone(*pids: int) -> None:
    """Wait for the end of processes of any parent."""
    loop = asyncio.get_running_loop()
    for pid in pids:
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            ended = asyncio.Event()
            loop.add_reader(pidfd, ended.set)
            await ended.wait()
        finally:
            loop.remove_reader(pidfd)
            os.close(pidfd)


async def ends(pid: int) -> None:
    """Wait for a process that must end by itself; kill it if the test ends before."""
    try:
        await gone(pid)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        raise
