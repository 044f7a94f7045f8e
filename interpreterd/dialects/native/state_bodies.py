"""Forks, checkpoints and archives as JSON."""

from collections.abc import Iterable
from typing import Any

from interpreterd.dialects.native.bodies import context_body
from interpreterd.http.timestamp import timestamp
from interpreterd.model.archives import ArchiveInfo, LoadInfo, Skipped
from interpreterd.model.checkpoints import CheckpointInfo, RestoreInfo
from interpreterd.model.forks import ForkInfo, Lost
from interpreterd.model.restored import Restored


def lost_body(lost: Iterable[Lost]) -> list[dict[str, Any]]:
    """Return what a fork does not have."""
    return [{"kind": it.kind, "name": it.name} for it in lost]


def skipped_body(skipped: Iterable[Skipped]) -> list[dict[str, Any]]:
    """Return the variables that an archive does not have."""
    return [{"name": it.name, "reason": it.reason} for it in skipped]


def fork_body(info: ForkInfo) -> dict[str, Any]:
    """Return the copies, and what they do not have."""
    return {
        "contexts": [context_body(it) for it in info.contexts],
        "notCarried": lost_body(info.lost),
        "reseeded": list(info.reseeded),
    }


def checkpoint_body(info: CheckpointInfo) -> dict[str, Any]:
    """Return a checkpoint."""
    return {
        "id": info.id,
        "name": info.name,
        "createdAt": timestamp(info.created_at),
        "memoryBytes": info.memory_bytes,
        "automatic": info.automatic,
        "executionCount": info.executions,
        "notCarried": lost_body(info.lost),
    }


def restore_body(info: RestoreInfo) -> dict[str, Any]:
    """Return a context that has gone back to a checkpoint."""
    return {**context_body(info.context), "restored": checkpoint_body(info.checkpoint)}


def archive_body(info: ArchiveInfo) -> dict[str, Any]:
    """Return an archive."""
    return {
        "archiveId": info.id,
        "name": info.name,
        "createdAt": timestamp(info.created_at),
        "bytes": info.size_bytes,
        "saved": list(info.saved),
        "skipped": skipped_body(info.skipped),
        **_omitted(info),
        "python": info.python,
        "contextId": info.context_id,
        **({"tenant": info.tenant} if info.tenant else {}),
    }


def load_body(info: LoadInfo) -> dict[str, Any]:
    """Return what a new context has got from an archive."""
    return {
        "archiveId": info.archive_id,
        "saved": list(info.saved),
        "skipped": skipped_body(info.skipped),
        **_omitted(info),
    }


def _omitted(info: ArchiveInfo | LoadInfo) -> dict[str, int]:
    return {"omitted": info.omitted} if info.omitted else {}


def restored_event_body(event: Restored) -> dict[str, Any]:
    """Return the event of a context that has got a former state again."""
    has_checkpoint = event.checkpoint_id is not None
    return {
        "type": "restored",
        "checkpoint": {"id": event.checkpoint_id, "name": event.checkpoint_name} if has_checkpoint else None,
        "archive": event.archive_id,
        "missing": skipped_body(event.missing),
    }
