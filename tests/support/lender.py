"""A small MCP server of someone else's, for tests of code mode."""

import os

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("lender")


@server.tool()
def search(query: str, limit: int = 3) -> list[str]:
    """Search for something.

    Returns titles.
    """
    return [f"{query} {number}" for number in range(limit)]


@server.tool()
def fail(why: str) -> str:
    """Fail."""
    raise ToolError(f"it failed: {why}")


@server.tool(name="get-user", structured_output=False)
def get_user(user_id: int) -> str:
    """Return a user as JSON text."""
    return f'{{"id": {user_id}, "name": "Ada"}}'


@server.tool()
def secret() -> str:
    """Must not be called: it is not allowed."""
    return "secret"


@server.tool()
def leave() -> str:
    """End the server."""
    os._exit(3)


if __name__ == "__main__":
    server.run("stdio")
