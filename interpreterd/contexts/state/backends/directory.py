"""The backend that keeps state in a directory of its own.

lock            who uses it, flock(2)
key             hexadecimal: with it, archives are signed; a daemon that has a copy of it takes them, too
archives/ID     archives that clients have asked for
rests/ID        the archive of a context that rests, replaced by each next one
records/NAME    small JSON, signed
"""

import contextlib
import hashlib
import hmac
import logging
import os
import threading
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final

import orjson
from attrs import frozen

from interpreterd.contexts.state.backends.counted import CountedUpload, CountedWriter, RoomShare
from interpreterd.contexts.state.backends.durable import (
    FILE_NAME,
    TEMPORARY,
    checked_name,
    disk_errors_told,
    remove_durably,
    remove_leftovers,
    write_durably,
)
from interpreterd.contexts.state.backends.owning import (
    OwnerLock,
    load_keys,
    open_below,
    open_own_directory,
    unusable,
)
from interpreterd.contexts.state.backends.reading import ArchiveReader
from interpreterd.contexts.state.backends.receiving import ArchiveUpload
from interpreterd.contexts.state.backends.room import Room
from interpreterd.contexts.state.backends.writing import ArchiveWriter
from interpreterd.model.archives import ArchiveInfo
from interpreterd.model.errors import OutOfResources
from interpreterd.model.file_errors import FileError
from interpreterd.model.state_errors import ArchiveNotFound, ArchiveRefused

if TYPE_CHECKING:
    from interpreterd.contexts.state.backends.backend import ArchiveKind

STATE_RECORD_LIMIT_BYTES: Final = 1 << 20
_RECORDS: Final = "records"
REMEMBERED_NAMES: Final = 64  # of an archive, so that many archives need little memory
_MAC_CHARS: Final = 64
_log = logging.getLogger(__name__)


@frozen
class _Known:
    """A file of an archive, as it was when it was looked at.

    Attributes:
        info: None if it is none that we can use, or if it ``is_long``: then it is read again for each listing.
    """

    state: tuple[int, int, int]
    info: ArchiveInfo | None
    is_long: bool


class DirectoryStore:
    """See ``StateBackend``, and the module."""

    def __init__(self, path: str, *, total_limit_bytes: int | None = None, takes_over: bool = False) -> None:
        """Use the directory ``path``; ``takes_over`` is as for ``OwnerLock``.

        Raises:
            SettingError: With a sentence that says why it cannot be used.
        """
        self.path = path
        self._listing = threading.Lock()
        self._known: dict[tuple[str, str], _Known] = {}
        self._room = Room(total_limit_bytes)
        self._root = open_own_directory(path)
        self._fds: dict[str, int] = {}
        self._lock: OwnerLock | None = None
        try:
            self._lock = OwnerLock(path, self._root, takes_over=takes_over)
            for name in ("archives", "rests", _RECORDS):
                self._fds[name] = open_below(path, self._root, name)
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        try:
            left = sum(remove_leftovers(fd) for fd in (self._root, *self._fds.values()))
            self._count_all()
        except OSError as error:
            raise unusable(self.path, error.strerror or str(error)) from None
        if left:
            _log.info("%d files that an earlier daemon had begun to write have been removed", left)
        is_empty = not any(os.listdir(fd) for fd in self._fds.values())
        self._keys = load_keys(self.path, self._root, may_make=is_empty)

    def _count_all(self) -> None:
        for kind in ("archives", "rests"):
            with os.scandir(self._fds[kind]) as found:
                for it in found:
                    self._room.count((kind, it.name), it.stat(follow_symlinks=False).st_size, checked=False)

    @property
    def is_owner(self) -> bool:
        """See ``StateBackend``."""
        return self._lock is not None and self._lock.is_held

    @property
    def used_bytes(self) -> int:
        """See ``StateBackend``."""
        return self._room.used_bytes

    def begin(self, kind: "ArchiveKind", may_have: Callable[[int], None] | None = None) -> ArchiveWriter:
        """See ``StateBackend``."""
        return CountedWriter(self._fds[kind], self._keys.own, RoomShare(self._room, kind, may_have))

    def receive(self, kind: "ArchiveKind", may_have: Callable[[int], None] | None = None) -> ArchiveUpload:
        """See ``StateBackend``."""
        return CountedUpload(self._fds[kind], self._keys, RoomShare(self._room, kind, may_have))

    def content_file(self, reader: ArchiveReader) -> int:
        """See ``StateBackend``."""
        return reader.content_file(self._root)

    def put(self, writer: ArchiveWriter, info: ArchiveInfo) -> ArchiveInfo:
        """See ``StateBackend``."""
        checked_name(info.id)
        return writer.commit(info, replace=True)

    def open(self, kind: "ArchiveKind", archive_id: str) -> ArchiveReader:
        """See ``StateBackend``."""
        if not FILE_NAME.fullmatch(archive_id):
            raise ArchiveNotFound(archive_id)
        with disk_errors_told(f"the archive {archive_id}"):
            try:
                reader = ArchiveReader.open(self._fds[kind], archive_id, self._keys)
            except FileNotFoundError:
                raise ArchiveNotFound(archive_id) from None
        if reader.info.id != archive_id:
            reader.close()
            raise ArchiveRefused(f"the archive {archive_id} is corrupt: it is the archive {reader.info.id}")
        return reader

    def list(self, kind: "ArchiveKind") -> "list[ArchiveInfo]":
        """See ``StateBackend``; files that come, change and go by other hands are noticed."""
        with disk_errors_told("the state directory"), self._listing:
            states = self._scan(kind)
            infos = [self._look(kind, name, state) for name, state in states.items()]
            for key in [it for it in self._known if it[0] == kind and it[1] not in states]:
                del self._known[key]
                self._room.forget(key)
        return sorted(filter(None, infos), key=lambda it: (it.created_at, it.id))

    def _scan(self, kind: "ArchiveKind") -> dict[str, tuple[int, int, int]]:
        """Return what tells each file from what was there under its name before."""
        states = {}
        with os.scandir(self._fds[kind]) as found:
            for it in found:
                with contextlib.suppress(FileNotFoundError):  # by now
                    if not it.name.startswith(TEMPORARY):
                        stat = it.stat(follow_symlinks=False)
                        states[it.name] = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        return states

    def _look(self, kind: "ArchiveKind", name: str, state: tuple[int, int, int]) -> ArchiveInfo | None:
        known = self._known.get((kind, name))
        if known is None or known.state != state or known.is_long:
            info = self._read(kind, name, is_told=known is not None and known.state == state)
            is_long = info is not None and len(info.saved) + len(info.skipped) + len(info.modules) > REMEMBERED_NAMES
            self._known[kind, name] = _Known(state, None if is_long else info, is_long)
            self._room.count((kind, name), state[2], checked=False)
            return info
        return known.info

    def _read(self, kind: "ArchiveKind", name: str, *, is_told: bool) -> ArchiveInfo | None:
        try:
            reader = self.open(kind, name)
        except ArchiveNotFound:
            return None
        except (ArchiveRefused, FileError, OutOfResources) as error:
            if not is_told:
                _log.warning("%s: %s is not listed", error, f"{kind}/{name}")
            return None
        reader.close()
        return reader.info

    def delete(self, kind: "ArchiveKind", archive_id: str) -> bool:
        """See ``StateBackend``."""
        if not FILE_NAME.fullmatch(archive_id):
            return False
        with disk_errors_told(f"the archive {archive_id}"):
            was_there = remove_durably(self._fds[kind], archive_id)
        self._room.forget((kind, archive_id))
        return was_there

    def write_record(self, name: str, value: Any) -> None:
        """See ``StateBackend``."""
        body = orjson.dumps(value)
        if len(body) > STATE_RECORD_LIMIT_BYTES:
            raise ValueError(f"a record of {len(body)} bytes")
        with disk_errors_told(f"the record {name}"):
            write_durably(
                self._fds[_RECORDS], checked_name(name), body + b"\n" + _mac(self._keys.own, name, body) + b"\n"
            )

    def records(self) -> dict[str, Any]:
        """See ``StateBackend``."""
        found = {}
        for name in self.record_names():
            try:
                found[name] = self._record(name)
            except (OSError, ValueError) as error:
                _log.warning("the record %s is left out: %s", name, error)
        return found

    def record_names(self) -> Collection[str]:
        """See ``StateBackend``."""
        with disk_errors_told("the state directory"):
            return [it for it in os.listdir(self._fds[_RECORDS]) if FILE_NAME.fullmatch(it)]

    def record(self, name: str) -> Any:
        """See ``StateBackend``."""
        with disk_errors_told(f"the record {name}"):
            try:
                return self._record(name)
            except (FileNotFoundError, ValueError) as error:
                _log.warning("the record %s is left out: %s", name, error)
                return None

    def _record(self, name: str) -> Any:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._fds[_RECORDS])
        with open(fd, "rb") as file:
            data = file.read(STATE_RECORD_LIMIT_BYTES + _MAC_CHARS + 2)
        body, _, mac = data.removesuffix(b"\n").rpartition(b"\n")
        if not any(hmac.compare_digest(_mac(key, name, body), mac) for key in self._keys.all):
            raise ValueError("it is damaged, or was signed with another key")
        return orjson.loads(body)

    def delete_record(self, name: str) -> bool:
        """See ``StateBackend``."""
        with disk_errors_told(f"the record {name}"):
            return remove_durably(self._fds[_RECORDS], checked_name(name))

    def close(self) -> None:
        """See ``StateBackend``. Repeating it changes nothing."""
        for fd in (self._root, *self._fds.values()):
            if fd >= 0:
                os.close(fd)
        self._root, self._fds = -1, {}
        if self._lock is not None:
            self._lock.close()


def _mac(key: bytes, name: str, body: bytes) -> bytes:
    signed = b"record\0" + name.encode() + b"\0" + body  # begins as no archive does
    return hmac.new(key, signed, hashlib.sha256).hexdigest().encode()
