"""User code may replace fds 0, 1 and 2. The worker uses them, never waits for them, and restores them after errors."""

import os
from pathlib import Path

import pytest
from worker_driver import DrivenWorker

BOTH = "print('out'); print('err', file=sys.stderr); print('out'); print('err', file=sys.stderr)\n"
OUT, ERR = "out\n", "err\n"
ALL_THERE = ("out\nout\n", "err\nerr\n")


def still_heard(worker: DrivenWorker) -> bool:
    """Return whether both streams reach the daemon and stdin is at its end."""
    ran = worker.run("import os, sys\n" + BOTH + "print(os.read(0, 1))")
    assert ran.error is None
    return (ran.stdout, ran.stderr) == (ALL_THERE[0] + "b''\n", ALL_THERE[1])


@pytest.mark.parametrize("fds", [(1,), (2,), (1, 2)])
def test_output_is_captured_by_a_pipe(worker: DrivenWorker, fds: tuple[int, ...]) -> None:
    """The code itself reads the pipe later."""
    ran = worker.run(
        f"import os, sys\nfds = {fds}\nsaved = [os.dup(fd) for fd in fds]\nr, w = os.pipe()\n"
        f"for fd in fds: os.dup2(w, fd)\nos.close(w)\n{BOTH}sys.stdout.flush()\n"
        "for fd, old in zip(fds, saved): os.dup2(old, fd)\ncaptured = os.read(r, 1000).decode()\nprint(repr(captured))"
    )
    assert ran.error is None
    captured = "out\nerr\nout\nerr\n" if len(fds) == 2 else ALL_THERE[fds[0] - 1]
    assert ran.stdout.endswith(repr(captured) + "\n")
    assert still_heard(worker)


def test_output_is_captured_by_a_file(worker: DrivenWorker, tmp_path: Path) -> None:
    worker.printed(
        "import os, sys, tempfile\nsaved = os.dup(1), os.dup(2)\nfile = open('captured', 'wb')\n"
        f"os.dup2(file.fileno(), 1); os.dup2(file.fileno(), 2)\n{BOTH}"
        "os.dup2(saved[0], 1); os.dup2(saved[1], 2)"
    )
    assert (tmp_path / "captured").read_text() == "out\nerr\nout\nerr\n"
    assert still_heard(worker)


def test_one_stream_goes_where_the_other_does(worker: DrivenWorker) -> None:
    ran = worker.run(f"import os, sys\nsaved = os.dup(2)\nos.dup2(1, 2)\n{BOTH}os.dup2(saved, 2)")
    assert (ran.error, ran.stdout, ran.stderr) == (None, "out\nerr\nout\nerr\n", "")
    assert still_heard(worker)


# A fork in C: Python's hooks do not run in the child. If another thread had requested the interpreter's lock, the
# child would wait for that thread, which does not exist there. So the only other thread, the flusher, must sleep.
C_FORK = "(undisturbed(), __import__('ctypes').PyDLL(None).fork())[1]"
UNDISTURBED = """
def undisturbed():
    import gc, sys, time
    sys.setswitchinterval(1000)
    for flusher in [it for it in gc.get_objects() if type(it).__name__ == "Flusher"]:
        while flusher._running and not flusher._asleep: time.sleep(0.001)
        time.sleep(0.001)  # what it does before it sleeps
"""


@pytest.mark.parametrize(
    "fork",
    [
        "os.fork()",
        C_FORK,
    ],
)
def test_a_child_whose_output_is_read_when_it_has_ended(worker: DrivenWorker, fork: str) -> None:
    ran = worker.run(
        f"{UNDISTURBED}import os, sys\n"
        f"print('before')\nprint('before', file=sys.stderr)\nr, w = os.pipe()\npid = {fork}\n"
        f"if not pid:\n    os.dup2(w, 1); os.dup2(w, 2)\n    for _ in range(2): {BOTH}"
        "    sys.stdout.flush()\n    os._exit(0)\n"
        "os.close(w)\nprint(os.waitpid(pid, 0)[1])\nprint(repr(os.read(r, 1000).decode()))"
    )
    assert ran.error is None
    assert ran.stdout.endswith("0\n" + repr("out\nerr\n" * 4) + "\n")
    assert still_heard(worker)


def test_a_fork_in_a_child_that_c_code_made(worker: DrivenWorker) -> None:
    """The thread that flushes partial lines does not exist in the child."""
    ran = worker.run(
        f"{UNDISTURBED}import os\nprint('parent', end='')\npid = {C_FORK}\n"
        "if not pid:\n    print('child', end='')\n    other = os.fork()\n    if not other: os._exit(7)\n"
        "    os._exit(os.WEXITSTATUS(os.waitpid(other, 0)[1]))\n"
        "print(os.WEXITSTATUS(os.waitpid(pid, 0)[1]))"
    )
    assert ran.error is None
    assert ran.stdout.endswith("7\n")


def test_processes_of_multiprocessing_that_are_captured(worker: DrivenWorker) -> None:
    ran = worker.run(
        "import multiprocessing, os, sys\ndef work(w):\n    os.dup2(w, 1); os.dup2(w, 2)\n"
        "    for i in range(20): print(i); print(i, file=sys.stderr)\n"
        "r, w = os.pipe()\nchild = multiprocessing.get_context('fork').Process(target=work, args=(w,))\n"
        "child.start(); child.join(); os.close(w)\n"
        "print(os.read(r, 4096).decode() == ''.join(f'{i}\\n{i}\\n' for i in range(20)), child.exitcode)"
    )
    assert (ran.error, ran.stdout) == (None, "True 0\n")


def test_a_capture_as_of_pytest(worker: DrivenWorker) -> None:
    """It works as ``capfd``: a temporary file on each fd, and new streams in ``sys``."""
    ran = worker.run(
        "import io, os, sys, tempfile\nclass Capture:\n    def __init__(self, fd, name):\n"
        "        self.fd, self.name = fd, name\n        self.file = tempfile.TemporaryFile('w+', buffering=1)\n"
        "    def __enter__(self):\n        self.saved, self.old = os.dup(self.fd), getattr(sys, self.name)\n"
        "        os.dup2(self.file.fileno(), self.fd)\n        setattr(sys, self.name, self.file)\n"
        "        return self\n"
        "    def __exit__(self, *error):\n        os.dup2(self.saved, self.fd); os.close(self.saved)\n"
        "        setattr(sys, self.name, self.old)\n        self.file.seek(0); self.text = self.file.read()\n"
        f"with Capture(1, 'stdout') as out, Capture(2, 'stderr') as err:\n    {BOTH}"
        "    os.system('echo out; echo err >&2')\nprint(repr(out.text), repr(err.text))"
    )
    assert (ran.error, ran.stderr) == (None, "")
    assert ran.stdout == f"{3 * OUT!r} {3 * ERR!r}\n"
    assert still_heard(worker)


@pytest.mark.parametrize(
    "left",
    [
        "os.dup2(w, 1)",
        "os.dup2(w, 2)",
        "os.dup2(r, 0)",
        "os.dup2(os.open('file', os.O_CREAT | os.O_WRONLY), 1)",
        "[os.close(fd) for fd in (0, 1, 2)]",
        "os.close(1); os.open('file', os.O_CREAT | os.O_RDWR)",
        "os.set_blocking(1, False); os.dup2(w, 1)",
        "os.dup2(w, 1); os.dup2(w, 2); print('lost')",
    ],
)
def test_what_code_that_fails_leaves_is_put_right(worker: DrivenWorker, left: str) -> None:
    ran = worker.run(f"import os, sys\nr, w = os.pipe()\n{left}\n1/0")
    assert ran.error is not None
    assert ran.error["name"] == "ZeroDivisionError"
    assert still_heard(worker)
    assert worker.printed("print(os.get_blocking(1), os.get_blocking(2))") == "True True\n"


@pytest.mark.parametrize("fd", [1, 2])
def test_a_full_pipe_of_the_users_own_can_be_interrupted(worker: DrivenWorker, tmp_path: Path, fd: int) -> None:
    os.mkfifo(tmp_path / "full")
    worker.start(
        "import os, sys, threading\nr, w = os.pipe()\n"
        "def look():\n    import select\n    while select.select([], [w], [], 0)[1]: pass\n"
        "    open('full', 'w').close()\n"
        f"threading.Thread(target=look).start()\nos.dup2(w, {fd})\n"
        f"while True: print('x' * 1000, file={'sys.stdout' if fd == 1 else 'sys.stderr'})"
    )
    (tmp_path / "full").read_bytes()
    worker.interrupt()
    error = worker.finish().error
    assert error is not None
    assert error["name"] == "KeyboardInterrupt"
    worker.sync()
    worker.run("pass")  # sends the output that could not be written before
    assert still_heard(worker)


def test_the_end_of_code_does_not_wait_for_a_full_pipe_of_the_users_own(worker: DrivenWorker) -> None:
    ran = worker.run(
        "import os, sys\nsaved = os.dup(1)\nr, w = os.pipe()\nos.set_blocking(w, False)\n"
        "try:\n    while True: os.write(w, b'x' * 4096)\nexcept BlockingIOError: pass\n"
        "os.set_blocking(w, True)\nos.dup2(w, 1)\nprint('kept', end='')"
    )
    assert ran.error is None
    assert worker.run("os.read(r, 1 << 20)\nsys.stdout.flush()\nprint(os.read(r, 100), file=sys.stderr)").stderr == (
        "b'kept'\n"
    )
    worker.run("os.dup2(saved, 1)")
    assert still_heard(worker)


def test_a_descriptor_that_successful_code_replaces_stays(worker: DrivenWorker, tmp_path: Path) -> None:
    """The same holds at Python's own prompt. It stays also when later code fails."""
    worker.printed("import os, sys\nsaved = os.dup(1)\nos.dup2(os.open('log', os.O_CREAT | os.O_WRONLY), 1)")
    worker.run("print('one')\n1/0")
    assert worker.printed("print('two')") == ""
    assert (tmp_path / "log").read_text() == "one\ntwo\n"
    worker.printed("os.dup2(saved, 1)")
    assert still_heard(worker)


@pytest.mark.parametrize(
    "left",
    [
        "sys.stdout = io.StringIO(); sys.stdout.close()",
        "sys.stderr = open('log', 'w'); sys.stderr.close()",
        "sys.stdout.close(); sys.stderr.close()",
        "del sys.stdout",
        "sys.stdout.detach()",
    ],
)
def test_streams_that_cannot_be_written_to_are_replaced(worker: DrivenWorker, left: str) -> None:
    worker.run(f"import io, sys\n{left}")
    assert still_heard(worker)


def test_a_stream_of_the_users_own_stays_when_the_other_one_is_replaced(worker: DrivenWorker) -> None:
    worker.run("import io, sys\nsys.stdout = mine = io.StringIO()\nsys.stderr.close()")
    ran = worker.run("print('out'); print('err', file=sys.stderr)\nsys.stdout = sys.__stdout__\nprint(mine.getvalue())")
    assert (ran.stdout, ran.stderr) == ("out\n\n", "err\n")


def test_spares_that_code_has_replaced_are_not_used(worker: DrivenWorker) -> None:
    """Code that closes and opens descriptors in a loop may reuse the numbers of the worker's private ones."""
    ran = worker.run(
        "import os\nfor fd in map(int, os.listdir('/proc/self/fd')):\n"
        "    try: same = fd > 2 and os.path.sameopenfile(fd, 1)\n    except OSError: continue\n"
        "    if same: os.dup2(os.open('mine', os.O_CREAT | os.O_WRONLY), fd)\n"
        "os.close(1)"
    )
    assert ran.error is None
    worker.run("print('lost')")
    assert worker.run("import sys; print(open('mine').read() == '', file=sys.stderr)").stderr == "True\n"
