"""Files in /dev/shm that a family leaves behind: noted while it is killed, removed once it is dead.

A resource tracker removes the files that it knows. The rest would take up memory until the next boot. The kernel does
not say which process has made a file. So only these are removed: regular files of the daemon's user, born after the
worker, that a process of the family can write to at its end, by a shared mapping or a descriptor, and that no living
process uses. The kernel says when a file of tmpfs was born since Linux 6.0; on older kernels nothing is removed.
"""

import contextlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, NamedTuple

DIRECTORY: Final = "/dev/shm"  # shm_open(3) and sem_open(3) use this directory
# Whatever exceeds these limits stays.
NOTING_STEPS_LIMIT: Final = 8192  # each is some 10 µs
REMOVE_LIMIT_S: Final = 1.0  # of processor time; a process takes some 200 µs
PROCESSES_LIMIT: Final = 256
_DESCRIPTORS = 1024
_FILES = 4096
_FOLDERS = 256
_ENTRIES = 1 << 16
_WORKERS = 1 << 14
_READ_BYTES = 1 << 14  # the kernel fills at most a page
_CLOCK_REALTIME_COARSE = 5  # clock_gettime(2): the clock of a file's birth
_MAPPING = re.compile(rb"^\S+ (\S+) \S+ ([0-9a-f:]+) (\d+)", re.MULTILINE)
_INFO = {b"flags", b"ino", b"mnt_id"}  # the kernel has all of them since Linux 5.14
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_AT_SYMLINK_NOFOLLOW, _STATX_BASIC, _STATX_BTIME = 0x100, 0x7FF, 0x800  # statx(2)

Files = Mapping[int, float]  # inode of a file in DIRECTORY, to the start of its worker: the file was born later


class Remains:
    """The files that the families of workers leave behind in ``DIRECTORY``."""

    def __init__(self) -> None:
        self._began: dict[int, float] = {}
        self._noted: dict[int, dict[int, float]] = {}
        self._due: dict[int, float] = {}

    def begin(self, worker: int) -> None:
        """``worker`` has been started: its files are younger than this moment."""
        self._noted.pop(worker, None)
        self._began.pop(worker, None)
        self._began[worker] = time.clock_gettime(_CLOCK_REALTIME_COARSE)
        if len(self._began) > _WORKERS:
            self.settle(next(iter(self._began)))

    def noting(self, worker: int) -> Callable[[Iterable[int]], Iterator[None]]:
        """Return ``note`` for the family of ``worker``."""
        return lambda pids: self.note(worker, pids)

    def note(self, worker: int, pids: Iterable[int], budget: Iterator[int] | None = None) -> Iterator[None]:
        """Note which files ``pids``, of the family of ``worker``, can write to; in steps of a few 10 µs.

        If there has been no new file since the worker began, one look is enough. Files that are not seen within
        ``NOTING_STEPS_LIMIT``, or the number that ``budget`` has, are not noted.
        """
        began = self._began.get(worker)
        if began is None or (directory := _look()) is None or directory.st_ctime < began:
            return
        budget = budget or iter(range(NOTING_STEPS_LIMIT))
        noted = self._noted.setdefault(worker, {})
        for pid in islice(pids, PROCESSES_LIMIT):
            with contextlib.suppress(OSError):  # the process has become another user
                for inode in _writable(pid, directory.st_dev):
                    if inode is not None and len(noted) < _FILES:
                        noted[inode] = began
                    if next(budget, None) is None:
                        return
                    yield

    def settle(self, worker: int) -> None:
        """The family of ``worker`` is dead: its noted files are due."""
        self._began.pop(worker, None)
        for inode, began in self._noted.pop(worker, {}).items():
            if len(self._due) < _FILES:
                self._due[inode] = began

    def take(self) -> Files:
        """Return the files that are due, for ``remove``; each is returned once."""
        due, self._due = self._due, {}
        return due


def remove(files: Files) -> bool:
    """Remove those of ``files`` that no process uses; return whether a process uses one. Blocks: for a thread."""
    until = time.thread_time() + REMOVE_LIMIT_S
    try:
        top = os.open(DIRECTORY, _OPEN_FOLDER)
    except OSError:
        return False
    try:
        theirs = list(_names(top, files))
        if not theirs:
            return False
        used = _used({it.inode: it.private for it in theirs}, os.fstat(top).st_dev, until)
        for it in theirs:
            if it.inode not in used:
                _unlink(top, it, files[it.inode])
        return bool(used)
    finally:
        os.close(top)


class _Name(NamedTuple):
    """A name of a file, in ``folder`` of ``DIRECTORY`` or, if that is empty, in it; ``private`` to its user or not."""

    folder: str
    name: str
    inode: int
    private: bool


def _look() -> os.stat_result | None:
    try:
        return os.stat(DIRECTORY)
    except OSError:
        return None


def _writable(pid: int, device: int) -> Iterator[int | None]:
    """Find the inodes on ``device`` that ``pid`` can write to; None between two steps."""
    for permissions, inode in _mappings(pid, device):
        yield inode if permissions[1:2] == b"w" and permissions[3:4] == b"s" else None
    mount = None
    for info in _descriptors(pid, DIRECTORY + "/", _DESCRIPTORS):
        inode = None
        if info and int(info[b"flags"], 8) & os.O_ACCMODE:
            mount = mount or _mount()
            inode = int(info[b"ino"]) if info[b"mnt_id"] == mount else None
        yield inode


def _mappings(pid: int, device: int) -> Iterator[tuple[bytes, int | None]]:
    """Yield permissions and inode of each mapping of a file on ``device``; no inode between two steps.

    Raises nothing if the process is gone; PermissionError if this user may not look.
    """
    number, rest = b" %02x:%02x " % (os.major(device), os.minor(device)), b""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/maps", "rb", 0) as file:
        while data := file.read(_READ_BYTES):
            whole, _, rest = (rest + data).rpartition(b"\n")
            if number in whole:
                for permissions, its_number, inode in _MAPPING.findall(whole):
                    if its_number in number:
                        yield permissions, int(inode)
            yield b"", None


def _descriptors(pid: int, prefix: str, limit: int | None = None) -> Iterator[dict[bytes, bytes]]:
    """Yield fdinfo, see proc(5), of each descriptor whose link begins with ``prefix``; None for other descriptors."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError), os.scandir(f"/proc/{pid}/fd") as entries:
        for entry in islice(entries, limit):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                link = os.readlink(entry.path)  # not stat(2), which asks the file system, and that may never answer
                if not link.startswith(prefix):
                    yield {}
                    continue
                with open(f"/proc/{pid}/fdinfo/{entry.name}", "rb", 0) as file:
                    lines = file.read(_READ_BYTES).splitlines()
                info = {key: value.strip() for key, _, value in (line.partition(b":") for line in lines)}
                yield info if info.keys() >= _INFO else {}


def _mount() -> bytes | None:
    """Return the number of the mount that ``DIRECTORY`` is in."""
    try:
        fd = os.open(DIRECTORY, _OPEN_FOLDER)
    except OSError:
        return None
    try:
        with open(f"/proc/self/fdinfo/{fd}", "rb", 0) as file:
            found = re.search(rb"^mnt_id:\s*(\d+)", file.read(_READ_BYTES), re.MULTILINE)
        return found[1] if found else None
    finally:
        os.close(fd)


def _names(top: int, files: Files) -> Iterator[_Name]:
    """Find the names of those of ``files`` that are provably the family's."""
    folders = []
    with os.scandir(top) as entries:
        for entry in islice(entries, _ENTRIES):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.inode() in files and (it := _judge(top, top, "", entry, files)):
                yield it
    for folder in folders[:_FOLDERS]:  # joblib has folders, with files that it maps
        with contextlib.suppress(OSError):
            fd = os.open(folder, _OPEN_FOLDER, dir_fd=top)
            try:
                if os.fstat(fd).st_uid != os.geteuid():
                    continue
                with os.scandir(fd) as entries:
                    for entry in islice(entries, _ENTRIES):
                        if entry.inode() in files and (it := _judge(top, fd, folder, entry, files)):
                            yield it
            finally:
                os.close(fd)


def _judge(top: int, fd: int, folder: str, entry: "os.DirEntry[str]", files: Files) -> _Name | None:
    inode = entry.inode()
    if not _is_theirs(top, fd, entry.name, inode, files[inode]):
        return None
    mode = os.stat(entry.name, dir_fd=fd, follow_symlinks=False).st_mode
    private = not mode & 0o077 or bool(folder and not os.fstat(fd).st_mode & 0o077)
    return _Name(folder, entry.name, inode, private)


def _is_theirs(top: int, fd: int, name: str, inode: int, began: float) -> bool:
    """Return whether ``name`` in ``fd`` is this file, regular, of the daemon's user, and was born after ``began``."""
    try:
        found = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except OSError:
        return False
    return (
        stat.S_ISREG(found.st_mode)
        and found.st_uid == os.geteuid()
        and (found.st_dev, found.st_ino) == (os.fstat(top).st_dev, inode)
        and (born := _born(fd, name)) is not None
        and born >= began
    )


def _born(fd: int, name: str) -> float | None:
    """Return when a file was born, in seconds since the epoch; None if the kernel does not say."""
    import ctypes
    import struct

    try:
        statx = ctypes.CDLL(None).statx
    except AttributeError:
        return None
    buffer = ctypes.create_string_buffer(256)
    if statx(fd, os.fsencode(name), _AT_SYMLINK_NOFOLLOW, _STATX_BASIC | _STATX_BTIME, buffer) != 0:
        return None
    (mask,) = struct.unpack_from("=I", buffer, 0)
    seconds, nanoseconds = struct.unpack_from("=qI", buffer, 80)
    return float(seconds) + nanoseconds / 1e9 if mask & _STATX_BTIME else None


def _used(private: Mapping[int, bool], device: int, until: float) -> set[int]:
    """Return those of the inodes in ``private`` that a living process maps or has open, or may do so.

    A process that this user may not look at uses no private file if it is another user's, and none if it is init.
    """
    used: set[int] = set()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        if time.thread_time() > until:
            return set(private)
        pid = int(name)
        try:
            used.update(inode for _, inode in _mappings(pid, device) if inode is not None)
            for info in _descriptors(pid, "/"):
                if info and int(info[b"ino"]) in private and _device(pid, info[b"mnt_id"]) in (device, None):
                    used.add(int(info[b"ino"]))
        except OSError:
            if pid != 1:
                used.update(inode for inode, is_private in private.items() if not is_private or _is_own(pid))
    return used & private.keys()


def _device(pid: int, mount: bytes) -> int | None:
    """Return the device of a mount that ``pid`` uses; None if that cannot be found out."""
    with open(f"/proc/{pid}/mountinfo", "rb") as file:
        found = re.search(rb"^%b \S+ (\d+):(\d+) " % mount, file.read(), re.MULTILINE)
    return os.makedev(int(found[1]), int(found[2])) if found else None


def _is_own(pid: int) -> bool:
    """Return whether ``pid`` runs as the daemon's user, or did so."""
    found = None
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", "rb") as file:
        found = re.search(rb"^Uid:(.*)$", file.read(), re.MULTILINE)
    return found is not None and os.geteuid() in map(int, found[1].split())


def _unlink(top: int, it: _Name, began: float) -> None:
    """Remove ``it``, if it is still the same file, and its folder, if that is empty now."""
    with contextlib.suppress(OSError):
        fd = os.open(it.folder, _OPEN_FOLDER, dir_fd=top) if it.folder else os.dup(top)
        try:
            if _is_theirs(top, fd, it.name, it.inode, began):
                os.unlink(it.name, dir_fd=fd)
        finally:
            os.close(fd)
        if it.folder and (born := _born(top, it.folder)) is not None and born >= began:
            os.rmdir(it.folder, dir_fd=top)
