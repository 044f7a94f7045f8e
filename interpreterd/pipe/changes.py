"""The files that an execution has changed, from the worker's report."""

from typing import Any, Final

from interpreterd.model.errors import ProtocolError
from interpreterd.model.file_errors import InvalidPath
from interpreterd.model.files import CHANGED_LIMIT, ChangedFile, ChangedFiles, path_parts
from interpreterd.setting_kinds import NUMBER_LIMIT

WHAT: Final = "files must be at most 1000 pairs of path and size, and whether they are cut"


def parse_changed(body: dict[str, Any]) -> ChangedFiles | None:
    """Return the files of the end of an execution, None if it has none. Raises ``ProtocolError``."""
    match body.get("files"):
        case None:
            return None
        case {"files": list(pairs), "cut": bool(is_cut)} if len(pairs) <= CHANGED_LIMIT:
            return ChangedFiles(files=tuple(map(_file, pairs)), is_cut=is_cut)
        case _:
            raise ProtocolError(WHAT)


def _file(pair: object) -> ChangedFile:
    match pair:
        case [str(path), int(size_bytes)] if not isinstance(size_bytes, bool) and 0 <= size_bytes <= NUMBER_LIMIT:
            try:
                path_parts(path)
            except InvalidPath:
                raise ProtocolError(WHAT) from None
            return ChangedFile(path=path, size_bytes=size_bytes)
        case _:
            raise ProtocolError(WHAT)
