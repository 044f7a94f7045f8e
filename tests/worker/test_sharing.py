"""Threads take turns in reading the channel, and a signal hits no step in its middle."""

import pytest
from host_calls import calls, echo, give, next_call, start_calling
from worker_driver import DrivenWorker

# Signals come from a thread at random moments while the main thread calls; the handler raises once for each call.
HAMMERED = """
import os, random, signal, threading, time
chance = random.Random({seed})
stop = armed = False
def handler(*_):
    global armed
    if armed:
        armed = False
        raise KeyboardInterrupt
signal.signal(signal.SIGINT, handler)
def hammer():
    while not stop:
        time.sleep(chance.random() / 500)
        os.kill(os.getpid(), signal.SIGINT)
thread = threading.Thread(target=hammer)
thread.start()
wrong = interrupted = 0
for number in range(300):
    try:
        armed = True
        found = search(number)
        armed = False
        wrong += found[1] != [number]
    except KeyboardInterrupt:
        interrupted += 1
stop = True
thread.join()
print(wrong, interrupted > 0, search(1)[1])
"""


@pytest.mark.parametrize("seed", range(2))
def test_interrupts_at_random_moments_leave_the_channel_whole(worker: DrivenWorker, seed: int) -> None:
    ran = calls(worker, HAMMERED.format(seed=seed), echo)
    assert ran.message is not None, "the worker has died"
    assert ran.stdout == "0 True [1]\n", ran.error


def test_a_thread_that_reads_for_all_passes_on_what_it_does_not_await(worker: DrivenWorker) -> None:
    code = "from concurrent.futures import ThreadPoolExecutor\nimport threading\nready = threading.Event()\n"
    code += "with ThreadPoolExecutor(2) as pool:\n    first = pool.submit(search, 1); print('one', flush=True)\n"
    code += "    second = pool.submit(search, 2); print(first.result(), second.result())"
    start_calling(worker, code)
    first, second = next_call(worker), next_call(worker)
    give(worker, first, "a")  # the leader has its answer, and makes the other one the leader
    give(worker, second, "b")
    assert "a" in worker.finish().stdout


def test_an_answer_that_comes_in_pieces(worker: DrivenWorker) -> None:
    start_calling(worker, "print(search())")
    number = next_call(worker)["number"]
    for piece in (b'{"type":"returned",', b'"number":%d,"va' % number, b'lue":"x', b'"}\n'):
        worker.channel.sendall(piece)
    assert worker.finish().stdout == "x\n"


def test_many_answers_that_come_at_once(worker: DrivenWorker) -> None:
    code = "import asyncio\nprint(sum(await asyncio.gather(*[fetch(i) for i in range(50)])))"
    start_calling(worker, code)
    taken = [next_call(worker) for _ in range(50)]
    lines = [b'{"type":"returned","number":%d,"value":1}\n' % call["number"] for call in taken]
    worker.channel.sendall(b"".join(lines))
    assert worker.finish().stdout == "50\n"


def test_a_handler_of_the_codes_own_is_put_back_and_called(worker: DrivenWorker) -> None:
    code = (
        "import os, signal\nseen = []\nsignal.signal(signal.SIGINT, lambda *_: seen.append(1))\n"
        "os.kill(os.getpid(), signal.SIGINT)\nprint(search(1)[1], seen, signal.getsignal(signal.SIGINT).__name__)"
    )
    ran = calls(worker, code, echo)
    assert (ran.error, ran.stdout) == (None, "[1] [1] <lambda>\n")
