"""The MCP server: a process of its own, which gives a model Python in contexts of a daemon."""
