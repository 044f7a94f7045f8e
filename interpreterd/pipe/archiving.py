"""The messages by which a worker writes its namespace to a descriptor, or gets one from a descriptor.

    daemon                            worker
    archive  ───────────────────────►
             ◄───────────────────────  giving
    given, with a pipe to write to ──►
             ◄─── content, by the pipe
             ◄───────────────────────  archived, or archive_failed

``load`` is the same with a file to read from, and is answered by ``loaded`` or ``load_failed``.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen

from interpreterd.model.archives import Skipped
from interpreterd.pipe.values import get, get_list, get_natural

NAMES_LIMIT: Final = 1000
_NAME_LIMIT_CHARS: Final = 400
_REASON_LIMIT_CHARS: Final = 2000


@frozen(kw_only=True)
class WriteArchive:
    """Daemon: write the namespace to the descriptor that comes with ``Given``. Answered by ``AwaitingGift``.

    Attributes:
        rests: Whether it is for the context itself, which goes on with it: then its environment is written as well.
    """

    archive_id: str
    rests: bool = False


@frozen(kw_only=True)
class Load:
    """Daemon: get a namespace from the descriptor that comes with ``Given``. Answered by ``AwaitingGift``.

    Attributes:
        offset: Where the content begins in the file.
        size_bytes: How long it is.
        modules: Those that it will need: the worker imports them while the daemon checks the content.
    """

    archive_id: str
    offset: int
    size_bytes: int
    modules: tuple[str, ...] = ()


@frozen(kw_only=True)
class Given:
    """Daemon, with one descriptor: what was announced."""

    archive_id: str


@frozen(kw_only=True)
class AwaitingGift:
    """Worker: it reads the channel for a descriptor."""


@frozen(kw_only=True)
class Archived:
    """Worker: it has written everything.

    Attributes:
        skipped: What it has left out, with the reasons.
        modules: Those that loading it imports.
        omitted: How many more names it has saved or left out than it tells.
    """

    saved: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    modules: tuple[str, ...]
    size_bytes: int
    omitted: int = 0


@frozen(kw_only=True)
class Loaded:
    """Worker: it has the namespace.

    Attributes:
        skipped: What it could not restore, with the reasons.
        omitted: How many more names than it tells.
    """

    restored: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    omitted: int = 0


@frozen(kw_only=True)
class ArchiveFailed:
    """Worker: it has not written everything, and goes on."""

    reason: str


@frozen(kw_only=True)
class LoadFailed:
    """Worker: it has got nothing, and goes on as before."""

    reason: str


ArchiveRequest = WriteArchive | Load | Given
ArchiveAnswer = AwaitingGift | Archived | ArchiveFailed | Loaded | LoadFailed
LONG_ANSWERS: Final = frozenset({"archived", "loaded"})


def archive_request_body(message: ArchiveRequest) -> dict[str, Any]:
    """Return the message as JSON."""
    match message:
        case WriteArchive():
            return {"type": "archive", "id": message.archive_id, **({"rests": True} if message.rests else {})}
        case Given():
            return {"type": "given", "id": message.archive_id}
        case Load():
            return {
                "type": "load",
                "id": message.archive_id,
                "offset": message.offset,
                "bytes": message.size_bytes,
                "modules": list(message.modules),
            }


def _archived(body: dict[str, Any]) -> Archived:
    return Archived(
        saved=_names(body, "saved"),
        skipped=_skipped(body),
        modules=_names(body, "modules"),
        size_bytes=get_natural(body, "bytes"),
        omitted=_omitted(body),
    )


def _loaded(body: dict[str, Any]) -> Loaded:
    return Loaded(restored=_names(body, "restored"), skipped=_skipped(body), omitted=_omitted(body))


def _names(body: dict[str, Any], key: str) -> tuple[str, ...]:
    return tuple(it[:_NAME_LIMIT_CHARS] for it in get_list(body, key, str, NAMES_LIMIT))


def _skipped(body: dict[str, Any]) -> tuple[Skipped, ...]:
    return tuple(
        Skipped(get(it, "name", str)[:_NAME_LIMIT_CHARS], get(it, "reason", str)[:_REASON_LIMIT_CHARS])
        for it in get_list(body, "skipped", dict, NAMES_LIMIT)
    )


def _omitted(body: dict[str, Any]) -> int:
    return sum(max(0, it) for it in get_list(body, "omitted", int, 2)) if "omitted" in body else 0


def _reason(body: dict[str, Any]) -> str:
    return get(body, "reason", str)[:_REASON_LIMIT_CHARS]


ARCHIVE_PARSERS: Final[Mapping[str, Callable[[dict[str, Any]], ArchiveAnswer]]] = {
    "giving": lambda body: AwaitingGift(),
    "archived": _archived,
    "archive_failed": lambda body: ArchiveFailed(reason=_reason(body)),
    "loaded": _loaded,
    "load_failed": lambda body: LoadFailed(reason=_reason(body)),
}
