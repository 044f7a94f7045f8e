"""``POST /command``, over fake workers. tests/clients runs real commands."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_worker import FakeLauncher

from interpreterd.model.events import Failure


async def ran(box: Any, launcher: FakeLauncher, body: Any, error: Failure | None) -> tuple[Any, dict[str, Any]]:
    """Run a command that ends with ``error``; return what its worker got, and the last frame."""

    async def work() -> Any:
        worker = await launcher.worker()
        run = await worker.run()
        worker.done(run, error=error)
        return worker, run

    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(work())
        async with box.post("/command", json=body) as response:
            assert response.status == 200
            told = [json.loads(part) for part in (await response.text()).split("\n\n") if part]
    return working.result(), told[-1]


async def test_a_command_runs_in_a_context_that_ends_with_it(box: Any, launcher: FakeLauncher) -> None:
    (worker, run), last = await ran(box, launcher, {"command": "echo 'it'", "cwd": "/", "envs": {"A": "1"}}, None)
    assert last["type"] == "execution_complete"
    assert "echo" in run.code
    assert worker.exited is not None
    assert (worker.configured_with.cwd, worker.configured_with.envs["A"]) == ("/", "1")
    assert int(worker.configured_with.envs["JUPYTER_PORT"]) == box.port
    async with box.get("/code/contexts") as response:
        assert await response.json() == []


async def test_the_status_of_a_command_is_its_error(box: Any, launcher: FakeLauncher) -> None:
    _, last = await ran(box, launcher, {"argv": ["false"]}, Failure(name="SystemExit", value="1"))
    assert last["error"] == {"ename": "CommandExecError", "evalue": "1", "traceback": ["exit status 1"]}


async def test_another_end_of_a_command_is_told_as_it_is(box: Any, launcher: FakeLauncher) -> None:
    _, last = await ran(box, launcher, {"command": "x"}, Failure(name="MemoryError", value="none"))
    assert last["error"] == {"ename": "MemoryError", "evalue": "none", "traceback": []}


async def test_a_directory_that_is_not_there_is_told(box: Any) -> None:
    async with box.post("/command", json={"command": "x", "cwd": "/no such"}) as response:
        assert (response.status, (await response.json())["code"]) == (400, "INVALID_REQUEST_BODY")


async def really_ran(code: str, **envs: str) -> tuple[str, str, int | None]:
    """Run the code of a command in a Python; return its output and its status."""
    pipe = asyncio.subprocess.PIPE
    python = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=pipe, stderr=pipe, env=os.environ | envs
    )
    out, err = await python.communicate()
    return out.decode(), err.decode(), python.returncode


@pytest.mark.parametrize(
    ("body", "out"),
    [
        ({"command": "words=(a b); [[ -n $BASH_VERSION ]] && echo ${words[1]}"}, "b\n"),
        ({"argv": ["printf", "%s", "$BASH_VERSION"]}, "$BASH_VERSION"),
    ],
)
async def test_a_text_is_run_by_bash_and_words_by_no_shell(
    box: Any, launcher: FakeLauncher, body: Any, out: str
) -> None:
    (_, run), _ = await ran(box, launcher, body, None)
    assert await really_ran(run.code) == (out, "", 0)


async def test_without_bash_a_text_is_told_so(box: Any, launcher: FakeLauncher, tmp_path: Path) -> None:
    (_, run), _ = await ran(box, launcher, {"command": "echo it"}, None)
    assert await really_ran(run.code, PATH=str(tmp_path)) == ("", "bash: No such file or directory\n", 127)
