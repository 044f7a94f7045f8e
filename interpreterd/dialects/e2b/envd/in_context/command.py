"""Runs one command, and obeys what its client sends.

Its own process only waits. The command writes to the context's stdout and stderr, and what it leaves running stays in
the context. Nothing large is imported: a command should begin at once.

What it says to its dialect are the questions of ``input()``, and the answers are the client's:

    refused CODE SENTENCE    it cannot be started; no answer counts
    started PID              it waits for the answer, and then begins
    (empty), or a sentence   the last instruction is done, or has failed; the answer is the next one:
                             ``input BASE64``, ``close``, ``signal NUMBER``, ``size ROWS COLUMNS``
    took NUMBER              the same, but of the input only so many bytes: the command reads no more for now

In the end it exits: with 0 if the command has, and has left nothing running; else with ``exit STATUS``,
``signal NUMBER`` or ``core NUMBER``, and after that ``left`` if processes are left.
"""

from __future__ import annotations

import _thread
import binascii
import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence

COPY_LIMIT_S = 1.0  # for the rest of a terminal's output; a process that stays may keep the terminal open
NUDGE_S = 0.02
ROOM_LIMIT_MS = 100  # until a command reads; other instructions wait so long
PIECE_BYTES = 1 << 16


class _Ended(BaseException):
    """The command has ended."""


def run(
    command: str,
    arguments: Sequence[str],
    envs: Mapping[str, str],
    cwd: str,
    *,
    stdin: bool = False,
    size: tuple[int, int] | None = None,
    ask: Callable[[str], str] = input,
) -> None:
    """Run ``command`` until it ends; with a terminal if there is its ``size``, in rows and columns.

    ``cwd`` may be empty, for the context's own. With ``stdin`` it gets input, otherwise its stdin is at its end.
    """
    environment = {**os.environ, **envs}
    directory = os.path.expanduser(cwd) or "."
    refusal = _refusal(command, environment, directory)
    if refusal:
        ask(f"refused invalid_argument {refusal}")
        return
    warnings.simplefilter("ignore")  # Python warns of forks in processes with threads; this child only execs
    ends = _terminal(size) if size else _pipe(stdin)
    gate = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(gate[1])
        _become([command, *arguments], environment, directory, gate[0], ends[0], is_terminal=size is not None)
    os.close(ends[0])
    _Watched(pid, ends[1], is_terminal=size is not None).serve(gate[1], ask)


def _refusal(command: str, environment: Mapping[str, str], directory: str) -> str:
    """Return why the command cannot be started; empty if it may be possible."""
    if not os.path.isdir(directory):
        return f"cwd must be an existing directory, not {directory}"
    if not os.access(directory, os.X_OK):
        return f"cwd must be a directory that can be entered, not {directory}"
    if any("\0" in text for pair in environment.items() for text in pair) or "\0" in command:
        return "neither the command nor its environment may have a NUL"
    if any("=" in name or not name for name in environment):
        return "names of environment variables must not be empty or have a '='"
    places = [""] if "/" in command else environment.get("PATH", os.defpath).split(os.pathsep)
    paths = [os.path.join(directory, place, command) for place in places]
    if not any(os.path.isfile(path) and os.access(path, os.X_OK) for path in paths):
        return f"there is no program of the name {command}"
    return ""


def _pipe(stdin: bool) -> tuple[int, int]:
    """Return the stdin of the command, and the descriptor that writes to it; that is -1 without ``stdin``."""
    return os.pipe() if stdin else (os.open(os.devnull, os.O_RDONLY), -1)


def _terminal(size: tuple[int, int]) -> tuple[int, int]:
    """Return the terminal of the command, and the descriptor of its other side."""
    ours, theirs = os.openpty()
    _resize(ours, *size)
    return theirs, ours


def _resize(terminal: int, rows: int, columns: int) -> None:
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _become(
    words: Sequence[str], environment: Mapping[str, str], directory: str, gate: int, stdin: int, *, is_terminal: bool
) -> None:
    """Become the command, in this child, when the gate opens; never returns."""
    status = 127
    try:
        os.setsid()  # else a signal to its group would hit the context's Python
        if not os.read(gate, 1):
            os._exit(status)
        if is_terminal:
            import fcntl
            import termios

            fcntl.ioctl(stdin, termios.TIOCSCTTY, 0)
            os.dup2(stdin, 1)
            os.dup2(stdin, 2)
        os.dup2(stdin, 0)
        os.chdir(directory)
        for number in signal.valid_signals():  # those that Python ignores, and the daemon, for example under nohup
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execvpe(words[0], [*words], environment)
    except BaseException as error:
        os.write(2, f"{words[0]}: {getattr(error, 'strerror', None) or error}\n".encode(errors="replace"))
        status = 126 if isinstance(error, PermissionError) else 127
    finally:
        os._exit(status)


class _Watched:
    """The command in its process: ``serve`` obeys its client until it has ended."""

    def __init__(self, pid: int, stdin: int, *, is_terminal: bool) -> None:
        """``stdin`` writes to the command, -1 if it has no input; of a terminal it is also read."""
        self._pid = pid
        self._stdin = stdin
        self._room = select.poll()
        if stdin >= 0:
            os.set_blocking(stdin, False)
            self._room.register(stdin, select.POLLOUT)
        self._is_terminal = is_terminal
        self._status: list[int] = []
        self._serves = False
        self._copied = _thread.allocate_lock()

    def serve(self, gate: int, ask: Callable[[str], str]) -> None:
        ask(f"started {self._pid}")
        signal.signal(signal.SIGUSR1, self._on_signal)  # to the end: a last signal may come late
        said = ""
        try:
            self._serves = True
            os.write(gate, b"!")
            os.close(gate)
            if self._is_terminal:
                self._copied.acquire()
                _thread.start_new_thread(self._copy, ())
            _thread.start_new_thread(self._wait, (_thread.get_ident(),))
            while True:
                said = self._obey(*ask(said).split(" "))
        except _Ended:
            pass
        finally:
            self._serves = False
        if self._is_terminal:
            self._copied.acquire(True, COPY_LIMIT_S)
        self._exit()

    def _wait(self, main_thread: int) -> None:
        self._status.append(os.waitpid(self._pid, 0)[1])
        while self._serves:  # a signal right before a read(2) does not end the read
            signal.pthread_kill(main_thread, signal.SIGUSR1)
            time.sleep(NUDGE_S)

    def _on_signal(self, number: int, frame: object) -> None:
        if self._status and self._serves:
            self._serves = False
            raise _Ended

    def _copy(self) -> None:
        """Copy the terminal's output."""
        output = select.poll()
        output.register(self._stdin, select.POLLIN)
        try:
            while output.poll() and (data := os.read(self._stdin, PIECE_BYTES)):
                while data:
                    data = data[os.write(1, data) :]
        except OSError:  # EIO: no process has the terminal any more
            pass
        self._copied.release()

    def _obey(self, what: str, *values: str) -> str:
        """Do as the client says; return what to say about it."""
        try:
            if what == "input":
                if self._stdin < 0:
                    return "the command has no stdin, or it is closed"
                return self._write(binascii.a2b_base64(values[0]))
            if what == "close":
                if self._is_terminal:
                    os.write(self._stdin, b"\4")
                elif self._stdin >= 0:
                    stdin, self._stdin = self._stdin, -1
                    os.close(stdin)
            elif what == "signal":
                os.kill(self._pid, int(values[0]))
            elif what == "size":
                if not self._is_terminal:
                    return "the command has no terminal"
                _resize(self._stdin, int(values[0]), int(values[1]))
        except (OSError, ValueError) as error:
            return getattr(error, "strerror", None) or str(error) or "it failed"
        return ""

    def _write(self, data: bytes) -> str:
        """Write to the command until it has not read for ``ROOM_LIMIT_MS``; return what to say about it."""
        taken = 0
        while taken < len(data):
            if not self._room.poll(ROOM_LIMIT_MS):
                return f"took {taken}"
            taken += os.write(self._stdin, data[taken:])
        return ""

    def _exit(self) -> None:
        """Exit as the command has."""
        status = self._status[0]
        if os.WIFSIGNALED(status):
            how = f"{'core' if os.WCOREDUMP(status) else 'signal'} {os.WTERMSIG(status)}"
        else:
            how = f"exit {os.WEXITSTATUS(status)}"
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            how += " left"
        except ChildProcessError:
            pass
        sys.exit(None if how == "exit 0" else how)


def wait_for_all() -> None:
    """Wait until no process is left that a command has started."""
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
