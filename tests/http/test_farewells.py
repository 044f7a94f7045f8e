"""When the daemon ends, it drops silent clients and says farewell to sessions."""

import asyncio

from aiohttp import web

from interpreterd.http.farewells import FAREWELLS, SILENT, expect_farewells


async def ended(app: web.Application) -> None:
    app.freeze()
    await app.shutdown()


async def test_a_silent_client_is_dismissed() -> None:
    app = web.Application()
    expect_farewells(app)
    dismissed = []
    app[SILENT] = {lambda: dismissed.append("a"), lambda: dismissed.append("b")}
    await ended(app)
    assert sorted(dismissed) == ["a", "b"]


async def test_each_farewell_is_said_and_waited_for() -> None:
    app = web.Application()
    expect_farewells(app)
    said = []

    def farewell(name: str) -> None:
        async def say() -> None:
            await asyncio.sleep(0)
            app[FAREWELLS].discard(say)  # as a session that ends meanwhile
            said.append(name)

        app[FAREWELLS].add(say)

    farewell("a")
    farewell("b")
    await ended(app)
    assert sorted(said) == ["a", "b"]
