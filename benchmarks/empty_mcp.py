"""An MCP server with one tool that does nothing, made as the SDK's own examples make one: what its SDK costs."""

from mcp.server import MCPServer

server = MCPServer("empty")


@server.tool()
def empty() -> str:
    """Do nothing."""
    return ""


if __name__ == "__main__":
    server.run("stdio")
