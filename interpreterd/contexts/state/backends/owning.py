"""The state directory: whose it must be, who may use it at the moment, and the key in it.

It holds what is in the memory of contexts, and the key with which a daemon tells its own archives. So nobody else may
enter it, and one daemon has it at a time. A daemon that replaces another one begins to use it while the other one's
work ends: both write whole files under names of their own, and the lock goes from one to the other.
"""

import contextlib
import fcntl
import os
import secrets
import stat
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from interpreterd.contexts.state.backends.durable import DurableFile
from interpreterd.contexts.state.backends.layout import KEY_BYTES, key_mark
from interpreterd.setting_kinds import SettingError

LOCK_NAME: Final = "lock"
KEY_NAME: Final = "key"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LOCK_BYTES: Final = 200
_KEYS_LIMIT_BYTES: Final = 64 << 10


def unusable(path: str, why: str) -> SettingError:
    """Return the error of a state directory that cannot be used."""
    return SettingError("state_dir", f"the state directory {path} cannot be used: {why}")


def open_own_directory(path: str) -> int:
    """Return a descriptor of the directory ``path``, which is made if it is missing; for its owner alone.

    Raises:
        SettingError: It is not such a directory.
    """
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        fd = os.open(path, _DIRECTORY)
    except NotADirectoryError:
        raise unusable(path, "it, or a part of its path, is a file") from None
    except OSError as error:
        raise unusable(path, error.strerror or str(error)) from None
    found = os.fstat(fd)
    mode = stat.S_IMODE(found.st_mode)
    why = None
    if found.st_uid != os.geteuid():
        why = "it belongs to another user: it must belong to the one that runs the daemon"
    elif mode & _OTHERS:
        why = f"it has the mode {mode:04o}, so that others may enter it: `chmod 700 {path}`"
    elif mode & 0o700 != 0o700:
        why = f"it has the mode {mode:04o}, so that not even its owner may use it: `chmod 700 {path}`"
    if why is not None:
        os.close(fd)
        raise unusable(path, why)
    return fd


def open_below(path: str, directory: int, name: str) -> int:
    """Return a descriptor of the directory ``name`` in the state directory ``path``. Raises ``SettingError``."""
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=directory)
        return os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
    except OSError as error:
        raise unusable(path, f"{name} in it: {error.strerror or error}") from None


class OwnerLock:
    """The right to use a state directory, held until ``close`` or the end of the process."""

    def __init__(self, path: str, directory: int, *, takes_over: bool) -> None:
        """Take it; a daemon that ``takes_over`` gets it when the other one has ended, and does not wait.

        Raises:
            SettingError: Another daemon has it; says which.
        """
        self._held = threading.Event()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            self._fd = os.open(LOCK_NAME, flags, 0o600, dir_fd=directory)
        except OSError as error:
            raise unusable(path, error.strerror or str(error)) from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not takes_over:
                holder = os.pread(self._fd, _LOCK_BYTES, 0).decode(errors="replace").strip() or "its lock says no pid"
                os.close(self._fd)
                raise unusable(path, f"another daemon has it ({holder})") from None
            # Of a duplicate: this one may be closed while the thread still waits.
            waiting = threading.Thread(
                target=self._take_later, args=(os.dup(self._fd),), name="state-lock", daemon=True
            )
            waiting.start()
        except OSError as error:
            os.close(self._fd)
            raise unusable(path, f"it cannot be locked: {error.strerror or error}") from None
        else:
            _sign(self._fd)
            self._held.set()

    @property
    def is_held(self) -> bool:
        """Whether no other daemon uses the directory."""
        return self._held.is_set()

    def _take_later(self, fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX)
        _sign(fd)
        self._held.set()
        # Not closed: it belongs to the same open file as the other descriptor, and so the lock does.

    def close(self) -> None:
        """Give it up. Repeating it changes nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _take_later(fd: int) -> None:
    fcntl.flock(fd, fcntl.LOCK_EX)
    _sign(fd)
    # Not closed: it belongs to the same open file as the other descriptor, and so the lock does.


def _sign(fd: int) -> None:
    now = datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    with contextlib.suppress(OSError):  # the disk is full: the lock holds all the same
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"pid {os.getpid()}, since {now}\n".encode(), 0)


class Keys:
    """The keys in a state directory: the first one signs, and what any of them has signed is ours."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self.own = keys[0]
        self.all = tuple(keys)
        self._by_mark = {key_mark(key): key for key in keys}

    def of_mark(self, mark: bytes) -> bytes | None:
        """Return the key with this mark, see ``key_mark``; None if it is not here."""
        return self._by_mark.get(mark)


def load_keys(path: str, directory: int, *, may_make: bool) -> Keys:
    """Return the keys of a state directory; without any, make one if it ``may_make`` one.

    Raises:
        SettingError
    """
    try:
        try:
            return _read_keys(path, directory)
        except FileNotFoundError:
            if not may_make:
                why = "its key is missing, and it has archives that need it: put the file back, or move archives away"
                raise unusable(path, why) from None
            _make_key(directory)
            return _read_keys(path, directory)
    except OSError as error:
        raise unusable(path, f"{KEY_NAME} in it: {error.strerror or error}") from None


def _read_keys(path: str, directory: int) -> Keys:
    fd = os.open(KEY_NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    with open(fd, "rb") as file:
        found = os.fstat(fd)
        data = file.read(_KEYS_LIMIT_BYTES)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & _OTHERS:
        raise unusable(path, f"others may read or change its key: `chmod 600 {path}/{KEY_NAME}`, or make it your own")
    try:
        keys = [bytes.fromhex(line) for line in data.decode("ascii").split()]
    except ValueError:
        keys = []
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise unusable(path, f"its key is none: each line of the file must be {2 * KEY_BYTES} hexadecimal digits")
    return Keys(keys)


def _make_key(directory: int) -> None:
    file = DurableFile(directory)
    try:
        file.write(secrets.token_hex(KEY_BYTES).encode() + b"\n")
        with contextlib.suppress(FileExistsError):  # of a daemon that this one replaces
            file.commit(KEY_NAME, replace=False)
    finally:
        file.close()
