"""``mcp.declared``: the tools that clients see."""

import json

import jsonschema
import pytest

from interpreterd.mcp.declared import instructions, tools


@pytest.mark.parametrize("keeps", [True, False])
def test_schemas_are_closed_and_short(keeps: bool) -> None:
    declared = tools(keeps=keeps)
    for it in declared:
        jsonschema.Draft202012Validator.check_schema(it.input_schema)
        jsonschema.Draft202012Validator.check_schema(dict(it.result or {}))
        assert set(it.needed) <= set(it.arguments)
    text = json.dumps([[it.name, it.description, it.input_schema] for it in declared])
    assert len(text) < 6000  # each conversation pays for it


def test_without_a_context_of_its_own_a_client_is_told_to_name_one() -> None:
    assert "pass" in instructions(keeps=False).lower()
    needed = {it.name: list(it.needed) for it in tools(keeps=False)}
    assert (needed["restart"], needed["files"]) == (["context"], ["action", "context"])
