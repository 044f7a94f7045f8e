"""Reads and writes files piece by piece; see ``files``."""

from __future__ import annotations

import binascii
import os
import stat as modes
from collections.abc import Callable, Mapping
from typing import BinaryIO

from interpreterd.dialects.e2b.envd.in_context.files import FUNCTIONS, METADATA, Refused, Reply, resolved

COPY_BYTES = 1 << 20
HEAD_BYTES = 64 << 10


def look(path: str) -> Reply:
    """Return what a reader of the file has to know: its path, size and time, what names it, and how it begins."""
    place = resolved(path)
    found = os.stat(place)
    if modes.S_ISDIR(found.st_mode):
        raise Refused("invalid_argument", f"path must not be a directory: {place}")
    if not modes.S_ISREG(found.st_mode):
        raise Refused("invalid_argument", f"path must be a regular file: {place}")
    identity = f"{found.st_dev:x}.{found.st_ino:x}"
    head = binascii.b2a_base64(read(place, identity, 0, HEAD_BYTES), newline=False).decode()
    return {
        "path": place,
        "size": found.st_size,
        "modified": found.st_mtime_ns,
        "identity": identity,
        "head": head,
    }


def read(path: str, identity: str, offset: int, size: int) -> bytes:
    """Return at most ``size`` bytes from ``offset`` on, if ``path`` is still the file that ``look`` has found."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(fd)
        if f"{found.st_dev:x}.{found.st_ino:x}" != identity:
            raise Refused("aborted", f"another file is there by now: {path}")
        return os.pread(fd, size, offset)
    finally:
        os.close(fd)


def begin() -> str:
    """Begin a large file; return its temporary place."""
    import tempfile

    fd, place = tempfile.mkstemp(prefix="interpreterd-e2b-")
    os.close(fd)
    return place


def add(place: str, ask: Callable[[], str] = input) -> None:
    """Add to a file that ``begin`` has begun; the answer is the data, as base64."""
    with open(place, "ab", 0) as file:
        _write(file.fileno(), binascii.a2b_base64(ask()))


def commit(path: str, place: str, metadata: Mapping[str, str]) -> Reply:
    """Write a complete file to ``path``."""
    with open(place, "rb", 0) as source, _open(path, metadata) as target:
        while piece := source.read(COPY_BYTES):
            _write(target.fileno(), piece)
    return _written(path, metadata)


def drop(place: str) -> None:
    """Remove what ``begin`` has begun."""
    os.unlink(place)


def put(path: str, metadata: Mapping[str, str], ask: Callable[[], str] = input) -> Reply:
    """Write a small file to ``path``; the answer is its content, as base64."""
    data = binascii.a2b_base64(ask())
    with _open(path, metadata) as target:
        _write(target.fileno(), data)
    return _written(path, metadata)


def _open(path: str, metadata: Mapping[str, str]) -> BinaryIO:
    """Open ``path``, which has no content now, and the ``metadata``; directories that are missing are made."""
    place = resolved(path)
    if os.path.isdir(place) or path.endswith("/"):
        raise Refused("invalid_argument", f"path must not be a directory: {place}")
    os.makedirs(os.path.dirname(place), exist_ok=True)
    is_new = not os.path.lexists(place)
    file: BinaryIO = os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666), "wb", 0)
    try:
        for name, value in metadata.items():
            os.setxattr(file.fileno(), METADATA + name, value.encode())
        if modes.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.truncate(0)
    except OSError as error:
        file.close()
        if is_new:
            os.unlink(place)
        sentence = f"metadata cannot be kept here: {(error.strerror or '').lower()}: {place}"
        raise Refused("failed_precondition", sentence) from error
    return file


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _written(path: str, metadata: Mapping[str, str]) -> Reply:
    place = resolved(path)
    return {
        "name": os.path.basename(place),
        "type": "file",
        "path": place,
        **({"metadata": metadata} if metadata else {}),
    }


FUNCTIONS.update({it.__name__: it for it in (look, read, begin, add, commit, drop, put)})
