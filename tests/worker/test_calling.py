"""Calls of host functions by threads, coroutines and the main thread; their limits and their ends."""

import socket

import pytest
from host_calls import calls, echo, give, next_call, printed, start_calling
from worker_driver import DrivenWorker

POOL = "from concurrent.futures import ThreadPoolExecutor\nimport asyncio, threading\n"


def reversed_answers(worker: DrivenWorker, code: str, count: int) -> str:
    """Run ``code``, take ``count`` calls before the first answer, answer them the last one first; return stdout."""
    start_calling(worker, POOL + code)
    taken = [next_call(worker) for _ in range(count)]
    for call in reversed(taken):
        give(worker, call, call["args"][0] * 10)
    ran = worker.finish()
    assert ran.error is None, ran.error
    return ran.stdout


GATHER = "await asyncio.gather(*[fetch(i) for i in range(20)])"
PARALLEL = {
    "gather": f"print({GATHER})",
    "a pool": "with ThreadPoolExecutor(20) as pool: print(list(pool.map(search, range(20))))",
    "a loop in a thread": f"async def all(): return {GATHER}\n"
    "with ThreadPoolExecutor(1) as pool: print(pool.submit(asyncio.run, all()).result())",
    "asyncio.run": f"async def all(): return {GATHER}\nprint(asyncio.run(all()))",
    "a pool and a loop": "async def call(i): return await loop.run_in_executor(pool, search, i)\n"
    "loop, pool = asyncio.get_running_loop(), ThreadPoolExecutor(20)\n"
    "print(await asyncio.gather(*[call(i) for i in range(20)]))",
    "many loops": "async def call(i): return await fetch(i)\n"
    "with ThreadPoolExecutor(20) as pool: print(list(pool.map(lambda i: asyncio.run(call(i)), range(20))))",
}


@pytest.mark.parametrize("name", PARALLEL)
def test_twenty_calls_wait_at_the_same_time(worker: DrivenWorker, name: str) -> None:
    assert reversed_answers(worker, PARALLEL[name], 20) == f"{[i * 10 for i in range(20)]}\n"


def test_threads_loops_and_the_main_thread_share_the_channel(worker: DrivenWorker) -> None:
    code = (
        "async def both(i): return await fetch(i), search(i)\n"
        "def thread(i): return search(i), asyncio.run(both(i))\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    waiting = [pool.submit(thread, i) for i in range(30)]\n"
        "    mine = [search(i)[1] for i in range(30)]\n"
        "    other = await asyncio.gather(*[both(i) for i in range(30)])\n"
        "    print(mine == [[i] for i in range(30)], all(x[1] == y[1] == [i] for i, (x, y) in enumerate(other)))\n"
        "    print(all(each.result()[0][1] == [i] == each.result()[1][1][1] for i, each in enumerate(waiting)))"
    )
    assert printed(worker, POOL + code) == "True True\nTrue\n"


def test_a_sync_call_within_a_coroutine_keeps_the_answers_of_others(worker: DrivenWorker) -> None:
    code = "task = asyncio.ensure_future(fetch(1))\nawait asyncio.sleep(0)\nprint(search(2))\nprint(await task)"
    assert reversed_answers(worker, code, 2) == "20\n10\n"
    start_calling(worker, POOL + code)
    first, second = next_call(worker), next_call(worker)
    give(worker, first, "first")
    give(worker, second, "second")
    assert worker.finish().stdout == "second\nfirst\n"


def test_one_of_many_raises_and_the_code_handles_it(worker: DrivenWorker) -> None:
    def answer(name: str, number: int) -> int:
        if number == 7:
            raise ValueError("seven")
        return number

    code = "found = await asyncio.gather(*[fetch(i) for i in range(20)], return_exceptions=True)\n"
    code += "print([each for each in found if isinstance(each, ValueError)], len(found))"
    assert printed(worker, POOL + code, answer) == "[ValueError('seven')] 20\n"


def test_sixty_four_calls_may_wait_and_the_next_one_is_an_error(worker: DrivenWorker) -> None:
    start_calling(
        worker, POOL + "print((await asyncio.gather(*[fetch(i) for i in range(66)], return_exceptions=True))[62:])"
    )
    for call in [next_call(worker) for _ in range(64)]:
        give(worker, call, call["number"])
    told = "RuntimeError('fetch() cannot be called: 64 calls wait for their answers already')"
    assert worker.finish().stdout == f"[63, 64, {told}, {told}]\n"
    assert printed(worker, "print(search(1)[1])") == "[1]\n"


def test_a_call_of_a_mebibyte_is_the_longest(worker: DrivenWorker) -> None:
    limit = (1 << 20) - 4096
    code = "print(len(search('x' * {size})[1][0]))"
    assert printed(worker, code.format(size=limit - 200)) == f"{limit - 200}\n"
    told = "try: search('x' * 1_100_000)\nexcept ValueError as error: print(error)"
    assert printed(worker, told).endswith(f" bytes of JSON: the limit is {limit}\n")
    assert "cannot take so many small values" in printed(
        worker, told.replace("'x' * 1_100_000", "[[] for _ in range(300_000)]")
    )


def test_a_long_call_is_not_cut_by_an_interrupt(worker: DrivenWorker) -> None:
    """The worker's socket is full, as the test reads nothing: the interrupt comes in the middle of the message."""
    start_calling(worker, "print('now', flush=True)\nwhile True: search('x' * 900_000)")
    worker.until("now\n")
    worker.channel.recv(1, socket.MSG_PEEK)
    worker.interrupt()
    call = next_call(worker)
    assert len(call["args"][0]) == 900_000
    message = worker.receive()
    assert message is not None
    assert message["type"] == "dropped"
    error = worker.finish().error
    assert error is not None
    assert error["name"] == "KeyboardInterrupt"


@pytest.mark.parametrize("call", ["search()", "await fetch()", "await asyncio.gather(fetch(), fetch())"])
def test_an_interrupt_ends_code_that_waits(worker: DrivenWorker, call: str) -> None:
    start_calling(worker, f"import asyncio\nkept = 1\n{call}")
    next_call(worker)
    if "gather" in call:
        next_call(worker)
    worker.interrupt()
    while (message := worker.receive()) is not None and message["type"] == "dropped":
        pass
    assert message is not None
    assert message["error"]["name"] == "KeyboardInterrupt"
    worker.sync()
    assert printed(worker, "print(kept, search(1)[1])") == "1 [1]\n"


def test_what_the_daemon_cancels_is_an_interrupt_for_threads_too(worker: DrivenWorker) -> None:
    """The main thread waits for its pool, whose threads wait for the host; later calls of theirs are not sent."""
    code = "with ThreadPoolExecutor(4) as pool:\n    waiting = [pool.submit(search, i) for i in range(100)]\n"
    start_calling(worker, POOL + code + "print({repr(each.exception()) for each in waiting})")
    for call in [next_call(worker) for _ in range(4)]:
        worker.send({"type": "cancelled", "number": call["number"]})
    ran = worker.finish()
    assert (ran.error, ran.stdout) == (None, "{'KeyboardInterrupt()'}\n")


def test_a_timeout_of_the_codes_own_drops_the_call(worker: DrivenWorker) -> None:
    code = "try: await asyncio.wait_for(fetch(1), 0.01)\nexcept asyncio.TimeoutError: print('too slow')\n"
    code += "print(await fetch(2))"
    start_calling(worker, POOL + code)
    first = next_call(worker)
    assert worker.receive() == {"type": "dropped", "id": first["id"], "number": first["number"]}
    second = next_call(worker)
    give(worker, first, "late")
    give(worker, second, "in time")
    assert worker.finish().stdout == "too slow\nin time\n"


def test_an_alarm_of_the_codes_own_drops_the_call(worker: DrivenWorker) -> None:
    code = (
        "import signal\ndef alarm(*_): raise TimeoutError('alarm')\nsignal.signal(signal.SIGALRM, alarm)\n"
        "for _ in range(3):\n    signal.setitimer(signal.ITIMER_REAL, 0.01)\n"
        "    try: search('wait')\n    except TimeoutError as error: print(error)\nprint(search('last'))"
    )
    start_calling(worker, code)
    waiting: set[int] = set()  # on a busy machine, an alarm may come before its call
    while (message := worker.receive()) is not None and message["type"] != "done":
        if message["type"] == "dropped":
            waiting.remove(message["number"])
        elif message["args"] == ["last"]:
            give(worker, message, "answer")
        else:
            waiting.add(message["number"])
    assert message is not None
    assert message["error"] is None
    assert not waiting
    printed = b"".join(text for _, text in worker.output())
    assert printed == b"alarm\nalarm\nalarm\nanswer\n"


@pytest.mark.parametrize("how", ["os.fork()", "multiprocessing"])
def test_a_subprocess_cannot_call(worker: DrivenWorker, how: str) -> None:
    code = "import os, multiprocessing\ndef child():\n    try: search()\n"
    code += "    except RuntimeError as error: print(error, flush=True)\n"
    if how == "os.fork()":
        code += "pid = os.fork()\nif not pid: child(); os._exit(0)\nos.waitpid(pid, 0)\n"
    else:
        code += "process = multiprocessing.get_context('fork').Process(target=child); process.start(); process.join()\n"
    told = "search() cannot be called in a subprocess, only in the context's own process\n"
    ran = calls(worker, code + "print(search(1)[1])", echo)
    assert (ran.error, ran.stdout) == (None, told + "[1]\n")


@pytest.mark.parametrize("waiting", ["search()", "asyncio.run(later())"])
def test_a_thread_that_is_left_behind_gets_an_error_at_the_end(worker: DrivenWorker, waiting: str) -> None:
    code = (
        f"async def later(): await fetch()\ndef leave():\n    try: {waiting}\n"
        "    except RuntimeError as error: told.append(str(error))\n"
        "told = []; thread = threading.Thread(target=leave); thread.start()\nsearch('main')"
    )
    start_calling(worker, POOL + code)
    first, second = next_call(worker), next_call(worker)
    give(worker, first if first["args"] else second, None)
    assert worker.finish().error is None
    name = "fetch" if "later" in waiting else "search"
    assert worker.printed("thread.join(); print(told)") == (
        f"['{name}() belonged to an execution that has ended before the answer came']\n"
    )
    assert printed(worker, "print(search(2)[1])") == "[2]\n"


def test_a_task_that_is_left_behind_gets_an_error_when_its_loop_goes_on(worker: DrivenWorker) -> None:
    start_calling(worker, POOL + "task = asyncio.ensure_future(fetch())\nawait asyncio.sleep(0)")
    next_call(worker)
    assert worker.finish().error is None
    assert printed(worker, "print(await fetch(1))\ntry: await task\nexcept RuntimeError as error: print(error)") == (
        "['fetch', [1], {}]\nfetch() belonged to an execution that has ended before the answer came\n"
    )


def test_questions_and_calls_go_the_same_way(worker: DrivenWorker) -> None:
    code = "thread = threading.Thread(target=lambda: print(search('t'), flush=True)); thread.start()\n"
    start_calling(worker, POOL + code + "print(input('? ')); thread.join(); print(input(), search('m'))", stdin=True)
    first, second = worker.receive(), worker.receive()
    assert first is not None
    assert second is not None
    asked, call = (first, second) if first["type"] == "asked" else (second, first)
    worker.answer(asked, "Ada")
    worker.until("Ada\n")
    give(worker, call, "found")
    worker.until("found\n")
    asked = worker.receive() or {}
    worker.answer(asked, "Eve")
    give(worker, next_call(worker), "again")
    assert worker.finish().both == "Ada\nfound\nEve again\n"


def test_the_end_of_the_worker_reaches_code_that_waits(worker: DrivenWorker) -> None:
    start_calling(worker, "import atexit\natexit.register(print, 'bye')\ntry: search()\nfinally: print('finally')")
    next_call(worker)
    worker.send({"type": "exit"})
    ran = worker.finish()
    assert ran.error is not None
    assert ran.error["name"] == "KeyboardInterrupt"
    assert worker.wait() == 0
    assert ran.stdout.startswith("finally\n")


def test_a_thousand_calls_in_a_row(worker: DrivenWorker) -> None:
    code = (
        "print(sum([search(i)[1][0] for i in range(1000)]))\nprint(sum([(await fetch(i))[1][0] for i in range(1000)]))"
    )
    assert printed(worker, code) == "499500\n499500\n"
