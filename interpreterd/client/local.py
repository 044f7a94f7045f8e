"""A private daemon: a program starts it, only this program's user can reach it, and it ends with the program."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from typing import IO, Final

from interpreterd.client.errors import StartFailed

STOP_TIMEOUT_S: Final = 10.0  # it takes nine at most
LOG_LINE_LIMIT_BYTES: Final = 64 << 10
LOG_LINES_KEPT: Final = 20
TOKENS_OF_OTHERS: Final = ("INTERPRETERD_TOKEN", "INTERPRETERD_TOKEN_FILE")  # of the daemon at another address
TMPDIR_LIMIT_BYTES: Final = 72  # a unix socket's path has 107 at most, unix(7): two names follow, and slashes
_log = logging.getLogger(__name__)


def place_for_sockets() -> str:
    """Return where to make directories with sockets: where temporary files are, unless that path is too long."""
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) <= TMPDIR_LIMIT_BYTES else "/tmp"


class LocalDaemon:
    """A private daemon, on a unix socket in a temporary directory that only this user can enter.

    It runs code with this program's own Python, and so with the packages that are installed here. Its warnings and
    errors go to the logger ``interpreterd.client.local``. It ends when this program ends, however that happens. After
    ``kill -9`` the empty directory stays. The daemon is in a session of its own, so that a terminal's Ctrl-C does not
    reach it.

    ``start`` and ``stop`` block. Any thread may call them, also at the same time.
    """

    def __init__(self, *flags: str) -> None:
        """Prepare a daemon with ``flags``, those of ``interpreterd serve``; nothing is started yet."""
        self._flags = flags
        self._lock = threading.Lock()
        self._stopped = False
        self._directory: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._last_lines: deque[str] = deque(maxlen=LOG_LINES_KEPT)

    def start(self) -> str:
        """Start it; return its URL once it accepts connections. May be called once.

        Raises:
            StartFailed: It ended instead; its log is in the message.
        """
        with self._lock:
            if self._stopped:
                raise StartFailed("the daemon was stopped before it was started")
            try:
                self._directory = tempfile.mkdtemp(prefix="interpreterd-", dir=place_for_sockets())
                os.chmod(self._directory, 0o700)  # whatever the umask has left of it
            except OSError as error:
                raise StartFailed(f"no directory for the daemon's socket: {error.strerror or error}") from error
            path = os.path.join(self._directory, "socket")
            # So that it knows its parent from one that has adopted it since; see interpreterd.parent.
            # It needs no tokens: only this user reaches it.
            env = {name: value for name, value in os.environ.items() if name not in TOKENS_OF_OTHERS}
            env["INTERPRETERD_STARTER"] = str(os.getpid())
            if getattr(sys, "frozen", False):  # the single binary, which brings no Python for workers
                program = [sys.executable, "serve"]
                env["PYINSTALLER_RESET_ENVIRONMENT"] = "1"  # one of its own, not a part of this one
            else:  # -P: what stands in the current directory is not imported
                program = [sys.executable, "-P", "-m", "interpreterd", "serve", "--python", sys.executable]
            # A file of settings is for the machine's own daemon: its addresses are taken by that.
            defaults = ["--config", "", "--log-level", "warning"]
            self._process = process = subprocess.Popen(
                [*program, *defaults, *self._flags, "--unix-socket", path, "--exit-with-parent"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=env,
                start_new_session=True,
            )
        assert process.stdout is not None
        assert process.stderr is not None
        reader = threading.Thread(target=self._read_log, args=[process.stderr], name="interpreterd log", daemon=True)
        reader.start()
        with process.stdout as stdout:
            self._ready = stdout.readline() != b""
        if not self._ready:
            reader.join()
            self.stop()
            raise StartFailed("the daemon did not start: " + ("\n".join(self._last_lines) or "it said nothing"))
        return f"unix:{path}"

    def stop(self) -> None:
        """End it, and everything that it runs. A second call changes nothing."""
        with self._lock:
            self._stopped = True
            process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _read_log(self, stderr: IO[bytes]) -> None:
        with stderr:
            while line := stderr.readline(LOG_LINE_LIMIT_BYTES):
                text = line.decode(errors="replace").rstrip("\n")
                if self._ready:
                    _log.warning("%s", text)
                else:
                    self._last_lines.append(text)
