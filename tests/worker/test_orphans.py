"""A worker reaps orphans of its children, and never a child that user code started itself."""

import os

import pytest
from harness import children, state
from worker_driver import DrivenWorker

# Each call leaves an orphan that has ended; EOF on the pipe shows its end.
LEAVE = """
import os
def leave():
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    os.system('(sleep 0.01 &)')
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)
"""
# Ways to start a child with exit status 7: `child` is its pid, `status()` waits for its exit status.
OWN = {
    "os.fork": """
child = os.fork()
if not child: os._exit(7)
status = lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
""",
    "os.fork in a thread": """
import threading, warnings
warnings.simplefilter('ignore')  # that a process with threads forks
def fork():
    global child
    child = os.fork()
    if not child: os._exit(7)
thread = threading.Thread(target=fork); thread.start(); thread.join()
status = lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
""",
    "os.forkpty": """
child, terminal = os.forkpty()
if not child: os._exit(7)
status = lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
""",
    "os.posix_spawn": """
child = os.posix_spawn('/bin/sh', ['sh', '-c', 'exit 7'], os.environ)
status = lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
""",
    "subprocess": """
import subprocess
popen = subprocess.Popen(['sh', '-c', 'exit 7']); child = popen.pid
status = popen.wait
""",
    "subprocess with preexec_fn": """
import subprocess
popen = subprocess.Popen(['sh', '-c', 'exit 7'], preexec_fn=lambda: None); child = popen.pid
status = popen.wait
""",
    "os.popen": """
file = os.popen('exit 7'); child = file._proc.pid
status = lambda: file.close() >> 8
""",
    "os.spawnv": """
child = os.spawnv(os.P_NOWAIT, '/bin/sh', ['sh', '-c', 'exit 7'])
status = lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
""",
    "multiprocessing": """
import multiprocessing
process = multiprocessing.get_context('fork').Process(target=os._exit, args=(7,)); process.start(); child = process.pid
status = lambda: process.join() or process.exitcode
""",
    "multiprocessing's spawn": """
import multiprocessing
process = multiprocessing.get_context('spawn').Process(target=os._exit, args=(7,)); process.start(); child = process.pid
status = lambda: process.join() or process.exitcode
""",
    "asyncio": """
import asyncio
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
process = loop.run_until_complete(asyncio.create_subprocess_exec('sh', '-c', 'exit 7')); child = process.pid
status = lambda: loop.run_until_complete(process.wait())
""",
}

# A thread of asyncio waits for the child, so waitid may fail.
ENDED = """
try: os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
except ChildProcessError: pass
leave()
"""


@pytest.mark.parametrize("how", OWN)
def test_a_child_of_the_code_s_own_is_left_to_it_however_late_it_asks(edge_worker: DrivenWorker, how: str) -> None:
    for _ in range(2):  # the first round also imports the modules
        ran = edge_worker.run(LEAVE + OWN[how] + ENDED)
        assert (ran.error, ran.stderr) == (None, "")
        edge_worker.run("leave()")
        ran = edge_worker.run("print(status())")
        assert (ran.error, ran.stdout) == (None, "7\n"), ran


def test_orphans_are_reaped_after_each_execution(worker: DrivenWorker) -> None:
    assert worker.run(LEAVE).error is None
    assert worker.run("import time\nfor _ in range(20): leave()\ntime.sleep(0.1)").error is None
    assert worker.run("print(open('/proc/self/task/%d/children' % os.getpid()).read())").stdout == "\n"


def test_an_orphan_that_ends_while_nothing_runs_is_reaped_too(edge_worker: DrivenWorker) -> None:
    edge_worker.run("import os; os.system('sleep 0.2 &')")
    (orphan,) = children(edge_worker.pid)
    while state(orphan) != "X":
        os.sched_yield()


def test_os_wait_returns_the_code_s_own_child(worker: DrivenWorker) -> None:
    code = """
for _ in range(5): leave()
import time; time.sleep(0.1)
child = os.fork()
if not child: os._exit(7)
print(os.wait()[0] == child)
try: os.wait()
except ChildProcessError as error: print(type(error).__name__)
"""
    assert worker.run(LEAVE).error is None
    assert worker.run(code).stdout == "True\nChildProcessError\n"


@pytest.mark.parametrize("start", ["fail()", "thread = threading.Thread(target=fail); thread.start(); thread.join()"])
def test_a_process_that_cannot_be_started_stops_no_reaping(worker: DrivenWorker, start: str) -> None:
    fail = """
import threading
def fail():
    try: os.posix_spawn('/nonexistent', ['nonexistent'], os.environ)
    except FileNotFoundError: print('failed')
"""
    assert worker.run(LEAVE + fail + start).stdout == "failed\n"
    assert worker.run("import time\nleave()\ntime.sleep(0.1)").error is None
    assert worker.run("print(open('/proc/self/task/%d/children' % os.getpid()).read())").stdout == "\n"


def test_a_fork_without_a_descriptor_left_is_silent_and_the_code_s_own(worker: DrivenWorker) -> None:
    code = """
import resource
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (0, most))
child = os.fork()
if not child: os._exit(7)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
leave()
"""
    ran = worker.run(LEAVE + code)
    assert (ran.error, ran.stderr) == (None, "")
    assert worker.run("print(os.waitpid(child, 0)[1] >> 8)").stdout == "7\n"


def test_a_forked_child_reaps_nothing_of_its_parent_s(edge_worker: DrivenWorker) -> None:
    code = """
import subprocess
popen = subprocess.Popen(['true'])
if not os.fork():
    subprocess.run(['true'])
    os._exit(0)
leave()
"""
    assert edge_worker.run(LEAVE + code).error is None
    assert edge_worker.run("print(popen.wait(), os.wait()[1])").stdout == "0 0\n"


def test_what_starts_processes_looks_as_it_did(worker: DrivenWorker) -> None:
    ran = worker.run(
        "import _posixsubprocess, inspect, os\nprint(os.posix_spawn.__name__, _posixsubprocess.fork_exec.__doc__[:5])"
    )
    assert (ran.error, ran.stdout.split()[0]) == (None, "posix_spawn")
