"""The place where it is counted and told what becomes of the state of contexts: forks, checkpoints, archives, sleep.

What a client has asked for is told with its request. What the daemon does by itself is told without one.
"""

import contextvars
from typing import Literal

from interpreterd.monitoring.counts import COUNTS
from interpreterd.monitoring.happenings import HAPPENINGS

ArchiveChange = Literal["uploaded", "downloaded", "deleted"]
CheckpointEnd = Literal["deleted", "oldest", "memory", "died"]


def tell_fork(context_id: str, tenant: str, *, copies: int, lost: int, seconds: float) -> None:
    """So many ``copies`` of a context were made; so many things, ``lost``, could not be carried into them."""
    COUNTS.forks += copies
    COUNTS.fork.observe(seconds)
    HAPPENINGS.happened("context.forked", context_id, tenant, copies=copies, lost=lost, seconds=round(seconds, 6))


def tell_checkpoint(
    context_id: str, tenant: str, *, checkpoint_id: str, automatic: bool, size_bytes: int, seconds: float
) -> None:
    """A context has a new checkpoint, which uses ``size_bytes`` of memory."""
    COUNTS.checkpoints_taken += 1
    COUNTS.checkpoint.observe(seconds)
    HAPPENINGS.happened(
        "checkpoint.taken",
        context_id,
        tenant,
        checkpointId=checkpoint_id,
        automatic=automatic,
        bytes=size_bytes,
        seconds=round(seconds, 6),
    )


def tell_checkpoint_end(context_id: str, tenant: str, *, checkpoint_id: str, reason: CheckpointEnd) -> None:
    """A checkpoint is gone: a client has deleted it, or it was the oldest one or too large, or its process has died."""
    fields = {"checkpointId": checkpoint_id, "reason": reason}
    if reason == "deleted":
        HAPPENINGS.happened("checkpoint.deleted", context_id, tenant, **fields)
    else:
        contextvars.Context().run(HAPPENINGS.happened, "checkpoint.deleted", context_id, tenant, **fields)


def tell_restore(context_id: str, tenant: str, *, checkpoint_id: str, undo: bool, seconds: float) -> None:
    """A context has gone back to a checkpoint; with ``undo``, before its last execution."""
    if undo:
        COUNTS.undos += 1
    else:
        COUNTS.restores += 1
    COUNTS.restore.observe(seconds)
    HAPPENINGS.happened(
        "context.restored", context_id, tenant, checkpointId=checkpoint_id, undo=undo, seconds=round(seconds, 6)
    )


def tell_archived(
    context_id: str, tenant: str, *, archive_id: str, size_bytes: int, skipped: int, seconds: float
) -> None:
    """A client has written a context to an archive, without so many names, ``skipped``."""
    count_archive(seconds)
    HAPPENINGS.happened(
        "context.archived",
        context_id,
        tenant,
        archiveId=archive_id,
        bytes=size_bytes,
        skipped=skipped,
        seconds=round(seconds, 6),
    )


def tell_loaded(context_id: str, tenant: str, *, archive_id: str, skipped: int, seconds: float) -> None:
    """A client has made a context from an archive, without so many of its names, ``skipped``."""
    count_load(seconds)
    HAPPENINGS.happened(
        "context.loaded", context_id, tenant, archiveId=archive_id, skipped=skipped, seconds=round(seconds, 6)
    )


def tell_archive(change: ArchiveChange, tenant: str, *, archive_id: str, size_bytes: int) -> None:
    """A client has done something to an archive of ``tenant``."""
    HAPPENINGS.happened(f"archive.{change}", "", tenant, archiveId=archive_id, bytes=size_bytes)


def tell_hibernation(context_id: str, tenant: str, *, asked: bool, seconds: float) -> None:
    """A context hibernates: a client has ``asked`` for it, or it was idle."""
    COUNTS.hibernations += 1
    fields = {"asked": asked, "seconds": round(seconds, 6)}
    if asked:
        HAPPENINGS.happened("context.hibernated", context_id, tenant, **fields)
    else:
        contextvars.Context().run(HAPPENINGS.happened, "context.hibernated", context_id, tenant, **fields)


def tell_wake(context_id: str, tenant: str, *, missing: int, seconds: float) -> None:
    """A context has got back what its archive has, without so many names, ``missing``: it hibernated, or has died."""
    COUNTS.wakes += 1
    count_load(seconds)
    HAPPENINGS.happened("context.woken", context_id, tenant, missing=missing, seconds=round(seconds, 6))


def count_archive(seconds: float) -> None:
    """Count an archive that was written, whoever wished for it, with the time that it took."""
    COUNTS.archives_written += 1
    COUNTS.archive.observe(seconds)


def count_load(seconds: float) -> None:
    """Count an archive that was loaded into a worker, for a new context or a hibernating one."""
    COUNTS.archives_loaded += 1
    COUNTS.load.observe(seconds)
