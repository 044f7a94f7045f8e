"""``mcp.serving``: hosts connect by stdin and stdout or by HTTP, with every version of the protocol."""

import asyncio
import base64
import contextlib
import json
import os
import select
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

import pytest
from harness import Gate
from hosts import ERAS, Host, lender, on_stdio, over_http, raw, said
from mcp import Client

from interpreterd.client import AsyncInterpreter
from interpreterd.mcp.owning import Contexts
from interpreterd.mcp.serving import McpOptions, Service

INITIALIZE = {
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "raw", "version": "1"},
    },
}
PRINTING = r"""import os
print("{}", flush=True)
os.write(1, b"raw\n")
os.system("echo child")
lender.search("x", 1)
"""
PICTURE = """display({"image/png": "iVBORw0KGgo=", "text/plain": "a picture"}, raw=True)"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Yield the URL of a server over HTTP, with a private daemon."""
    with over_http("--local", cwd=tmp_path_factory.mktemp("web")) as url:
        yield url


@contextlib.asynccontextmanager
async def connected(transport: str, era: str, web: str, url: str, folder: Path) -> AsyncIterator[Host]:
    """Connect a host by ``transport``."""
    if transport == "stdio":
        async with on_stdio("--url", url, era=era, cwd=folder) as host:
            yield host
    else:
        async with Client(web, mode=era) as client:
            yield Host(client)


@pytest.mark.xdist_group("mcp_serving")
@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_a_host_runs_code(transport: str, era: str, web: str, url: str, tmp_path: Path) -> None:
    """One connection does everything, since each starts a process."""
    async with connected(transport, era, web, url, tmp_path) as host:
        listed = (await host.client.list_tools()).tools
        assert [it.name for it in listed] == [
            "run_python",
            "wait",
            "interrupt",
            "contexts",
            "restart",
            "undo",
            "files",
        ]
        assert all(it.description and it.input_schema["additionalProperties"] is False for it in listed)
        assert all(it.output_schema is not None and it.annotations is not None for it in listed)

        first = await host.run("x = 20\nprint('hello')")
        context = first.structured_content["context"]
        assert said(first).endswith("hello")
        assert said(await host.run("x + 1", context=context)) == "21"

        (picture,) = (await host.run(PICTURE, context=context)).content
        assert (picture.type, picture.mime_type) == ("image", "image/png")

        failed = await host.run("1 / 0", context=context)
        assert failed.is_error
        assert said(failed).endswith("ZeroDivisionError: division by zero")
        wrong = await host("run_python", cod="1")
        assert (wrong.is_error, said(wrong)) == (True, "run_python has no argument cod; did you mean code?")

        code = "import time\nprint('begun', flush=True)\ntime.sleep(2.2)\nprint('done')"
        host.reported.clear()
        assert said(await host.run(code, context=context)) == "begun\ndone"
        assert [line for _, line in host.reported][:1] == ["begun"]

        await host("files", action="write", path="notes/a.txt", text="héllo", context=context)
        assert said(await host("files", action="read", path="notes/a.txt", context=context)) == "héllo"
        uri = f"interpreterd://contexts/{context}/files/notes%2Fa.txt"
        (content,) = (await host.client.read_resource(uri)).contents
        assert content.text == "héllo"

        running = asyncio.create_task(
            host.run("x = 'kept'\nopen('begun', 'w').close()\nwhile True: pass", context=context)
        )
        while not said(await host("files", action="list", glob="begun", context=context)).startswith("begun"):
            pass  # each turn asks the daemon
        running.cancel()  # which interrupts the code
        with pytest.raises(asyncio.CancelledError):
            await running
        assert said(await host.run("import os; os.remove('begun'); x", context=context)) == "'kept'"
        assert said(await host("contexts", end=context)) == f"ended context {context}"


@pytest.mark.xdist_group("mcp_serving")
async def test_stdout_carries_the_protocol_alone(url: str, tmp_path: Path) -> None:
    """Also what code and another server print is in messages or on stderr."""
    other = lender("search")
    servers = {"lender": {"command": other.command, "args": other.args, "env": other.env, "allow": other.allow}}
    path = tmp_path / "servers.json"
    path.write_text(json.dumps({"mcpServers": servers}))
    call = {"id": 3, "method": "tools/call", "params": {"name": "run_python", "arguments": {"code": PRINTING}}}
    lines = [INITIALIZE, {"method": "notifications/initialized"}, {"id": 2, "method": "tools/list"}, call]
    flags = ["--url", url, "--with", str(path)]
    answers = await asyncio.to_thread(raw, *flags, lines=lines, cwd=tmp_path, answers=3)
    assert sorted(answer["id"] for answer in answers) == [1, 2, 3]
    results = {answer["id"]: answer["result"] for answer in answers}
    assert results[1]["serverInfo"]["name"] == "interpreterd"
    assert "persistent contexts" in results[1]["instructions"]
    assert "lender.search(query: str, limit: int = 3)" in results[2]["tools"][0]["description"]
    assert results[3]["content"][0]["text"] == "{}\nraw\nchild\n['x 0']"


@pytest.mark.xdist_group("mcp_serving")
async def test_code_goes_on_when_its_host_goes_away_during_the_call(url: str, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    code = f"print('begun', file=open({str(fifo)!r}, 'w'), flush=True)\nwhile True: pass"
    call = {"id": 2, "method": "tools/call", "params": {"name": "run_python", "arguments": {"code": code}}}
    lines = [INITIALIZE, {"method": "notifications/initialized"}, call]
    await asyncio.to_thread(raw, "--url", url, lines=lines, cwd=tmp_path, answers=1, before_the_end=fifo.read_text)
    async with AsyncInterpreter(url) as py:
        (context,) = await py.list_contexts(labels={"mcp": "raw"})
        assert context["state"] == "busy"


@pytest.mark.xdist_group("mcp_serving")
async def test_code_goes_on_when_the_server_on_http_is_ended_during_the_call(url: str, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    code = f"print('begun', file=open({str(fifo)!r}, 'w'), flush=True)\nwhile True: pass"
    async with AsyncInterpreter(url) as py:
        with contextlib.ExitStack() as server:
            at = await asyncio.to_thread(server.enter_context, over_http("--url", url, "--all", cwd=tmp_path))
            context = await py.create_context()
            host = Client(at)
            async with host:
                named = {"code": code, "context": context.id}
                call = asyncio.create_task(host.call_tool("run_python", named))
                await asyncio.to_thread(fifo.read_text)
                await asyncio.to_thread(server.close)
                await asyncio.gather(call, return_exceptions=True)
        assert (await py.get_context(context.id))["state"] == "busy"
        await context.delete()


@pytest.mark.xdist_group("mcp_serving")
async def test_on_a_machine_with_nothing_running_a_model_gets_a_python(tmp_path: Path, gate: Gate) -> None:
    """It keeps state, shows a plot, survives a reconnect, and comes back to a long run."""
    configured = ["--local", "--idle-s", "5"]
    # No daemon, and no directory for its socket.
    async with on_stdio(*configured, era="legacy", cwd=tmp_path, XDG_RUNTIME_DIR=str(tmp_path)) as host:
        assert said(await host.run("x = 20")) == "(no output)"
        assert said(await host.run("x + 1")) == "21"
        plot = await host.run("import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()")
        assert base64.b64decode(plot.content[0].data).startswith(b"\x89PNG")
        begun = await host.run(f"print('begun', flush=True)\n{gate.wait}\nx = 'done'\nprint(x)", wait=0.2)
        assert begun.structured_content["outcome"] == "running"
    async with on_stdio(*configured, era="auto", cwd=tmp_path, XDG_RUNTIME_DIR=str(tmp_path)) as host:
        execution = begun.structured_content["execution"]
        still = await host("wait", execution=execution, seconds=0.2)
        assert still.structured_content["outcome"] == "running"
        gate.open()
        assert said(await host("wait", execution=execution)).endswith("done")
        assert said(await host.run("x")) == "'done'"
        (context,) = (await host("contexts")).structured_content["contexts"]
        assert context["own"]
        pid = int(said(await host.run("import os; os.getppid()")))
        # A second window of the host, at the same time, has a Python of its own.
        async with on_stdio(*configured, era="auto", cwd=tmp_path, XDG_RUNTIME_DIR=str(tmp_path)) as other:
            assert "NameError" in said(await other.run("x"))
            other_pid = int(said(await other.run("import os; os.getppid()")))
    for daemon in (pid, other_pid):
        await asyncio.to_thread(wait_for_end, daemon)


def wait_for_end(pid: int) -> None:
    """Wait for the end of a process that is not this one's child."""
    with contextlib.suppress(ProcessLookupError):
        fd = os.pidfd_open(pid)
        select.select([fd], [], [])
        os.close(fd)


async def test_contexts_of_clients_that_have_gone_end(url: str) -> None:
    service = Service(McpOptions(url=url, idle_s=0.02), by_stdio=False)
    async with AsyncInterpreter(url) as py, service.living():
        native = await py.create_context()
        toolbox = await service.toolbox()
        await toolbox.call("contexts", {"new": {}}, service.identify("gone", None), _silent)
        while len(listed := [it.id for it in await py.list_contexts() if it.id != "default"]) > 1:
            pass  # each turn asks the daemon
        assert listed == [native.id]


async def _silent(seconds: float, line: str) -> None:
    pass


async def test_contexts_are_swept_again_after_the_connection_was_closed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept = asyncio.Event()
    faults = [RuntimeError("Session is closed")]

    async def sweep(self: Contexts, py: AsyncInterpreter, alive: Collection[str]) -> None:
        await asyncio.sleep(0)
        if faults:
            raise faults.pop()
        swept.set()

    monkeypatch.setattr(Contexts, "sweep", sweep)
    service = Service(McpOptions(url=url, idle_s=0.02), by_stdio=False)
    async with service.living():
        toolbox = await service.toolbox()
        await toolbox.call("contexts", {}, service.identify("here", None), _silent)
        await swept.wait()
