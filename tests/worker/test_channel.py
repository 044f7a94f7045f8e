"""Messages between the daemon and the worker, and the environment variables that they set."""

import platform
import sys
from pathlib import Path

import pytest
from worker_driver import DrivenWorker, find_pythons, unnamed


class TestMessages:
    def test_ready(self, worker: DrivenWorker) -> None:
        version = next(version for version, path in find_pythons().items() if path == worker.python)
        told = {"type": "ready", "version": 1, "pid": worker.pid}
        assert worker.ready == {**told, "python": worker.ready["python"], "mark": worker.ready["mark"]}
        assert worker.ready["python"].startswith(version + ".")
        if worker.python == sys.executable:
            assert worker.ready["python"] == platform.python_version()

    def test_done(self, worker: DrivenWorker) -> None:
        worker.start("x = 1; print('ä')")
        assert worker.receive() == {"type": "done", "id": "1", "error": None}
        assert worker.output() == [("stdout", "ä\n".encode())]
        assert worker.printed("print(x)") == "1\n"

    def test_error(self, worker: DrivenWorker) -> None:
        error = worker.run("raise ValueError('grüß')").error
        assert error is not None
        assert (error["name"], error["value"]) == ("ValueError", "grüß")
        first = 'Traceback (most recent call last):\n  File "<cell>", line 1, in <module>\n'
        assert unnamed(error["traceback"]).startswith(first)
        assert error["traceback"].endswith("\nValueError: grüß\n")

    def test_configure(self, worker: DrivenWorker, tmp_path: Path) -> None:
        (tmp_path / "Übung").mkdir()
        worker.send({"type": "configure", "cwd": str(tmp_path / "Übung"), "envs": {"A": "ä", "B": ""}})
        assert worker.receive() == {"type": "configured"}
        code = "import os; print(os.getcwd(), os.environ['PWD'], os.environ['A'], repr(os.environ['B']))"
        assert worker.printed(code) == f"{tmp_path}/Übung {tmp_path}/Übung ä ''\n"

    def test_configure_a_directory_that_is_gone(self, worker: DrivenWorker, tmp_path: Path) -> None:
        worker.send({"type": "configure", "cwd": f"{tmp_path}/gone", "envs": {}})
        assert worker.receive() == {
            "type": "failed",
            "reason": f"cannot enter {tmp_path}/gone: No such file or directory",
        }

    def test_configure_a_memory_limit(self, worker: DrivenWorker, tmp_path: Path) -> None:
        worker.send({"type": "configure", "cwd": str(tmp_path), "envs": {}, "limits": {"data": 64 << 20}})
        assert worker.receive() == {"type": "configured"}
        assert worker.printed("kept = bytearray(32 << 20); print(len(kept))") == f"{32 << 20}\n"
        for fill in ("bytearray(1 << 30)", "kept = []\nwhile True: kept.append(bytearray(1000))"):
            error = worker.run(fill).error
            assert error is not None
            assert error["name"] == "MemoryError"
            assert fill.splitlines()[-1] in error["traceback"], "there is memory left to tell"
        # The list that filled the memory is still there; user code can delete it.
        worker.printed("del kept")
        child = "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'bytearray(1 << 30)']).returncode)"
        assert worker.run(child).stdout == "1\n"

    def test_messages_may_come_together(self, worker: DrivenWorker) -> None:
        execute = b'{"type":"execute","id":"%d","code":"print(%d)","envs":{}}\n'
        worker.channel.sendall(execute % (1, 1) + execute % (2, 2) + b'{"type":"sync"}\n')
        assert [worker.receive() for _ in range(3)] == [
            {"type": "done", "id": "1", "error": None},
            {"type": "done", "id": "2", "error": None},
            {"type": "synced"},
        ]
        assert b"".join(data for _, data in worker.output()) == b"1\n2\n"

    def test_large_code(self, worker: DrivenWorker) -> None:
        assert worker.printed(f"x = {'a' * 5_000_000!r}; print(len(x))") == "5000000\n"


class TestEnvironment:
    def test_it_is_restored(self, worker: DrivenWorker) -> None:
        worker.printed("import os; os.environ['OLD'] = 'old'")
        code = "print(os.environ['OLD'], os.environ['NEW'], flush=True); os.system('echo $OLD $NEW')"
        assert worker.printed(code, OLD="ä", NEW="b") == "ä b\nä b\n"
        assert worker.printed("print(os.environ['OLD'], os.environ.get('NEW'))") == "old None\n"

    def test_also_after_an_error(self, worker: DrivenWorker) -> None:
        assert worker.run("import os; 1/0", NEW="b").error
        assert worker.printed("print(os.environ.get('NEW'))") == "None\n"

    @pytest.mark.parametrize("code", ["os.environ.clear()", "os.environ = {}", "del os.environ['NEW']", "del os"])
    def test_whatever_user_code_did_to_it(self, edge_worker: DrivenWorker, code: str) -> None:
        edge_worker.printed(f"import os; saved = os.environ; {code}", NEW="b")
        assert edge_worker.printed("print(saved.get('NEW'))") == "None\n"

    @pytest.mark.parametrize("name", ["A=B", ""])
    def test_a_name_that_cannot_be(self, worker: DrivenWorker, name: str) -> None:
        assert worker.run("pass", **{"A": "1", name: "2"}).error
        assert worker.printed("import os; print(os.environ.get('A'))") == "None\n"
