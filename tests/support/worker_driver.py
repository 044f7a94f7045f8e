"""Drives a worker process without a daemon, for tests of the worker: the daemon's side of the pipe."""

import fcntl
import json
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import define, field

from interpreterd.model.environment import started_with
from interpreterd.model.events import Stream
from interpreterd.pipe.turns import DISPLAY, PIPES, Turns
from interpreterd.workers.script import COMPILER_FLAGS, command, compiler, in_memory

VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


@cache
def find_pythons() -> dict[str, str]:
    """Return the path of each supported CPython on this machine, by version: ``"3.9"``."""
    found = {".".join(map(str, sys.version_info[:2])): sys.executable}
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    if root := os.environ.get("PYENV_ROOT"):
        folders += sorted(Path(root, "versions").glob("*/bin"))
    for version in VERSIONS:
        for folder in folders:
            path = shutil.which(f"python{version}", path=str(folder))
            if path and "shims" not in path:
                found.setdefault(version, path)
    return {version: found[version] for version in VERSIONS if version in found}


@cache
def compiled_worker(python: str) -> bytes:
    """Return the worker's script as ``python`` compiles it."""
    told = subprocess.run([python, "-I", "-S", *COMPILER_FLAGS, "-"], input=compiler(), capture_output=True, check=True)
    return told.stdout.split(b"\n", 2)[2]


def clean_environment() -> dict[str, str]:
    """Return the environment without variables that change a Python's behaviour."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


def unnamed(text: str) -> str:
    """Return ``text`` with ``<cell>`` in place of each cell's file name, which contains a hash."""
    return re.sub(r"<ipython-cell-[0-9a-f]{12}>", "<cell>", text)


@define
class Ran:
    """The result of one execution.

    Attributes:
        message: The worker's last message about it, or ``None`` if the worker died.
        pieces: Its output, in the order in which the pipes were read: stream, bytes.
    """

    message: dict[str, Any] | None
    pieces: list[tuple[str, bytes]]

    @property
    def stdout(self) -> str:
        """The text of all output to stdout."""
        return b"".join(data for stream, data in self.pieces if stream == "stdout").decode(errors="replace")

    @property
    def stderr(self) -> str:
        """The text of all output to stderr."""
        return b"".join(data for stream, data in self.pieces if stream == "stderr").decode(errors="replace")

    @property
    def both(self) -> str:
        """The text of both streams, in its order."""
        return b"".join(data for stream, data in self.pieces if stream != DISPLAY).decode(errors="replace")

    @property
    def error(self) -> dict[str, str] | None:
        """The execution's error, or ``None``. Fails if the worker died."""
        assert self.message is not None, self
        assert self.message["type"] == "done", self
        error: dict[str, str] | None = self.message["error"]
        return error


@define(slots=False)
class DrivenWorker:
    """A worker process. The end of the ``with`` block ends it.

    Every read empties all output pipes before it returns a message.
    """

    python: str
    cwd: Path
    env: Mapping[str, str] = field(factory=dict)
    ready: dict[str, Any] = field(init=False)
    _pieces: list[tuple[str, bytes]] = field(init=False, factory=list)
    _unread: bytes = field(init=False, default=b"")
    _ids: int = field(init=False, default=0)
    _nudges: list[float] = field(init=False, factory=list)

    def __enter__(self) -> Self:
        self.channel, theirs = socket.socketpair()
        self._pipes: dict[int, str] = {}
        self._turns = Turns(lambda name, data: self._pieces.append((str(name), data)))
        stdout_fd, their_stdout_fd = os.pipe()
        stderr_fd, their_stderr_fd = os.pipe()
        display_fd, their_display_fd = os.pipe()
        self._pipes = {stdout_fd: Stream.STDOUT, stderr_fd: Stream.STDERR, display_fd: DISPLAY}
        for fd in self._pipes:
            os.set_blocking(fd, False)
        script_fd = in_memory(compiled_worker(self.python))
        self._selector = selectors.DefaultSelector()
        for fd in (self.channel.fileno(), *self._pipes):
            self._selector.register(fd, selectors.EVENT_READ)
        try:
            self.process = subprocess.Popen(
                [*command(self.python, script_fd), str(their_stdout_fd), str(their_display_fd), "1"],
                stdin=theirs,
                stdout=theirs,
                stderr=their_stderr_fd,
                pass_fds=(script_fd, their_stdout_fd, their_display_fd),
                start_new_session=True,
                cwd="/",
                env=started_with(clean_environment() | dict(self.env)),
            )
        finally:
            theirs.close()
            for fd in (script_fd, their_stdout_fd, their_stderr_fd, their_display_fd):
                os.close(fd)
        ready = self.receive()
        assert ready is not None, self.output()
        self.ready = ready
        self._turns.use(ready["mark"])
        self.send({"type": "configure", "cwd": str(self.cwd), "envs": {}})
        assert self.receive() == {"type": "configured"}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()
        self.process.wait()
        self._selector.close()
        self.channel.close()
        for fd in self._pipes:
            os.close(fd)

    @property
    def pid(self) -> int:
        """The pid of the worker."""
        return self.process.pid

    def kill(self) -> None:
        """Kill the worker and its descendants."""
        if self.process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)

    def interrupt(self) -> None:
        """Send SIGINT. If it has no effect, two SIGCONT follow, as from the daemon."""
        os.kill(self.pid, signal.SIGINT)
        self._nudges = [0.18, 0.02]

    def nudge(self) -> None:
        """Send SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        self.channel.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> dict[str, Any] | None:
        """Return the next message, or ``None`` at the end of the channel. Output is kept for ``output``."""
        while b"\n" not in self._unread:
            if not self._pump():
                self._drain()
                return None
        line, _, self._unread = self._unread.partition(b"\n")
        self._drain()
        message: dict[str, Any] = json.loads(line)
        return message

    def _drain(self) -> None:
        """Read everything that the pipes hold."""
        for name in PIPES:
            self._turns.add(name, self._held(name))
        self._turns.deliver(self._held)

    def _held(self, name: str) -> bytes:
        """Return the bytes that a pipe holds."""
        fd = next(fd for fd in self._pipes if self._pipes[fd] == name)
        held = int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"), sys.byteorder)
        return os.read(fd, held) if held else b""

    def _pump(self) -> bool:
        """Read all available data; return whether the channel is still open."""
        ready = self._selector.select(self._nudges.pop() if self._nudges else None)
        if ready:
            self._nudges = []
        else:
            self.nudge()
        for key, _ in ready:
            if key.fd == self.channel.fileno():
                try:
                    data = self.channel.recv(1 << 16)
                except ConnectionResetError:
                    data = b""
                if not data:
                    return False
                self._unread += data
                continue
            try:
                data = os.read(key.fd, 1 << 20)
            except BlockingIOError:  # already read together with the other pipe
                continue
            if data:
                self._turns.add(self._pipes[key.fd], data)
                self._turns.deliver(self._held)
            else:
                self._selector.unregister(key.fd)
        return True

    def output(self) -> list[tuple[str, bytes]]:
        """Return the output so far and forget it."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def until(self, text: str) -> None:
        """Read until stdout contains ``text``."""
        while text.encode() not in b"".join(data for stream, data in self._pieces if stream == "stdout"):
            assert self._pump(), f"ended before it wrote {text!r}: {self._pieces}"

    def start(self, code: str, **envs: str) -> None:
        """Start an execution."""
        self._ids += 1
        self.send({"type": "execute", "id": str(self._ids), "code": code, "envs": envs})

    def start_asking(self, code: str) -> None:
        """Start an execution that may ask for input."""
        self._ids += 1
        self.send({"type": "execute", "id": str(self._ids), "code": code, "envs": {}, "stdin": True})

    def asked(self) -> dict[str, Any]:
        """Return the next message, which must be the execution's question."""
        message = self.receive()
        assert message is not None
        assert (message["type"], message["id"]) == ("asked", str(self._ids)), message
        return message

    def answer(self, asked: dict[str, Any], text: str | None) -> None:
        """Answer a question."""
        self.send({"type": "answer", "number": asked["number"], "text": text})

    def finish(self) -> Ran:
        """Wait for the end of the execution."""
        message = self.receive()
        assert message is None or message["id"] == str(self._ids), message
        return Ran(message, self.output())

    def run(self, code: str, **envs: str) -> Ran:
        """Run ``code``."""
        self.start(code, **envs)
        return self.finish()

    def shown(self, code: str) -> Ran:
        """Run ``code`` as at a prompt, which prints the values of expressions."""
        self._ids += 1
        self.send({"type": "execute", "id": str(self._ids), "code": code, "envs": {}, "interactive": True})
        return self.finish()

    def printed(self, code: str, **envs: str) -> str:
        """Run ``code``, which must not fail or write to stderr; return its stdout."""
        ran = self.run(code, **envs)
        assert (ran.error, ran.stderr) == (None, "")
        return ran.stdout

    def sync(self) -> None:
        """Make the worker forget pending interrupts."""
        self.send({"type": "sync"})
        assert self.receive() == {"type": "synced"}

    def wait(self) -> int:
        """Wait for the worker's end while reading its output; return its exit status."""
        while self._pump():
            pass
        status = self.process.wait()
        self._drain()
        return status
