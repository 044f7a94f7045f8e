"""Any message of a client gets an answer of PROTOCOL.md, and the daemon goes on."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, frame, open_raw
from harness import PREFIX, Client, Daemon, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sessions import ENDS

# All examples use one daemon, because the tests check that it still answers.
against_a_daemon = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

ANSWERS = (*ENDS, "pong", "idle", "interrupting")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
near_execute = st.fixed_dictionaries(
    {},
    optional={
        "code": st.sampled_from(["pass", "print(1)", "1 / 0", "", "x =", "\0", "\ud800"]) | values,
        "contextId": st.sampled_from([None, "", "default", "no such", "x" * 1001]) | values,
        "timeout": st.sampled_from([None, 0, 5, -1, 2**32, 10**30, 1.5, True, "5"]) | values,
        "envs": st.sampled_from([None, {}, {"A": "1"}, {"": "1"}, {"A=": "1"}, {"A": 1}, {"A": "\0"}]) | values,
        "functions": st.sampled_from([[], [{"name": "f"}], [{"name": "for"}], [{"name": "f"}] * 2, [{}]]) | values,
        "later": values,
    },
)
near_operation = st.builds(
    lambda ids, execute: ids | execute,
    st.fixed_dictionaries(
        {},
        optional={
            "op": st.sampled_from(["execute", "interrupt", "return", "ping", "fly", ""]) | values,
            "requestId": st.sampled_from(["a", "b", "", "x" * 257, None, 7]) | values,
            "executionId": st.sampled_from(["", "another", None]) | values,
            "callId": st.sampled_from(["", "1", "x", None]) | values,
            "value": values,
            "error": st.sampled_from([None, {"name": "E"}, {"name": 1}, {"value": "v"}]) | values,
        },
    ),
    near_execute,
)


def encoded(objects: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Generate JSON of ``objects``, damaged JSON and other bytes."""
    # Python also writes NaN and escaped lone surrogates, which are not valid JSON.
    texts = objects.map(lambda value: json.dumps(value).encode())

    def damage(text: bytes, place: int, junk: bytes) -> bytes:
        place %= len(text) + 1
        return text[:place] + junk + text[place + 1 :]

    return texts | st.builds(damage, texts, st.integers(0), st.binary(max_size=4)) | st.binary(max_size=50)


def parsed(text: bytes) -> dict[str, Any] | None:
    """Return the JSON object in ``text``, strictly by RFC 8259; ``None`` if it is not one."""
    try:
        value = json.loads(text.decode())
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # no NaN, no lone surrogate, no infinity
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def name_of(message: bytes) -> str | None:
    """Return the ``requestId`` of a message's answer."""
    name = (parsed(message) or {}).get("requestId")
    return name if isinstance(name, str) and 1 <= len(name) <= 256 else None


def documented(result: Result) -> bool:
    """Return whether the answer to a first message is in PROTOCOL.md's table."""
    types = [message["type"] for message in result.messages if message["type"] not in ("stdout", "stderr")]
    match result.close_code:
        case 1000:
            return result.controls[-1:] == ["completed"] and types[-1] == "control" and types.count("error") <= 1
        case 1002:
            return types == [] and result.close_reason != ""
        case 1008 if result.error is not None:
            return types == ["error"] and result.close_reason.startswith("context not found: ")
        case 1008:
            return types == [] and result.close_reason != ""
        case _:
            return False


@against_a_daemon
@given(encoded(near_execute), st.booleans())
async def test_any_first_message_is_answered(client: Client, message: bytes, as_text: bool) -> None:
    text = message.decode(errors="replace")
    result = await client.send_first(text if as_text else message)
    assert documented(result), result
    if parsed(text.encode() if as_text else message) is None:
        assert result.close_code == 1002
    assert (await client.run("print('goes on')")).stdout == "goes on\n"


@against_a_daemon
@given(st.lists(encoded(near_operation) | st.just(b'{"op":"ping","requestId":"c"}'), max_size=10))
async def test_any_messages_on_a_session_are_answered_one_by_one(client: Client, messages: list[bytes]) -> None:
    """Each message gets exactly one answer, with its ``requestId`` if that is readable. The connection goes on."""
    async with client.http.ws_connect(client.base + "/session") as socket:
        for message in messages:
            await socket.send_bytes(message)
        await socket.send_json({"op": "ping", "requestId": "last"})
        answers: list[dict[str, Any]] = []
        while sum(answer.get("text") in ANSWERS for answer in answers) <= len(messages):
            answers.append(await socket.receive_json())
        names = [*map(name_of, messages), "last"]
        ends = [answer["requestId"] for answer in answers if answer.get("text") in ANSWERS]
        assert Counter(ends) == Counter(names)
        assert {answer["requestId"] for answer in answers} == set(names)


# Below the messages: frames, RFC 6455, sections 5 and 7

PATHS = pytest.mark.parametrize("path", ["/execute", "/session"])
RUN = b'{"op":"execute","requestId":"a","code":"print(1)"}'
VIOLATIONS = {
    "reserved bit 1": (frame(TEXT, RUN, reserved=4), 1002),
    "reserved bit 3": (frame(TEXT, RUN, reserved=1), 1002),
    "unknown opcode": (frame(3, RUN), 1002),
    "unknown control": (frame(11), 1002),
    "continues nothing": (frame(CONTINUATION, RUN), 1002),
    "text in a fragmented text": (frame(TEXT, RUN[:5], fin=False) + frame(TEXT, RUN), 1002),
    "fragmented ping": (frame(PING, fin=False), 1002),
    "long ping": (frame(PING, b"x" * 126), 1002),
    "half a close code": (frame(CLOSE, b"x"), 1002),
    "close code 999": (frame(CLOSE, (999).to_bytes(2)), 1002),
    "reason that is no UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    "text that is no UTF-8": (frame(TEXT, b"\xff"), 1007),
    "claims to be endless": (frame(TEXT, RUN, claims=(1 << 63) - 1), 1009),
    "claims to be too large": (frame(TEXT, RUN, claims=17 << 20), 1009),
    "HTTP": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 1002),
}


@PATHS
async def test_what_breaks_the_websocket_protocol_ends_its_connection_only(
    own_client: Client, daemon: Daemon, path: str
) -> None:
    async with open_raw(daemon.announced["port"], PREFIX + "/session") as bystander:
        for name, (data, code) in VIOLATIONS.items():
            async with open_raw(daemon.announced["port"], PREFIX + path) as raw:
                await raw.send(data)
                frames = await raw.rest()
            assert (name, [(seen.opcode, seen.close_code) for seen in frames]) == (name, [(CLOSE, code)])
        await bystander.send(frame(PING, b"still there"))
        assert await bystander.receive() == Frame(PONG, b"still there")
    assert (await own_client.run("print('goes on')")).stdout == "goes on\n"


@against_a_daemon
@given(st.lists(st.integers(0, len(RUN)), max_size=6).map(sorted), st.sampled_from([TEXT, BINARY]))
async def test_a_message_may_come_in_fragments_with_pings_between_them(
    daemon: Daemon, cuts: list[int], opcode: int
) -> None:
    edges = [0, *cuts, len(RUN)]
    async with open_raw(daemon.announced["port"], PREFIX + "/execute") as raw:
        for number, (start, end) in enumerate(pairwise(edges)):
            last = number == len(cuts)
            await raw.send(frame(opcode if number == 0 else CONTINUATION, RUN[start:end], fin=last), frame(PING, b"p"))
        frames = await raw.rest()
    assert frames.count(Frame(PONG, b"p")) == len(cuts) + 1
    assert [json.loads(seen.payload) for seen in frames if seen.opcode == TEXT] == [
        {"type": "stdout", "text": "1\n"},
        {"type": "control", "text": "completed"},
    ]
    assert frames[-1].close_code == 1000


@PATHS
@against_a_daemon
@given(data=st.binary(max_size=200), resets=st.booleans())
async def test_any_bytes_on_a_websocket_are_survived(
    own_client: Client, daemon: Daemon, path: str, data: bytes, resets: bool
) -> None:
    """The connection ends with a close frame or waits for data. The client then leaves, with or without a close."""
    async with open_raw(daemon.announced["port"], PREFIX + path) as raw:
        await raw.send(data)
        if resets:
            raw.reset()
        else:
            await raw.send(frame(CLOSE))
            raw.end()
            frames = await raw.rest()
            assert all(seen.opcode in (TEXT, CLOSE, PONG) for seen in frames)
            assert all(seen.close_code != 1011 for seen in frames)
    assert (await own_client.request("GET", "/contexts"))[0] == 200


@against_a_daemon
@given(st.binary(max_size=200), st.sampled_from([b"", b"GET ", b"POST /process/interpreter/context HTTP/1.1\r\n"]))
async def test_any_bytes_instead_of_http_are_survived(
    own_client: Client, daemon: Daemon, junk: bytes, head: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", daemon.announced["port"])
    writer.write(head + junk)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer == b"" or answer.startswith(b"HTTP/1.")
    assert b" 500 " not in answer.partition(b"\r\n")[0]
    assert (await own_client.request("GET", "/contexts"))[0] == 200


@pytest.fixture(autouse=True)
async def no_mistake_is_logged(daemon: Daemon) -> AsyncIterator[None]:
    """Check at the end that the daemon's log has no error and no traceback."""
    yield
    await daemon.stop()
    assert b"Traceback" not in daemon.log
    assert b" ERROR " not in daemon.log
