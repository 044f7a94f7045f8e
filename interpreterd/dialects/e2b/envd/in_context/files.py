"""Looks at files and changes them, for clients that name any path which code in a context may name.

``call`` is the only function that a dialect calls. A relative path begins in the context's directory, ``~`` at home.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat as modes
from collections.abc import Callable, Iterator, Mapping
from typing import Any

REPLY = "application/vnd.interpreterd.reply"
DATA = "application/octet-stream"
ENTRIES_LIMIT = 10_000
PATH_LIMIT_BYTES = 4095
METADATA = "user.e2b."

Reply = dict[str, Any]
_CODES = {
    errno.ENOENT: "not_found",
    errno.EACCES: "permission_denied",
    errno.EPERM: "permission_denied",
    errno.EROFS: "permission_denied",
    errno.EEXIST: "already_exists",
    errno.ENOTEMPTY: "already_exists",
    errno.ENOSPC: "no_space",
    errno.EDQUOT: "no_space",
    errno.EISDIR: "invalid_argument",
    errno.ENOTDIR: "invalid_argument",
    errno.ELOOP: "invalid_argument",
    errno.ENAMETOOLONG: "invalid_argument",
    errno.EINVAL: "invalid_argument",
    errno.EXDEV: "invalid_argument",
}


class Refused(Exception):
    """``code`` is one of Connect's, or ``no_space``."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def call(name: str, arguments: str, show: Callable[..., object]) -> None:
    """Call the function ``name`` with ``arguments``, a JSON object; ``show`` gets its reply as output data."""
    data = None
    try:
        reply = {"value": FUNCTIONS[name](**json.loads(arguments))}
        if isinstance(reply["value"], bytes):
            data = reply.pop("value")
    except Refused as refused:
        reply = {"code": refused.code, "message": str(refused)}
    except OSError as error:
        path = f": {error.filename}" if isinstance(error.filename, str) else ""
        sentence = f"{(error.strerror or str(error)).lower()}{path}"
        reply = {"code": _CODES.get(error.errno or 0, "internal"), "message": sentence}
    told = {REPLY: json.dumps(_told(reply))}
    show(told if data is None else {**told, DATA: data}, raw=True)


def _told(value: Any) -> Any:
    """Return ``value`` with names that are not UTF-8 as text that is."""
    if isinstance(value, str):
        return os.fsencode(value).decode(errors="replace") if not value.isascii() else value
    if isinstance(value, dict):
        return {_told(key): _told(item) for key, item in value.items()}
    return [_told(item) for item in value] if isinstance(value, list) else value


def resolved(path: str) -> str:
    """Return ``path`` as an absolute one."""
    if "\0" in path:
        raise Refused("invalid_argument", "path must not have a NUL")
    if len(path.encode(errors="surrogatepass")) > PATH_LIMIT_BYTES:
        raise Refused("invalid_argument", f"path must be at most {PATH_LIMIT_BYTES} bytes long")
    return "/" + os.path.abspath(os.path.expanduser(path)).lstrip("/")  # two slashes would stay


def describe(path: str) -> Reply:
    """Return what is at ``path``, an absolute path. Raises OSError."""
    found = os.lstat(path)
    entry: Reply = {
        "name": os.path.basename(path) or "/",
        "type": _kind(found),
        "path": path,
        "size": found.st_size,
        "mode": modes.S_IMODE(found.st_mode),
        "permissions": modes.filemode(found.st_mode),
        "owner": _user(found.st_uid),
        "group": _group(found.st_gid),
        "modified": found.st_mtime_ns,
    }
    if modes.S_ISLNK(found.st_mode):
        entry["target"] = os.path.realpath(path)
        with contextlib.suppress(OSError):  # it may lead nowhere
            target = os.stat(path)
            entry.update(type=_kind(target), mode=modes.S_IMODE(target.st_mode))
    metadata = _metadata(path)
    return {**entry, "metadata": metadata} if metadata else entry


def _kind(found: os.stat_result) -> str:
    if modes.S_ISDIR(found.st_mode):
        return "directory"
    return "symlink" if modes.S_ISLNK(found.st_mode) else "file" if modes.S_ISREG(found.st_mode) else "other"


def _user(number: int) -> str:
    try:
        import pwd

        return pwd.getpwuid(number).pw_name
    except (ImportError, KeyError):
        return str(number)


def _group(number: int) -> str:
    try:
        import grp

        return grp.getgrgid(number).gr_name
    except (ImportError, KeyError):
        return str(number)


def _metadata(path: str) -> Mapping[str, str]:
    try:
        names = [name for name in os.listxattr(path, follow_symlinks=False) if name.startswith(METADATA)]
        values = {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
    except OSError:  # this file system has none, or the file is gone
        return {}
    return {name[len(METADATA) :]: value.decode(errors="replace") for name, value in values.items()}


def stat(path: str) -> Reply:
    return describe(resolved(path))


def list_directory(path: str, depth: int) -> list[Reply]:
    """Return what is in a directory, sorted, and in directories below it down to ``depth``."""
    top = resolved(path)
    if not os.path.isdir(top):
        os.lstat(top)
        raise Refused("invalid_argument", f"path must be a directory: {top}")
    found: list[Reply] = []
    for below in _below(top, max(1, depth)):
        if len(found) == ENTRIES_LIMIT:
            sentence = f"there are more than {ENTRIES_LIMIT} files and directories, which is the limit: {top}"
            raise Refused("resource_exhausted", sentence)
        with contextlib.suppress(FileNotFoundError):  # it has just been deleted
            found.append(describe(below))
    return found


def _below(directory: str, depth: int) -> Iterator[str]:
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        yield path
        if depth > 1 and os.path.isdir(path) and not os.path.islink(path):
            with contextlib.suppress(PermissionError):
                yield from _below(path, depth - 1)


def make_directory(path: str) -> Reply:
    place = resolved(path)
    if os.path.isdir(place):
        raise Refused("already_exists", f"directory already exists: {place}")
    if os.path.lexists(place):
        raise Refused("invalid_argument", f"path already exists, and is not a directory: {place}")
    os.makedirs(place)
    return describe(place)


def remove(path: str) -> None:
    """Remove a file, a link, or a directory with everything in it; it does not matter if there is none."""
    place = resolved(path)
    if place == "/":
        raise Refused("invalid_argument", "path must not be the root directory")
    try:
        if os.path.isdir(place) and not os.path.islink(place):
            shutil.rmtree(place)
        else:
            os.unlink(place)
    except FileNotFoundError:
        pass


def move(source: str, destination: str) -> Reply:
    old, new = resolved(source), resolved(destination)
    os.lstat(old)
    os.makedirs(os.path.dirname(new), exist_ok=True)
    try:
        os.rename(old, new)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.move(old, new)
    return describe(new)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    it.__name__: it for it in (stat, list_directory, make_directory, remove, move)
}
