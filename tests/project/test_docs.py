"""Every runnable code block of the site is run, from the top of its page down, as a reader would."""

import contextlib
import importlib.util
import inspect
import json
import os
import re
import shutil
import socket
import subprocess
import textwrap
import tomllib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import click
import pytest
from documents import DOCUMENTED, PROGRAMS, RUN, Reader, blocks, clean, only, runnable, serve_flags
from harness import Client, Daemon, Gate, Running
from paths import ROOT
from standing import SharedDaemon, shared_daemon

from interpreterd import client
from interpreterd.cli.main import cli
from interpreterd.config_file import ConfigFile
from interpreterd.settings import Settings
from interpreterd.tenants.token_file import parse_tokens

DOCS = ROOT / "docs"
PAGES = {path.stem: path for path in sorted(DOCS.glob("*.md"))}
# Other tests, or Sphinx, check the blocks of these languages.
CONFIGURATIONS = ("nginx", "haproxy")
DIRECTIVES = ("{toctree}", "{include}", "{eval-rst}", "{glossary}")
PROXY = PAGES["proxy"]
BEFORE_IT = f"{PROGRAMS}{os.pathsep}/usr/sbin"
StartDaemon = Callable[..., Awaitable[Daemon]]


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_every_block_is_run_or_says_why_not(path: Path) -> None:
    for block in blocks(path):
        if block.language == "json":
            for line in block.text.splitlines():
                json.loads(line)
        elif block.language == "toml" and "[tenants." in block.text:
            assert parse_tokens(block.text, str(path)).rules
        elif block.language == "toml":  # a file of settings
            file = ConfigFile(path=str(path), text=block.text, keys=tomllib.loads(block.text))
            assert file.values(Settings.declared())
        elif block.language not in (*RUN, *DIRECTIVES):
            assert block.reason or (path == PROXY and block.language in CONFIGURATIONS), block


@pytest.mark.parametrize("page", [page for page, path in PAGES.items() if runnable(path) and path != PROXY])
def test_a_page_does_what_it_shows(
    page: str, standing_daemon: SharedDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.ExitStack() as stack:
        stack.callback(clean, standing_daemon.url)
        reader = stack.enter_context(Reader(tmp_path))
        reader.url = standing_daemon.url
        for block in runnable(PAGES[page]):
            flags = serve_flags(block) if block.language == "console" else None
            if flags is None:
                monkeypatch.setenv("INTERPRETERD_URL", reader.url)
                reader.read(block, f"{page}.md:{block.line}")
            else:
                assert json.loads(block.text.splitlines()[1]).keys() == {"url", "port", "pid"}
                reader.url = stack.enter_context(shared_daemon(tmp_path, *flags, env={"PATH": PROGRAMS})).url


@pytest.mark.parametrize(("thing", "printed"), [(client, "42\n"), (client.Interpreter, "21\n")])
def test_the_example_of_a_docstring_runs(
    thing: Any, printed: str, standing_daemon: SharedDaemon, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("INTERPRETERD_URL", standing_daemon.url)
    documented = inspect.getdoc(thing)
    assert documented is not None
    code = re.search(r"(?:^    .*\n|^\n)+", documented, re.MULTILINE)
    assert code is not None
    exec(textwrap.dedent(code[0]), {"Interpreter": client.Interpreter})
    clean(standing_daemon.url)
    assert capsys.readouterr().out.strip() == printed.strip()


# Proxies: the page's configuration with other ports


@contextlib.contextmanager
def proxy(name: str, folder: Path, daemon: str) -> Iterator[str]:
    """Run a proxy before the daemon at ``daemon`` (host:port) for the block; yield the proxy's host:port."""
    if name == "none":
        yield daemon
        return
    # Connections that come before the proxy is ready wait in this socket.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address, fd = f"127.0.0.1:{listening.getsockname()[1]}", listening.fileno()
        configuration = only(PROXY, name).text
        listens = {"nginx": ("listen 80;", f"listen {address};"), "haproxy": ("bind :80", f"bind fd@{fd}")}[name]
        for shown, mine in (listens, (DOCUMENTED, daemon)):
            assert configuration.count(shown) == 1
            configuration = configuration.replace(shown, mine)
        file = folder / f"{name}.cfg"
        file.write_text(nginx(configuration, folder) if name == "nginx" else configuration)
        command = {"nginx": ["-e", "stderr", "-c", str(file)], "haproxy": ["-db", "-f", str(file)]}[name]
        process = subprocess.Popen(
            [str(shutil.which(name, path=BEFORE_IT)), *command],
            env={"NGINX": f"{fd};"},  # an old nginx gives its sockets to a new nginx in this way
            pass_fds=[fd],
        )
    try:
        yield address
    finally:
        process.terminate()
        process.wait()


def nginx(site: str, folder: Path) -> str:
    """Return an nginx.conf for a site: nginx runs in the foreground, and its files are in ``folder``."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    main = f"daemon off;\npid {folder}/nginx.pid;\nevents {{}}\n"
    return f"{main}http {{\naccess_log off;\n{paths}{site}}}\n"


@pytest.mark.parametrize("name", ["none", *(name for name in CONFIGURATIONS if shutil.which(name, path=BEFORE_IT))])
async def test_a_proxy_passes_everything_on_at_once(
    name: str, start_daemon: StartDaemon, gate: Gate, tmp_path: Path
) -> None:
    serve, try_it = runnable(PROXY)
    flags = serve_flags(serve)
    assert flags is not None
    daemon = await start_daemon(*flags)
    with proxy(name, tmp_path, daemon.url.removeprefix("http://")) as address:
        with Reader(tmp_path, f'curl() {{ command curl --connect-to "::{address}" "$@"; }}') as reader:
            reader.read(try_it, "proxy.md")
        headers = {"Host": "python.example", "Origin": "http://python.example"}
        code = f"print('before', flush=True)\n{gate.wait}\nprint('after')"
        async with Client(f"http://{address}/py") as through:
            async with through.connect(headers=headers) as ws:
                await ws.send_json({"code": code})
                running = Running(ws)
                await running.until("before\n")
                gate.open()
                result = await running.finish()
                assert (result.stdout, result.close_code) == ("before\nafter\n", 1000)
            for form in ("application/x-ndjson", "text/event-stream"):
                accept = {**headers, "Accept": form}
                async with through.http.post(
                    through.base + "/execute", json={"code": code}, headers=accept
                ) as response:
                    assert "before" in (await until_output(response))["text"]
                    gate.open()
                    assert b"completed" in await response.content.read()
            left = {"code": "print('before', flush=True)\nwhile True: pass", "onDisconnect": "interrupt"}
            async with through.http.post(through.base + "/execute", json=left, headers=accept) as response:
                execution = (await until_output(response))["executionId"]
        async with (
            Client(daemon.url) as client,
            client.http.get(f"{client.base}/executions/{execution}/events") as events,
        ):
            assert b'"interrupted"' in await events.read()


async def until_output(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """Read events up to the first output; return that event."""
    async for line in response.content:
        if b'"stdout"' in line:
            event: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
            return event
    raise AssertionError("no output")


# Generated pages


def generated(page: str) -> str:
    # docs/ is not a package, so the module is loaded from its path, as Sphinx does.
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    reference: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    return str(reference.PAGES[page]())


def test_the_reference_has_every_route_type_and_code() -> None:
    page = generated("http")
    document = json.loads((ROOT / "interpreterd/dialects/native/openapi.json").read_text("utf-8"))
    for path, routes in document["paths"].items():
        for method in routes.keys() & {"get", "post", "patch", "delete"}:
            _, heading, section = page.partition(f"### `{method.upper()} {path}`\n")
            assert heading
            section = section.partition("\n### ")[0]
            assert routes[method]["summary"] in section
            assert all(f"| {status} |" in section for status in routes[method]["responses"])
    for name, schema in document["components"]["schemas"].items():
        _, heading, section = page.partition(f"### {name}\n")
        assert heading
        section = section.partition("\n### ")[0]
        assert all(f"`{key}`" in section for key in schema.get("properties", ()))


def test_the_reference_has_every_command_with_its_help() -> None:
    page = generated("cli")
    for name in cli.list_commands(click.Context(cli)):
        _, heading, section = page.partition(f"## interpreterd {name}\n")
        assert heading
        section = section.partition("\n## ")[0]
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        for parameter in command.params:
            if not getattr(parameter, "hidden", False):  # hidden parameters are old names of flags
                assert all(option in section for option in parameter.opts if option.startswith("-")), (name, parameter)


def test_the_reference_has_every_name_of_the_client() -> None:
    page = PAGES["client"].read_text("utf-8")
    for name in client.__all__:
        assert f"interpreterd.client.{name}\n" in page, name
