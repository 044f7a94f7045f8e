"""``input()`` and ``getpass()``: the worker's half, under every Python, then what clients see of it."""

import fcntl
import json
import random
import sys
import termios
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from harness import Client, Daemon, Gate, Running, state
from on_session import open_session, question
from worker_driver import DrivenWorker, find_pythons

from interpreterd.pipe.messages import Answer, Run
from interpreterd.processes.nursery import Nursery
from interpreterd.workers.pipes import both_ends, unread_bytes
from interpreterd.workers.process import ANSWERS_LIMIT_BYTES, ProcessWorker

StartDaemon = Callable[..., Awaitable[Daemon]]
ROUNDS = 200
SEED = 20
# Says whether there was an end of the input, an interrupt or an answer.
TRY = "try:\n  got = input('? ')\nexcept EOFError: got = 'EOF'\nexcept KeyboardInterrupt: got = 'interrupt'\nprint(got)"


@pytest.fixture
def any_worker(edge_worker: DrivenWorker) -> DrivenWorker:
    """Where versions hardly differ: the oldest and the newest."""
    return edge_worker


class TestWorker:
    def test_input_asks(self, worker: DrivenWorker) -> None:
        worker.start_asking("print(repr(input('name? ')), repr(input()))")
        first = worker.asked()
        assert (first["prompt"], first["password"]) == ("name? ", False)
        worker.answer(first, "Ada ü 👋\t")
        second = worker.asked()
        assert second["prompt"] == ""
        assert second["number"] != first["number"]
        worker.answer(second, "")
        ran = worker.finish()
        assert (ran.error, ran.stdout) == (None, "'Ada ü 👋\\t' ''\n")

    def test_output_comes_before_the_question(self, worker: DrivenWorker) -> None:
        worker.start_asking("import sys; print('a', end=''); print('b', end='', file=sys.stderr); input()\nprint('c')")
        asked = worker.asked()
        assert worker.output() == [("stdout", b"a"), ("stderr", b"b")]
        worker.answer(asked, "")
        assert worker.finish().stdout == "c\n"

    @pytest.mark.parametrize("call", ["import getpass; getpass.getpass", "from getpass import getpass; getpass"])
    def test_getpass_asks(self, worker: DrivenWorker, call: str) -> None:
        worker.start_asking(f"{call.replace('; ', chr(10) + 'print(')}('PIN: ', stream=None))")
        asked = worker.asked()
        assert (asked["prompt"], asked["password"]) == ("PIN: ", True)
        worker.answer(asked, "1234")
        assert worker.finish().stdout == "1234\n"
        error = worker.run("import getpass; getpass.getpass()").error
        assert error is not None
        assert error["name"] == "EOFError"

    def test_null_ends_the_input_of_this_execution(self, worker: DrivenWorker) -> None:
        worker.start_asking(f"{TRY}\n{TRY}")
        worker.answer(worker.asked(), None)
        assert worker.finish().stdout == "EOF\nEOF\n"
        worker.start_asking(TRY)
        worker.answer(worker.asked(), "again")
        assert worker.finish().stdout == "again\n"

    def test_only_an_execution_with_an_input_asks(self, worker: DrivenWorker) -> None:
        worker.start_asking("import atexit; ask = input; ask()")
        worker.answer(worker.asked(), "x")
        assert worker.finish().error is None
        error = worker.run("ask('? ')").error
        assert error is not None
        assert (error["name"], "no standard input" in error["value"]) == ("EOFError", True)

    def test_only_the_main_thread_asks(self, worker: DrivenWorker) -> None:
        code = "import threading\ndef f():\n  try: input()\n  except EOFError as e: print(e)\n"
        worker.start_asking(code + "t = threading.Thread(target=f); t.start(); t.join()")
        assert "only the main thread" in worker.finish().stdout

    def test_a_forked_child_does_not_ask(self, worker: DrivenWorker) -> None:
        code = "import os\npid = os.fork()\nif not pid:\n  try: input()\n  except EOFError as e: print(e, flush=True)\n"
        worker.start_asking(code + "  os._exit(0)\nos.waitpid(pid, 0)\nprint(input())")
        worker.answer(worker.asked(), "the parent's")
        assert worker.finish().stdout.splitlines()[1:] == ["the parent's"]

    @pytest.mark.parametrize(
        ("prompt", "seen"),
        [
            ("5", "5"),
            ("None", "None"),
            ("'\\ud800'", "\\ud800"),
            ("type('S', (str,), {'encode': None, '__str__': lambda self: self})('sub')", "sub"),
        ],
        ids=["int", "None", "surrogate", "subclass"],
    )
    def test_anything_is_a_prompt(self, any_worker: DrivenWorker, prompt: str, seen: str) -> None:
        any_worker.start_asking(f"input({prompt})")
        asked = any_worker.asked()
        assert asked["prompt"] == seen
        any_worker.answer(asked, "")
        assert any_worker.finish().error is None

    def test_a_prompt_that_cannot_be_shown_raises(self, any_worker: DrivenWorker) -> None:
        any_worker.start_asking("class P:\n  def __str__(self): 1/0\ninput(P())")
        error = any_worker.finish().error
        assert error is not None
        assert error["name"] == "ZeroDivisionError"

    @pytest.mark.parametrize("character", ["x", "\\0", "👋"])
    def test_a_huge_prompt_is_cut(self, any_worker: DrivenWorker, character: str) -> None:
        any_worker.start_asking(f"print(input('begin' + '{character}' * 5_000_000 + 'end'))")
        asked = any_worker.asked()
        assert len(json.dumps(asked)) < 1 << 18
        assert asked["prompt"].startswith("begin")
        assert "characters cut] ..." in asked["prompt"]
        assert asked["prompt"].endswith("end")
        any_worker.answer(asked, "ok")
        assert any_worker.finish().stdout == "ok\n"

    def test_a_long_answer(self, any_worker: DrivenWorker) -> None:
        any_worker.start_asking("print(len(input()))")
        any_worker.answer(any_worker.asked(), "ä" * 5_000_000)
        assert any_worker.finish().stdout == "5000000\n"

    def test_user_code_may_give_up_and_ask_again(self, worker: DrivenWorker) -> None:
        code = "import signal\ndef give_up(*_): raise TimeoutError\nsignal.signal(signal.SIGINT, give_up)\n"
        worker.start_asking(code + "try: input('one')\nexcept TimeoutError: print(input('two'))")
        first = worker.asked()
        wait_until_it_sleeps(worker)
        worker.interrupt()
        second = worker.asked()
        assert second["prompt"] == "two"
        worker.answer(first, "stale")
        worker.answer(second, "fresh")
        assert worker.finish().stdout == "fresh\n"

    def test_pdb_can_be_used(self, any_worker: DrivenWorker) -> None:
        any_worker.start_asking("x = 40\nimport pdb; pdb.set_trace()\nx += 1\nprint('x is', x)")
        for command in ("x += 1", "c"):
            asked = any_worker.asked()
            assert asked["prompt"] == "(Pdb) "
            any_worker.answer(asked, command)
        ran = any_worker.finish()
        assert (ran.error, ran.stdout.splitlines()[-1]) == (None, "x is 42")


class TestWorkerInterrupted:
    def test_while_it_waits(self, worker: DrivenWorker) -> None:
        worker.start_asking("input()")
        asked = worker.asked()
        worker.interrupt()
        error = worker.finish().error
        assert error is not None
        assert error["name"] == "KeyboardInterrupt"
        worker.answer(asked, "stale")
        worker.sync()
        worker.start_asking(TRY)
        worker.answer(worker.asked(), "fresh")
        assert worker.finish().stdout == "fresh\n"

    def test_in_the_middle_of_an_answer(self, worker: DrivenWorker) -> None:
        """A thread takes signals that the main one has blocked: to block them would not be enough."""
        worker.printed("import threading, time; threading.Thread(target=time.sleep, args=(100,), daemon=True).start()")
        worker.start_asking(f"{TRY}\n{TRY}")
        line = json.dumps({"type": "answer", "number": worker.asked()["number"], "text": "stale"}).encode() + b"\n"
        worker.channel.sendall(line[:-5])
        wait_until_received(worker)
        worker.interrupt()
        second = worker.asked()
        worker.channel.sendall(line[-5:])
        worker.answer(second, "fresh")
        assert worker.finish().stdout == "interrupt\nfresh\n"

    def test_while_output_before_the_question_waits_for_its_reader(self, worker: DrivenWorker) -> None:
        worker.start_asking("import os; os.write(1, b'x' * 65536); print('more', end=''); input()")
        while unread_bytes(next(iter(worker._pipes))) < 65536:
            time.sleep(0)
        wait_until_it_sleeps(worker)
        worker.interrupt()
        error = worker.finish().error
        assert error is not None
        assert error["name"] == "KeyboardInterrupt"

    def test_at_any_moment(self, any_worker: DrivenWorker) -> None:
        """Answers and interrupts at the same time: what runs next is hit by neither."""
        worker, rng = any_worker, random.Random(SEED)
        outcomes = set()
        for number in range(ROUNDS):
            worker.start_asking(TRY)
            asked = worker.asked()
            if rng.random() < 0.5:
                worker.interrupt()
                spin(moment(rng))
                worker.answer(asked, "stale")
            else:
                worker.answer(asked, "stale")
                spin(moment(rng))
                worker.interrupt()
            ran = worker.finish()
            assert ran.message is not None
            error = ran.message["error"]
            outcomes.add(ran.stdout.strip() if error is None else error["name"])
            worker.sync()
            worker.start_asking("print(input())")
            worker.answer(worker.asked(), f"fresh {number}")
            assert worker.finish().stdout == f"fresh {number}\n"
        assert {"stale", "interrupt"} <= outcomes <= {"stale", "interrupt", "KeyboardInterrupt"}


def wait_until_received(worker: DrivenWorker) -> None:
    """Wait until the worker has read all that was sent to it: SIOCOUTQ, unix(7)."""
    while int.from_bytes(fcntl.ioctl(worker.channel.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"), sys.byteorder):
        time.sleep(0)


def wait_until_it_sleeps(worker: DrivenWorker) -> None:
    """Wait until its main thread waits in a system call."""
    while state(worker.pid) != "S":
        time.sleep(0)


def moment(rng: random.Random) -> float:
    """Return some seconds: mostly as few as a worker takes, sometimes as many as it takes on a busy machine."""
    return 0.02 * float(rng.random() ** 6)


def spin(duration_s: float) -> None:
    """Let a little time pass, less than a sleep would take."""
    end = time.perf_counter() + duration_s
    while time.perf_counter() < end:
        pass


# What clients see


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


async def test_who_catches_the_interrupt_and_asks_again_is_at_the_end_of_the_input(client: Client) -> None:
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
    """Read on until the execution asks for something; return the event."""
    while (message := await running.next()) is not None:
        if message["type"] == "inputRequest":
            return message
    raise AssertionError(f"ended before it asked: {running.result}")


async def test_a_worker_that_asks_and_does_not_read_the_answers_costs_the_daemon_little() -> None:
    with both_ends() as (ours, _):
        worker = ProcessWorker(0, ours, Nursery())
        await worker.open()
        try:
            for number in range(100):
                worker.send(Answer(number=number, text="x" * 100_000))
            assert worker._outbox is not None
            assert ANSWERS_LIMIT_BYTES < worker._outbox.size < 2 * ANSWERS_LIMIT_BYTES
            worker.send(Run(execution_id="e", code="x" * 2 * ANSWERS_LIMIT_BYTES))
            assert worker._outbox.size > 2 * ANSWERS_LIMIT_BYTES, "nothing else is dropped"
        finally:
            worker.process_exited(0)
