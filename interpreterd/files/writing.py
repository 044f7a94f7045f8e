"""A new file below a directory: it is seen only when it is complete, and leaves nothing if that never happens."""

import contextlib
import errno
import os
import secrets
import stat
import threading
from typing import Final

from interpreterd.files.beneath import locate, open_directory
from interpreterd.files.entries import check_regular, described
from interpreterd.files.told import shown, told
from interpreterd.model.file_errors import ConditionFailed, DiskFull, FileTooLarge, NotADirectory
from interpreterd.model.files import FileCondition, FileInfo, path_parts

NAMING_TRIES: Final = 8  # user code may make and remove files of the same name meanwhile
# The condition and the change belong together; uploads of the same file wait for each other.
_locks: Final = [threading.Lock() for _ in range(64)]


class NewFile:
    """A file without a name, in the deepest directory of its path that exists. Call its functions in a thread.

    Where the file system has no such files (O_TMPFILE, open(2)) it has a random name that begins with a dot.
    """

    def __init__(
        self, directory: str, path: str, condition: FileCondition, *, size_bytes: int | None, limit_bytes: int | None
    ) -> None:
        """Begin a file for ``path`` below ``directory``, which is absolute and has no symbolic link.

        Args:
            directory: Of the context.
            path: See ``model.files``.
            condition: What the client expects there, now and in the end.
            size_bytes: The size of the file, if it is known.
            limit_bytes: The size that it may have.

        Raises:
            InvalidPath, FileError
        """
        self._root = self._place = self._fd = -1
        self._name: str | None = None
        self._turn = threading.RLock()  # else a number that was closed meanwhile could be another file's
        self._parts = path_parts(path)
        self._path = path
        self._condition = condition
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        try:
            with told(path):
                self._root = open_directory(directory)
                self._place, missing = self._deepest()
                self._look(self._place if missing == 1 else None)
                self._check_size(size_bytes or 0)
                room = os.fstatvfs(self._place)
                if room.f_blocks and (size_bytes or 0) > room.f_bavail * room.f_frsize:
                    raise DiskFull(f"no space left on the disk for {size_bytes} bytes: {shown(path)}")
                self._make()
        except BaseException:
            self.close()
            raise

    def write(self, data: bytes) -> None:
        """Add ``data``. Raises ``FileError``."""
        self._size_bytes += len(data)
        self._check_size(self._size_bytes)
        left = memoryview(data)
        with told(self._path), self._turn:
            while left:
                left = left[os.write(self._fd, left) :]

    def commit(self) -> tuple[FileInfo, bool]:
        """Give the file its name, and make the directories that are missing; return whether there was none before.

        Raises:
            FileError: No name has changed.
        """
        made: list[str] = []
        with told(self._path), self._turn:
            try:
                parent = self._make_parents(made)
                try:
                    with _lock(parent, self._parts[-1]):
                        is_new = self._put_into(parent)
                finally:
                    os.close(parent)
            except BaseException:
                self._remove(made)
                raise
            return described(self._path, os.fstat(self._fd)), is_new

    def close(self) -> None:
        """Drop the file, unless it was committed. Repeating it changes nothing."""
        with self._turn:
            if self._name is not None:
                with contextlib.suppress(OSError):
                    os.unlink(self._name, dir_fd=self._place)
                self._name = None
            for fd in (self._root, self._place, self._fd):
                if fd >= 0:
                    os.close(fd)
            self._root = self._place = self._fd = -1

    def __del__(self) -> None:
        """Drop the file of a writer that was stopped while a thread worked for it."""
        self.close()

    def _deepest(self) -> tuple[int, int]:
        """Return the deepest directory of the path that exists, and the number of parts below it."""
        for count in range(len(self._parts) - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                return self._directory(self._parts[:count]), len(self._parts) - count
        return self._directory([]), len(self._parts)

    def _directory(self, parts: list[str]) -> int:
        fd = locate(self._root, "/".join(parts) or ".")
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            os.close(fd)
            raise NotADirectory(f"it is not a directory: {shown('/'.join(parts))}")
        return fd

    def _look(self, parent: int | None) -> os.stat_result | None:
        """Return what is at the path, if anything; ``parent`` is its directory. Raises ``FileError``."""
        found = None
        if parent is not None:
            with contextlib.suppress(FileNotFoundError):
                found = os.stat(self._parts[-1], dir_fd=parent, follow_symlinks=False)
        if found is not None:
            check_regular(self._path, found)
        if not self._condition.holds(None if found is None else described(self._path, found).etag):
            raise ConditionFailed(f"the file is not as If-Match or If-None-Match expects: {shown(self._path)}")
        return found

    def _check_size(self, size_bytes: int) -> None:
        if self._limit_bytes is not None and size_bytes > self._limit_bytes:
            raise FileTooLarge(f"the file is larger than the limit of {self._limit_bytes} bytes: {shown(self._path)}")

    def _make(self) -> None:
        try:
            self._fd = os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o666, dir_fd=self._place)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
                raise
            self._name = _random_name()
            flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY | os.O_CLOEXEC
            self._fd = os.open(self._name, flags, 0o666, dir_fd=self._place)

    def _make_parents(self, made: list[str]) -> int:
        """Return the file's directory; add the paths of those that were missing to ``made``."""
        for count in range(1, len(self._parts)):
            parts = self._parts[:count]
            try:
                os.close(self._directory(parts))
            except FileNotFoundError:
                above = self._directory(parts[:-1])
                try:
                    os.mkdir(parts[-1], dir_fd=above)
                    made.append("/".join(parts))
                except FileExistsError:
                    pass  # by now; or a link that leads nowhere, which shows below
                finally:
                    os.close(above)
        return self._directory(self._parts[:-1])

    def _put_into(self, parent: int) -> bool:
        """Give the file its name; return whether it was free."""
        for _ in range(NAMING_TRIES):
            before = self._look(parent)
            if before is None and self._name is None:
                with contextlib.suppress(FileExistsError):
                    self._link(parent, self._parts[-1])
                    return True
                continue
            if before is not None:
                os.fchmod(self._fd, stat.S_IMODE(before.st_mode) & 0o777)
            name, place = self._name, self._place
            if name is None:
                name, place = _random_name(), parent
                self._link(parent, name)
            try:
                os.rename(name, self._parts[-1], src_dir_fd=place, dst_dir_fd=parent)
            except OSError:
                if self._name is None:
                    os.unlink(name, dir_fd=parent)
                raise
            self._name = None
            return before is None
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    def _link(self, parent: int, name: str) -> None:
        # linkat(2) by descriptor alone (AT_EMPTY_PATH) takes a privilege.
        os.link(f"/proc/self/fd/{self._fd}", name, dst_dir_fd=parent, follow_symlinks=True)

    def _remove(self, made: list[str]) -> None:
        """Remove directories that were made for nothing."""
        for path in reversed(made):
            above, _, name = path.rpartition("/")
            with contextlib.suppress(OSError, NotADirectory):
                fd = self._directory(above.split("/") if above else [])
                try:
                    os.rmdir(name, dir_fd=fd)
                finally:
                    os.close(fd)


def _random_name() -> str:
    return f".interpreterd-{secrets.token_hex(8)}"


def _lock(parent: int, name: str) -> threading.Lock:
    found = os.fstat(parent)
    return _locks[hash((found.st_dev, found.st_ino, name)) % len(_locks)]
