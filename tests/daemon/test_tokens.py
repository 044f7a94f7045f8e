"""Tokens, with a whole daemon: its start, its environment, its log, and clients of every kind."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from command import environment
from harness import COMMAND, PREFIX, Client, Daemon
from tenancy import write_tokens

from interpreterd.client import AsyncInterpreter, Refused

Start = Callable[..., Awaitable[Daemon]]
SECRET = "a-chosen-token-of-32-characters-or-more"


def serve(*flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a daemon that cannot start."""
    command = [COMMAND, "serve", "--port", "0", *flags]
    return subprocess.run(command, env=environment(**variables), capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    "flags", [["--host", "0.0.0.0"], ["--host", "::"], ["--also-listen", "0.0.0.0:1"], ["--host", ""]]
)
def test_without_tokens_it_listens_only_where_no_other_machine_is(flags: list[str]) -> None:
    ran = serve(*flags)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1), ran
    assert f"argument {flags[0]}: other machines can reach" in ran.stderr
    assert "--token-file" in ran.stderr
    assert "--insecure-bind" in ran.stderr


def test_a_bad_token_or_file_ends_the_start_with_one_line(tmp_path: Path) -> None:
    tokens = write_tokens(tmp_path / "tokens", one="admin")
    tokens.path.chmod(0o644)
    for ran, said in (
        (serve("--token-file", str(tokens.path)), "argument --token-file: "),
        (serve("--token-file", str(tmp_path / "none")), "No such file"),
        (serve(INTERPRETERD_TOKEN="short"), "INTERPRETERD_TOKEN: must have from 8"),
    ):
        assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1), ran
        assert said in ran.stderr


async def test_the_token_of_the_environment_is_in_no_other_environment_and_in_no_log(start_daemon: Start) -> None:
    daemon = await start_daemon("--host", "0.0.0.0", "--log-level", "debug", env={"INTERPRETERD_TOKEN": SECRET})
    code = f"""import os
print([key for key, value in os.environ.items() if {SECRET[:10]!r} in value + key])
shown = [open(f"/proc/{{pid}}/environ", "rb").read() for pid in (os.getpid(), os.getppid())]
print(any({SECRET[:10].encode()!r} in it for it in shown))
"""
    async with AsyncInterpreter(daemon.url, token=SECRET) as py:
        ran = await py.execute(code)
    assert ran.stdout == "[]\nFalse\n", ran
    shown = await asyncio.to_thread(Path(f"/proc/{daemon.pid}/environ").read_bytes)
    assert SECRET.encode() not in shown
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{daemon.url}/api/kernels?token={SECRET}") as response:
            assert response.status == 200
        async with session.get(f"{daemon.url}/api/kernels?token={SECRET[:-1]}") as response:
            assert response.status == 401
    await daemon.stop()
    assert SECRET[:-1].encode() not in daemon.log


async def test_clients_of_every_kind_send_their_token(start_daemon: Start, tmp_path: Path) -> None:
    tokens = await asyncio.to_thread(write_tokens, tmp_path / "tokens", acme="tenant acme", other="tenant other")
    daemon = await start_daemon("--token-file", str(tokens.path))
    text = tokens.texts["acme"]
    (tmp_path / "own").write_text(text + "\n")

    def run(*arguments: str, **variables: str) -> tuple[int, str]:
        command = [COMMAND, "run", "--url", daemon.url, *arguments, "-c", "x = 6 * 7; print(x)"]
        ran = subprocess.run(command, env=environment(**variables), capture_output=True, text=True, timeout=50)
        return ran.returncode, ran.stdout or ran.stderr

    given: list[tuple[list[str], dict[str, str]]] = [
        ([], {"INTERPRETERD_TOKEN": text}),
        (["--token-file", str(tmp_path / "own")], {}),
        (["--token", text], {}),
    ]
    for arguments, variables in given:
        assert await asyncio.to_thread(run, *arguments, **variables) == (0, "42\n")
    status, said = await asyncio.to_thread(run)
    assert (status, "INTERPRETERD_TOKEN or --token-file" in said) == (1, True), said
    async with AsyncInterpreter(daemon.url, token=text) as py:
        assert (await py.execute("print(x)")).stdout == "42\n"
    async with AsyncInterpreter(daemon.url, token=tokens.texts["other"]) as py:
        assert (await py.execute("x")).error.name == "NameError"  # type: ignore[union-attr]
    async with AsyncInterpreter(daemon.url, token="wrong") as py:
        with pytest.raises(Refused) as refused:
            await py.list_contexts()
    assert (refused.value.code, refused.value.status) == ("unauthorized", 401)


async def test_a_page_sends_its_token_as_a_subprotocol_and_the_answer_agrees_on_one(
    start_daemon: Start, tmp_path: Path
) -> None:
    tokens = await asyncio.to_thread(write_tokens, tmp_path / "tokens", acme="tenant acme")
    daemon = await start_daemon("--token-file", str(tokens.path))
    token = f"bearer.{tokens.texts['acme']}"
    async with aiohttp.ClientSession() as session:
        for offered, agreed in (
            ([token], token),
            (["interpreterd", token], "interpreterd"),
            ([token, "X-Daytona-SDK-Version~1"], "X-Daytona-SDK-Version~1"),
        ):
            async with session.ws_connect(daemon.url + PREFIX + "/execute", protocols=offered) as socket:
                assert socket.protocol == agreed
                await socket.send_json({"code": "print(1)"})
                assert (await socket.receive_json())["text"] == "1\n"
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await session.ws_connect(daemon.url + PREFIX + "/execute", protocols=["bearer.wrong"])


async def test_hangup_reads_the_file_again_and_closes_only_what_used_a_revoked_token(
    start_daemon: Start, tmp_path: Path
) -> None:
    tokens = await asyncio.to_thread(write_tokens, tmp_path / "tokens", acme="tenant acme", gone="tenant acme")
    daemon = await start_daemon("--token-file", str(tokens.path))
    async with Client(daemon.url) as client:
        path = client.base + "/session"
        async with (
            client.http.ws_connect(path, headers=tokens.headers("acme")) as kept,
            client.http.ws_connect(path, headers=tokens.headers("gone")) as revoked,
        ):
            for socket in (kept, revoked):
                await socket.send_json({"op": "ping", "requestId": "1"})
                assert (await socket.receive_json())["text"] == "pong"
            revoke = [COMMAND, "token", "revoke", "--token-file", str(tokens.path), tokens.id_of("gone")]
            await asyncio.to_thread(subprocess.run, revoke, check=True, capture_output=True)
            os.kill(daemon.pid, signal.SIGHUP)
            message = await revoked.receive()
            assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1008)
            assert message.extra == "the token is no longer valid"
            await kept.send_json({"op": "ping", "requestId": "2"})
            assert (await kept.receive_json())["text"] == "pong"
