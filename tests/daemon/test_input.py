"""``input()`` and ``getpass()``, as clients see them."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from harness import Client, Daemon, Gate, Running
from on_session import open_session, question
from worker_driver import DrivenWorker, find_pythons

StartDaemon = Callable[..., Awaitable[Daemon]]


ROUNDS = 200


SEED = 20


# Prints "EOF", "interrupt" or the answer.
TRY = "try:\n  got = input('? ')\nexcept EOFError: got = 'EOF'\nexcept KeyboardInterrupt: got = 'interrupt'\nprint(got)"


@pytest.fixture
async def context(client: Client) -> str:
    return await client.create()


async def test_input_on_a_session(client: Client) -> None:
    async with open_session(client) as session:
        code = "print('hello', end='')\nname = input('name? ')\nimport getpass\nprint(name, getpass.getpass('PIN: '))"
        await session.send(op="execute", requestId="a", code=code, stdin=True)
        asked = await question(session, "a")
        assert (asked["prompt"], asked["password"]) == ("name? ", False)
        assert session.output("a") == "hello", "before the prompt"
        await session.send(op="input", requestId="i1", executionId=asked["executionId"], text="Ada")
        await session.wait("i1", "accepted")
        asked = await question(session, "a")
        assert (asked["prompt"], asked["password"]) == ("PIN: ", True)
        await session.send(op="input", requestId="i2", executionId=asked["executionId"], text="1234")
        await session.wait("a")
        assert session.output("a") == "helloAda 1234\n"
        assert [message.get("seq") for message in session.messages["a"]] == list(range(len(session.messages["a"])))
        await session.send(op="input", requestId="i3", executionId=asked["executionId"], text="late")
        await session.wait("i3", "idle")


async def test_only_the_client_that_started_it_may_answer(client: Client) -> None:
    async with open_session(client) as session, open_session(client) as other:
        await session.send(op="execute", requestId="a", code="print(input())", stdin=True)
        asked = await question(session, "a")
        await other.send(op="input", requestId="i", executionId=asked["executionId"], text="forged")
        await other.wait("i", "idle")
        await session.send(op="input", requestId="i", executionId=asked["executionId"], text="mine")
        await session.wait("a")
        assert session.output("a") == "mine\n"


@pytest.mark.parametrize(
    ("message", "names"), [({}, "executionId"), ({"executionId": 1}, "executionId"), ({"text": 1}, "text")]
)
async def test_a_malformed_answer_is_refused(client: Client, message: dict[str, Any], names: str) -> None:
    async with open_session(client) as session:
        await session.send(op="input", requestId="i", **({"executionId": "e"} if "text" in message else {}), **message)
        error, refused = await session.wait("i")
        assert (error["code"], refused["text"]) == ("malformed_request", "refused")
        assert names in error["value"]


async def test_without_stdin_there_is_nothing_to_read(client: Client) -> None:
    async with open_session(client) as session:
        await session.send(op="execute", requestId="a", code=TRY)
        await session.wait("a")
        assert session.output("a") == "EOF\n"
        await session.send(op="execute", requestId="b", code=TRY, stdin=1)
        assert (await session.wait("b"))[0]["value"] == "stdin must be true or false"


async def test_input_on_a_v2_socket(client: Client) -> None:
    async with client.running(f"{TRY}\n{TRY}\n{TRY}", stdin=True, events="v2") as running:
        for text in ("Ada", None):
            await until_asked(running)
            for ignored in ("nonsense", "[]", '{"op":"input","text":1}', '{"op":"ping"}'):
                await running.socket.send_str(ignored)
            await running.socket.send_json({"op": "input", "text": text})
        result = await running.finish()
    assert result.stdout == "Ada\nEOF\nEOF\n"
    assert (result.controls[-1], result.close_code) == ("completed", 1000)


async def test_a_v1_client_cannot_answer_and_is_not_asked(client: Client) -> None:
    result = await client.run(TRY, stdin=True)
    assert [message["type"] for message in result.messages] == ["stdout", "control"]
    assert result.stdout == "EOF\n"


async def test_a_client_that_leaves_is_the_end_of_the_input(client: Client, context: str) -> None:
    async with open_session(client) as session:
        await session.send(op="execute", requestId="a", code=f"{TRY}\none = got", stdin=True, contextId=context)
        await question(session, "a")
    assert (await client.run("print(one)", context)).stdout == "EOF\n"
    async with client.running(f"{TRY}\ntwo = got", context=None, stdin=True, events="v2", contextId=context) as running:
        await until_asked(running)
    assert (await client.run("print(two)", context)).stdout == "EOF\n"


async def test_a_client_that_has_left_is_not_asked(client: Client, context: str, gate: Gate) -> None:
    async with client.running(f"print('here', flush=True); {gate.wait}", contextId=context) as first:
        await first.until("here")
        async with open_session(client) as session:
            await session.send(op="execute", requestId="a", code=f"{TRY}", stdin=True, contextId=context)
            await session.wait("a", "queued")
        gate.open()
        await first.finish()
    assert (await client.run("print(got)", context)).stdout == "EOF\n"


async def test_interrupt_while_it_waits(client: Client, context: str) -> None:
    async with client.running("x = 1\ninput()", stdin=True, events="v2", contextId=context) as running:
        await until_asked(running)
        assert (await client.request("POST", f"/context/{context}/interrupt"))[1] == {"interrupted": True}
        await running.socket.send_json({"op": "input", "text": "stale"})
        result = await running.finish()
    assert result.error is not None
    assert result.error["name"] == "KeyboardInterrupt"
    assert (result.controls[-1], result.close_code) == ("interrupted", 1000)
    assert (await client.run("print(x)", context)).stdout == "1\n", "its variables are there"


async def test_timeout_while_it_waits(client: Client, context: str) -> None:
    result = await client.run("x = 1\ninput()", context, stdin=True, events="v2", timeout=1)
    assert (result.controls[-1], result.close_code) == ("interrupted", 4008)
    assert (await client.run("print(x)", context)).stdout == "1\n"


async def test_code_that_catches_the_interrupt_and_asks_again_gets_the_end_of_the_input(client: Client) -> None:
    async with client.running(f"{TRY}\n{TRY}", stdin=True, events="v2") as running:
        await until_asked(running)
        await client.request("POST", "/context/default/interrupt")
        assert (await running.finish()).stdout == "interrupt\nEOF\n"


async def test_answers_and_interrupts_at_the_same_time(client: Client, context: str) -> None:
    rng = random.Random(SEED)
    async with open_session(client) as session:
        for number in range(ROUNDS):
            await session.send(op="execute", requestId=f"{number}", code="input()", stdin=True, contextId=context)
            asked = await question(session, f"{number}")
            operations = [
                {"op": "input", "executionId": asked["executionId"], "text": "stale", "requestId": f"i{number}"},
                {"op": "interrupt", "contextId": context, "requestId": f"j{number}"},
            ]
            for operation in rng.sample(operations, 2):
                await session.send(**operation)
            await session.send(
                op="execute", requestId=f"n{number}", code="print(input())", stdin=True, contextId=context
            )
            asked = await question(session, f"n{number}")
            answer = {"op": "input", "executionId": asked["executionId"], "text": f"fresh {number}"}
            await session.send(**answer, requestId=f"k{number}")
            assert (await session.wait(f"n{number}"))[-1]["text"] == "completed"
            assert session.output(f"n{number}") == f"fresh {number}\n"
        ends = [(await session.wait(f"{number}"))[-1]["text"] for number in range(ROUNDS)]
    assert set(ends) <= {"completed", "interrupted"}


@pytest.mark.parametrize("version", [next(iter(find_pythons())), next(reversed(find_pythons()))])
async def test_getpass_of_a_template(start_daemon: StartDaemon, version: str) -> None:
    daemon = await start_daemon("--preload", "getpass", "--python", find_pythons()[version])
    async with Client(daemon.url) as client:
        code = "import getpass, os; print(getpass.getpass(), os.getppid())"
        async with client.running(code, stdin=True, events="v2") as running:
            assert (await until_asked(running))["password"]
            await running.socket.send_json({"op": "input", "text": "1234"})
            password, parent = (await running.finish()).stdout.split()
    assert password == "1234"
    assert int(parent) != daemon.pid, "it has been forked from a template"


async def until_asked(running: Running) -> dict[str, Any]:
    """Read until the execution asks for input; return the event."""
    while (message := await running.next()) is not None:
        if message["type"] == "inputRequest":
            return message
    raise AssertionError(f"ended before it asked: {running.result}")


PRELUDE = (
    "import contextlib, getpass, io, os, sys, warnings\nfrom unittest import mock\nwarnings.simplefilter('ignore')\n"
)


def asked(worker: DrivenWorker, code: str, *answers: str | None) -> str:
    """Run ``code``, answer its questions, and return its output. It must ask once per answer and not fail."""
    worker.start_asking(PRELUDE + code)
    for answer in answers:
        worker.answer(worker.asked(), answer)
    ran = worker.finish()
    assert ran.error is None, ran.error
    return ran.stdout


async def test_a_client_sees_the_questions(client: Client) -> None:
    async with open_session(client) as session:
        code = "import sys\nprint(sys.stdin.readline() + sys.stdin.readline())"
        await session.send(op="execute", requestId="a", code=code, stdin=True)
        for number, text in enumerate(("one", "two")):
            asked = await question(session, "a")
            assert (asked["prompt"], asked["password"]) == ("", False)
            await session.send(op="input", requestId=f"i{number}", executionId=asked["executionId"], text=text)
            await session.wait(f"i{number}", "accepted")
        await session.wait("a")
        assert session.output("a") == "one\ntwo\n\n"
