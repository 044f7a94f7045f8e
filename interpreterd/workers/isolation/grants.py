"""Lets a context's own user work in the context's directory: by access control lists, and nothing changes its owner.

What lies in the directory is opened to that user too, as it would be to code that runs as the daemon's user. What is
made there meanwhile inherits that. At the end of the context its user is taken out again.
"""

import contextlib
import errno
import os
import pwd
import stat
import threading
import time
from collections.abc import Container, Iterator
from typing import Final

from interpreterd.files.rights import acting_as
from interpreterd.model.errors import InvalidWorkingDirectory
from interpreterd.workers.isolation.acls import (
    ACCESS,
    DEFAULT,
    READ,
    SEARCH,
    WRITE,
    Entries,
    acl_bytes,
    acl_of,
    of_mode,
    users_in,
    with_user,
    without_users,
)

ENTRIES_LIMIT: Final = 50_000  # each takes some 10 µs
ENTRIES_LEFT_LIMIT: Final = 500_000  # at the end, when code may have made more; beyond it lists stay as they are
GRANT_LIMIT_S: Final = 10.0
DEPTH_LIMIT: Final = 100  # each level takes a descriptor
_SYSTEM: Final = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/sbin", "/sys", "/usr")
_SYSTEMS: Final = {"/", "/home", "/media", "/mnt", "/opt", "/root", "/run", "/srv", "/var", "/var/lib", "/var/log"}
_ADVICE: Final = "make it writable for all users, or name another one"
_UMASK: Final = 0o022  # where a directory says what new files begin with, the process's own mask has no effect
_lock: Final = threading.Lock()  # two contexts may share a directory


class Grant:
    """The right of ``user`` to work in ``directory``, from ``make`` to ``end``. Both block, for a thread.

    Attributes:
        directory: Absolute, without symbolic links.
    """

    def __init__(self, directory: str, user: int, users: Container[int]) -> None:
        """``users`` are all that contexts may have; those in lists without a living context are taken out."""
        self.directory = directory
        self._user = user
        self._users = users
        self._made = False

    def make(self, living: Container[int], *, is_viewed: bool = False) -> None:
        """Let the user work there; nothing is changed if all users may. ``living`` are the users of other contexts.

        ``is_viewed`` says that code finds the directory in a mount namespace, whatever it lies below.

        Raises:
            InvalidWorkingDirectory: It is no directory for that, or its file system has no such lists.
        """
        if not is_viewed and (blocked := self._entered()):
            raise InvalidWorkingDirectory(
                f"working directory {self.directory} cannot be reached by the context's own user: "
                f"{blocked} may not be entered by all users"
            )
        top = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            found = os.fstat(top)
            if found.st_mode & 0o007 == 0o007 or found.st_uid == self._user:
                return
            self._check_kind()
            with _lock:
                self._made = True
                try:
                    for fd, it in _walk(top):
                        self._admit(fd, it, living)
                except BaseException:
                    self._withdraw(top)
                    raise
        except OSError as error:
            raise InvalidWorkingDirectory(self._why(error)) from error
        finally:
            os.close(top)

    def end(self) -> None:
        """Take the user out again. Repeating it changes nothing. Raises nothing: what cannot be changed stays."""
        if not self._made:
            return
        with contextlib.suppress(OSError), _lock:
            top = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                self._withdraw(top)
            finally:
                os.close(top)
        self._made = False

    def _entered(self) -> str | None:
        """Return the directory above that the user may not enter; None if there is none."""
        return unreachable(os.path.dirname(self.directory) or "/", self._user)

    def _check_kind(self) -> None:
        path = self.directory
        homes = {it.pw_dir for it in pwd.getpwall()}
        if path in homes or path in _SYSTEMS or any(path == it or path.startswith(it + "/") for it in _SYSTEM):
            raise InvalidWorkingDirectory(
                f"working directory {path} is the system's or a home, and is not opened to the context's own user: "
                "name a directory below it, or one that is writable for all users"
            )

    def _admit(self, fd: int, found: os.stat_result, living: Container[int]) -> None:
        is_directory = stat.S_ISDIR(found.st_mode)
        path = f"/proc/self/fd/{fd}"
        entries = _read(path, ACCESS) or of_mode(found.st_mode)
        gone = {user for user in users_in(entries) if user in self._users and user not in living}
        owners = entries[1, 0xFFFFFFFF]
        rights = READ | WRITE | SEARCH if is_directory else READ | WRITE | (owners & SEARCH)
        os.setxattr(path, ACCESS, acl_bytes(with_user(without_users(entries, gone), self._user, rights)))
        if is_directory:
            inherited = _read(path, DEFAULT)
            if inherited is None:
                inherited = of_mode(found.st_mode & ~_UMASK | 0o700)
                if owner := found.st_uid:  # what code makes is its user's: the directory's owner may handle it
                    inherited = with_user(inherited, owner, READ | WRITE | SEARCH)
            inherited = without_users(inherited, gone)
            os.setxattr(path, DEFAULT, acl_bytes(with_user(inherited, self._user, READ | WRITE | SEARCH)))

    def _withdraw(self, top: int) -> None:
        owner = os.fstat(top).st_uid
        for fd, found in _walk(top, ENTRIES_LEFT_LIMIT):
            path = f"/proc/self/fd/{fd}"
            with contextlib.suppress(OSError):
                self._take_out(path, ACCESS, set())
                if stat.S_ISDIR(found.st_mode):
                    self._take_out(path, DEFAULT, {owner, found.st_uid})

    def _take_out(self, path: str, name: str, owners: set[int]) -> None:
        entries = _read(path, name)
        if entries is None or self._user not in users_in(entries):
            return
        left = without_users(entries, {self._user})
        if name == DEFAULT and users_in(left) <= owners:
            os.removexattr(path, name)  # as ``_admit`` has made it
        else:
            os.setxattr(path, name, acl_bytes(left))

    def _why(self, error: OSError) -> str:
        if error.errno in (errno.EOPNOTSUPP, errno.ENOSYS):
            why = "its file system has no access control lists"
        else:
            why = error.strerror or str(error)
        return f"working directory {self.directory} cannot be opened to the context's own user: {why}; {_ADVICE}"


def unreachable(path: str, user: int) -> str | None:
    """Return the first directory of ``path`` that ``user`` may not enter, ``path`` included; None if there is none."""
    reached = "/"
    with acting_as(user):
        for part in path.split("/"):
            reached = os.path.join(reached, part)
            try:
                os.stat(os.path.join(reached, "."))
            except OSError:
                return reached
    return None


def _walk(top: int, limit: int = ENTRIES_LIMIT) -> Iterator[tuple[int, os.stat_result]]:
    """Yield a descriptor (O_PATH, or ``top`` itself) of all that lists are for in a tree: on one file system, no link.

    A file with two names, of which one may be elsewhere, is left as it is, and so are those that change the user.

    Raises:
        OSError: Also E2BIG, if there are more than ``limit``, or it takes longer than ``GRANT_LIMIT_S``.
    """
    until = time.monotonic() + GRANT_LIMIT_S
    device = os.fstat(top).st_dev
    count = 0

    def below(fd: int, depth: int) -> Iterator[tuple[int, os.stat_result]]:
        nonlocal count
        yield fd, os.fstat(fd)
        with os.scandir(fd) as entries:
            names = [it.name for it in entries if not it.is_symlink()]
        for name in names:
            count += 1
            if count > limit or time.monotonic() > until:
                raise OSError(errno.E2BIG, f"it has more than {limit} files, or takes too long")
            try:
                inner = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
            except FileNotFoundError:
                continue
            try:
                found = os.fstat(inner)
                if found.st_dev != device:
                    continue
                if stat.S_ISDIR(found.st_mode) and depth:
                    opened = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=inner)
                    try:
                        yield from below(opened, depth - 1)
                    finally:
                        os.close(opened)
                elif stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and not found.st_mode & 0o6000:
                    yield inner, found
            finally:
                os.close(inner)

    yield from below(top, DEPTH_LIMIT)


def _read(path: str, name: str) -> Entries | None:
    try:
        return acl_of(os.getxattr(path, name))
    except OSError as error:
        if error.errno == errno.ENODATA:
            return None
        raise
