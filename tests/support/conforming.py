"""The product's own server with the tools that the official conformance suite calls by their names, over HTTP.

python tests/support/conforming.py DAEMON_URL
"""

import asyncio
import base64
import sys
import zlib
from typing import Any, Final

import mcp_types as types
from mcp.shared.exceptions import MCPError

from interpreterd.mcp.serving import McpOptions, Service
from interpreterd.mcp.web import serve_http

SILENCE: Final = base64.b64encode(
    b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0D\xac\0\0\x88X\x01\0\x02\0\x10\0data\0\0\0\0"
).decode()


def pixel() -> str:
    """Return a picture of one point."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    head = chunk(b"IHDR", bytes.fromhex("00000001000000010802000000"))
    return base64.b64encode(
        b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(4))) + chunk(b"IEND", b"")
    ).decode()


TEXT: Final = types.TextContent(text="This is a simple text response for testing.")
PICTURE: Final = types.ImageContent(data=pixel(), mime_type="image/png")
SOUND: Final = types.AudioContent(data=SILENCE, mime_type="audio/wav")
RESOURCE: Final = types.EmbeddedResource(
    resource=types.TextResourceContents(
        uri="test://resource", mime_type="text/plain", text="This is an embedded resource content."
    )
)
MIXED_TEXT: Final = types.TextContent(text="Multiple content types test:")
CONTENTS: Final[dict[str, list[types.ContentBlock]]] = {
    "test_simple_text": [TEXT],
    "test_image_content": [PICTURE],
    "test_audio_content": [SOUND],
    "test_embedded_resource": [RESOURCE],
    "test_multiple_content_types": [
        MIXED_TEXT,
        PICTURE,
        types.EmbeddedResource(
            resource=types.TextResourceContents(
                uri="test://mixed-content-resource", mime_type="application/json", text='{"test":"data","value":123}'
            )
        ),
    ],
    "test_error_handling": [types.TextContent(text="This tool intentionally returns an error for testing")],
    "test_tool_with_progress": [TEXT],
    "test_missing_capability": [TEXT],
    "test_logging_tool": [TEXT],
}


def add_fixtures(server: Any) -> None:
    """Add the tools of the suite to the product's server: what it lists, and what it does when they are called."""
    listing, calling = (server.get_request_handler(method) for method in ("tools/list", "tools/call"))

    async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
        listed = await listing.handler(context, params)
        more = [types.Tool(name=name, description=name, input_schema={"type": "object"}) for name in CONTENTS]
        return types.ListToolsResult(tools=[*listed.tools, *more])

    async def call_tool(context: Any, params: Any) -> types.CallToolResult:
        if params.name not in CONTENTS:
            result: types.CallToolResult = await calling.handler(context, params)
            return result
        if params.name == "test_tool_with_progress":
            for done in (0, 50, 100):
                await context.session.report_progress(done, 100, None)
        capabilities = context.session.client_capabilities
        if params.name == "test_missing_capability" and (capabilities is None or capabilities.sampling is None):
            data = {"requiredCapabilities": {"sampling": {}}}
            raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, "it needs sampling", data)
        return types.CallToolResult(content=CONTENTS[params.name], is_error=params.name == "test_error_handling")

    server.add_request_handler("tools/list", listing.params_type, list_tools)
    server.add_request_handler("tools/call", calling.params_type, call_tool)


if __name__ == "__main__":
    made = Service(McpOptions(url=sys.argv[1]), by_stdio=False).server()
    add_fixtures(made)
    asyncio.run(serve_http(made, host="127.0.0.1", port=0, token=None, names=()))
