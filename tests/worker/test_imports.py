"""User code replaces no module of the worker, not even those that the worker makes only when it needs them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from worker_driver import DrivenWorker, find_pythons


def alive(worker: DrivenWorker) -> bool:
    """Return whether the worker still runs code, with a builtin, an import and both streams."""
    ran = worker.run("import sys; print(len('abc')); print('err', file=sys.stderr)")
    assert ran.error is None
    return (ran.stdout, ran.stderr) == ("3\n", "err\n")


class TestWorkingDirectory:
    def test_files_there_shadow_nothing_of_the_worker(self, worker: DrivenWorker, tmp_path: Path) -> None:
        names = [
            *("json", "worker", "site", "traceback", "linecache", "re", "token", "tokenize", "enum", "signal", "time"),
            *("sitecustomize", "codecs", "types", "contextlib", "textwrap", "keyword", "ast", "__future__", "boot"),
        ]
        for name in names:
            (tmp_path / f"{name}.py").write_text("raise RuntimeError('shadowed')")
        error = worker.run("1/0").error
        assert error is not None
        assert error["traceback"].startswith("Traceback (most recent call last):\n")
        assert alive(worker)

    def test_files_there_can_be_imported(self, worker: DrivenWorker, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text("x = 1")
        (tmp_path / "worker.py").write_text("y = 2")
        assert worker.printed("import mine, worker; print(mine.x, worker.y, worker.__name__)") == "1 2 worker\n"
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "other.py").write_text("z = 3")
        assert worker.printed("import os; os.chdir('sub'); import other; print(other.z)") == "3\n"


# A module that a worker does not make at its start, by the import statement of the worker's own modules.
FOUND = """
import gc
importer = next(it for it in gc.get_objects() if type(it).__name__ == "Importer")
def load(name, exec=exec):
    exec(f"from worker import {name}", {"__builtins__": importer._builtins})
def made():
    return "template" in vars(importer.package)
"""
LOADED = "load('template')\nprint(made())"


@pytest.fixture(params=find_pythons())
def each_worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DrivenWorker]:
    """Yield a worker of each Python, one after another."""
    with DrivenWorker(find_pythons()[request.param], tmp_path) as worker:
        worker.printed(FOUND)
        yield worker


class TestModulesThatAreMadeLater:
    def test_they_are_made_when_they_are_imported(self, each_worker: DrivenWorker) -> None:
        assert each_worker.printed("print(made())") == "False\n"
        assert each_worker.printed(LOADED) == "True\n"
        error = each_worker.run("load('no_such')").error
        assert error is not None
        assert (error["name"], error["value"]) == ("ImportError", "the worker has no module no_such")

    def test_user_code_cannot_import_them(self, each_worker: DrivenWorker) -> None:
        each_worker.printed(LOADED)
        code = "import sys\nprint([name for name in sys.modules if 'worker' in name])\nimport worker"
        ran = each_worker.run(code)
        assert ran.stdout == "[]\n"
        assert ran.error is not None
        assert ran.error["name"] == "ModuleNotFoundError"

    @pytest.mark.parametrize(
        "broken",
        [
            "os.closerange(3, 1000)",
            "sys.path[:] = []; sys.path_importer_cache.clear()",
            "sys.meta_path.clear()",
            "builtins.__import__ = None",
            "os.pread = os.fstat = os.open = posix.pread = marshal.loads = None",
            "sys.modules.update(dict.fromkeys(('os', 'marshal', 'posix', 'worker', 'worker.template')))",
            "del sys.modules['os'], sys.modules['_signal'], sys.modules['builtins']",
            "del builtins.exec, builtins.setattr",
            "os.chdir('/'); os.lseek(script(), 7, 0)",
            "resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))",
        ],
    )
    def test_they_are_made_whatever_user_code_has_broken(self, worker: DrivenWorker, broken: str) -> None:
        worker.printed(FOUND)
        worker.printed(
            "import builtins, marshal, os, posix, resource, select, sys\ndef script(): return importer._script_fd\n"
            f"before = dict(vars(builtins))\n{broken}\nload('template')\nvars(builtins).update(before)"
        )
        assert worker.printed("print(made())") == "True\n"

    @pytest.mark.parametrize("closed", ["os.close(fd)", "os.dup2(os.open('/dev/null', os.O_RDONLY), fd)"])
    def test_a_descriptor_that_user_code_has_closed_is_told(self, worker: DrivenWorker, closed: str) -> None:
        error = worker.run(f"{FOUND}import os\nfd = importer._script_fd\n{closed}\n{LOADED}").error
        assert error is not None
        assert error["value"] == "template cannot be loaded: the code has closed the descriptor of the worker's file"
        assert alive(worker)

    def test_an_interrupt_while_one_is_made_leaves_nothing_half_made(self, each_worker: DrivenWorker) -> None:
        interrupted = (
            "import sys\nevents = ['marshal.loads', 'import', 'exec']\n"
            "def interrupt(event, _):\n    if armed and event in events:\n"
            "        events.remove(event)\n        raise KeyboardInterrupt\n"
            "armed = False\nsys.addaudithook(interrupt)\n"
            "for _ in range(2):\n    armed = True\n    try: importer.module('template')\n"
            "    except KeyboardInterrupt: print(made())\n    armed = False\n"
        )
        assert each_worker.printed(interrupted) == "False\nFalse\n"
        assert each_worker.printed(LOADED) == "True\n"

    def test_a_fork_in_another_thread_does_not_wait_for_a_lock(self, worker: DrivenWorker) -> None:
        """The thread that makes a module at the moment of the fork does not exist in the child."""
        code = (
            "import os, threading\nheld, done = threading.Event(), threading.Event()\n"
            "def hold():\n    with importer._lock:\n        held.set(); done.wait()\n"
            "thread = threading.Thread(target=hold)\nthread.start(); held.wait()\npid = os.fork()\n"
            "if not pid:\n    load('template')\n    os._exit(7)\n"
            "print(os.WEXITSTATUS(os.waitpid(pid, 0)[1]))\ndone.set(); thread.join()"
        )
        assert worker.run(FOUND + code).stdout == "7\n"  # Python 3.12 warns of such forks
