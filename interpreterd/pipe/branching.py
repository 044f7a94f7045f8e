"""The messages by which a worker is forked between its executions. ``worker/branching.py`` draws their order."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from attrs import frozen

from interpreterd.model.errors import ProtocolError
from interpreterd.model.forks import Lost
from interpreterd.pipe.confinement import Parting, parting_body
from interpreterd.pipe.values import get, get_list

Purpose = Literal["fork", "checkpoint", "restore"]
LOST_LIMIT: Final = 128
_KIND_LIMIT_CHARS: Final = 40
_NAME_LIMIT_CHARS: Final = 400
_RESEEDED_LIMIT: Final = 16
_REASON_LIMIT_CHARS: Final = 2000


@frozen(kw_only=True)
class Branch:
    """Daemon: fork ``copies`` of the worker. Answered by ``Branching`` or ``BranchEnded``.

    Attributes:
        purpose: ``fork``: each copy is to go its own way; ``checkpoint``: it waits, parked, until it is forked itself;
            ``restore``: it goes on from there, with the same state of random numbers.
        strict: Whether to refuse if the copies would lose anything.
        cwds: The directory of each copy; none for the worker's.
        part: What keeps isolated copies and the worker from each other; None for nothing.
    """

    branch_id: str
    purpose: Purpose
    copies: int = 1
    strict: bool = False
    cwds: tuple[str, ...] = ()
    part: Parting | None = None


@frozen(kw_only=True)
class Giving:
    """Daemon, with the four descriptors of one copy, to the process that ``Branching`` names: fork it."""

    branch_id: str


@frozen(kw_only=True)
class BranchAnswer:
    """Worker: one of the two answers below."""

    branch_id: str


@frozen(kw_only=True)
class Branching(BranchAnswer):
    """Worker: its child ``pid`` forks the copies, which will not have what is ``lost``."""

    pid: int
    lost: tuple[Lost, ...] = ()


@frozen(kw_only=True)
class BranchEnded(BranchAnswer):
    """Worker: that child has ended, and the worker is free again.

    Attributes:
        failure: Why there are not all copies; None if there are.
        refused: Whether there are none, because they would not have what is ``lost``.
    """

    failure: str | None = None
    refused: bool = False
    lost: tuple[Lost, ...] = ()


BranchRequest = Branch | Giving
BranchAnswers = Branching | BranchEnded


def branch_body(message: BranchRequest) -> dict[str, Any]:
    """Return the message as JSON."""
    if isinstance(message, Giving):
        return {"type": "giving", "id": message.branch_id}
    body: dict[str, Any] = {
        "type": "branch",
        "id": message.branch_id,
        "purpose": message.purpose,
        "copies": message.copies,
        "strict": message.strict,
    }
    if message.cwds:
        body["cwds"] = message.cwds
    if message.part is not None:
        body["part"] = parting_body(message.part)
    return body


def _branching(body: dict[str, Any]) -> Branching:
    """Return the message. Raises ``ProtocolError``."""
    return Branching(branch_id=get(body, "id", str), pid=get(body, "pid", int), lost=_lost(body))


def _branch_ended(body: dict[str, Any]) -> BranchEnded:
    """Return the message. Raises ``ProtocolError``."""
    return BranchEnded(
        branch_id=get(body, "id", str),
        failure=get(body, "failed", str)[:_REASON_LIMIT_CHARS] if "failed" in body else None,
        refused="refused" in body and get(body, "refused", bool),
        lost=_lost(body) if "lost" in body else (),
    )


def parse_reseeded(body: dict[str, Any]) -> tuple[str, ...]:
    """Return which sources of random numbers a copy has seeded anew. Raises ``ProtocolError``."""
    return tuple(it[:_KIND_LIMIT_CHARS] for it in get_list(body, "reseeded", str, _RESEEDED_LIMIT))


def _lost(body: dict[str, Any]) -> tuple[Lost, ...]:
    found = []
    for it in get_list(body, "lost", dict, LOST_LIMIT):
        kind, name = get(it, "kind", str), get(it, "name", str)
        if len(kind) > _KIND_LIMIT_CHARS or len(name) > _NAME_LIMIT_CHARS:
            raise ProtocolError("what is lost has too long a kind or name")
        found.append(Lost(kind, name))
    return tuple(found)


BRANCH_PARSERS: Final[Mapping[str, Callable[[dict[str, Any]], BranchAnswers]]] = {
    "branching": _branching,
    "branched": _branch_ended,
}
