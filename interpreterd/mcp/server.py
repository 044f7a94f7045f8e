"""The toolbox as a server of MCP, of any protocol version that the SDK speaks."""

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from interpreterd import __version__
from interpreterd.mcp.answers import Block, LinkBlock, PictureBlock, TextBlock, ToolAnswer, Unusable
from interpreterd.mcp.callers import Caller
from interpreterd.mcp.declared import Declared

if TYPE_CHECKING:  # it imports the client of the daemon, for which the start does not wait
    from interpreterd.mcp.toolbox import Toolbox

SERVER_NAME: Final = "interpreterd"
_Context = Any  # the SDK's ServerRequestContext
Identify = Callable[[str, Any], Caller]
"""Returns the caller, from the name that the client gives itself and the HTTP request, which is None on stdio."""
_log = logging.getLogger(__name__)
TEMPLATES: Final = (
    ("interpreterd://executions/{execution}/images/{number}", "Picture of an execution"),
    ("interpreterd://contexts/{context}/files/{path}", "File of a context; slashes in its path are encoded"),
)


def make_server(
    declared: Sequence[Declared],
    instructions: str,
    toolbox: Callable[[], "Awaitable[Toolbox]"],
    identify: Identify,
    *,
    lifespan: Callable[[], contextlib.AbstractAsyncContextManager[None]] = contextlib.nullcontext,
    seen: Callable[[Caller], None] = lambda caller: None,
    describe: Callable[[], Awaitable[str]] | None = None,
) -> Server[None]:
    """Return a server of the tools ``declared``; the first call asks for the ``toolbox``.

    ``lifespan`` surrounds its work; ``seen`` is told of each call's caller.
    ``describe`` returns what the description of ``run_python`` is to say besides.
    """
    names = {it.name for it in declared}

    def caller_of(context: _Context) -> Caller:
        params = context.session.client_params
        caller = identify(params.client_info.name if params is not None else "", context.request)
        seen(caller)
        return caller

    async def list_tools(context: _Context, params: object) -> types.ListToolsResult:
        more = "" if describe is None else await describe()
        return types.ListToolsResult(tools=[as_tool(it, more if it.name == "run_python" else "") for it in declared])

    async def call_tool(context: _Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        if params.name not in names:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name[:100]}")

        async def progress(seconds: float, line: str) -> None:
            await context.session.report_progress(seconds, None, line or None)

        try:
            tool = await toolbox()
            return as_result(await tool.call(params.name, params.arguments, caller_of(context), progress))
        except OSError as error:
            return as_result(ToolAnswer(content=[TextBlock(str(error.strerror or error))], is_error=True))
        except Exception:
            _log.exception("a mistake in the tool %s", params.name)
            raise MCPError(types.INTERNAL_ERROR, "a mistake in interpreterd; its log says more") from None

    async def list_resources(context: _Context, params: object) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=[])

    async def list_prompts(context: _Context, params: object) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=[])  # some hosts ask in any case

    async def list_templates(context: _Context, params: object) -> types.ListResourceTemplatesResult:
        templates = [types.ResourceTemplate(uri_template=uri, name=name) for uri, name in TEMPLATES]
        return types.ListResourceTemplatesResult(resource_templates=templates)

    async def read(context: _Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        uri = str(params.uri)
        try:
            found = await (await toolbox()).read(uri, caller_of(context))
        except Unusable as error:
            raise MCPError(types.INVALID_PARAMS, str(error), {"uri": uri}) from None
        if found is None:
            raise MCPError(types.INVALID_PARAMS, f"Resource not found: {uri[:200]}", {"uri": uri})
        contents: types.TextResourceContents | types.BlobResourceContents
        if found.text is not None:
            contents = types.TextResourceContents(uri=uri, mime_type=found.mime, text=found.text)
        else:
            contents = types.BlobResourceContents(uri=uri, mime_type=found.mime, blob=found.base64 or "")
        return types.ReadResourceResult(contents=[contents])

    @contextlib.asynccontextmanager
    async def living(server: Server[None]) -> AsyncIterator[None]:
        async with lifespan():
            yield

    return Server(
        SERVER_NAME,
        version=__version__,
        title="Python",
        instructions=instructions,
        lifespan=living,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read,
        on_list_prompts=list_prompts,
    )


def as_tool(it: Declared, more: str = "") -> types.Tool:
    """Return a tool as the SDK has it; ``more`` is said in its description besides."""
    annotations = types.ToolAnnotations(
        title=it.title,
        read_only_hint=it.reads_only,
        destructive_hint=it.destroys,
        idempotent_hint=it.repeats,
        open_world_hint=it.reaches_out,
    )
    return types.Tool(
        name=it.name,
        title=it.title,
        description=f"{it.description} {more}".rstrip(),
        input_schema=it.input_schema,
        output_schema=None if it.result is None else dict(it.result),
        annotations=annotations,
    )


def as_result(answer: ToolAnswer) -> types.CallToolResult:
    """Return an answer as the SDK has it."""
    structured: Mapping[str, Any] | None = answer.structured
    return types.CallToolResult(
        content=[_content(block) for block in answer.content],
        structured_content=None if structured is None else dict(structured),
        is_error=answer.is_error,
    )


def _content(block: Block) -> types.ContentBlock:
    match block:
        case TextBlock(text=text):
            return types.TextContent(text=text)
        case PictureBlock(mime=mime, data=data):
            return types.ImageContent(mime_type=mime, data=data)
        case LinkBlock():
            return types.ResourceLink(uri=block.uri, name=block.name, mime_type=block.mime, size=block.size_bytes)
