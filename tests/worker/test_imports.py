"""A module in the working directory of user code replaces no module of the worker."""

from pathlib import Path

from worker_driver import DrivenWorker


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
