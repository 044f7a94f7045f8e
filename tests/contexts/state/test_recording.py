"""Records in a backend: in the order of requests, and one that cannot be used keeps no other back."""

import asyncio
import threading
from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest
from attrs import evolve

from interpreterd.contexts.state.recording import Recording, name_of
from interpreterd.contexts.state.records import FORMAT, ContextRecord, record_body
from interpreterd.model.file_errors import DiskFull


class Backend:
    """Records in memory; ``gate`` holds writes up, and ``failure`` is raised by them."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.failure: Exception | None = None

    def write_record(self, name: str, value: Any) -> None:
        self.gate.wait()
        if self.failure is not None:
            raise self.failure
        self.kept[name] = value

    def records(self) -> dict[str, Any]:
        return dict(self.kept)

    is_owner = True

    def record_names(self) -> Collection[str]:
        return list(self.kept)

    def record(self, name: str) -> Any:
        return self.kept.get(name)

    def delete_record(self, name: str) -> bool:
        return self.kept.pop(name, None) is not None


def record(context_id: str, at: float = 1.0) -> ContextRecord:
    return ContextRecord(id=context_id, cwd="/", created_at=at, last_used_at=at)


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
async def recording(backend: Backend) -> AsyncIterator[Recording]:
    recording = Recording(backend)
    yield recording
    backend.gate.set()


async def test_records_come_back_in_the_order_of_their_contexts(recording: Recording) -> None:
    for it in (record("default@acme", 3), record("b", 1), record("a", 2)):
        await recording.write(it)
    assert [it.id for it in await recording.read()] == ["b", "a", "default@acme"]


def test_a_tenants_default_context_has_a_name_that_a_file_may_have() -> None:
    assert name_of("default@acme") == "default_at_acme"
    assert name_of("default") == "default"


async def test_a_removal_is_the_last_word_also_if_nobody_waits_for_the_writes(
    recording: Recording, backend: Backend
) -> None:
    backend.gate.clear()
    writes = [asyncio.ensure_future(recording.write(evolve(record("c"), count=n))) for n in range(5)]
    await asyncio.sleep(0)
    for write in writes:
        write.cancel()
    removal = asyncio.ensure_future(recording.remove("c"))
    await asyncio.sleep(0)
    backend.gate.set()
    await removal
    assert backend.kept == {}


async def test_a_record_that_cannot_be_used_is_logged_and_stays(
    recording: Recording, backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    await recording.write(record("good"))
    backend.kept["bad"] = {}
    backend.kept["newer"] = {**record_body(record("newer")), "format": FORMAT + 1}
    backend.kept["moved"] = record_body(record("other"))
    assert [it.id for it in await recording.read()] == ["good"]
    assert set(backend.kept) == {"good", "bad", "newer", "moved"}
    for text in ("record bad is not offered: format must be", "of a newer interpreterd", "of another context, other"):
        assert text in caplog.text


async def test_the_error_of_the_backend_is_the_callers(recording: Recording, backend: Backend) -> None:
    backend.failure = DiskFull("no space is left")
    with pytest.raises(DiskFull):
        await recording.write(record("c"))


async def test_what_was_asked_for_is_done_before_it_closes(recording: Recording, backend: Backend) -> None:
    backend.gate.clear()
    write = asyncio.ensure_future(recording.write(record("c")))
    closing = asyncio.ensure_future(recording.close())
    await asyncio.sleep(0)
    assert not closing.done()
    backend.gate.set()
    await closing
    assert set(backend.kept) == {"c"}
    await write


async def test_contexts_are_handed_over_once(recording: Recording, backend: Backend) -> None:
    for it in (record("a"), record("default@acme"), record("c")):
        await recording.write(it)
    await recording.hand_over(["a", "default@acme"])
    await recording.hand_over([])
    assert await recording.names() == {"a", "default_at_acme", "c"}
    assert len(await recording.read()) == 3
    names, records = await recording.handed()
    assert (names, {it.id for it in records}) == ({"a", "default_at_acme"}, {"a", "default@acme"})
    assert await recording.handed() == (set(), [])
