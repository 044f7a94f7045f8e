"""The processes that an interrupt reaches. They are real; tests with a daemon show what contexts see."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from interpreterd.processes import foreground
from interpreterd.processes.foreground import Foreground, Interrupts, ignores_interrupts

# Starts a child for each line, in the worker's group or a new one, and prints its pid. After "end" it prints each
# child's exit status: it waits for the first child and sends SIGTERM to the others. SIGINT, if any, comes before.
WORKER = """
import subprocess, sys
code = "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); print(flush=True); signal.pause()"
children = []
for line in sys.stdin:
    if line == "end\\n":
        break
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=line == "apart\\n")
    child.stdout.readline()
    children.append(child)
    print(child.pid, flush=True)
print(children[0].wait(), flush=True)
for child in children[1:]:
    child.terminate()
    print(child.wait(), flush=True)
"""


@pytest.fixture(autouse=True)
def _time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a look at all processes finish on a busy machine."""
    monkeypatch.setattr(foreground, "BUDGET_S", 30)


class Worker:
    """A process in a group of its own, with children."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.pid = process.pid
        self._process = process

    def said(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def start(self, how: str) -> int:
        """Start a child, which waits; return its pid."""
        assert self._process.stdin is not None
        self._process.stdin.write(how + "\n")
        self._process.stdin.flush()
        return self.said()

    def end(self, count: int) -> list[int]:
        """Tell the worker to end its ``count`` children; return their exit statuses."""
        assert self._process.stdin is not None
        self._process.stdin.write("end\n")
        self._process.stdin.flush()
        return [self.said() for _ in range(count)]


@pytest.fixture
def worker() -> Iterator[Worker]:
    command = [sys.executable, "-c", WORKER]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        yield Worker(process)


def test_the_processes_of_its_group_are_interrupted_and_no_others(worker: Worker) -> None:
    for how in ("here", "apart", "here"):
        worker.start(how)
    Foreground(worker.pid).interrupt()
    assert worker.end(3) == [-signal.SIGINT, -signal.SIGTERM, -signal.SIGINT]


def test_a_process_of_an_earlier_execution_is_not_interrupted(worker: Worker) -> None:
    earlier = worker.start("here")
    it = Foreground(worker.pid)
    it.begin(others=True)
    worker.start("here")
    it.interrupt()
    os.kill(earlier, signal.SIGTERM)
    assert worker.end(2) == [-signal.SIGTERM, -signal.SIGINT]


def test_a_process_that_one_look_has_missed_is_interrupted(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look misses a process whose parent is just ending."""
    it = Foreground(worker.pid)
    it.begin(others=True)
    worker.start("here")
    look = foreground.children
    missed: list[int] = []

    def children(pid: int, until: float) -> list[int]:
        missed.append(pid)
        return look(pid, until) if len(missed) > 1 else []

    monkeypatch.setattr(foreground, "children", children)
    it.interrupt()
    assert worker.end(1) == [-signal.SIGINT]


@pytest.fixture
def ignoring() -> Iterator[int]:
    """Yield the pid of a process that ignores SIGINT."""
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.communicate(b"\n")


async def test_a_worker_that_ignores_interrupts_gets_another_signal_too(ignoring: int) -> None:
    sent: list[signal.Signals] = []
    interrupts = Interrupts(ignoring, sent.append)
    interrupts.begin(1000)
    assert sent == [signal.SIGINT, signal.SIGURG]
    interrupts.end()


def test_a_process_that_ignores_interrupts_is_known() -> None:
    code = "import signal; signal.signal(signal.SIGINT, signal.{}); print(flush=True); input()"
    for handler, ignores in (("SIG_IGN", True), ("SIG_DFL", False), ("default_int_handler", False)):
        command = [sys.executable, "-c", code.format(handler)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            assert ignores_interrupts(process.pid) is ignores
            process.communicate(b"\n")
    assert ignores_interrupts(process.pid) is False, "it has gone"


async def test_an_interrupt_is_sent_again_within_the_grace_and_wakes_a_process_that_missed_it(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreground, "NUDGES_S", (0, 0))
    sent: asyncio.Queue[signal.Signals] = asyncio.Queue()
    interrupts = Interrupts(worker.pid, sent.put_nowait)
    interrupts.begin_execution()
    interrupts.begin(0)
    assert sent.get_nowait() is signal.SIGINT
    later = Counter([await sent.get() for _ in range(3)])
    assert later == {signal.SIGINT: 1, signal.SIGCONT: 2}


async def test_an_execution_that_has_ended_is_interrupted_no_more(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreground, "NUDGES_S", (0, 0.02))  # the last nudge comes after the omitted SIGINT
    sent: asyncio.Queue[signal.Signals] = asyncio.Queue()
    interrupts = Interrupts(worker.pid, sent.put_nowait)
    interrupts.begin(0)
    interrupts.end_execution(children=False)
    assert [await sent.get() for _ in range(3)] == [signal.SIGINT, signal.SIGCONT, signal.SIGCONT]


async def test_a_worker_that_has_ended_gets_no_signal(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreground, "NUDGES_S", (0, 0))
    sent: list[signal.Signals] = []
    interrupts = Interrupts(worker.pid, sent.append)
    interrupts.end()
    interrupts.begin(0)
    interrupts.end_execution(children=False)
    assert sent == []
