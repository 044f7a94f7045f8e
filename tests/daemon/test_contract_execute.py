"""The contract's WebSocket: the client's first message, the server's messages, ``envs``."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
from contract import COMPLETED, ended, stdout, submitted
from harness import Client, Daemon, Gate, Running

from interpreterd.dialects.native.events import render_v1
from interpreterd.dialects.native.requests import parse_execute
from interpreterd.model.events import EVENT_LIMIT_CHARS, Output, Stream

StartDaemon = Callable[..., Awaitable[Daemon]]
MIB = 1 << 20


# The first message


async def test_first_message_with_code_alone_runs_in_the_default_context(own_client: Client, tmp_path: Path) -> None:
    """The first use creates the context, in the daemon's working directory."""
    assert (await own_client.request("GET", "/contexts"))[1] == {"contexts": []}
    result = await own_client.run("import os; print(os.getcwd())")
    assert ended(result) == ([stdout(f"{tmp_path}\n"), COMPLETED], 1000, "")
    _, body = await own_client.request("GET", "/contexts")
    assert [(context["id"], context["cwd"]) for context in body["contexts"]] == [("default", str(tmp_path))]


async def test_first_message_names_a_context(client: Client) -> None:
    context = await client.create()
    await client.run("x = 'default'", contextId="default")
    await client.run("x = 'created'", contextId=context)
    seen = [(await client.run("print(x)", contextId=name)).stdout for name in (context, "default", "")]
    assert seen == ["created\n", "default\n", "default\n"]


async def test_first_message_may_be_a_binary_frame(client: Client) -> None:
    result = await client.send_first(json.dumps({"code": "print('é')"}, ensure_ascii=False).encode())
    assert ended(result) == ([stdout("é\n"), COMPLETED], 1000, "")


async def test_first_message_with_null_keys_is_as_if_they_were_absent(client: Client) -> None:
    result = await client.run("print(1)", contextId=None, timeout=None, envs=None)
    assert ended(result) == ([stdout("1\n"), COMPLETED], 1000, "")


async def test_first_message_with_unknown_keys_is_taken_and_they_are_logged_once(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--log-level", "debug")
    async with Client(daemon.url) as client:
        assert (await client.run("print(1)", displayMode="rich")).stdout == "1\n"
    await daemon.stop()
    assert daemon.log.count(b"displayMode") == 1


def test_first_message_without_timeout_means_600_s_and_0_means_none() -> None:
    assert parse_execute({"code": "pass"}).execute.timeout_s == 600
    assert parse_execute({"code": "pass", "timeout": 0}).execute.timeout_s is None


async def test_timeout_0_does_not_end_an_execution(client: Client, gate: Gate) -> None:
    async with submitted(client, gate.wait + "; print('on')", timeout=0) as running:
        gate.open()
        assert (await running.finish()).stdout == "on\n"


async def test_messages_after_the_first_are_ignored(client: Client, gate: Gate) -> None:
    async with submitted(client, gate.wait + "; print('one')") as running:
        await running.socket.send_json({"code": "print('two')"})
        await running.socket.send_str("{")
        await running.socket.send_bytes(b"\0")
        gate.open()
        result = await running.finish()
    assert ended(result) == ([stdout("one\n"), COMPLETED], 1000, "")


async def test_first_message_that_cannot_be_parsed_closes_with_1002_and_what_is_wrong(client: Client) -> None:
    reasons = {
        "": "the message must be JSON",
        "{": "the message must be JSON",
        "print(1)": "the message must be JSON",
        '{"code": "\\ud800"}': "the message must be JSON",
        b'{"code": "\xff"}': "the message must be JSON",
        "[" * 200_000: "the message must be JSON",
        "[]": "the message must be a JSON object",
        '"print(1)"': "the message must be a JSON object",
        "null": "the message must be a JSON object",
        '{"code": 1}': "code must be a string",
        '{"code": ["pass"]}': "code must be a string",
        '{"code": "pass", "contextId": 1}': "contextId must be a string",
        '{"code": "pass", "timeout": "1"}': "timeout must be a whole number",
        '{"code": "pass", "timeout": 1.5}': "timeout must be a whole number",
        '{"code": "pass", "timeout": true}': "timeout must be a whole number",
        '{"code": "pass", "envs": []}': "envs must be an object whose values are strings",
        '{"code": "pass", "envs": {"A": 1}}': "envs must be an object whose values are strings",
    }
    for message, reason in reasons.items():
        result = await client.send_first(message)
        assert (result.messages, result.close_code) == ([], 1002)
        assert result.close_reason.startswith(reason)


async def test_first_message_with_an_impossible_value_closes_with_1008_and_what_is_wrong(own_client: Client) -> None:
    reasons = {
        "{}": "code must not be empty",
        '{"code": null}': "code must not be empty",
        '{"code": ""}': "code must not be empty",
        '{"code": "pass", "timeout": -1}': "timeout must be a number of seconds from 0",
        '{"code": "pass", "timeout": 4294967296}': "timeout must be a number of seconds from 0",
        '{"code": "pass", "envs": {"": "1"}}': "envs must have names",
        '{"code": "pass", "envs": {"A=B": "1"}}': "envs must have names",
        '{"code": "pass", "envs": {"A": "\\u0000"}}': "envs must have names",
    }
    for message, reason in reasons.items():
        result = await own_client.send_first(message)
        assert (result.messages, result.close_code) == ([], 1008)
        assert result.close_reason.startswith(reason)
    assert (await own_client.request("GET", "/contexts"))[1] == {"contexts": []}


async def test_no_first_message_closes_with_1008(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon("--first-message-timeout-s", "0.2")
    async with Client(daemon.url) as client, client.connect() as socket:
        assert ended(await Running(socket).finish()) == ([], 1008, "no first message within 0.2 s")


async def test_the_subprotocol_of_the_sdks_is_echoed(client: Client) -> None:
    async with client.connect(protocols=["other", "X-Daytona-SDK-Version~1.2.3"]) as socket:
        assert socket.protocol == "X-Daytona-SDK-Version~1.2.3"
    async with client.connect(protocols=["other"]) as socket:
        assert socket.protocol is None


# The server's messages


async def test_output_comes_as_it_happens(client: Client, gate: Gate) -> None:
    async with client.running(f"print('first'); {gate.wait}; print('second')") as running:
        await running.until("first\n")
        gate.open()
        assert ended(await running.finish()) == ([stdout("first\nsecond\n"), COMPLETED], 1000, "")


async def test_a_message_of_each_type_in_order(client: Client) -> None:
    result = await client.run("import sys; print('out'); print('err', file=sys.stderr); 1 / 0")
    (out, err, error, completed), *close = ended(result)
    assert (out, err) == (stdout("out\n"), {"type": "stderr", "text": "err\n"})
    assert error.pop("traceback").startswith("Traceback (most recent call last):\n")
    assert error == {"type": "error", "name": "ZeroDivisionError", "value": "division by zero"}
    assert [completed, *close] == [COMPLETED, 1000, ""]


async def test_no_message_is_over_1_mib_and_no_character_is_cut(client: Client) -> None:
    """JSON may need one byte, six bytes or the bytes of UTF-8 for a character."""
    for character in ("x", "\x00", '"', "é", "\u2028", "😀"):
        length = 3 * MIB // len(character.encode())
        async with client.running(f"print({character!r} * {length}, end='')") as running:
            longest = 0
            while (frame := await running.socket.receive()).type is aiohttp.WSMsgType.TEXT:
                longest = max(longest, len(frame.data.encode()))
                running.result.messages.append(json.loads(frame.data))
        assert longest <= MIB
        assert running.result.stdout == character * length


def test_no_message_is_over_1_mib_even_if_each_of_its_characters_is_escaped() -> None:
    message = render_v1(Output(stream=Stream.STDOUT, text="\0" * EVENT_LIMIT_CHARS))
    assert message is not None
    assert len(message) <= MIB


async def test_an_error_is_not_over_1_mib_either(client: Client) -> None:
    result = await client.run("class E(Exception): pass\nE.__name__ *= 10**6\nraise E('\\0' * 10**7)")
    assert result.error is not None
    assert len(json.dumps(result.error)) <= MIB
    assert set(result.error) == {"type", "name", "value", "traceback"}
    assert "characters cut" in result.error["value"]
    assert result.controls == ["completed"]


async def test_a_character_whose_bytes_come_one_by_one_is_one_character(client: Client, gate: Gate) -> None:
    """The second print shows that the daemon has read the first byte."""
    code = f"""
import os, sys
for byte in '😀'.encode():
    os.write(1, bytes([byte]))
    print('.', end='', file=sys.stderr)
    {gate.wait}
"""
    async with client.running(code) as running:
        for count in range(1, 5):
            while len(running.result.stderr) < count:
                await running.next()
            gate.open()
        result = await running.finish()
    assert [message["text"] for message in result.messages if message["type"] == "stdout"] == ["😀"]


# envs


async def test_envs_are_set_for_one_execution_and_then_as_they_were(client: Client) -> None:
    """They are restored even if the code changes them. Variables that the code sets itself stay."""
    await client.run("import os; os.environ['KEPT'] = 'before'")
    envs = {"KEPT": "during", "NEW": "1", "DELETED": "2", "ÜMLAUT": "ä"}
    show = "import os; print(*(os.environ.get(name) for name in ('KEPT', 'NEW', 'DELETED', 'ÜMLAUT', 'OWN')))"
    change = "; os.environ.update(NEW='changed', OWN='own'); del os.environ['DELETED'], os.environ['KEPT']"
    assert (await client.run(show + change, envs=envs)).stdout == "during 1 2 ä None\n"
    assert (await client.run(show)).stdout == "before None None None own\n"


async def test_envs_are_restored_however_the_execution_ended(client: Client) -> None:
    await client.run("import os; os.environ['KEPT'] = 'before'; environ = os.environ")
    for ending in ("1 / 0", "import sys; sys.exit(1)", "os.environ.clear()", "os.environ = {}"):
        await client.run(ending, envs={"KEPT": "during", "NEW": "1"})
        result = await client.run("print(environ.get('KEPT'), environ.get('NEW')); os.system('echo $KEPT $NEW')")
        assert (ending, result.stdout) == (ending, "before None\nbefore\n")


async def test_envs_are_gone_for_the_next_execution_after_exit(client: Client) -> None:
    await client.run("exit()", envs={"NEW": "1"})
    assert (await client.run("import os; print(os.environ.get('NEW'))")).stdout == "None\n"


async def test_a_line_on_stderr_is_one_message(client: Client) -> None:
    result = await client.run("import sys\nprint('one', 'line', file=sys.stderr)")
    assert result.messages[0] == {"type": "stderr", "text": "one line\n"}
