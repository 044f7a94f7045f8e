"""A private daemon that outlives this process for a while: when its client comes back, it finds its Python again."""

import contextlib
import fcntl
import hashlib
import os
import re
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Final

from interpreterd import __version__
from interpreterd.client.local import TOKENS_OF_OTHERS

SEATS: Final = 64  # processes with the same identity at the same time
PLACE_LIMIT_BYTES: Final = 60  # a unix socket's path has 107 at most, unix(7)
LOG_TAIL_BYTES: Final = 4096
# What differs from one terminal, window or session to the next, and does not matter to code.
VOLATILE: Final = re.compile(
    r"SESSION|WINDOW|TTY|PID|SOCK|PORT|COLUMNS|LINES|COLOR|PROMPT|TERM|"
    r"^(_|SHLVL|PWD|OLDPWD|DISPLAY|XAUTHORITY|LS_COLORS)$|^(SSH|XDG|DBUS|VSCODE|CLAUDE|CURSOR|CODEX|INTERPRETERD|PYTEST)_"
)


_NOT_ITS_OWN: Final = ("INTERPRETERD_STARTER", *TOKENS_OF_OTHERS)


class ResidentDaemon:
    """The daemon of one *seat*: of a program, directory and environment, and a number.

    Several processes with the same identity have a seat each. A seat is free when its process has ended, however that
    happened; the next process with the same identity takes the lowest free one, with the daemon that still runs there.

    ``start`` blocks; ``leave`` gives the seat up.
    """

    def __init__(self, flags: Sequence[str], idle_s: float, environ: Mapping[str, str]) -> None:
        """The daemon has ``flags``, and ends when it has not been used for ``idle_s``."""
        self._flags = [*flags, "--exit-unused-s", f"{idle_s:g}"]
        self._environ = dict(environ)
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.seat = ""

    def take_seat(self) -> str:
        """Take the lowest free seat, if that has not been done; return its name. Raises OSError."""
        if self._lock is None:
            folder = _folder()
            identity = _identity(self._flags, self._environ)
            for number in range(SEATS):
                self.seat = os.path.join(folder, f"{identity}-{number}")
                self._lock = _locked(self.seat + ".lock")
                if self._lock is not None:
                    return self.seat
            raise OSError(f"{SEATS} processes with the same program, directory and environment run already")
        return self.seat

    def start(self) -> str:
        """Return the URL of the seat's daemon; start it, if it does not run.

        Raises:
            OSError: It has ended instead; the end of its log is in the message.
        """
        path = self.take_seat() + ".socket"
        if not _answers(path):
            self._start(path)
        return f"unix:{path}"

    def leave(self) -> None:
        """Give the seat up; the daemon goes on."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _start(self, path: str) -> None:
        # -P: what stands in the current directory is not imported.
        program = [sys.executable, "-P", "-m", "interpreterd", "serve", "--python", sys.executable]
        if getattr(sys, "frozen", False):
            program = [sys.executable, "serve"]
        environ = {name: value for name, value in self._environ.items() if name not in _NOT_ITS_OWN}
        log = self.seat + ".log"
        with open(log, "wb", opener=_private) as stderr:
            self._process = process = subprocess.Popen(
                [*program, "--config", "", "--log-level", "warning", *self._flags, "--unix-socket", path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environ,
                # Some hosts start servers in the root, which is no place for files.
                cwd=os.path.expanduser("~") if os.getcwd() == "/" else None,
                start_new_session=True,
            )
        assert process.stdout is not None
        with process.stdout as stdout:
            is_ready = stdout.readline() != b""
        if not is_ready:
            process.wait()
            with open(log, "rb") as file:
                said = file.read()[-LOG_TAIL_BYTES:].decode(errors="replace").strip()
            raise OSError("the daemon did not start: " + (said or "it said nothing"))


def _identity(flags: Sequence[str], environ: Mapping[str, str]) -> str:
    variables = sorted(f"{name}={value}" for name, value in environ.items() if not VOLATILE.search(name))
    parts = [__version__, sys.executable, os.getcwd(), *flags, *variables]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _folder() -> str:
    """Return a directory that only this user can enter; make it if need be. Raises OSError."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    place = (
        runtime
        if os.path.isabs(runtime) and len(os.fsencode(runtime)) <= PLACE_LIMIT_BYTES and os.path.isdir(runtime)
        else ""
    )
    folder = os.path.join(place or _temporary(), f"interpreterd-{os.getuid()}")
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        found = os.lstat(folder)
    except OSError as error:
        raise OSError(f"no directory for the daemon's socket: {folder}: {error.strerror or error}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise OSError(f"{folder} must be a directory that only its user can enter, and yours: remove it")
    return folder


def _temporary() -> str:
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) <= PLACE_LIMIT_BYTES else "/tmp"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _locked(path: str) -> int | None:
    """Return a descriptor that holds the lock of ``path``; None if another process holds it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
        return True
