"""A context that attacks has two forks and a checkpoint; what each may attack of the others is told."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from interpreterd.cli.attacks.ground import started
from interpreterd.cli.attacks.relatives import relatives
from interpreterd.client.handles import Context


class FakeContext(dict[str, Any]):
    """Stands for a context; its code is not run."""

    def __init__(self, name: str, cwd: Path) -> None:
        super().__init__(cwd=str(cwd))
        self.name = name
        self.deleted = False

    def fork(self, count: int) -> list["FakeContext"]:
        return [FakeContext(f"fork {number}", Path(self["cwd"])) for number in range(count)]

    def checkpoint(self) -> None: ...

    def delete(self) -> None:
        self.deleted = True


def run(context: Context, code: str) -> str:
    name = cast(FakeContext, context).name
    return json.dumps({"files": f"/{name}", "ports": None if name == "context" else 1, "sockets": name})


@pytest.fixture
def parked(tmp_path: Path) -> Any:
    """Yield a process that leads its session, in the directory of the context."""
    with subprocess.Popen([sys.executable, "-c", "input()"], cwd=tmp_path, start_new_session=True, stdin=-1) as process:
        yield process
        process.kill()


def test_each_is_a_target_of_the_others(parked: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    context, own = FakeContext("context", tmp_path), os.getpid()
    found = relatives(
        cast(Context, context),
        "word",
        worker=own,
        run=run,
        find=lambda fork, word: os.getppid() if word == "word-a" else own,
        below=lambda: [parked.pid, own],
    )
    with found as both:
        assert both.of_context == {
            "relatives": {
                "a fork": started(os.getppid()),
                "another fork": started(own),
            },
            "own_checkpoint": started(parked.pid),
            "relative_files": ["/fork 0", "/fork 1"],
            "relative_ports": [1, 1],
            "relative_sockets": ["fork 0", "fork 1"],
        }
        assert list(both.of_fork["relatives"]) == ["the original", "another fork", "a checkpoint"]
        assert both.of_fork["own_checkpoint"] is None
        assert both.of_fork["relative_files"] == ["/context", "/fork 1"]
        assert both.of_fork["relative_ports"] == [1]
    assert cast(FakeContext, both.fork).deleted


def test_a_checkpoint_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    context = cast(Context, FakeContext("context", tmp_path))
    with (
        pytest.raises(OSError, match="not in /proc"),
        relatives(context, "w", worker=os.getpid(), run=run, find=lambda *_: os.getpid(), below=lambda: [os.getppid()]),
    ):
        pass
