"""Files of a context, in words for all rooms.

A path is relative to the context's directory, with ``/`` between its parts. Bytes of a name that are not UTF-8 are lone
surrogates (``os.fsdecode``).
"""

import os
from collections.abc import Sequence
from typing import Final, Literal

from attrs import frozen

from interpreterd.model.file_errors import InvalidPath

PATH_LIMIT_BYTES: Final = 4095  # PATH_MAX without its NUL, limits.h
NAME_LIMIT_BYTES: Final = 255  # NAME_MAX
CHANGED_LIMIT: Final = 1000
ANY: Final = "*"

FileKind = Literal["file", "directory", "symlink", "other"]
"""``other``: a FIFO, a socket or a device."""


@frozen(kw_only=True)
class FileInfo:
    """A file, a directory or something else that has a name below a context's directory.

    Attributes:
        modified_at: In seconds since the epoch.
        etag: An opaque text that changes with the content.
    """

    path: str
    kind: FileKind
    size_bytes: int
    modified_at: float
    etag: str


@frozen(kw_only=True)
class ChangedFile:
    """A file that an execution has made or changed; U+FFFD stands for bytes of its path that are not UTF-8."""

    path: str
    size_bytes: int


@frozen(kw_only=True)
class ChangedFiles:
    """The files that an execution has made or changed, sorted: at most ``CHANGED_LIMIT``.

    Attributes:
        is_cut: Whether there may be more.
    """

    files: Sequence[ChangedFile]
    is_cut: bool


@frozen(kw_only=True)
class FilePage:
    """A part of a listing, in the order of the paths' parts.

    Attributes:
        next: The position after which the listing goes on; None at its end.
    """

    files: Sequence[FileInfo]
    next: str | None = None


@frozen(kw_only=True)
class FileCondition:
    """What a client expects of a file before it is changed: RFC 9110, section 13.1.

    Attributes:
        match: The file exists and has one of these etags (``ANY``: any); None: no matter.
        none_match: It does not exist, or has none of these; None: no matter.
    """

    match: frozenset[str] | None = None
    none_match: frozenset[str] | None = None

    def holds(self, etag: str | None) -> bool:
        """Return whether a file with ``etag``, None if there is none, is as expected."""
        if self.match is not None and (etag is None or not self.match & {ANY, etag}):
            return False
        return self.none_match is None or etag is None or not self.none_match & {ANY, etag}


ANYHOW: Final = FileCondition()


def path_parts(path: str) -> list[str]:
    """Return the parts of a client's path. Raises ``InvalidPath``."""
    if path.startswith("/"):
        raise InvalidPath("path must be relative to the context's directory, without a slash at its beginning")
    parts = path.split("/")
    if "" in parts or "." in parts or ".." in parts:
        raise InvalidPath("path must have names between its slashes, and neither '.' nor '..' among them")
    if "\0" in path:
        raise InvalidPath("path must not have a NUL")
    try:
        names = [os.fsencode(part) for part in parts]
    except UnicodeEncodeError:
        raise InvalidPath("path must be text that can be encoded as UTF-8") from None
    if sum(map(len, names)) + len(names) > PATH_LIMIT_BYTES:
        raise InvalidPath(f"path must be at most {PATH_LIMIT_BYTES - 1} bytes long")
    if max(map(len, names)) > NAME_LIMIT_BYTES:
        raise InvalidPath(f"path must have names of at most {NAME_LIMIT_BYTES} bytes")
    return parts
