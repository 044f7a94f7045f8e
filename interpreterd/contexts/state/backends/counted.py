"""Writers of archives whose files take up room from their first byte on."""

from collections.abc import Callable

from interpreterd.contexts.state.backends.durable import checked_name
from interpreterd.contexts.state.backends.owning import Keys
from interpreterd.contexts.state.backends.reading import ArchiveReader
from interpreterd.contexts.state.backends.receiving import ArchiveUpload
from interpreterd.contexts.state.backends.room import Room
from interpreterd.contexts.state.backends.writing import ArchiveWriter
from interpreterd.model.archives import ArchiveInfo


class RoomShare:
    """The room that a file takes up from its first byte on."""

    def __init__(self, room: Room, kind: str, may_have: Callable[[int], None] | None) -> None:
        self._room = room
        self._kind = kind
        self._may_have = may_have

    def grow(self, size_bytes: int) -> None:
        """Take up so much. Raises ``LimitReached``, and what ``may_have`` raises."""
        if self._may_have is not None:
            self._may_have(size_bytes)
        self._room.count(self, size_bytes)

    def leave_to(self, archive_id: str) -> None:
        """The file has its name."""
        self._room.move(self, (self._kind, archive_id))

    def end(self) -> None:
        """The file is gone, or has its name. Repeating it changes nothing."""
        self._room.forget(self)


class CountedWriter(ArchiveWriter):
    """A writer that takes up room."""

    def __init__(self, directory: int, key: bytes, share: RoomShare) -> None:
        self._share = share
        share.grow(0)
        try:
            super().__init__(directory, key, share.grow)
        except BaseException:
            share.end()
            raise

    def commit(self, info: ArchiveInfo, *, replace: bool = False) -> ArchiveInfo:
        done = super().commit(info, replace=replace)
        self._share.leave_to(info.id)
        return done

    def close(self) -> None:
        super().close()
        self._share.end()


class CountedUpload(ArchiveUpload):
    """An upload that takes up room."""

    def __init__(self, directory: int, keys: Keys, share: RoomShare) -> None:
        self._share = share
        share.grow(0)
        try:
            super().__init__(directory, keys, share.grow)
        except BaseException:
            share.end()
            raise

    def commit(self, reader: ArchiveReader, tenant: str) -> ArchiveInfo:
        checked_name(reader.info.id)
        done = super().commit(reader, tenant)
        self._share.leave_to(done.id)
        return done

    def close(self) -> None:
        super().close()
        self._share.end()
