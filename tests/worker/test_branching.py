"""A worker forks itself between two executions; each copy goes on as a worker of its own."""

import os
from pathlib import Path

import pytest
from branched import Bench
from worker_driver import DrivenWorker

from interpreterd.model.state_errors import OperationFailed


async def test_functions_for_forks_run_once_in_the_original_and_once_in_each_copy(copying: Bench) -> None:
    code = """
import os
done = []
os.register_at_fork(
    before=lambda: done.append("before"),
    after_in_parent=lambda: done.append("parent"),
    after_in_child=lambda: done.append(os.getpid()),
)
"""
    original = await copying.worker(code)
    copies, _ = await copying.branched(original, copies=2)
    assert await original.run("print(done)") == "['before', 'parent']\n"
    for copy in copies:
        assert await copy.run("print(done)") == f"['before', {copy.worker.pid}]\n"


async def test_text_that_waits_for_the_end_of_its_line_is_written_once(copying: Bench) -> None:
    code = "import threading\ngo = threading.Event()\n"
    code += "t = threading.Thread(target=lambda: (go.wait(), print('half', end='')))\nt.start()"
    original = await copying.worker(code)
    await original.run("go.set(); t.join()")
    copy = await copying.copy(original)
    assert await copy.run("print('mine')") == "mine\n"


async def test_a_remembered_interrupt_stays_with_the_original(copying: Bench) -> None:
    original = await copying.worker("import signal")
    os.kill(original.worker.pid, 2)
    copy = await copying.copy(original)
    assert await copy.run("print(1)") == "1\n"
    assert "KeyboardInterrupt" in await original.fails("pass")
    os.kill(copy.worker.pid, 2)
    assert "KeyboardInterrupt" in await copy.fails("pass")


async def test_a_copy_can_be_copied_and_its_copy_too(copying: Bench) -> None:
    coder = await copying.worker("x = [0]")
    for number in range(1, 4):
        coder = await copying.copy(coder)
        assert await coder.run("x.append(len(x)); print(x)") == f"{list(range(number + 1))}\n"


async def test_signals_reach_code_in_a_copy_as_before(copying: Bench) -> None:
    original = await copying.worker("import os, signal\nsignal.signal(signal.SIGUSR1, lambda *_: print('got it'))")
    copy = await copying.copy(original)
    send = "os.kill(os.getpid(), signal.SIGUSR1); print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
    assert await copy.run(send) == "got it\nset()\n"
    assert await original.run(send) == "got it\nset()\n"


async def test_handlers_of_code_that_raise_do_no_harm(copying: Bench) -> None:
    code = """
import os, signal
def fail(number, frame):
    raise RuntimeError(number)
for number in (signal.SIGCHLD, signal.SIGUSR1, signal.SIGALRM):
    signal.signal(number, fail)
os.register_at_fork(
    before=lambda: os.kill(os.getpid(), signal.SIGUSR1), after_in_child=lambda: os.kill(os.getpid(), signal.SIGUSR1)
)
"""
    original = await copying.worker(code)
    for _ in range(3):
        copy = await copying.copy(original)
        assert await copy.run("print(1)") == "1\n"
        assert await original.run("print(2)") == "2\n"


async def test_a_copy_may_exit_and_its_exit_handlers_run_there(copying: Bench) -> None:
    original = await copying.worker("import atexit\natexit.register(print, 'bye')")
    copy = await copying.copy(original)
    copy.start("exit()")
    assert (await copy.ended, copy.text) == ("exit status 0", "bye\n")
    assert await original.run("print(1)") == "1\n"


async def test_the_garbage_collector_is_as_code_has_set_it(copying: Bench) -> None:
    original = await copying.worker("import gc")
    for setting in ("gc.disable()", "gc.enable()"):
        await original.run(setting)
        copy = await copying.copy(original)
        assert await copy.run("print(gc.isenabled())") == await original.run("print(gc.isenabled())")
        parked = await copying.copy(original, purpose="checkpoint")
        back = await copying.copy(parked, purpose="restore")
        assert await back.run("print(gc.isenabled())") == await original.run("print(gc.isenabled())")


async def test_with_threads_a_fork_is_possible_and_they_do_not_come_along(copying: Bench) -> None:
    code = """
import threading
lock, stop = threading.Lock(), threading.Event()
def spin():
    while not stop.is_set():
        with lock:
            sum(range(100))
threads = [threading.Thread(target=spin, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
"""
    original = await copying.worker(code)
    for _ in range(3):
        copy = await copying.copy(original)
        assert await copy.run("print([it.is_alive() for it in threads], threading.active_count())") == (
            "[False, False, False] 1\n"
        )
    assert await original.run("print(threading.active_count()); stop.set()") == "4\n"


async def test_a_directory_that_does_not_exist_fails_the_fork(copying: Bench, tmp_path: Path) -> None:
    original = await copying.worker("x = 1")
    with pytest.raises(OperationFailed, match="ended before it could work"):
        await copying.branched(original, cwds=[str(tmp_path / "gone")])
    assert await original.run("print(x)") == "1\n"


def test_what_a_worker_does_not_know_it_does_not_do(worker: DrivenWorker) -> None:
    worker.send({"type": "unheard of"})
    assert worker.printed("print(1)") == "1\n"
