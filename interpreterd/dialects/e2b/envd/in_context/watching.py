"""Watches a directory, by inotify(7), and writes what happens there as lines of JSON."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import struct
from collections.abc import Callable, Iterator
from typing import Any

_MODIFY, _ATTRIB, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x4, 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF, _IGNORED, _ONLYDIR, _ISDIR = 0x400, 0x800, 0x8000, 0x1000000, 0x40000000
_OVERFLOW = 0x4000
LOST = "lost"
_KINDS = (
    (_CREATE | _MOVED_TO, "create"),
    (_MODIFY, "write"),
    (_DELETE | _DELETE_SELF, "remove"),
    (_MOVED_FROM | _MOVE_SELF, "rename"),
    (_ATTRIB, "chmod"),
)
_MASK = _MODIFY | _ATTRIB | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF | _ONLYDIR
_HEAD = struct.Struct("iIII")
READ_BYTES = 1 << 16


class Watch:
    """The events of a directory, and of all directories below it if ``recursive``."""

    def __init__(self, directory: str, *, recursive: bool) -> None:
        """Raises OSError: it cannot be watched, or the system's limit of watches is reached."""
        self._top = directory
        self._recursive = recursive
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._names: dict[int, str] = {}  # of directories, relative to the top one
        self._fd = self._checked(self._libc.inotify_init1(os.O_CLOEXEC), directory)
        self._add("")
        self._add_all_below()

    def close(self) -> None:
        os.close(self._fd)

    def events(self) -> Iterator[tuple[str, str]]:
        """Wait for what happens next; yield names, relative to the directory, and kinds of events.

        The kind is ``LOST``, without a name, if the system has kept no more events: sysctl
        ``fs.inotify.max_queued_events``.
        """
        data = os.read(self._fd, READ_BYTES)
        while data:
            watch, mask, _, size = _HEAD.unpack_from(data)
            name = os.fsdecode(data[_HEAD.size : _HEAD.size + size].rstrip(b"\0"))
            data = data[_HEAD.size + size :]
            place = self._names.get(watch)
            if mask & _OVERFLOW:
                self._add_all_below()  # new directories may be among what is lost
                yield "", LOST
            elif mask & _IGNORED:
                self._names.pop(watch, None)
            elif place is not None:
                yield from self._event(place, name, mask)

    def _event(self, place: str, name: str, mask: int) -> Iterator[tuple[str, str]]:
        if not name and place:  # the directory above it tells of it, too
            return
        path = os.path.join(place, name)
        for bits, kind in _KINDS:
            if mask & bits:
                yield path or ".", kind
        if self._recursive and mask & _ISDIR and mask & (_CREATE | _MOVED_TO):
            self._try_to_add(path)
            for below in self._all_below(path):  # what is in it by now may have come before the watch
                if os.path.isdir(os.path.join(self._top, below)):
                    self._try_to_add(below)
                yield below, "create"

    def _add(self, name: str) -> None:
        path = os.path.join(self._top, name)
        watch = self._libc.inotify_add_watch(self._fd, os.fsencode(path), _MASK)
        self._names[self._checked(watch, path)] = name

    def _add_all_below(self) -> None:
        for name in self._directories("") if self._recursive else ():
            self._try_to_add(name)

    def _try_to_add(self, name: str) -> None:
        with contextlib.suppress(OSError):  # it is gone again, or cannot be read
            self._add(name)

    def _directories(self, name: str) -> Iterator[str]:
        return (below for below in self._all_below(name) if os.path.isdir(os.path.join(self._top, below)))

    def _all_below(self, name: str) -> Iterator[str]:
        for directory, directories, files in os.walk(os.path.join(self._top, name)):
            for below in (*directories, *files):
                yield os.path.relpath(os.path.join(directory, below), self._top)

    def _checked(self, number: int, path: str) -> int:
        if number < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)
        return number


def watch(
    directory: str,
    *,
    recursive: bool,
    describe: Callable[[str], Any] | None,
    ask: Callable[[str], str] = input,
) -> None:
    """Write what happens in ``directory``, an absolute path, from the moment on in which it asks the client ``ready``.

    With ``describe`` an event has a description of its file. If that is not possible, it asks
    ``refused CODE SENTENCE``.
    """
    try:
        if not os.path.isdir(directory):
            os.lstat(directory)
            ask(f"refused invalid_argument path must be a directory: {directory}")
            return
        watched = Watch(directory, recursive=recursive)
    except OSError as error:
        code = "not_found" if isinstance(error, FileNotFoundError) else "permission_denied"
        code = code if isinstance(error, (FileNotFoundError, PermissionError)) else "resource_exhausted"
        ask(f"refused {code} {(error.strerror or str(error)).lower()}: {directory}")
        return
    ask("ready")
    while True:
        for name, kind in watched.events():
            event: dict[str, Any] = {"name": os.fsencode(name).decode(errors="replace"), "type": kind}
            if describe is not None and name:
                with contextlib.suppress(OSError):
                    event["entry"] = describe(os.path.join(directory, name))
            line = json.dumps(event).encode(errors="replace") + b"\n"
            while line:
                line = line[os.write(1, line) :]
