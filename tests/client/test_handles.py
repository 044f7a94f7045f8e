"""``client.handles``: both faces' contexts have the same methods, and make contexts of their own kind."""

from typing import Any

import pytest

from interpreterd.client import AsyncContext, AsyncInterpreter, Context, ContextNotFound, Interpreter


def methods(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def test_both_faces_have_the_same_methods() -> None:
    assert methods(Context) == methods(AsyncContext)
    assert methods(Interpreter) - methods(AsyncInterpreter) == set()


async def test_a_block_deletes_the_context_also_if_it_is_gone(py: Any) -> None:
    async with await py.create_context() as context:
        pass
    with pytest.raises(ContextNotFound):
        await py.get_context(context.id)
    async with await py.create_context() as context:
        await context.delete()


async def test_a_context_goes_on_with_what_its_client_can_do(py: Any) -> None:
    context = await py.create_context()
    assert (await context.execute("print(6 * 7)")).stdout == "42\n"
    assert await context.interrupt() is False
    restarted = await context.restart()
    assert (restarted.id, type(restarted)) == (context.id, type(context))
