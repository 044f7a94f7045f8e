"""``client.state``: what the daemon says of checkpoints and archives, all of it."""

from datetime import UTC, datetime
from typing import Any

from interpreterd.client import Archive, Lost, Skipped
from interpreterd.client.state import CheckpointData

ARCHIVE: dict[str, Any] = {
    "archiveId": "a1",
    "name": "model",
    "createdAt": "2026-11-27T10:30:00.000000Z",
    "bytes": 1234,
    "saved": ["x", "y"],
    "skipped": [{"name": "g", "reason": "a generator cannot be saved"}],
    "python": "3.11.7",
    "contextId": "c1",
}
CHECKPOINT: dict[str, Any] = {
    "id": "k1",
    "name": "",
    "createdAt": "2026-11-27T10:30:00.000000Z",
    "memoryBytes": 2_000_000,
    "automatic": True,
    "executionCount": 3,
    "notCarried": [{"kind": "thread", "name": "Thread-1"}],
}
WHEN = datetime(2026, 11, 27, 10, 30, tzinfo=UTC)


def test_an_archive_is_what_the_daemon_says() -> None:
    archive = Archive(ARCHIVE)
    assert (archive.id, archive.name, archive.created_at, archive.bytes) == ("a1", "model", WHEN, 1234)
    assert (archive.saved, archive.python, archive.context_id) == (("x", "y"), "3.11.7", "c1")
    assert archive.skipped == (Skipped("g", "a generator cannot be saved"),)
    assert (archive.data, archive["bytes"]) == (ARCHIVE, 1234)
    assert repr(archive) == "Archive('a1', name='model')"


def test_a_checkpoint_is_what_the_daemon_says() -> None:
    checkpoint = CheckpointData(CHECKPOINT)
    assert (checkpoint.id, checkpoint.name, checkpoint.created_at) == ("k1", "", WHEN)
    assert (checkpoint.memory_bytes, checkpoint.automatic) == (2_000_000, True)
    assert checkpoint.not_carried == (Lost("thread", "Thread-1"),)
    assert (checkpoint.data, checkpoint["executionCount"]) == (CHECKPOINT, 3)
    assert CheckpointData({**CHECKPOINT, "memoryBytes": None}).memory_bytes is None
