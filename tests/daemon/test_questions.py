"""Honest code may ask many questions. A worker that floods the daemon with questions is killed."""

import asyncio
import runpy
from collections.abc import AsyncIterator
from socket import socketpair
from typing import Any

import pytest
from forging import FORGE
from harness import Client
from paths import ROOT

CHANNEL = runpy.run_path(str(ROOT / "worker" / "channel.py"))
ASK = "say('asked', id=mine, number={number}, prompt='? ', password=False)"
FLOODS = {
    "after the end of the input": (
        "try: input()\nexcept EOFError: pass\nwhile True: " + ASK.format(number="7"),
        [None],
    ),
    "before an answer": ("n = 0\nwhile True: n += 1; " + ASK.format(number="n"), []),
    "one question again and again": ("while True: " + ASK.format(number="1"), []),
    "after an answer": ("print(input())\nwhile True: " + ASK.format(number="7"), ["Ada"]),
}
HONEST = """
import signal
ends = 0
for _ in range(5000):
    try:
        input()
    except EOFError:
        ends += 1
print(ends)
"""
GIVES_UP = """
import signal
def give_up(*_): raise TimeoutError
signal.signal(signal.SIGALRM, give_up)
for _ in range(3):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        input()
    except TimeoutError:
        pass
signal.setitimer(signal.ITIMER_REAL, 0)
print(input("last"))
"""


@pytest.fixture
async def context(client: Client) -> AsyncIterator[str]:
    context = await client.create()
    yield context
    await client.request("DELETE", f"/context/{context}")


@pytest.fixture
async def socket(client: Client) -> AsyncIterator[Any]:
    async with client.http.ws_connect(client.base + "/session") as socket:
        yield socket


async def run(socket: Any, code: str, context: str, answers: list[str | None], prompt: str = "") -> dict[str, Any]:
    """Run ``code``, answer its first questions, and return the contents of all messages by type."""
    await socket.send_json({"op": "execute", "requestId": "a", "code": code, "contextId": context, "stdin": True})
    told: dict[str, Any] = {"stdout": ""}
    left = list(answers)
    while True:
        message = await socket.receive_json()
        if message["type"] == "stdout":
            told["stdout"] += message["text"]
        elif message["type"] == "inputRequest" and left and prompt in message["prompt"]:
            answer = {"op": "input", "requestId": "b", "executionId": message["executionId"], "text": left.pop(0)}
            await socket.send_json(answer)
        else:
            told[message["type"]] = message
        if message.get("text") in ("completed", "lost"):
            return told


@pytest.mark.parametrize("name", FLOODS)
async def test_a_worker_that_floods_with_questions_is_killed(
    client: Client, socket: Any, context: str, name: str
) -> None:
    code, answers = FLOODS[name]
    told = await run(socket, FORGE + code, context, answers)
    assert told["error"]["name"] == "WorkerDied"
    assert told["error"]["value"] == "killed: it broke the protocol (unexpected Asked)"


async def test_questions_after_the_end_of_the_input_reach_no_client(socket: Any, context: str) -> None:
    assert (await run(socket, HONEST, context, [None]))["stdout"] == "5000\n"


async def test_code_that_gives_up_a_question_may_ask_again(socket: Any, context: str) -> None:
    async with asyncio.timeout(30):
        told = await run(socket, GIVES_UP, context, ["Ada"], "last")
    assert (told["stdout"], told.get("error")) == ("Ada\n", None)


# The worker's channel


@pytest.mark.parametrize("name", ["write", "fstat"])
def test_what_a_signals_handler_raises_does_not_pass_for_a_lost_channel(name: str) -> None:
    """It is often a TimeoutError, which is an OSError."""
    ours, theirs = socketpair()
    with ours, theirs:
        channel = CHANNEL["Channel"](theirs.fileno(), theirs.fileno())
        names = channel.send.__globals__
        call = names[name]

        def interrupted(*args: object) -> None:
            raise TimeoutError  # as if the system call raised it

        names[name] = interrupted
        try:
            with pytest.raises(TimeoutError):
                channel.send({"type": "asked"})
        finally:
            names[name] = call
        channel.send({"type": "asked"})
        assert ours.recv(100) == b'{"type":"asked"}\n'
        theirs.close()
        with pytest.raises(CHANNEL["ChannelLost"]):
            channel.send({"type": "asked"})
