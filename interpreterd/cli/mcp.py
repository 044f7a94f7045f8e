"""``interpreterd mcp``."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from interpreterd.mcp.foreign import ForeignServer

EXAMPLES: Final = """\b
Examples:
  interpreterd mcp                              for a host's configuration: stdin and stdout
  interpreterd mcp --local                      never a daemon that runs already
  interpreterd mcp --url http://127.0.0.1:3987
  interpreterd mcp --http --port 3988           for hosts that connect by URL
  interpreterd mcp --with servers.json          code can call the tools of other MCP servers"""
MISSING: Final = "the MCP server needs the package mcp: pip install 'interpreterd[mcp]'"


@click.command("mcp", epilog=EXAMPLES)
@click.option(
    "--url",
    envvar="INTERPRETERD_URL",
    metavar="URL",
    help="Address of the daemon: http://HOST:PORT or unix:/PATH. Also INTERPRETERD_URL. Default: "
    "http://127.0.0.1:3987, or a private daemon if none answers there.",
)
@click.option(
    "--local", is_flag=True, help="Use a private daemon. On stdin and stdout it outlives a reconnect: see --idle-s."
)
@click.option(
    "--python",
    metavar="PATH",
    help="Python that runs the code in a private daemon, for example one with your packages. Default: this one.",
)
@click.option(
    "--cwd",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Directory in which contexts begin. Default: the current one with a private daemon, else the daemon's.",
)
@click.option(
    "--context", metavar="ID", help="Use this context where a call names none, for example one that you use yourself."
)
@click.option(
    "--all", "sees_all", is_flag=True, help="List and touch all contexts of the daemon, also those of other clients."
)
@click.option(
    "--idle-s",
    type=click.FloatRange(min=0),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="How long contexts stay that are not used, once their client has gone. 0: a private daemon ends at once.",
)
@click.option(
    "--timeout-s",
    type=click.IntRange(min=1),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="After which code is interrupted, unless a call says otherwise.",
)
@click.option(
    "--output-chars",
    type=click.IntRange(min=1000),
    default=30_000,
    show_default=True,
    metavar="CHARS",
    help="Limit of the text of one result; the middle of a longer one is cut.",
)
@click.option(
    "--image-bytes",
    type=click.IntRange(min=0),
    default=256 << 10,
    show_default=True,
    metavar="BYTES",
    help="Limit of one picture in a result; a larger one is a link.",
)
@click.option(
    "--with",
    "others",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A JSON file of other MCP servers, as hosts have it, each with the tools that it `allow`s: code calls them "
    "as functions.",
)
@click.option("--http", "by_http", is_flag=True, help="Serve any number of clients over HTTP, at /mcp.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on, with --http.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=3988,
    show_default=True,
    help="Port to listen on, with --http; 0: a free one.",
)
@click.option(
    "--token",
    envvar="INTERPRETERD_MCP_TOKEN",
    help="With --http: clients must send it as bearer token. Also INTERPRETERD_MCP_TOKEN. Needed unless --host is an "
    "address of this machine alone.",
)
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="With --http: a name by which clients reach it, besides those of this machine. Repeatable.",
)
def command(
    url: str | None,
    local: bool,
    python: str | None,
    cwd: Path | None,
    context: str | None,
    sees_all: bool,
    idle_s: float,
    timeout_s: int,
    output_chars: int,
    image_bytes: int,
    others: Path | None,
    by_http: bool,
    host: str,
    port: int,
    token: str | None,
    hosts: tuple[str, ...],
) -> None:
    """Give AI agents Python, by the Model Context Protocol.

    Needs the extra `interpreterd[mcp]`.
    """
    if url and not url.startswith(("http://", "https://", "unix:/")):
        raise click.BadParameter(
            f"the daemon's url must be http://HOST:PORT or unix:/PATH, not {url!r}.", param_hint="--url"
        )
    try:
        from interpreterd.mcp import serving
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise click.ClickException(MISSING) from None
    servers: Sequence[ForeignServer] = ()
    if others is not None:
        from interpreterd.mcp.foreign import WrongServers, read_servers

        try:
            servers = read_servers(others)
        except WrongServers as error:
            raise click.ClickException(str(error)) from None
    options = serving.McpOptions(
        url=url or None,
        local=local,
        serve_flags=("--python", python) if python else (),
        cwd=None if cwd is None else str(cwd.absolute()),
        context=context,
        sees_all=sees_all,
        idle_s=idle_s,
        timeout_s=timeout_s,
        output_chars=output_chars,
        image_bytes=image_bytes,
        servers=servers,
    )
    import uvloop

    if not by_http:
        uvloop.run(serving.serve_stdio(options))
        return
    from interpreterd.mcp import web

    if not web.may_listen(host, token):
        raise click.UsageError(f"--host {host} needs --token: anyone who reaches the port can run code.")
    try:
        service = serving.Service(options, by_stdio=False, secret=token or "")
        server, ending = service.server(), service.leave
        uvloop.run(web.serve_http(server, host=host, port=port, token=token or None, names=hosts, ending=ending))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error
        raise click.ClickException(f"cannot listen on {host} port {port}: {reason}") from None
