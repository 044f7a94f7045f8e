"""``client.contexts``: a context, from its creation to its end."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from described import OPENAPI

from interpreterd.client.contexts import ContextData

SCHEMAS: dict[str, Any] = OPENAPI["components"]["schemas"]


async def test_a_contexts_life(py: Any, tmp_path: Path) -> None:
    context = await py.create_context(cwd=tmp_path, language="python", limits={"codeBytes": 100})
    assert (context.cwd, context.language, context.active) == (str(tmp_path), "python", True)
    assert context["limits"] == {"codeBytes": 100}
    assert datetime(2020, 1, 1, tzinfo=UTC) < context.created_at
    with pytest.raises(KeyError):
        context["nothing"]
    await py.execute("pass")
    assert {listed.id for listed in await py.list_contexts()} == {context.id, "default"}
    await context.execute("exit()")
    assert not (await py.get_context(context.id)).active
    assert context.active, "it is what it was"
    await py.delete_context(context.id)
    assert [listed.id for listed in await py.list_contexts()] == ["default"]


async def test_a_context_ends_with_its_block(py: Any) -> None:
    async with await py.create_context() as context:
        await context.execute("x = 1")
    with pytest.raises(LookupError):
        async with await py.create_context() as context:
            raise LookupError
    async with await py.create_context() as context:
        await context.delete()
    assert {listed.id for listed in await py.list_contexts()} <= {"default"}


def test_every_key_of_a_context_is_kept() -> None:
    keys = SCHEMAS["Context"]["properties"].keys()
    context = ContextData({key: f"the {key}" for key in keys})
    assert {key: context[key] for key in keys} == {key: f"the {key}" for key in keys}
