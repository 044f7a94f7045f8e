"""Watches have a context each; their program is played by the test."""

import asyncio
import json
from typing import Any

import pytest

from interpreterd.contexts.local import LocalContexts
from interpreterd.dialects.e2b.envd import watches as module
from interpreterd.dialects.e2b.envd.errors import EnvdRefused
from interpreterd.dialects.e2b.envd.watches import Change, Watches
from interpreterd.model.requests import CreateContext


def line(name: str, kind: str = "create", **more: Any) -> str:
    return json.dumps({"name": name, "type": kind, **more}) + "\n"


async def begun(watches: Watches, play: Any, **options: bool) -> tuple[str, Any]:
    chosen = {"recursive": False, "entries": False} | options
    creating = asyncio.create_task(watches.create("w", "/d", **chosen))
    player = await play()
    assert await player.ask("ready") == ""
    await creating
    return "w", player


async def taken(watches: Watches, count: int) -> list[Change]:
    found: list[Change] = []
    while len(found) < count:
        found += watches.find("w").take()
        await asyncio.sleep(0)
    return found


async def test_changes_wait_for_their_client(service: LocalContexts, play: Any) -> None:
    watches = Watches(service)
    _, player = await begun(watches, play, recursive=True, entries=True)
    assert player.run.code.endswith("watch(resolved('/d'), recursive=True, describe=describe)")
    player.worker.write(line("a") + line("b", "write", entry={"size": 1})[:10])
    player.worker.write(line("b", "write", entry={"size": 1})[10:])
    assert await taken(watches, 2) == [Change("a", "create", None), Change("b", "write", {"size": 1})]
    await watches.remove("w")
    assert player.worker.exited
    with pytest.raises(EnvdRefused, match="no watcher has the id w"):
        watches.find("w")


@pytest.mark.parametrize(
    "wrong", ["x", "[]", "1", '{"name": 1, "type": "x"}', '{"name": "a", "type": "x", "entry": 1}']
)
async def test_lines_of_another_form_are_dropped(service: LocalContexts, play: Any, wrong: str) -> None:
    watches = Watches(service)
    _, player = await begun(watches, play)
    player.worker.write(f"{wrong}\n{line('a')}")
    assert await taken(watches, 1) == [Change("a", "create", None)]


async def test_changes_beyond_the_limit_are_told_to_be_lost(
    service: LocalContexts, play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVENTS_LIMIT", 2)
    watches = Watches(service)
    _, player = await begun(watches, play)
    player.worker.write("".join(map(line, "abc")))
    watcher = watches.find("w")
    while not watcher.lost:  # noqa: ASYNC110 -- no event tells when it has read
        await asyncio.sleep(0)
    with pytest.raises(EnvdRefused, match="they are lost"):
        watcher.take()
    assert watcher.take() == []


async def test_events_that_came_too_fast_are_told_to_be_lost(service: LocalContexts, play: Any) -> None:
    watches = Watches(service)
    _, player = await begun(watches, play)
    player.worker.write(line("a") + line("", "lost") + line("b"))
    with pytest.raises(EnvdRefused, match="than the system keeps for its watch; some events are lost") as raised:
        await taken(watches, 3)
    assert raised.value.connect_code == "resource_exhausted"


async def test_a_directory_that_cannot_be_watched(service: LocalContexts, play: Any) -> None:
    watches = Watches(service)
    creating = asyncio.create_task(watches.create("w", "/d", recursive=False, entries=False))
    player = await play()
    player.say("refused not_found no such file or directory: /d")
    with pytest.raises(EnvdRefused, match=r"^no such file or directory: /d$"):
        await creating
    assert player.worker.exited


async def test_a_watcher_whose_context_has_ended_is_dropped_when_all_is_taken(
    service: LocalContexts, play: Any
) -> None:
    watches = Watches(service)
    _, player = await begun(watches, play)
    player.worker.write(line("a"))
    player.worker.exit("killed by SIGKILL")
    await watches.close()
    assert await taken(watches, 1) == [Change("a", "create", None)]
    with pytest.raises(EnvdRefused, match="no watcher has the id w"):
        watches.find("w")
    for _ in range(6):  # as many as there may be at the same time
        await service.create(CreateContext(listed=False))


async def test_a_watcher_that_has_nothing_to_tell_is_dropped_with_its_context(
    service: LocalContexts, play: Any
) -> None:
    watches = Watches(service)
    _, player = await begun(watches, play)
    player.worker.exit("killed by SIGKILL")
    await watches.close()
    assert watches._watchers == {}


async def test_a_watcher_that_no_client_asks_ends(
    service: LocalContexts, play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNASKED_LIMIT_S", 0.0)
    watches = Watches(service)
    _, player = await begun(watches, play)
    while player.worker.exited is None:  # noqa: ASYNC110 -- no event tells when it has ended
        await asyncio.sleep(0)


async def test_silence_is_told(service: LocalContexts, play: Any) -> None:
    watch = Watches(service).watch("/d", recursive=False, entries=False)
    beginning = asyncio.create_task(watch.begin())
    player = await play()
    await player.ask("ready")
    await beginning
    changes = watch.changes(0.0)
    assert await anext(changes) is None
    player.worker.write(line("a"))
    while (change := await anext(changes)) is None:  # noqa: ASYNC110 -- no event tells when it has read
        await asyncio.sleep(0)
    assert change == Change("a", "create", None)
    await watch.end()
    await watch.end()
