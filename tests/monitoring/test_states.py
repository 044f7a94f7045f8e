"""What becomes of the state of contexts is counted, and told to sinks: with its request only if there was one."""

from collections.abc import Iterator
from typing import Any

import pytest

from interpreterd.model.caller import CALLER, ClientRequest
from interpreterd.model.happenings import Happening
from interpreterd.monitoring.counts import COUNTS
from interpreterd.monitoring.happenings import HAPPENINGS
from interpreterd.monitoring.states import (
    tell_archive,
    tell_archived,
    tell_checkpoint,
    tell_checkpoint_end,
    tell_fork,
    tell_hibernation,
    tell_loaded,
    tell_restore,
    tell_wake,
)

REQUEST = ClientRequest("r1")


class Noting:
    """A sink that keeps happenings."""

    def __init__(self) -> None:
        self.told: list[Happening] = []

    def submitted(self, run: Any, request: Any) -> None: ...

    def begun(self, run: Any) -> None: ...

    def ended(self, run: Any) -> None: ...

    def happened(self, happening: Happening) -> None:
        self.told.append(happening)


@pytest.fixture
def sink() -> Iterator[Noting]:
    noting = Noting()
    HAPPENINGS.add(noting)
    token = CALLER.set(REQUEST)
    yield noting
    CALLER.reset(token)
    HAPPENINGS.remove(noting)


def numbers() -> dict[str, int]:
    names = ("forks", "checkpoints_taken", "restores", "undos", "archives_written", "archives_loaded", "hibernations")
    return {name: getattr(COUNTS, name) for name in (*names, "wakes")}


def grown(before: dict[str, int]) -> dict[str, int]:
    return {name: value - before[name] for name, value in numbers().items() if value != before[name]}


def test_each_act_is_counted_once_and_told_with_its_request(sink: Noting) -> None:
    before = numbers()
    tell_fork("c", "ada", copies=3, lost=1, seconds=0.01)
    tell_checkpoint("c", "ada", checkpoint_id="k", automatic=False, size_bytes=7, seconds=0.01)
    tell_checkpoint_end("c", "ada", checkpoint_id="k", reason="deleted")
    tell_restore("c", "ada", checkpoint_id="k", undo=False, seconds=0.01)
    tell_restore("c", "ada", checkpoint_id="k", undo=True, seconds=0.01)
    tell_archived("c", "ada", archive_id="a", size_bytes=7, skipped=0, seconds=0.01)
    tell_loaded("d", "ada", archive_id="a", skipped=0, seconds=0.01)
    tell_archive("downloaded", "ada", archive_id="a", size_bytes=7)
    tell_hibernation("c", "ada", asked=True, seconds=0.01)
    tell_wake("c", "ada", missing=0, seconds=0.01)
    assert [it.name for it in sink.told] == [
        "context.forked",
        "checkpoint.taken",
        "checkpoint.deleted",
        "context.restored",
        "context.restored",
        "context.archived",
        "context.loaded",
        "archive.downloaded",
        "context.hibernated",
        "context.woken",
    ]
    assert all(it.caller is REQUEST and it.tenant == "ada" for it in sink.told)
    assert grown(before) == {
        "forks": 3,
        "checkpoints_taken": 1,
        "restores": 1,
        "undos": 1,
        "archives_written": 1,
        "archives_loaded": 2,
        "hibernations": 1,
        "wakes": 1,
    }


def test_what_the_daemon_does_by_itself_names_no_request(sink: Noting) -> None:
    tell_hibernation("c", "ada", asked=False, seconds=0.01)
    tell_checkpoint_end("c", "ada", checkpoint_id="k", reason="oldest")
    assert [(it.name, it.caller) for it in sink.told] == [("context.hibernated", None), ("checkpoint.deleted", None)]


def test_fields_are_numbers_and_ids_and_no_names_of_clients(sink: Noting) -> None:
    tell_fork("c", "ada", copies=3, lost=1, seconds=0.0123456789)
    tell_archive("deleted", "ada", archive_id="a", size_bytes=7)
    assert [it.fields for it in sink.told] == [
        {"copies": 3, "lost": 1, "seconds": 0.012346},
        {"archiveId": "a", "bytes": 7},
    ]
