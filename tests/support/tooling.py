"""The tools of the MCP server, used in the test's process with a daemon of the tests."""

from collections.abc import Sequence
from typing import Any

from attrs import define, field

from interpreterd.client import AsyncInterpreter
from interpreterd.mcp.answers import TextBlock, ToolAnswer
from interpreterd.mcp.callers import Caller, key_of
from interpreterd.mcp.daemons import DaemonClient
from interpreterd.mcp.declared import tools
from interpreterd.mcp.gathering import Shape
from interpreterd.mcp.owning import Contexts
from interpreterd.mcp.toolbox import Toolbox

WITH_HOME = Caller.of("tests", name="tests", home=key_of("home"))
HOMELESS = Caller.of("tests", name="tests", home=None)
STRANGER = Caller.of("stranger", name="stranger", home=key_of("elsewhere"))


@define
class Tools:
    """A toolbox, and the caller that uses it.

    Attributes:
        reported: The progress of calls: seconds and the last line of output.
    """

    toolbox: Toolbox
    daemon: DaemonClient
    contexts: Contexts
    caller: Caller = WITH_HOME
    reported: list[tuple[float, str]] = field(factory=list)

    @classmethod
    def at(
        cls, url: str, *, shape: Shape | None = None, caller: Caller = WITH_HOME, functions: Any = None, **options: Any
    ) -> "Tools":
        """Return tools for the daemon at ``url``; ``options`` are those of ``Contexts``."""
        daemon = DaemonClient(url, None)
        contexts = Contexts(**options)
        declared = tools(keeps=caller.home is not None)
        toolbox = Toolbox(daemon, contexts, declared=declared, shape=shape or Shape(), functions=functions)
        return cls(toolbox, daemon, contexts, caller)

    def of(self, caller: Caller) -> "Tools":
        """Return the same tools, used by another caller."""
        return Tools(self.toolbox, self.daemon, self.contexts, caller)

    async def __call__(self, tool: str, **arguments: Any) -> ToolAnswer:
        """Call a tool. An argument that is a word of Python has a line at its end."""
        given = {name.removesuffix("_"): value for name, value in arguments.items()}
        return await self.toolbox.call(tool, given, self.caller, self._report)

    async def run(self, code: str, **arguments: Any) -> ToolAnswer:
        """Run code."""
        return await self("run_python", code=code, **arguments)

    async def client(self) -> AsyncInterpreter:
        """Return the client that the tools use."""
        return await self.daemon.client()

    async def _report(self, seconds: float, line: str) -> None:
        self.reported.append((seconds, line))


def told(answer: ToolAnswer) -> str:
    """Return all text of an answer."""
    return "\n".join(block.text for block in answer.content if isinstance(block, TextBlock))


def structured(answer: ToolAnswer) -> Any:
    """Return what an answer says to programs."""
    assert answer.structured is not None, told(answer)
    return answer.structured


def kinds_of(answer: ToolAnswer) -> Sequence[str]:
    """Return the kinds of an answer's blocks."""
    return [type(block).__name__ for block in answer.content]
