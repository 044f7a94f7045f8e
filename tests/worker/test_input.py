"""The worker's side of ``input()`` and ``getpass()``."""

import fcntl
import json
import random
import sys
import termios
import time

import pytest
from harness import state
from worker_driver import DrivenWorker, Ran

from interpreterd.workers.pipes import unread_bytes

ROUNDS = 100


SEED = 20


# Prints "EOF", "interrupt" or the answer.
TRY = "try:\n  got = input('? ')\nexcept EOFError: got = 'EOF'\nexcept KeyboardInterrupt: got = 'interrupt'\nprint(got)"


@pytest.fixture
def any_worker(edge_worker: DrivenWorker) -> DrivenWorker:
    """Return a worker under the oldest or the newest Python; Pythons hardly differ here."""
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
        """Blocking signals in the main thread would not be enough: another thread takes them."""
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
        """An answer and an interrupt come at the same time; neither may reach the next execution."""
        worker, rng = any_worker, random.Random(SEED)
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
            assert outcome(worker.finish()) in ("stale", "interrupt", "KeyboardInterrupt")
            hits_nothing(worker, number)

    def test_whichever_has_come_first_counts(self, any_worker: DrivenWorker) -> None:
        for first in ("answer", "interrupt"):
            any_worker.start_asking(TRY)
            asked = any_worker.asked()
            if first == "interrupt":
                any_worker.interrupt()
                assert outcome(any_worker.finish()) == "interrupt"
                any_worker.answer(asked, "stale")
            else:
                any_worker.answer(asked, "stale")
                assert outcome(any_worker.finish()) == "stale"
                any_worker.interrupt()
            hits_nothing(any_worker, 0)


def outcome(ran: Ran) -> str:
    """Return the output of ``TRY``, or the name of the error that ended it."""
    return ran.stdout.strip() if ran.error is None else ran.error["name"]


def hits_nothing(worker: DrivenWorker, number: int) -> None:
    """Check that the next execution gets its own answer: no late answer or interrupt reaches it."""
    worker.sync()
    worker.start_asking("print(input())")
    worker.answer(worker.asked(), f"fresh {number}")
    assert worker.finish().stdout == f"fresh {number}\n"


def wait_until_received(worker: DrivenWorker) -> None:
    """Wait until the worker has read all data sent to it: SIOCOUTQ, unix(7)."""
    while int.from_bytes(fcntl.ioctl(worker.channel.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"), sys.byteorder):
        time.sleep(0)


def wait_until_it_sleeps(worker: DrivenWorker) -> None:
    """Wait until the worker's main thread sleeps in a system call."""
    while state(worker.pid) != "S":
        time.sleep(0)


def moment(rng: random.Random) -> float:
    """Return seconds: mostly about the worker's time for a step, sometimes its time on a busy machine."""
    return 0.02 * float(rng.random() ** 6)


def spin(duration_s: float) -> None:
    """Let a short time pass; a sleep would take longer."""
    end = time.perf_counter() + duration_s
    while time.perf_counter() < end:
        pass
