"""Conditions and ranges of requests for a file: RFC 9110, sections 13 and 14. What cannot be read counts as absent."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final

from aiohttp import hdrs, web
from attrs import frozen

from interpreterd.model.file_errors import ConditionFailed, RangeOutside
from interpreterd.model.files import ANY, FileCondition, FileInfo

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TAG: Final = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)|\s*,')
_RANGE: Final = re.compile(r"bytes=\s*(\d{0,19})-(\d{0,19})\s*", re.ASCII | re.IGNORECASE)


@frozen
class FilePart:
    """A part of a file: from ``start`` up to ``end``, which is not included."""

    start: int
    end: int


def quoted_tag(info: FileInfo) -> str:
    """Return the ETag of a file."""
    return f'"{info.etag}"'


def http_date(info: FileInfo) -> str:
    """Return when a file was modified, as ``Last-Modified``; of a time in the future, now."""
    now = datetime.now(UTC)
    return format_datetime(min(_modified(info), now), usegmt=True)


def parse_condition(request: web.Request) -> FileCondition:
    """Return what the client expects of a file that it changes: ``If-Match``, ``If-None-Match``."""
    return FileCondition(
        match=_tags(request, hdrs.IF_MATCH, weak=False),
        none_match=_tags(request, hdrs.IF_NONE_MATCH, weak=True),
    )


def is_unchanged(request: web.Request, info: FileInfo) -> bool:
    """Return whether the client of a GET already has the file: 304.

    Raises:
        ConditionFailed: It wants another version of the file.
    """
    expected = parse_condition(request)
    since = _date(request, hdrs.IF_UNMODIFIED_SINCE) if expected.match is None else None
    if not FileCondition(match=expected.match).holds(info.etag) or (since is not None and _modified(info) > since):
        raise ConditionFailed("the file is not as If-Match or If-Unmodified-Since expects")
    if expected.none_match is not None:
        return not FileCondition(none_match=expected.none_match).holds(info.etag)
    since = _date(request, hdrs.IF_MODIFIED_SINCE)
    return since is not None and _modified(info) <= since


def wanted_part(request: web.Request, info: FileInfo) -> FilePart | None:
    """Return the part of the file that the client wants; None for all, also if it wants several parts.

    Raises:
        RangeOutside
    """
    found = _RANGE.fullmatch(request.headers.get(hdrs.RANGE, ""))
    if found is None or len(request.headers.getall(hdrs.RANGE)) > 1 or not _is_same(request, info):
        return None
    first, last = found.groups()
    size = info.size_bytes
    if first:
        start, end = int(first), int(last) + 1 if last else size
        if end <= start and last:
            return None
    elif last:
        start, end = max(0, size - int(last)), size
        if not int(last):
            raise RangeOutside(size)
    else:
        return None
    if start >= size:
        raise RangeOutside(size)
    return FilePart(start, min(end, size))


def _is_same(request: web.Request, info: FileInfo) -> bool:
    """Return whether the client's other parts are of this version: ``If-Range``."""
    version = request.headers.get(hdrs.IF_RANGE, "").strip()
    if not version or version == quoted_tag(info):
        return True
    if '"' in version:
        return False
    date = _date(request, hdrs.IF_RANGE)
    return date is not None and _modified(info) == date


def _tags(request: web.Request, header: str, *, weak: bool) -> frozenset[str] | None:
    """Return the etags of a header; weak ones, which only ``If-None-Match`` compares, if ``weak``."""
    values = request.headers.getall(header, [])
    if not values:
        return None
    text = ",".join(values)
    if text.strip() == ANY:
        return frozenset({ANY})
    return frozenset(it[2] for it in _TAG.finditer(text) if it[2] is not None and (weak or not it[1]))


def _date(request: web.Request, header: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(request.headers.get(header, ""))
        return date.replace(tzinfo=date.tzinfo or UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _modified(info: FileInfo) -> datetime:
    """Return when a file was modified, in whole seconds, as HTTP has them."""
    return _EPOCH + timedelta(seconds=info.modified_at // 1)
