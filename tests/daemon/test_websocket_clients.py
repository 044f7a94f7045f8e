"""Clients that people use speak with one daemon, on every route that is a WebSocket."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from harness import PREFIX, Client
from speaking import CLIENTS, Speak, Spoken

SNOW = "☃ é 𝄞 \u2028 \x00"
LINES, LARGE = 500, 1_500_000
CODE = f"""
import sys
print({SNOW!r})
print({SNOW!r}, file=sys.stderr)
for number in range({LINES}): print(number)
print('é' * {LARGE})
"""
STDOUT = f"{SNOW}\n" + "".join(f"{number}\n" for number in range(LINES)) + "é" * LARGE + "\n"
STDERR = f"{SNOW}\n"
PADDING = "#" * 300_000  # so that a client sends a large message, too


@pytest.fixture(params=CLIENTS.values(), ids=CLIENTS)
def speak(request: pytest.FixtureRequest) -> Speak:
    """Return each client's way to speak."""
    return request.param  # type: ignore[no-any-return]


def text_of(messages: Iterable[dict[str, Any]], kind: str) -> str:
    """Return all text of one stream."""
    return "".join(message["text"] for message in messages if message["type"] == kind)


def parsed(spoken: Spoken) -> list[dict[str, Any]]:
    """Return the messages, none of which may be larger than a client takes."""
    assert all(len(message.encode()) <= 1 << 20 for message in spoken.messages)
    return [json.loads(message) for message in spoken.messages]


def at(url: str, path: str) -> str:
    """Return the address of a WebSocket."""
    return url.replace("http://", "ws://") + PREFIX + path


def said(*messages: dict[str, Any]) -> Sequence[str]:
    """Return messages as text."""
    return [json.dumps(message) for message in messages]


async def test_execute(url: str, speak: Speak) -> None:
    spoken = await speak(at(url, "/execute"), said({"code": CODE + PADDING}), None)
    messages = parsed(spoken)
    assert (text_of(messages, "stdout"), text_of(messages, "stderr")) == (STDOUT, STDERR)
    assert messages[-1] == {"type": "control", "text": "completed"}
    assert (spoken.ponged, spoken.code, spoken.reason) in ((True, 1000, ""), (None, 1000, ""))

    refused = await speak(at(url, "/execute"), said({"code": "pass", "contextId": SNOW}), None)
    assert [message["type"] for message in parsed(refused)] == ["error"]
    assert (refused.code, refused.reason) == (1008, f"context not found: {SNOW}")

    invalid = await speak(at(url, "/execute"), ["nonsense"], None)
    assert (invalid.messages, invalid.code) == ([], 1002)
    assert invalid.reason.startswith("the message ")


async def test_session(url: str, speak: Speak) -> None:
    pings = [{"op": "ping", "requestId": str(number)} for number in range(300)]
    first = {"op": "execute", "requestId": "first", "code": CODE}
    last = {"op": "execute", "requestId": "last", "code": "1 / 0" + PADDING}
    spoken = await speak(at(url, "/session"), said(first, *pings, last), "ZeroDivisionError")
    messages = parsed(spoken)
    of_first = [message for message in messages if message["requestId"] == "first"]
    assert (text_of(of_first, "stdout"), text_of(of_first, "stderr")) == (STDOUT, STDERR)
    pongs = [message["requestId"] for message in messages if message.get("text") == "pong"]
    assert pongs == [ping["requestId"] for ping in pings]
    errors = [message["name"] for message in messages if message["type"] == "error"]
    assert errors == ["ZeroDivisionError"]
    assert (spoken.ponged, spoken.code) in ((True, 1000), (None, 1000))


async def test_follower(url: str, speak: Speak, client: Client) -> None:
    """It may come late, so its output is one that the journal keeps. Its ping may come after the daemon's close."""
    code = CODE.replace(str(LARGE), "100_000")
    _, execution = await client.request("POST", "/execute", json={"code": code, "background": True})
    spoken = await speak(at(url, f"/executions/{execution['executionId']}/events"), [], None)
    messages = parsed(spoken)
    stdout = STDOUT.replace("é" * LARGE, "é" * 100_000)
    assert (text_of(messages, "stdout"), text_of(messages, "stderr")) == (stdout, STDERR)
    assert [message["seq"] for message in messages] == list(range(len(messages)))
    assert (spoken.code, spoken.reason) == (1000, "")
