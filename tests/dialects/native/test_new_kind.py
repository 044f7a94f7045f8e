"""A new kind of event is one class and one row in each dialect. Only this file knows these classes and rows."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from fake_worker import FakeLauncher, FakeWorker
from following import TRANSPORTS, following, messages
from harness import Client
from on_session import open_session

from interpreterd.app import MANAGER, make_app
from interpreterd.contexts.executions import Executions
from interpreterd.contexts.transcript import Transcript
from interpreterd.dialects.native.events import V1, V2, render, render_v1
from interpreterd.machine.effects import Finish
from interpreterd.model.default_context import DEFAULT_CONTEXT_ID
from interpreterd.model.events import EVENT_BYTES, Event, Gap, Outcome
from interpreterd.model.requests import Execute
from interpreterd.settings import Settings

MUCH = 1 << 30


@frozen(kw_only=True)
class Toy(Event):
    """A new kind of event; an execution may have many."""

    counts_as_backlog = True

    shapes: dict[str, Any]
    again: bool = False


@frozen(kw_only=True)
class Rare(Event):
    """A new kind of event that claims to come only rarely."""

    counts_as_backlog = False

    words: str


@pytest.fixture(autouse=True)
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the row that renders ``Toy`` in version 2."""
    monkeypatch.setitem(V2, Toy, lambda toy: {"type": "toy", "shapes": toy.shapes})


def toy(text: str) -> Toy:
    return Toy(shapes={"text/html": [text]})


SIZE_BYTES = toy("x" * 1000).kept_bytes


# Journalled and bounded


class Room:
    """Counts the calls of ``on_room``."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1


def begun(room: Room | None, *, backlog_bytes: int = MUCH, journal_bytes: int = MUCH) -> Transcript:
    executions = Executions(limit_bytes=MUCH, journal_limit_bytes=journal_bytes)
    it = Transcript("c", executions, backlog_bytes=backlog_bytes, output_limit_bytes=None)
    execution = it.new(Execute(code="pass"), on_room=room)
    it.begin(execution.id, restarted=False)
    return it


async def test_beyond_its_limit_a_journal_drops_the_oldest_of_the_new_kind_and_a_gap_says_which() -> None:
    it = begun(None, journal_bytes=3 * SIZE_BYTES)
    execution = it.running
    assert execution is not None
    feed = it.feed
    for _ in range(10):
        it.say(toy("x" * 1000))
    for journal in (execution.journal, feed):
        assert 2 * 1000 < journal.bytes <= 3 * SIZE_BYTES
    it.finish(Finish(execution.id, Outcome.COMPLETED, None, None))
    gap, *kept, _ = [event async for _, event in execution.journal.follow()]
    assert gap == Gap(first=0, last=execution.journal.first - 1)
    assert kept
    assert kept == [toy("x" * 1000)] * len(kept)


async def test_a_journal_is_full_of_the_new_kind_until_its_client_reads() -> None:
    it = begun(room := Room(), backlog_bytes=2 * SIZE_BYTES)
    assert it.running is not None
    client = it.running.journal.client
    await anext(client)  # started
    it.say(toy("x" * 1000))
    assert not it.full
    it.say(toy("x" * 1000))
    assert (it.full, room.calls) == (True, 0)
    assert await anext(client) == (1, toy("x" * 1000))
    assert (it.full, room.calls) == (False, 1)


async def test_a_kind_that_claims_to_be_rare_counts_as_memory_but_not_as_backlog() -> None:
    it = begun(Room(), backlog_bytes=SIZE_BYTES)
    assert it.running is not None
    before = it.running.journal.bytes
    it.say(Rare(words="x" * 10_000))
    assert not it.full
    assert it.running.journal.bytes - before >= EVENT_BYTES + 10_000


async def test_a_kind_that_claims_wrongly_to_be_rare_is_bounded_too() -> None:
    it = begun(room := Room(), backlog_bytes=2 * SIZE_BYTES)
    assert it.running is not None
    said = 0
    while not it.full:
        assert (said := said + 1) < 100
        it.say(Rare(words="x" * 1000))
    client = it.running.journal.client
    while it.full:
        await anext(client)
    assert room.calls == 1
    it.finish(Finish(it.running.id, Outcome.COMPLETED, None, None))
    assert len([number async for number, _ in client]) > 1


def test_a_kind_without_a_row_is_not_told() -> None:
    assert Toy not in V1
    assert render_v1(toy("a")) is None
    assert render(0, Rare(words="a"), {}) is None


# Sent and replayed


@pytest.fixture
def launcher() -> FakeLauncher:
    return FakeLauncher()


@pytest.fixture
async def client(aiohttp_client: Any, launcher: FakeLauncher, tmp_path: Path) -> AsyncIterator[Client]:
    served = await aiohttp_client(make_app(settings=Settings.of(cwd=str(tmp_path)), launcher=launcher))
    async with Client(str(served.make_url("/")).rstrip("/")) as client:
        client.transcript = lambda: served.app[MANAGER].existing(DEFAULT_CONTEXT_ID).transcript  # type: ignore[attr-defined]
        yield client


async def run(client: Any, launcher: FakeLauncher, worker: FakeWorker | None = None) -> FakeWorker:
    """Act as an execution's program: text, events of the new kinds, text."""
    worker = worker or await launcher.worker()
    runs = await worker.run()
    worker.write("a")
    client.transcript().say(toy("b"))
    client.transcript().say(Rare(words="c"))
    worker.write("d")
    worker.done(runs)
    return worker


TOLD = ["started", "a", {"text/html": ["b"]}, "d", "completed"]


def told(said: list[dict[str, Any]]) -> list[Any]:
    """Return the content of each message, without "queued"."""
    shown = [message.get("shapes", message.get("text")) for message in said]
    return [it for it in shown if it != "queued"]


async def test_its_client_that_does_not_read_makes_the_program_wait(client: Any, launcher: FakeLauncher) -> None:
    async with client.running("pass", events="v2") as running:
        worker = await launcher.worker()
        runs = await worker.run()
        said = 0
        while worker.reading:  # until the sockets' buffers and the backlog are full
            client.transcript().say(toy("x" * (1 << 16)))
            said += 1
            await asyncio.sleep(0)
        worker.done(runs)
        assert [message["type"] for message in (await running.finish()).messages].count("toy") == said
    assert "resume_output" in worker.calls


async def test_version_1_hears_nothing_of_it(client: Client, launcher: FakeLauncher) -> None:
    program = asyncio.create_task(run(client, launcher))
    assert told((await client.run("pass")).messages) == ["a", "d", "completed"]
    await program


async def test_version_2_is_told_on_every_way(client: Client, launcher: FakeLauncher) -> None:
    program = asyncio.create_task(run(client, launcher))
    said = (await client.run("pass", events="v2")).messages
    assert told(said) == TOLD
    worker = await program
    numbers = [message["seq"] for message in said]
    assert set(range(numbers[-1])) - set(numbers) == {numbers[-2] - 1}  # the event of the kind without a row

    program = asyncio.create_task(run(client, launcher, worker))
    async with open_session(client) as session:
        await session.send(op="execute", requestId="r", code="pass")
        assert told(await session.wait("r")) == TOLD
    await program

    for accept in ("application/x-ndjson", "text/event-stream"):
        program = asyncio.create_task(run(client, launcher, worker))
        headers = {"Accept": accept}
        async with client.http.post(client.base + "/execute", json={"code": "pass"}, headers=headers) as response:
            assert told([message async for message in messages(response)]) == TOLD
        await program


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_it_is_replayed_from_any_number_and_followed(
    client: Client, launcher: FakeLauncher, transport: str
) -> None:
    status, accepted = await client.request("POST", "/execute", json={"code": "pass", "background": True})
    assert status == 202
    events = f"/executions/{accepted['id']}/events"
    async with (
        following(client, events, transport) as live,
        following(client, "/context/default/events?from=0", transport) as happens,
    ):
        worker = await launcher.worker()
        runs = await worker.run()
        client.transcript().say(toy("b"))  # type: ignore[attr-defined]
        for follower in (live, happens):
            message = await anext(message async for message in follower if message["type"] == "toy")
            assert (message["shapes"], message["executionId"]) == ({"text/html": ["b"]}, accepted["id"])
        worker.done(runs)
    async with following(client, events, transport) as replay:
        said = [message async for message in replay]
    number = next(message["seq"] for message in said if message["type"] == "toy")
    async with following(client, events, transport, number) as rest:
        assert told([message async for message in rest]) == [{"text/html": ["b"]}, "completed"]
