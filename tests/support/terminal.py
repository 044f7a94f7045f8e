"""Runs a command on a new terminal."""

import contextlib
import os
import pty
import select
import subprocess
import termios
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyte

HANG_S: Final = 45.0
ROWS, COLUMNS = 60, 200


class Terminal:
    """A process on a new terminal, which is so wide that lines do not wrap."""

    def __init__(self, command: list[str], cwd: Path, env: Mapping[str, str] | None = None) -> None:
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._fd, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        # This terminal does not report its cursor; prompt_toolkit would wait for the report.
        variables |= {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"} | dict(env or {})
        # --ctty: Ctrl-C sends the process a signal, as on a person's terminal.
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command], stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=variables
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._fd)

    def type(self, text: str) -> None:
        """Press keys: ``\\r`` is Enter, ``\\x03`` Ctrl-C, ``\\x04`` Ctrl-D."""
        os.write(self._fd, text.encode())

    @property
    def lines(self) -> list[str]:
        """The lines on the screen, without empty lines at the end."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip().split("\n")

    @property
    def line(self) -> str:
        """The line where the cursor is."""
        return str(self._screen.display[self._screen.cursor.y]).rstrip()

    def until(self, seen: Callable[[], object]) -> None:
        """Read until ``seen`` is true for the screen."""
        while not seen():
            assert self._read(), f"it has ended: {self.lines}"

    def ended(self) -> int:
        """Read to the end; return the exit status."""
        while self._read():
            pass
        return self.process.wait()

    def _read(self) -> bool:
        ready, _, _ = select.select([self._fd], [], [], HANG_S)
        assert ready, f"nothing more came: {self.lines}"
        try:
            data = os.read(self._fd, 1 << 16)
        except OSError:  # EIO: the other end is closed, see pty(7)
            return False
        self._stream.feed(data)
        return bool(data)


@contextlib.contextmanager
def running(command: list[Any], **options: Any) -> Iterator["subprocess.Popen[Any]"]:
    """Run a command for the block, and kill it at the end. ``Popen`` would only wait for it."""
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def run(command: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run a command without a terminal."""
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG_S, check=False, **options)
