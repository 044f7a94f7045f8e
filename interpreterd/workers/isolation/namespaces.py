"""Namespaces of a confined worker: which it has, and the view of the file system that it has in its mount namespace.

This is computed here and done by ``worker/unsharing.py``. The view is a small tmpfs, with recursive bind mounts of the
directories that may be read or written, at the same paths. So the rest of the daemon's file system does not exist
there: other people's files, path-name sockets, ``/dev/shm``, devices, terminals. Landlock then says which of the files
in the view may be opened.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from types import MappingProxyType
from typing import Any, Final

from attrs import field, frozen
from attrs.validators import deep_mapping, in_, instance_of

from interpreterd.workers.isolation.apart import ApartDirectory

NAMESPACE_KINDS: Final = ("user", "mount", "pid", "ipc", "net")
"""In this order they are made."""
MOUNT_AT: Final = ("/tmp", "/var", "/usr", "/dev")  # the first that exists holds the new root for a moment
ALWAYS_THERE: Final = ("/home", "/root", "/run", "/tmp", "/var/tmp")  # empty, unless something below them is shown
DEVICES: Final = ("full", "null", "random", "tty", "urandom", "zero")
DEVICE_LINKS: Final = {
    "fd": "/proc/self/fd",
    "ptmx": "pts/ptmx",
    "stderr": "/proc/self/fd/2",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
}
SHM_BYTES: Final = 1 << 30
_SHM_FILES: Final = 1 << 16
_LINKS_LIMIT: Final = 40  # path_resolution(7)
_OWN: Final = ("/dev", "/dev/ptmx", "/dev/pts", "/dev/shm", "/proc")  # made anew; other devices may be shown
_READ: Final = ["ro", "nosuid", "nodev"]
_WRITE: Final = ["nosuid", "nodev"]
_PROC: Final = ["ro", "nosuid", "nodev", "noexec"]
# Read-only like everything else: a device is written nevertheless, but its mode, owner and times stay.
_DEVICE: Final = ["ro", "nosuid", "noexec"]

Step = list[Any]  # see ``show`` in worker/unsharing.py


@frozen(kw_only=True)
class Namespaces:
    """What can be had on a machine.

    Attributes:
        user: Whether the others need a user namespace, because the daemon may not make them otherwise.
        missing: The kinds that cannot be had, each with the call that fails and why.
    """

    user: bool = field(default=False, validator=instance_of(bool))
    missing: Mapping[str, str] = field(
        default=MappingProxyType({}), hash=False, validator=deep_mapping(in_(NAMESPACE_KINDS), instance_of(str))
    )

    def of(self, *kinds: str) -> tuple[str, ...] | None:
        """Return what a worker has to make for ``kinds``; None if one of them cannot be had."""
        wanted = {*kinds, *(("user",) if self.user else ())}
        return None if wanted & self.missing.keys() else tuple(kind for kind in NAMESPACE_KINDS if kind in wanted)

    def some(self, *kinds: str) -> tuple[str, ...]:
        """Return what a worker has to make for those of ``kinds`` that can be had; nothing without the first one."""
        had = [kind for kind in kinds if self.of(kinds[0], kind) is not None]
        return (self.of(*had) or ()) if had else ()


NO_NAMESPACES: Final = Namespaces(missing=MappingProxyType(dict.fromkeys(NAMESPACE_KINDS, "it was not tried")))


def views() -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return two small views, to try whether they can be had: without a pid namespace, and with one."""
    shared, own = (view(read=("/usr", "/etc"), write=(), own_proc=own_proc) for own_proc in (False, True))
    return shared, own


def view(
    *,
    read: Iterable[str],
    write: Iterable[str],
    own_proc: bool,
    shm_bytes: int = SHM_BYTES,
    apart: Iterable[ApartDirectory] = (),
) -> Mapping[str, Any]:
    """Return the view in which ``read`` and ``write`` exist, absolute paths of directories or files.

    Symbolic links in these paths exist as such, together with their targets. What is missing now is left out. With
    ``own_proc`` the worker is in a new pid namespace, of which ``/proc`` shows the processes. Files in ``/dev/shm`` are
    its own, and take ``shm_bytes`` at most. What is ``apart`` is empty there. Blocks for some microseconds a path.
    """
    places = _Places()
    for path in ALWAYS_THERE:
        places.directories.update(_parents(path + "/"))
    for path in write:
        places.show(path, is_written=True)
    for path in (*read, "/etc/resolv.conf"):  # its target may be elsewhere
        places.show(path, is_written=False)
    covers = [["cover", it.path, *it.identity] for it in apart if places.shows(it.path)]
    steps = [*_proc(own_proc), *_dev(shm_bytes), *places.steps(), *covers]
    at = next((path for path in MOUNT_AT if os.path.isdir(path)), "/")
    return {"at": at, "options": f"size=1m,nr_inodes={len(steps) + 64},mode=755", "steps": steps}


class _Places:
    """What there is in a view."""

    def __init__(self) -> None:
        self.directories: set[str] = set()
        self._links: dict[str, str] = {}
        self._shown: dict[str, bool] = {}  # by path without links: whether it is written

    def show(self, path: str, *, is_written: bool) -> None:
        """Let ``path`` exist, and the links on the way to it."""
        if (real := self._resolve(path)) is None:
            return
        if real == "/":  # the root of a view is its own
            for name in os.listdir("/"):
                self.show(f"/{name}", is_written=is_written)
        elif real not in _OWN and not real.startswith("/proc/"):
            self._shown[real] = self._shown.get(real, False) or is_written
            self.directories.update(_parents(real))

    def shows(self, path: str) -> bool:
        """Return whether ``path``, a directory without links, exists in the view because of one above it."""
        return any(above in self._shown for above in (*_parents(path), path))

    def steps(self) -> Iterator[Step]:
        """Yield the steps that make it, parents first."""
        for path in sorted({*self.directories, *self._links, *self._shown}, key=lambda path: path.split("/")):
            above = [self._shown[parent] for parent in _parents(path) if parent in self._shown]
            if path in self._shown:
                is_written = self._shown[path]
                if not above or (is_written and not above[-1]):
                    attributes = _WRITE if is_written else _READ
                    yield ["bind", path, _device_attributes(attributes) if path.startswith("/dev/") else attributes]
            elif above:
                continue
            elif path in self._links:
                yield ["link", path, self._links[path]]
            else:
                yield ["dir", path, 0o555]

    def _resolve(self, path: str) -> str | None:
        """Return ``path`` without links, and note these; None if it does not exist or has too many of them."""
        waiting = path.split("/")[::-1]
        real, links = "", 0
        while waiting:
            name = waiting.pop()
            if name in ("", "."):
                continue
            if name == "..":
                real = real.rpartition("/")[0]
                continue
            here = f"{real}/{name}"
            try:
                is_link = stat.S_ISLNK(os.lstat(here).st_mode)
                target = os.readlink(here) if is_link else ""
            except (OSError, ValueError):
                return None
            if not is_link:
                real = here
                continue
            links += 1
            if links > _LINKS_LIMIT:
                return None
            self.directories.update(_parents(here))
            self._links[here] = target
            waiting += target.split("/")[::-1]
            if target.startswith("/"):
                real = ""
        return real or "/"


def _parents(path: str) -> list[str]:
    """Return the directories above ``path``, the highest first, without the root."""
    return list(accumulate(path.split("/")[:-1], lambda above, name: f"{above}/{name}"))[1:]


def _device_attributes(attributes: list[str]) -> list[str]:
    return [name for name in attributes if name != "nodev"]


def _proc(own: bool) -> Iterator[Step]:
    yield ["dir", "/proc", 0o555]
    yield ["mount", "/proc", "proc", None, _PROC] if own else ["bind", "/proc", _PROC]


def _dev(shm_bytes: int) -> Iterator[Step]:
    for path in ("/dev", "/dev/pts", "/dev/shm"):
        yield ["dir", path, 0o755]
    for name in DEVICES:
        yield ["bind", f"/dev/{name}", _DEVICE]
    for name, target in DEVICE_LINKS.items():
        yield ["link", f"/dev/{name}", target]
    yield ["mount", "/dev/pts", "devpts", "newinstance,ptmxmode=0666,mode=0620", ["nosuid", "noexec"]]
    yield ["mount", "/dev/shm", "tmpfs", f"size={shm_bytes},nr_inodes={_SHM_FILES},mode=1777", _WRITE]
