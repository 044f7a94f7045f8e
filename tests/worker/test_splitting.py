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
