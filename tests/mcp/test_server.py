"""``mcp.server``: the toolbox behind the SDK's server."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import mcp_types as types
import pytest
from hosts import ERAS
from mcp import Client
from mcp.shared.exceptions import MCPError
from tooling import WITH_HOME, Tools

from interpreterd.mcp.answers import LinkBlock, PictureBlock, TextBlock, ToolAnswer
from interpreterd.mcp.declared import tools as declared_tools
from interpreterd.mcp.server import as_result, make_server


@contextlib.asynccontextmanager
async def connected(era: str, tools: Tools) -> AsyncIterator[Client]:
    """Connect a client to a server in this process."""

    async def toolbox() -> Any:
        return tools.toolbox

    server = make_server(declared_tools(keeps=True), "read me", toolbox, lambda name, http: WITH_HOME)
    async with Client(server, mode=era) as client:
        yield client


@pytest.mark.parametrize("era", ERAS)
async def test_it_tells_what_it_has_and_its_results_fit_their_schemas(era: str, tools: Tools) -> None:
    async with connected(era, tools) as host:
        assert (host.server_info.name, host.instructions) == ("interpreterd", "read me")
        assert len((await host.list_tools()).tools) == 7
        assert (await host.list_resources()).resources == []
        templates = (await host.list_resource_templates()).resource_templates
        assert all(it.uri_template.startswith("interpreterd://") for it in templates)
        for code in ("print(1)", "1 / 0"):
            result = await host.call_tool("run_python", {"code": code})  # the client checks it
            assert result.structured_content["outcome"] == "completed"


@pytest.mark.parametrize("era", ERAS)
async def test_an_unknown_tool_and_an_unknown_resource_are_errors_of_the_protocol(era: str, tools: Tools) -> None:
    async with connected(era, tools) as host:
        with pytest.raises(MCPError, match="Unknown tool: nonsense"):
            await host.call_tool("nonsense", {})
        for uri in ("interpreterd://x/y", "file:///etc/passwd"):
            with pytest.raises(MCPError, match="Resource not found") as caught:
                await host.read_resource(uri)
            assert caught.value.code == types.INVALID_PARAMS


def test_blocks_are_as_the_protocol_has_them() -> None:
    link = LinkBlock(uri="interpreterd://x", name="x", mime="image/png", size_bytes=3)
    result = as_result(ToolAnswer(content=[TextBlock("a"), PictureBlock("image/png", "AA=="), link], is_error=True))
    wire = result.model_dump(by_alias=True, mode="json", exclude_none=True)
    assert wire["content"] == [
        {"type": "text", "text": "a"},
        {"type": "image", "data": "AA==", "mimeType": "image/png"},
        {"type": "resource_link", "uri": "interpreterd://x", "name": "x", "mimeType": "image/png", "size": 3},
    ]
    assert wire["isError"] is True
