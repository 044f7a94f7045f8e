"""A request is known by its id."""

import asyncio

from interpreterd.model.caller import CALLER, ClientRequest


async def test_a_task_knows_its_own_request_only() -> None:
    async def serve(name: str) -> str:
        CALLER.set(ClientRequest(name))
        await asyncio.sleep(0)
        caller = CALLER.get()
        return "" if caller is None else caller.request_id

    assert await asyncio.gather(serve("a"), serve("b")) == ["a", "b"]
    assert CALLER.get() is None
