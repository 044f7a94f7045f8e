"""Hosts of MCP servers: the SDK's client, as tests connect it to ``interpreterd mcp``."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field
from harness import COMMAND, STOP_LIMIT_S
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import CallToolResult

from interpreterd.mcp.foreign import ForeignServer

ERAS = ("auto", "legacy")
"""What the SDK's client is asked for: the newest protocol, and the one with a handshake."""


def clean(**more: str) -> dict[str, str]:
    """Return the environment for a server: nothing of the tests' own settings."""
    kept = ("PATH", "HOME", "LANG", "XDG_RUNTIME_DIR", "COVERAGE_PROCESS_START", "COVERAGE_FILE")
    return {name: os.environ[name] for name in kept if name in os.environ} | more


def lender(*allow: str) -> ForeignServer:
    """Return a small server of someone else's, of whose tools code may call those that ``allow`` names."""
    program = str(Path(__file__).with_name("lender.py"))
    return ForeignServer(name="lender", allow=allow, command=sys.executable, args=[program], env=clean())


@define
class Host:
    """A client of an MCP server.

    Attributes:
        reported: The progress that calls have reported: how far, and the message.
    """

    client: Client
    reported: list[tuple[float, str | None]] = field(factory=list)

    async def __call__(self, tool: str, **arguments: Any) -> CallToolResult:
        """Call a tool. An argument that is a word of Python has a line at its end."""
        given = {name.removesuffix("_"): value for name, value in arguments.items()}
        return await self.client.call_tool(tool, given, progress_callback=self._report)

    async def run(self, code: str, **arguments: Any) -> CallToolResult:
        """Run code."""
        return await self("run_python", code=code, **arguments)

    async def _report(self, progress: float, total: float | None, message: str | None) -> None:
        self.reported.append((progress, message))


def said(result: CallToolResult) -> str:
    """Return all text of a result."""
    return "\n".join(block.text for block in result.content if block.type == "text")


@contextlib.asynccontextmanager
async def on_stdio(*flags: str, era: str, cwd: Path, **variables: str) -> AsyncIterator[Host]:
    """Run ``interpreterd mcp`` for the block, as a host does that is configured with this command."""
    with (cwd / "stderr").open("a") as log:
        server = StdioServerParameters(command=str(COMMAND), args=["mcp", *flags], env=clean(**variables), cwd=cwd)
        async with Client(stdio_client(server, errlog=log), mode=era) as client:
            yield Host(client)


@contextlib.contextmanager
def over_http(*flags: str, cwd: Path, **variables: str) -> Iterator[str]:
    """Run ``interpreterd mcp --http`` for the block; yield its URL."""
    with open(cwd / "stderr", "a") as log:
        process = subprocess.Popen(
            [COMMAND, "mcp", "--http", "--port", "0", *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=clean(**variables),
            cwd=cwd,
        )
    try:
        assert process.stdout is not None
        with process.stdout as stdout:
            line = stdout.readline()
            assert line, (cwd / "stderr").read_text()
            yield json.loads(line)["url"]
            process.terminate()
            assert process.wait(STOP_LIMIT_S) == 0, (cwd / "stderr").read_text()
            assert stdout.read() == b""
    finally:
        process.kill()
        process.wait()


def raw(
    *flags: str,
    lines: Sequence[dict[str, Any]],
    cwd: Path,
    answers: int,
    before_the_end: Callable[[], object] = lambda: None,
) -> list[Any]:
    """Run ``interpreterd mcp``, send ``lines``, and return all of its stdout, line by line, after so many answers.

    ``before_the_end`` is called before stdin is closed.
    """
    process = subprocess.Popen(
        [COMMAND, "mcp", *flags],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=clean(),
        cwd=cwd,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for line in lines:
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **line}).encode() + b"\n")
        process.stdin.flush()
        got: list[bytes] = []
        while sum(b'"id"' in line for line in got) < answers and (line := process.stdout.readline()):
            got.append(line)
        before_the_end()
        process.stdin.close()
        got += process.stdout.readlines()
        assert process.wait(STOP_LIMIT_S) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return [json.loads(line) for line in got]
