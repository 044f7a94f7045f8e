"""Copies a directory with everything in it: by reference where the file system can (reflinks), otherwise byte by byte.

Code may change the tree meanwhile. So directories and files are opened by name below the open directory around them,
and links are never followed. A file is copied up to the length that it had when it was opened.
"""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Generator, Iterable
from typing import Final

from attrs import define, field, frozen

from interpreterd.files.beneath import locate, open_directory
from interpreterd.files.told import shown, told
from interpreterd.model.file_errors import DirectoryTooLarge
from interpreterd.model.limits import size_in_words

COPIED_BYTES: Final = 4 << 30  # of one request, what is shared by reference not counted
COPIED_FILES: Final = 100_000  # likewise; directories and links count
COPIED_DEPTH: Final = 100  # directories in directories; each takes two descriptors
LEFT_LIMIT: Final = 100  # entries that are named
LINKED_LIMIT: Final = 1 << 16  # files with several names; beyond it each name gets a file of its own
_STEP: Final = 64  # entries
_CHUNK_BYTES: Final = 8 << 20
_FICLONE: Final = 0x40049409  # ioctl_ficlone(2)
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_KEPT_ATTRIBUTES: Final = ("user.", "system.posix_acl_")  # xattr(7); others give privileges, or are the system's
_FILE_MODES, _FOLDER_MODES = 0o1777, 0o3777  # without set-user-ID, and of files without set-group-ID
_IN_WORDS: Final = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_REFUSED: Final = (errno.EACCES, errno.EPERM)
_GONE: Final = (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.ESTALE)
_Identity = tuple[int, int]

_Steps = Generator[None, None, None]


@frozen
class Left:
    """An entry that was not copied: its path below the directory, and why, for example ``a FIFO``."""

    path: str
    reason: str


@define
class CopyBudget:
    """What the copies of one request may take together.

    Attributes:
        bytes: What is left of ``COPIED_BYTES``.
        files: What is left of ``COPIED_FILES``.
    """

    bytes: int = COPIED_BYTES
    files: int = COPIED_FILES

    def take(self, *, size_bytes: int = 0, files: int = 0) -> None:
        """Use up a part. Raises ``DirectoryTooLarge``."""
        self.bytes -= size_bytes
        self.files -= files
        if self.files < 0:
            raise DirectoryTooLarge(f"the working directory cannot be copied: there are more than {COPIED_FILES} files")
        if self.bytes < 0:
            limit = size_in_words(COPIED_BYTES)
            raise DirectoryTooLarge(
                f"the working directory cannot be copied: its file system shares no blocks between files (reflinks), "
                f"and there are more than {limit}"
            )


@define(eq=False)
class TreeCopy:
    """One copy of the directory ``source`` at ``target``, which must not exist; both absolute and without links.

    Attributes:
        others: Directories that are not copied wherever they are, by device and inode: ``identity``.
        left: What was not copied, at most ``LEFT_LIMIT`` of them.
        left_count: How many those are in all.
    """

    source: str
    target: str
    budget: CopyBudget = field(factory=CopyBudget)
    others: Iterable[_Identity] = ()
    left: list[Left] = field(factory=list, init=False)
    left_count: int = field(default=0, init=False)
    _linked: dict[_Identity, str] = field(factory=dict, init=False)
    _device: int = field(default=0, init=False)
    _root: int = field(default=-1, init=False)

    def steps(self) -> _Steps:
        """Copy, in steps of some milliseconds: call each in a thread. If one raises, ``target`` is there in part.

        Raises:
            DirectoryTooLarge, FileError, OutOfResources
        """
        with told(self.target):
            os.mkdir(self.target, 0o700)
            self._root = open_directory(self.target)
        try:
            with told(self.source):
                above = open_directory(self.source)
            try:
                with told(self.source):
                    found = os.fstat(above)
                    self._device = found.st_dev
                    self.others = {*self.others, identity(os.fstat(self._root))}
                    yield from self._fill(above, ".", self._root, ".", "", COPIED_DEPTH)
            finally:
                os.close(above)
        finally:
            os.close(self._root)

    def _fill(self, above: int, name: str, new_above: int, new_name: str, path: str, depth: int) -> _Steps:
        """Copy what is in the directory ``name`` of ``above``, and its attributes, to ``new_name`` of ``new_above``."""
        old = os.open(name, _FOLDER, dir_fd=above)
        try:
            new = os.open(new_name, _FOLDER, dir_fd=new_above)
            try:
                with os.scandir(old) as entries:
                    for number, entry in enumerate(entries):
                        self.budget.take(files=1)
                        yield from self._copy(old, entry.name, new, f"{path}{entry.name}", depth)
                        if number % _STEP == 0:
                            yield
                _dress(old, new, os.fstat(old), _FOLDER_MODES)
            finally:
                os.close(new)
        finally:
            os.close(old)

    def _copy(self, old: int, name: str, new: int, path: str, depth: int) -> _Steps:
        try:
            found = os.stat(name, dir_fd=old, follow_symlinks=False)
            kind = stat.S_IFMT(found.st_mode)
            if kind == stat.S_IFREG:
                yield from self._copy_file(old, name, new, path)
            elif kind == stat.S_IFLNK:
                _copy_link(old, name, new, found)
            elif kind != stat.S_IFDIR:
                self._leave(path, _IN_WORDS.get(kind, "no regular file"))
            elif identity(found) in self.others:
                pass
            elif found.st_dev != self._device:
                self._leave(path, "of another file system")
            elif not depth:
                self._leave(path, f"in more than {COPIED_DEPTH} directories")
            else:
                os.mkdir(name, 0o700, dir_fd=new)
                yield from self._fill(old, name, new, name, f"{path}/", depth - 1)
        except OSError as error:
            if error.errno in _REFUSED:
                self._leave(path, "not readable")
            elif error.errno not in _GONE:
                raise

    def _leave(self, path: str, reason: str) -> None:
        self.left_count += 1
        if len(self.left) < LEFT_LIMIT:
            self.left.append(Left(shown(path), reason))

    def _copy_file(self, old: int, name: str, new: int, path: str) -> _Steps:
        source = os.open(name, _FILE, dir_fd=old)
        try:
            found = os.fstat(source)
            if not stat.S_ISREG(found.st_mode):  # it was swapped
                return
            if found.st_nlink > 1 and self._link(identity(found), name, new):
                return
            target = os.open(name, _NEW, 0o600, dir_fd=new)
            try:
                if not cloned(source, target):
                    yield from self._copy_data(source, target, found.st_size)
                _dress(source, target, found, _FILE_MODES)
            finally:
                os.close(target)
            if found.st_nlink > 1 and len(self._linked) < LINKED_LIMIT:
                self._linked[identity(found)] = path
        finally:
            os.close(source)

    def _link(self, file: _Identity, name: str, new: int) -> bool:
        """Give the copy of ``file`` one more name; return whether there is such a copy."""
        if (path := self._linked.get(file)) is None:
            return False
        copy = locate(self._root, path, follow=False)
        try:
            # linkat(2) by descriptor alone (AT_EMPTY_PATH) takes a privilege.
            os.link(f"/proc/self/fd/{copy}", name, dst_dir_fd=new, follow_symlinks=True)
        finally:
            os.close(copy)
        return True

    def _copy_data(self, source: int, target: int, size: int) -> _Steps:
        """Copy ``size`` bytes; holes stay holes."""
        at = 0
        while at < size:
            try:
                at = os.lseek(source, at, os.SEEK_DATA)
                end = min(os.lseek(source, at, os.SEEK_HOLE), size)
            except OSError as error:
                if error.errno != errno.ENXIO:  # behind the last data, or the file has become shorter
                    raise
                break
            while at < end:
                copied = _copy_some(source, target, at, min(end - at, _CHUNK_BYTES))
                if not copied:
                    end = size = at  # it has become shorter
                self.budget.take(size_bytes=copied)
                at += copied
                if copied > _CHUNK_BYTES // 8:
                    yield
        os.ftruncate(target, size)


def identity(found: os.stat_result) -> _Identity:
    """Return what tells a file from all others of the machine."""
    return found.st_dev, found.st_ino


def cloned(source: int, target: int) -> bool:
    """Let ``target`` share all data with ``source`` until one of them is written; return whether that is possible."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        return False
    return True


def _copy_some(source: int, target: int, at: int, count: int) -> int:
    try:
        return os.copy_file_range(source, target, count, at, at)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):
            raise
    return os.pwrite(target, os.pread(source, count, at), at)


def _copy_link(old: int, name: str, new: int, found: os.stat_result) -> None:
    os.symlink(os.readlink(name, dir_fd=old), name, dir_fd=new)
    with contextlib.suppress(PermissionError):
        os.chown(name, found.st_uid, found.st_gid, dir_fd=new, follow_symlinks=False)
    os.utime(name, ns=(found.st_atime_ns, found.st_mtime_ns), dir_fd=new, follow_symlinks=False)


def _dress(source: int, target: int, found: os.stat_result, modes: int) -> None:
    """Give ``target`` the owner, the attributes, the mode and the times of ``source``, as far as this user may."""
    with contextlib.suppress(PermissionError):
        os.fchown(target, found.st_uid, found.st_gid)
    with contextlib.suppress(OSError):  # the file system has none
        for name in os.listxattr(source):
            if name.startswith(_KEPT_ATTRIBUTES):
                with contextlib.suppress(OSError):
                    os.setxattr(target, name, os.getxattr(source, name))
    os.fchmod(target, found.st_mode & modes)
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
