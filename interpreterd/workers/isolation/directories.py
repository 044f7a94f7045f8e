"""The private directories of isolated contexts: a HOME and a TMPDIR each, removed with the context.

They lie in one directory of the daemon, which others cannot enter. Names are short: a unix socket in TMPDIR has a path
of at most 107 bytes, unix(7). A daemon that was killed leaves its directory behind; the next one removes it.
"""

import contextlib
import fcntl
import itertools
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from typing import Final

from attrs import frozen

ROOT_PREFIX: Final = "interpreterd-"
_LOCK: Final = "lock"
_STALE_LIMIT: Final = 1000  # directories that are looked at


@frozen(kw_only=True)
class PrivateDirectories:
    """The directories of one context; absolute paths without links.

    Attributes:
        root: The directory of the others.
    """

    root: str
    home: str
    temporary: str

    @property
    def copies(self) -> str:
        """The directory for copies of the working directory, of forks."""
        return os.path.join(self.root, "forks")


class PrivateRoot:
    """All private directories of a daemon. Nothing is made before the first context needs it."""

    def __init__(self, parent: str | None = None, *, others: bool = False) -> None:
        """Make them below ``parent``; None for the machine's directory for temporary files.

        With ``others``, all users may pass through the daemon's directory to those that are theirs.
        """
        self._others = others
        self._parent = os.path.realpath(parent or _temporary())
        self._root: str | None = None
        self._lock_fd: int | None = None
        self._numbers = itertools.count(1)

    @property
    def parent(self) -> str:
        """The directory in which all of them are."""
        return self._parent

    def make(self) -> PrivateDirectories:
        """Make the directories of one more context. Raises OSError."""
        if self._root is None:
            self._begin()
        assert self._root is not None
        root = os.path.join(self._root, str(next(self._numbers)))
        private = PrivateDirectories(root=root, home=os.path.join(root, "home"), temporary=os.path.join(root, "tmp"))
        for path in (root, private.home, private.temporary, private.copies):
            os.mkdir(path, 0o700)
        return private

    def remove(self, private: PrivateDirectories) -> None:
        """Remove the directories of a context that has ended, and all that is in them; takes its time."""
        remove_tree(private.root)

    def close(self) -> None:
        """Remove everything."""
        if self._root is not None:
            remove_tree(self._root)
            self._root = None
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def _begin(self) -> None:
        self._root = tempfile.mkdtemp(prefix=ROOT_PREFIX, dir=self._parent)
        if self._others:
            os.chmod(self._root, 0o711)
        early, lock = os.path.join(self._root, "new"), os.path.join(self._root, _LOCK)
        self._lock_fd = os.open(early, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rename(early, lock)  # so that no other daemon ever finds it unlocked

    def remove_stale(self) -> None:
        """Remove what daemons of this user have left behind that were killed; takes its time."""
        with contextlib.suppress(OSError), os.scandir(self._parent) as entries:
            for entry in itertools.islice(entries, _STALE_LIMIT):
                if entry.name.startswith(ROOT_PREFIX) and _is_stale(entry):
                    remove_tree(entry.path)


def _temporary() -> str:
    """Return the machine's directory for temporary files; one that cannot be written to matters only when used."""
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:  # it has tried to write there
        return os.environ.get("TMPDIR") or "/tmp"


def _is_stale(entry: "os.DirEntry[str]") -> bool:
    """Return whether it is a directory of this user's, with a lock that no daemon holds."""
    try:
        found = entry.stat(follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return False
        fd = os.open(os.path.join(entry.path, _LOCK), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def remove_tree(path: str) -> None:
    """Remove ``path`` and everything below, also what its owner has made inaccessible; errors leave the rest."""
    shutil.rmtree(path, onerror=_unlock)


def _unlock(function: Callable[..., object], path: str, error: object) -> None:
    """Make the directory accessible in which something could not be removed, and try once more."""
    with contextlib.suppress(OSError):
        directory = path if function is os.open or function is os.scandir else os.path.dirname(path)
        fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.chmod(f"/proc/self/fd/{fd}", 0o700)  # not by the path, which code may have replaced by a link
        finally:
            os.close(fd)
        shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else os.unlink(path)
