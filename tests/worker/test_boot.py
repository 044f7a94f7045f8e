"""A fresh ``python -S`` becomes a worker, and user code sees the same as in a plain Python."""

from pathlib import Path

import pytest
from plain import SEEN, plain, version_of
from worker_driver import DrivenWorker, find_pythons


@pytest.mark.parametrize("version", find_pythons())
@pytest.mark.parametrize(
    "env",
    [
        {},
        {"PYTHONPATH": "/first:/second"},
        {"PYTHONNOUSERSITE": "1"},
        {"PYTHONDONTWRITEBYTECODE": "1"},
    ],
    ids=lambda env: next(iter(env), "plain"),
)
def test_no_trace_of_the_worker(version: str, env: dict[str, str], tmp_path: Path) -> None:
    with DrivenWorker(find_pythons()[version], tmp_path, env) as worker:
        ours, theirs = worker.printed(SEEN), plain(worker, SEEN, env)
        assert ours.splitlines() == theirs.splitlines()


def test_modules(worker: DrivenWorker) -> None:
    own = "{'worker', 'boot', 'channel', 'streams', 'namespace', 'report', 'system', 'interpreter', 'interpreterd'}"
    code = f"import sys\nprint([n for n in sys.modules if set(n.split('.')) & {own}])"
    assert worker.printed(code) == "[]\n"
    # The worker imports little: its imports delay each new context.
    code = "print(set(sys.modules) & {'re', 'enum', 'json', 'threading', 'traceback', 'functools', 'typing'})"
    bare = plain(worker, "import sys\n" + code, {})
    if bare == "set()\n":  # unless a .pth file of this Python imports them
        assert worker.printed(code) == bare


def test_the_script_is_gone(worker: DrivenWorker) -> None:
    code = "import os\nprint([os.readlink(f'/dev/fd/{n}') for n in range(3, 900) if os.path.exists(f'/dev/fd/{n}')])"
    assert worker.printed(code) == "[]\n"
    if version_of(worker.python) >= (3, 10):
        assert worker.printed("import sys; print(sys.orig_argv == [sys.executable])") == "True\n"


def test_children_inherit_no_descriptor(worker: DrivenWorker) -> None:
    code = "import os; os.system('ls /proc/self/fd')"
    assert worker.printed(code).split() == ["0", "1", "2", "3"]  # ls itself opens descriptor 3
