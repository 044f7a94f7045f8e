"""The forks of forks: as if the first process had made each of the last by itself."""

from worker_driver import DrivenWorker
from worker_modules import told

FORK = """
import os, sys, threading
new_fork = own("splitting").new_fork
"""


def test_one_thread_is_forked_in_steps_and_several_by_os_fork(worker: DrivenWorker) -> None:
    code = """
kinds = [type(new_fork()).__name__]
stop = threading.Event()
thread = threading.Thread(target=stop.wait)
thread.start()
kinds.append(type(new_fork()).__name__)
stop.set()
thread.join()
it = kinds
"""
    assert told(worker, FORK + code) == ["_InSteps", "_Twice"]


def test_signals_are_blocked_in_between_and_not_in_the_end(worker: DrivenWorker) -> None:
    code = """
import signal
it = []
for number in range(2):
    read, write = os.pipe()
    stop = threading.Event()
    if number:
        threading.Thread(target=stop.wait).start()
    fork = new_fork()
    pid = fork.begin()
    if pid == 0:
        blocked = len(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        if fork.again() == 0:
            fork.end()
            os.write(write, b"%d %d" % (blocked > 20, len(signal.pthread_sigmask(signal.SIG_BLOCK, ()))))
            os._exit(0)
        os.wait()
        os._exit(0)
    os.waitpid(pid, 0)
    it.append(os.read(read, 100).decode())
    stop.set()
"""
    assert told(worker, FORK + code) == ["1 0", "1 0"]
