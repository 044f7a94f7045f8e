"""Forks, checkpoints and archives as JSON."""

import attrs

from interpreterd.dialects.native.state_bodies import archive_body, checkpoint_body, load_body, restored_event_body
from interpreterd.model.archives import ArchiveInfo, LoadInfo, Skipped
from interpreterd.model.checkpoints import CheckpointInfo
from interpreterd.model.forks import Lost
from interpreterd.model.restored import Restored

SKIPPED = (Skipped("f", "an open file"),)


def test_a_checkpoint_tells_what_it_costs_and_lacks() -> None:
    info = CheckpointInfo(id="a", created_at=0.0, memory_bytes=7, lost=(Lost("thread", "T"),))
    assert checkpoint_body(info) == {
        "id": "a",
        "name": "",
        "createdAt": "1970-01-01T00:00:00.000000Z",
        "memoryBytes": 7,
        "automatic": False,
        "executionCount": 0,
        "notCarried": [{"kind": "thread", "name": "T"}],
    }


def test_an_archive_tells_what_it_has_and_lacks() -> None:
    info = ArchiveInfo(id="a", created_at=0.0, size_bytes=9, saved=("x",), skipped=SKIPPED, python="3.11.2")
    body = archive_body(info)
    assert (body["archiveId"], body["bytes"], body["saved"], body["python"]) == ("a", 9, ["x"], "3.11.2")
    assert body["skipped"] == [{"name": "f", "reason": "an open file"}]
    assert "omitted" not in body
    assert archive_body(attrs.evolve(info, omitted=7))["omitted"] == 7
    assert load_body(LoadInfo(archive_id="a", omitted=8))["omitted"] == 8
    loaded = LoadInfo(archive_id="a", saved=("x",), skipped=SKIPPED)
    assert load_body(loaded) == {"archiveId": "a", "saved": ["x"], "skipped": body["skipped"]}


def test_a_restored_context_names_the_checkpoint_or_the_archive() -> None:
    assert restored_event_body(Restored(checkpoint_id="c", checkpoint_name="n")) == {
        "type": "restored",
        "checkpoint": {"id": "c", "name": "n"},
        "archive": None,
        "missing": [],
    }
    assert restored_event_body(Restored(archive_id="a", missing=SKIPPED))["missing"] == [
        {"name": "f", "reason": "an open file"}
    ]
