"""Checkpoints count: against the limits of their context, in its usage and stats, and in a bound for the daemon."""

from collections.abc import Callable

from going_back import Traveller
from harness import Client
from posting import post
from standing import SharedDaemon

Standing = Callable[..., SharedDaemon]
MIB = 1 << 20
CHANGE = "for i in range(0, len(x), 4096): x[i] += 1"  # all pages, and no memory besides


async def test_memory_that_does_not_change_is_not_multiplied_and_the_oldest_gives_way(client: Client) -> None:
    it = await Traveller.new(client)
    await it.run("x = bytearray(b'x') * (100 << 20)")
    for _ in range(17):
        await it.run("len(x)", checkpoint=True)
    kept = await it.kept()
    assert len(kept) == 16
    assert [one["executionCount"] for one in kept] == list(range(2, 18)), "the oldest one is gone"
    assert sum(one["memoryBytes"] for one in kept) < 100 * MIB


async def test_memory_that_changes_is_private_to_the_checkpoint(client: Client) -> None:
    it = await Traveller.new(client)
    await it.run(f"x = bytearray(b'a') * {40 * MIB}")
    before = await it.keep()
    await it.run(CHANGE)
    (after,) = await it.kept()
    assert after["memoryBytes"] - before["memoryBytes"] >= 39 * MIB


async def test_a_context_beyond_its_memory_loses_automatic_checkpoints_first(client: Client) -> None:
    it = await Traveller.new(client, limits={"memoryBytes": 180 * MIB})
    await it.run(f"x = bytearray(b'a') * {60 * MIB}")
    for _ in range(3):
        await it.run(CHANGE, checkpoint=True)
    while len(await it.kept()) > 1:
        pass
    assert await it.value("x[0]") == str(ord("a") + 3)
    await it.undo()
    assert await it.value("x[0]") == str(ord("a") + 2)


async def test_when_no_automatic_checkpoint_is_left_it_is_an_excess(client: Client) -> None:
    it = await Traveller.new(client, limits={"memoryBytes": 180 * MIB})
    await it.run(f"x = bytearray(b'a') * {60 * MIB}")
    await it.keep()
    told = await post(client, f"{CHANGE}\ny = bytearray(b'y') * {80 * MIB}\nwhile True: pass", contextId=it.id)
    assert told["outcome"] == "lost"
    assert told["error"]["value"] == "memory limit of 180 MiB exceeded: checkpoints count, too"


async def test_processes_of_checkpoints_count(client: Client) -> None:
    it = await Traveller.new(client, limits={"processes": 3})
    for _ in range(4):
        await it.run("pass", checkpoint=True)
    while len(await it.kept()) > 2:
        pass
    assert await it.run("print('alive')") == "alive\n"


async def test_usage_and_stats_count_them(client: Client) -> None:
    it = await Traveller.new(client)
    await it.run(f"x = bytearray(b'a') * {40 * MIB}")
    before = (await it.ask("GET", "?usage=true"))[1]["usage"]
    for _ in range(2):
        await it.keep()
        await it.run(CHANGE)
    usage = (await it.ask("GET", "?usage=true"))[1]["usage"]
    assert (before["processes"], usage["processes"]) == (1, 3)
    assert usage["memoryBytes"] - before["memoryBytes"] > 75 * MIB
    stats = (await it.ask("GET", "/stats"))[1]
    assert stats["processes"] == 3


async def test_the_memory_of_all_checkpoints_is_bounded(standing: Standing) -> None:
    async with Client(standing("--checkpoints-memory", "100M").url) as client:
        one, other = await Traveller.new(client), await Traveller.new(client)
        await one.run(f"x = bytearray(b'a') * {60 * MIB}")
        await one.run(CHANGE, checkpoint=True)
        assert len(await one.kept()) == 1
        await other.run(f"x = bytearray(b'a') * {60 * MIB}")
        await other.keep()
        await other.run(CHANGE)
        await other.kept()
        while await one.kept():  # the oldest automatic one of any context
            pass
        status, told = await other.ask("POST", "/checkpoints", {})
        assert status == 200, told
        await other.run(CHANGE)
        while len(await other.kept()) > 1:  # without an automatic one, the context that keeps most loses its oldest
            pass
        assert [kept["id"] for kept in await other.kept()] == [told["id"]]
        assert await other.run("print(x[0])") == f"{ord('a') + 2}\n"
